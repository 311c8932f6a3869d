//! Windows executables: edges that the samples do not reach.

use palisade_analyzers::AnalyzerSettings;
use palisade_analyzers::samples::{cases, settings};
use palisade_ports::engine::Opinion;

use crate::support::{analyzer, examine, has};

fn sample(finding: &str) -> Vec<u8> {
    let case = cases().into_iter().find(|case| case.analyzer == "pe" && case.finding == finding);
    (case.expect("a case").sample)()
}

fn look(bytes: &[u8]) -> Opinion {
    examine(analyzer("pe"), "program.exe", bytes).0
}

fn property<'o>(opinion: &'o Opinion, name: &str) -> Option<&'o str> {
    let found = opinion.properties.iter().find(|property| property.name == name);
    found.map(|property| property.value.as_str())
}

fn md5(text: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_import_hash_is_that_of_the_names_in_order() {
    let opinion = look(&sample("can-list-processes"));
    let text = "kernel32.exitprocess,kernel32.getstdhandle,kernel32.writefile,\
                kernel32.createtoolhelp32snapshot,kernel32.process32firstw,kernel32.process32nextw";
    assert_eq!(property(&opinion, "imphash"), Some(md5(text).as_str()));
}

#[test]
fn a_signature_is_explained_by_its_chain_and_its_time() {
    let opinion = look(&sample("signature-trusted"));
    assert_eq!(property(&opinion, "signature"), Some("intact, root trusted"));
    assert_eq!(property(&opinion, "signer"), Some("Sample Publisher"));
    assert_eq!(property(&opinion, "signer-chain"), Some("Sample Publisher < Sample Root"));
    assert_eq!(property(&opinion, "signed-at"), Some("20250601120000 says Sample Root"));
    assert!(!has(&opinion, "signature-without-time"));
}

#[test]
fn nobody_is_trusted_unless_the_operator_says_so() {
    let case = cases().into_iter().find(|case| case.finding == "signature-trusted");
    let bytes = (case.expect("a case").sample)();
    let context = palisade_ports::engine::ScanContext {
        command: None,
        name: "program.exe".to_owned(),
        file_type: palisade_model::FileType::default(),
        passwords: Vec::new(),
        limits: palisade_model::UnpackLimits::default(),
    };
    let mut scan = crate::support::Patient::default();
    let opinion = analyzer("pe").analyze(&bytes, &context, &mut scan);
    assert!(has(&opinion, "signature-untrusted-root"));
    assert!(!has(&opinion, "signature-trusted"));
}

#[test]
fn roots_are_read_from_pem() {
    let root = settings().roots.remove(0);
    let digits = base64(&root);
    let pem = format!(
        "a comment\n-----BEGIN CERTIFICATE-----\n{}\n{}\n-----END CERTIFICATE-----\n\
         -----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n\
         -----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n",
        &digits[..64],
        &digits[64..]
    );
    let mut read = AnalyzerSettings::default();
    assert_eq!(read.add_pem_roots(&pem), 1);
    assert_eq!(read.roots, [root]);
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = DIGITS[(bits >> (18 - 6 * digit)) as usize & 63];
            text.push(if digit <= chunk.len() { char::from(value) } else { '=' });
        }
    }
    text
}

#[test]
fn managed_programs_say_who_they_are() {
    let opinion = look(&sample("managed-loader"));
    assert_eq!(property(&opinion, "runtime"), Some("v4.0.30319"));
    assert_eq!(property(&opinion, "module"), Some("sample.exe"));
    assert_eq!(
        property(&opinion, "module-version-id"),
        Some("04030201-0605-0807-090a-0b0c0d0e0f10")
    );
}

#[test]
fn version_information_is_read() {
    let opinion = look(&sample("vendor-unsigned"));
    assert_eq!(property(&opinion, "company"), Some("Microsoft Corporation"));
}

#[test]
fn a_name_that_turns_the_direction_of_writing_is_seen() {
    let plain = sample("can-shut-down");
    let (opinion, _) = examine(analyzer("pe"), "annual\u{202e}fdp.exe", &plain);
    assert!(has(&opinion, "misleading-name"));
    let (opinion, _) = examine(analyzer("pe"), "report.v2.exe", &plain);
    assert!(!has(&opinion, "misleading-name"));
}

#[test]
fn counts_that_lie_end_at_the_bounds() {
    let mut file = sample("executable-in-resources");
    let resources = file.windows(8).position(|window| window == b".rsrc\0\0\0").expect("a row");
    let offset = u32::from_le_bytes(file[resources + 20..resources + 24].try_into().expect("four"));
    // 131,070 entries, each of which leads back to the first directory.
    let at = offset as usize;
    file[at + 12..at + 16].fill(0xff);
    for slot in (at + 16..at + 0x180).step_by(8) {
        file[slot..slot + 8].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0x80]);
    }
    look(&file);
    // 65,535 sections.
    file[0x86..0x88].fill(0xff);
    look(&file);
}

#[test]
fn headers_without_an_optional_header_are_a_problem() {
    let mut file = sample("can-shut-down");
    file[0x80 + 24] = 0;
    let opinion = look(&file);
    assert!(!opinion.problems.is_empty());
}
