//! ELF: edges that the samples do not reach.

use palisade_analyzers::samples::cases;

use crate::support::{analyzer, examine, has};

fn sample(finding: &str) -> Vec<u8> {
    let case = cases().into_iter().find(|case| case.analyzer == "elf" && case.finding == finding);
    (case.expect("a case").sample)()
}

fn property<'o>(opinion: &'o palisade_ports::engine::Opinion, name: &str) -> Option<&'o str> {
    let found = opinion.properties.iter().find(|property| property.name == name);
    found.map(|property| property.value.as_str())
}

#[test]
fn a_header_of_the_other_class_or_order_is_read_as_it_says() {
    // 32-bit, big-endian MIPS with one segment that holds everything.
    let mut file = vec![0u8; 0x100];
    let mut put = |at: usize, value: &[u8]| file[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x01\x02\x01");
    put(16, &[0, 2, 0, 8, 0, 0, 0, 1]);
    put(24, &0x0040_0060u32.to_be_bytes());
    put(28, &52u32.to_be_bytes());
    put(40, &[0, 52, 0, 32, 0, 1]);
    for (number, word) in [1u32, 0, 0x40_0000, 0x40_0000, 0x100, 0x100, 7].iter().enumerate() {
        put(52 + number * 4, &word.to_be_bytes());
    }
    let (opinion, _) = examine(analyzer("elf"), "program", &file);
    assert_eq!(property(&opinion, "architecture"), Some("mips, 32-bit, big-endian"));
    assert!(has(&opinion, "writable-code"));
    assert!(has(&opinion, "shellcode-stub"));
    assert!(!has(&opinion, "entry-outside-code"));
}

#[test]
fn import_hashes_do_not_depend_on_the_order() {
    let plain = sample("fileless-execution");
    let (opinion, _) = examine(analyzer("elf"), "program", &plain);
    // MD5 of "connect,execve,memfd_create,recv,socket".
    let expected = "connect,execve,memfd_create,recv,socket";
    assert_eq!(property(&opinion, "imports"), Some("5"));
    assert_eq!(property(&opinion, "import-hash"), Some(md5(expected).as_str()));
}

fn md5(text: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn counts_that_lie_end_at_the_bounds() {
    let mut file = sample("writable-code");
    // 65,535 program headers and sections.
    file[56..58].copy_from_slice(&[0xff, 0xff]);
    file[60..62].copy_from_slice(&[0xff, 0xff]);
    examine(analyzer("elf"), "program", &file);
    // Headers of no size, all at the same place.
    file[54..56].copy_from_slice(&[0, 0]);
    file[58..60].copy_from_slice(&[0, 0]);
    examine(analyzer("elf"), "program", &file);
}

#[test]
fn a_core_dump_is_not_judged_by_what_was_in_memory() {
    let mut file = sample("device-bot");
    file[16] = 4;
    let (opinion, _) = examine(analyzer("elf"), "core", &file);
    assert!(opinion.findings.is_empty(), "{:?}", opinion.findings);
}

#[test]
fn a_cut_program_is_a_problem_and_no_threat() {
    let whole = sample("interposes-libc");
    let (opinion, _) = examine(analyzer("elf"), "program", &whole[..whole.len() / 2]);
    assert!(!opinion.problems.is_empty());
}
