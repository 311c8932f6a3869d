//! Authenticode ("Windows Authenticode Portable Executable Signature Format", 2008): is the file what
//! was signed, did the key sign it, who is it, and does one of the operator's roots vouch for it.

mod certificate;
mod der;
mod key;
mod oid;
mod signed;

use palisade_formats::bytes::{u16_le, u32_le};
use palisade_formats::program::pe::{Image, directory};
use palisade_model::encode_hex;

use self::certificate::{Certificate, certificates, chain};
use self::der::{Elements, SEQUENCE};
use self::key::Hash;
use self::signed::{SignedData, Validity};
use super::kinds;
use crate::Examination;
use crate::program::entropy;

/// Entries of a certificate table that are read.
const MAX_ENTRIES: usize = 8;
/// Signatures nested in each other that are read.
const MAX_NESTED: usize = 4;
/// Bytes behind a signature that are more than alignment and the tags of installers.
const MAX_TAG: usize = 16 << 10;
/// Bits per byte of compressed or encrypted data.
const RANDOM: f64 = 7.0;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const SIGNED_DATA: u16 = 2;

/// Whose names are worth taking.
const VENDORS: [&str; 8] =
    ["microsoft", "google", "apple", "adobe", "nvidia", "mozilla", "intel", "oracle"];

/// What is known of the signature of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// There is none in the file; a catalog may still vouch for it.
    None,
    /// There is one, and the file is not what was signed, or it cannot be read.
    Bad,
    /// Intact, and no root of the operator's vouches for it.
    Untrusted,
    /// Intact, and a root of the operator's vouches for it.
    Trusted,
}

/// Reads the certificate table, notes what it says, and gives how far it can be relied on.
pub(super) fn look(image: &Image<'_>, examination: &mut Examination<'_>) -> Signature {
    let Some(stated) = image.directory(directory::SECURITY) else {
        examination.property("signature", "none");
        return Signature::None;
    };
    let Some((offset, table)) = image.certificates() else {
        return malformed(examination, "the certificate table lies outside the file");
    };
    if table.len() < stated.size as usize {
        return malformed(examination, "the certificate table ends behind the file's end");
    }
    let Some(entry) = first_entry(table) else {
        return malformed(examination, "the certificate table has no signature");
    };
    let Some(info) = Elements::of(entry).next().filter(|info| info.tag == SEQUENCE) else {
        return malformed(examination, "the signature cannot be read");
    };
    padding(entry, info.whole.len(), offset, examination);
    let Some(signed) = SignedData::read(info) else {
        return malformed(examination, "the signature cannot be read");
    };
    let roots = certificates(
        examination.settings().roots.iter().filter_map(|root| Elements::of(root).next()),
    );
    let best = judge(image, offset, table.len(), signed, &roots, examination);
    let text = match best {
        Signature::None => "none",
        Signature::Bad => "bad",
        Signature::Untrusted => "intact, root not trusted",
        Signature::Trusted => "intact, root trusted",
    };
    examination.property("signature", text);
    best
}

fn malformed(examination: &mut Examination<'_>, why: &str) -> Signature {
    examination.property("signature", "malformed");
    examination.find(&kinds::SIGNATURE_MALFORMED, why);
    Signature::Bad
}

/// The bytes of the first `WIN_CERTIFICATE` of PKCS #7: length, revision, type, then those.
fn first_entry(table: &[u8]) -> Option<&[u8]> {
    let mut at = 0usize;
    for _ in 0..MAX_ENTRIES {
        let length = u32_le(table, at)? as usize;
        let kind = u16_le(table, at.checked_add(6)?)?;
        let end = at.checked_add(length)?.min(table.len());
        if kind == SIGNED_DATA {
            return table.get(at.checked_add(8)?..end);
        }
        at = at.checked_add(length.max(8))?.checked_next_multiple_of(8)?;
    }
    None
}

/// What stands behind the signature in its own entry: the digest does not cover it.
fn padding(entry: &[u8], length: usize, offset: usize, examination: &mut Examination<'_>) {
    let Some(rest) = entry.get(length..) else { return };
    let used = rest.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    if used == 0 {
        return;
    }
    let rest = rest.get(..used).unwrap_or_default();
    let at = offset + 8 + length;
    let kind = if used > MAX_TAG || (used > 1_024 && entropy(rest) > RANDOM) {
        &kinds::PAYLOAD_AFTER_SIGNATURE
    } else {
        &kinds::DATA_AFTER_SIGNATURE
    };
    examination
        .find(
            kind,
            format!("{used} bytes stand behind the signature, where it does not cover them"),
        )
        .at("data behind the signature", at, used);
}

