use super::{Case, case, plain};
use crate::samples::build::noise::{code, noise};
use crate::samples::build::pe::{PeFile, with_certificate};
use crate::samples::build::signing::Holder;

/// When the sample signatures say that they were made: inside the certificates' years.
const MADE: Option<&str> = Some("250601120000Z");

fn authority() -> Holder {
    Holder::new("Sample Root", 17, None)
}

/// The certificate of the authority that the samples trust, as DER.
pub(crate) fn root() -> Vec<u8> {
    authority().certificate()
}

fn signed_by(authority: &Holder, at: Option<&str>, behind: &[u8]) -> Vec<u8> {
    let publisher = Holder::new("Sample Publisher", 23, Some(authority));
    publisher.sign_program(authority, plain(), at, behind)
}

fn good() -> Vec<u8> {
    signed_by(&authority(), MADE, &[])
}

fn stranger() -> Vec<u8> {
    signed_by(&Holder::new("Another Root", 29, None), MADE, &[])
}

fn self_signed(name: &'static str) -> Vec<u8> {
    let holder = Holder::new(name, 31, None);
    holder.sign_program(&holder, plain(), MADE, &[])
}

/// A signed file with one byte of it changed.
fn changed(place: impl Fn(&[u8]) -> usize) -> Vec<u8> {
    let mut file = good();
    let at = place(&file);
    file[at] ^= 1;
    file
}

/// In the signature value of the signer: the first one behind the publisher's serial number.
fn in_signature(file: &[u8]) -> usize {
    let attributes = b"\x2a\x86\x48\xce\x3d\x04\x03\x02\x04";
    let at = memchr::memmem::rfind(&file[..countersignature(file)], attributes);
    at.expect("a signature") + attributes.len() + 12
}

fn countersignature(file: &[u8]) -> usize {
    let kind = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x06";
    memchr::memmem::find(file, kind).expect("a countersignature")
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("signature-trusted", good, stranger),
        case("signature-untrusted-root", stranger, good),
        case("signature-digest-mismatch", || changed(|_| 0x450), good),
        case("signature-forged", || changed(in_signature), good),
        case("signature-malformed", || with_certificate(plain(), &code(64)), good),
        case(
            "signature-unverified",
            || {
                // The signer's digest algorithm becomes one that is not known.
                let mut file = good();
                let end = countersignature(&file);
                let sha256 = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
                let at = memchr::memmem::rfind(&file[..end], sha256).expect("an algorithm");
                file[at + 8] = 9;
                file
            },
            good,
        ),
        case("signature-weak-digest", weak, good),
        case("signature-without-time", || signed_by(&authority(), None, &[]), good),
        case(
            "signature-outside-validity",
            || signed_by(&authority(), Some("350601120000Z"), &[]),
            good,
        ),
        case("self-signed", || self_signed("Example Tools"), good),
        case(
            "self-signed-as-vendor",
            || self_signed("Microsoft Windows"),
            // In whose name a word is part of a longer one.
            || self_signed("Micro Softworks"),
        ),
        case(
            "data-after-signature",
            || signed_by(&authority(), MADE, b"source=example.com"),
            // Alignment.
            || signed_by(&authority(), MADE, &[0; 40]),
        ),
        case(
            "payload-after-signature",
            || signed_by(&authority(), MADE, &noise(0x2000)),
            || signed_by(&authority(), MADE, b"source=example.com"),
        ),
    ]
}

/// Signed over MD5 throughout.
fn weak() -> Vec<u8> {
    let authority = authority();
    let publisher = Holder::new("Sample Publisher", 23, Some(&authority));
    publisher.sign_program_weakly(&authority, PeFile::default().bytes())
}
