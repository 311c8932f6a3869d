use super::{Case, case, plain};
use crate::samples::build::noise::code;
use crate::samples::build::pe::{CODE, Checksum, DATA, Entry, Extra, FIRST, PeFile, WRITABLE_CODE};

/// Offset of a row of the section table.
const ROWS: usize = 0x80 + 24 + 240;

fn patched(at: usize, value: u32) -> Vec<u8> {
    let mut file = plain();
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    file
}

fn extra(name: &'static [u8], flags: u32, bytes: Vec<u8>) -> Extra {
    Extra { name, flags, bytes, virtual_size: 0 }
}

fn with(sections: Vec<Extra>) -> Vec<u8> {
    PeFile { extra: sections, ..PeFile::default() }.bytes()
}

/// The linker's record: two tools, and the key that fits stub and entries.
fn rich(right: bool) -> Vec<u8> {
    let entries: [(u32, u32); 2] = [(0x0104_7b8d, 3), (0x0102_7b8d, 1)];
    let mut head = [0u8; 0x40];
    head[..2].copy_from_slice(b"MZ");
    head[0x3c] = 0xc0;
    let sum = head
        .iter()
        .enumerate()
        .filter(|(at, _)| !(0x3c..0x40).contains(at))
        .fold(head.len() as u32, |sum, (at, &byte)| {
            sum.wrapping_add(u32::from(byte).rotate_left(at as u32))
        });
    let key = entries.iter().fold(sum, |sum, (id, count)| sum.wrapping_add(id.rotate_left(*count)));
    let key = if right { key } else { key ^ 0x0101_0101 };
    let mut words = vec![0x536e_6144, 0, 0, 0];
    words.extend(entries.iter().flat_map(|(id, count)| [*id, *count]));
    let mut record: Vec<u8> = words.iter().flat_map(|word| (word ^ key).to_le_bytes()).collect();
    record.extend(b"Rich");
    record.extend(key.to_le_bytes());
    PeFile { header_at: 0xc0, stub: record, ..PeFile::default() }.bytes()
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "overlapping-headers",
            || PeFile { header_at: 0x10, ..PeFile::default() }.bytes(),
            || PeFile { header_at: 0x40, ..PeFile::default() }.bytes(),
        ),
        case(
            "writable-code",
            || PeFile { text_flags: WRITABLE_CODE, ..PeFile::default() }.bytes(),
            plain,
        ),
        case(
            "section-outside-file",
            || patched(ROWS + 40 + 16, 0x10_0000),
            // A section larger in memory than in the file.
            || patched(ROWS + 40 + 8, 0x1000),
        ),
        case(
            "odd-section-name",
            || with(vec![extra(b"\x01\x02\xff", DATA, vec![1; 64])]),
            || with(vec![extra(b"/4", DATA, vec![1; 64])]),
        ),
        case(
            "many-sections",
            || with((0..41).map(|_| extra(b".data", DATA, vec![1; 16])).collect()),
            // As MinGW does with debug information.
            || with((0..16).map(|_| extra(b".debug", DATA, vec![1; 16])).collect()),
        ),
        case(
            "no-sections",
            || {
                let mut file = plain();
                file[0x86..0x88].copy_from_slice(&[0, 0]);
                file
            },
            plain,
        ),
        case("sections-overlap", || patched(ROWS + 40 + 20, 0x600), plain),
        case(
            "entry-outside-code",
            || PeFile { entry: Entry::Address(0x20_0000), ..PeFile::default() }.bytes(),
            // A library of resources.
            || PeFile { entry: Entry::None, ..PeFile::library() }.bytes(),
        ),
        case(
            "entry-not-executable",
            || PeFile { entry: Entry::Address(FIRST + 0x1000), ..PeFile::default() }.bytes(),
            plain,
        ),
        case(
            "entry-in-last-section",
            || {
                let extra = vec![extra(b".new", WRITABLE_CODE, code(0x400))];
                PeFile { entry: Entry::Extra(0), extra, ..PeFile::default() }.bytes()
            },
            // Linkers put code for start-up into sections of its own.
            || {
                let extra = vec![extra(b"INIT", CODE, code(0x400))];
                PeFile { entry: Entry::Extra(0), extra, ..PeFile::default() }.bytes()
            },
        ),
        case(
            "table-outside-file",
            || patched(0x80 + 24 + 112 + 8, 0x90_0000),
            // A program without that table.
            || patched(0x80 + 24 + 112 + 8, 0),
        ),
        case(
            "checksum-wrong",
            || PeFile { checksum: Checksum::Wrong, ..PeFile::default() }.bytes(),
            || PeFile { checksum: Checksum::Right, ..PeFile::default() }.bytes(),
        ),
        case(
            "driver-checksum-wrong",
            || PeFile { checksum: Checksum::Wrong, ..PeFile::driver(&["DbgPrint"]) }.bytes(),
            || PeFile { checksum: Checksum::Right, ..PeFile::driver(&["DbgPrint"]) }.bytes(),
        ),
        case(
            "time-stamps-disagree",
            || PeFile { debug: Some(("a.pdb", 1_500_000_000)), ..PeFile::default() }.bytes(),
            || PeFile { debug: Some(("a.pdb", 1_700_000_001)), ..PeFile::default() }.bytes(),
        ),
        case(
            "runs-before-entry",
            || PeFile { callbacks: vec![FIRST + 0x40], ..PeFile::default() }.bytes(),
            plain,
        ),
        case(
            "callback-outside-code",
            || PeFile { callbacks: vec![FIRST + 0x1000], ..PeFile::default() }.bytes(),
            || PeFile { callbacks: vec![FIRST + 0x40], ..PeFile::default() }.bytes(),
        ),
        case("linker-record-changed", || rich(false), || rich(true)),
        case(
            "telling-debug-path",
            || {
                let debug = Some(("C:\\work\\keylogger\\Release\\main.pdb", 1_700_000_000));
                PeFile { debug, ..PeFile::default() }.bytes()
            },
            || {
                let debug = Some(("C:\\work\\keyboard\\Release\\logger.pdb", 1_700_000_000));
                PeFile { debug, ..PeFile::default() }.bytes()
            },
        ),
    ]
}