fn judge(
    image: &Image<'_>,
    offset: usize,
    size: usize,
    signed: SignedData<'_>,
    roots: &[Certificate<'_>],
    examination: &mut Examination<'_>,
) -> Signature {
    let mut verdict = Signature::Bad;
    let mut current = Some(signed);
    for depth in 0..MAX_NESTED {
        let Some(signed) = current.take() else { break };
        let judged = judge_one(image, offset, size, &signed, roots, depth, examination);
        // The outer one counts; a nested one is a further digest of the same publisher.
        if depth == 0 {
            verdict = judged;
        }
        current = signed.signers.first().and_then(|signer| signer.nested());
        if depth == 0 && current.is_some() {
            examination.property("nested-signature", "yes");
        }
    }
    verdict
}

fn judge_one(
    image: &Image<'_>,
    offset: usize,
    size: usize,
    signed: &SignedData<'_>,
    roots: &[Certificate<'_>],
    depth: usize,
    examination: &mut Examination<'_>,
) -> Signature {
    let (Some((hash, stated)), Some(signer), Some(content)) =
        (signed.indirect_digest(), signed.signers.first(), signed.content)
    else {
        return malformed(examination, "the signature is not one of a program");
    };
    let computed = image_digest(image, offset, size, hash);
    if computed != stated {
        examination.find(
            &kinds::SIGNATURE_DIGEST_MISMATCH,
            format!(
                "signed for {} {}, the file has {}: it was changed after signing, or the signature is another file's",
                hash.name(),
                encode_hex(stated),
                encode_hex(&computed)
            ),
        );
        return Signature::Bad;
    }
    let Some(certificate) = signer.certificate(&signed.certificates) else {
        return malformed(examination, "the signer's certificate is missing");
    };
    let (names, trusted) = chain(&certificate, &signed.certificates, roots);
    let path = names.join(" < ");
    if depth == 0 {
        examination.property("signature-digest", format!("{} {}", hash.name(), encode_hex(stated)));
        examination.property("signer", certificate.name());
        examination.property("signer-serial", encode_hex(certificate.serial));
        examination.property("signer-chain", path.as_str());
    }
    match signer.check(&certificate, content.content) {
        Validity::Holds => {}
        Validity::Broken => {
            examination.find(
                &kinds::SIGNATURE_FORGED,
                format!("the digest fits, but the key of {path} did not sign it"),
            );
            return Signature::Bad;
        }
        Validity::Unknown => {
            examination.find(
                &kinds::SIGNATURE_UNVERIFIED,
                "the signature uses an algorithm that is not known here".to_owned(),
            );
            return Signature::Untrusted;
        }
    }
    if hash == Hash::Md5 {
        examination
            .find(&kinds::SIGNATURE_WEAK, "signed over MD5, for which collisions can be made");
    }
    times(signer.timestamp(&signed.certificates), &certificate, depth, examination);
    if certificate.is_self_issued() {
        self_signed(&certificate, examination);
    }
    if trusted {
        examination.find(&kinds::SIGNATURE_TRUSTED, format!("signed by {path}"));
        Signature::Trusted
    } else {
        examination.find(
            &kinds::SIGNATURE_UNTRUSTED_ROOT,
            format!("an intact signature of {path}, which no configured root vouches for"),
        );
        Signature::Untrusted
    }
}

/// There is no clock here: only a countersignature says when it was signed.
fn times(
    timestamp: Option<(String, String)>,
    certificate: &Certificate<'_>,
    depth: usize,
    examination: &mut Examination<'_>,
) {
    let Some((from, until)) = certificate.validity() else { return };
    let Some((time, by)) = timestamp else {
        if depth == 0 {
            examination.property("signed-at", "not countersigned");
            examination.find(
                &kinds::SIGNATURE_WITHOUT_TIME,
                format!(
                    "no countersignature says when it was signed; the certificate ends at {until}"
                ),
            );
        }
        return;
    };
    if depth == 0 {
        examination.property("signed-at", format!("{time} says {by}"));
    }
    if time < from || time > until {
        examination.find(
            &kinds::SIGNATURE_OUTSIDE_VALIDITY,
            format!("countersigned at {time}, but the certificate is valid from {from} to {until}"),
        );
    }
}

fn self_signed(certificate: &Certificate<'_>, examination: &mut Examination<'_>) {
    let name = certificate.name();
    let organization = certificate.organization().unwrap_or_default();
    let claimed = format!("{name} {organization}").to_ascii_lowercase();
    let vendor = VENDORS.iter().find(|vendor| {
        claimed.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| word == **vendor)
    });
    match vendor {
        Some(_) => examination.find(
            &kinds::SELF_SIGNED_AS_VENDOR,
            format!("signed with a certificate that calls itself \"{name}\" and was made by its own holder"),
        ),
        None => examination.find(
            &kinds::SELF_SIGNED,
            format!("signed with a certificate that \"{name}\" made for itself"),
        ),
    };
}

/// The digest of an image: the whole file without the checksum, the directory entry of the certificate
/// table and the table itself.
fn image_digest(image: &Image<'_>, offset: usize, size: usize, hash: Hash) -> Vec<u8> {
    let data = image.data();
    let optional = image.header + 24;
    let checksum = optional + 64;
    let entry = optional + if image.wide { 112 } else { 96 } + 8 * directory::SECURITY;
    let piece = |start: usize, end: usize| data.get(start..end.min(data.len())).unwrap_or_default();
    hash.digest(&[
        piece(0, checksum),
        piece(checksum + 4, entry),
        piece(entry + 8, offset),
        piece(offset.saturating_add(size), data.len()),
    ])
}
