//! Samples of the `elf` analyser.

use super::Case;
use super::build::elf::{BASE, ElfFile};
use super::build::noise::{code, noise};
use super::programs;
use crate::program::Mark;

const fn case(finding: &'static str, sample: fn() -> Vec<u8>, near_miss: fn() -> Vec<u8>) -> Case {
    Case { analyzer: "elf", finding, name: "program", sample, near_miss }
}

fn texts(marks: &[Mark]) -> Vec<String> {
    marks.iter().map(|mark| mark.text()).collect()
}

fn saying(marks: &[Mark]) -> Vec<u8> {
    ElfFile::dynamic().saying(&texts(marks)).bytes()
}

fn importing(names: &[&'static str]) -> Vec<u8> {
    ElfFile::dynamic().importing(names).bytes()
}

fn plain() -> Vec<u8> {
    ElfFile::dynamic().importing(&["printf"]).bytes()
}

/// A program without sections, as a packer leaves it.
fn bare(text: Vec<u8>) -> ElfFile {
    ElfFile { text, with_sections: false, ..ElfFile::default() }
}

fn with_overlay(overlay: Vec<u8>) -> Vec<u8> {
    ElfFile { overlay, ..ElfFile::dynamic() }.bytes()
}

/// UPX's header behind the program headers, and its trailer.
fn upx(mark: &[u8; 4], trailer: bool) -> Vec<u8> {
    let mut info = vec![0, 0, 0, 0];
    info.extend(mark);
    info.extend([0, 0, 13, 22, 0, 0, 0, 0]);
    info.extend([0x10_0000u32.to_le_bytes(), 0x10_0000u32.to_le_bytes()].concat());
    let overlay = if trailer {
        b"UPX!\x0d\x16\x08\x0a............................".to_vec()
    } else {
        Vec::new()
    };
    ElfFile { after_headers: info, overlay, ..bare(noise(0x2000)) }.bytes()
}

/// A program whose program headers begin at offset 4, inside the file header, as the smallest do.
fn overlapped() -> Vec<u8> {
    let mut bytes = vec![0u8; 84];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x01\x01\x01");
    put(16, &[2, 0, 3, 0, 1, 0, 0, 0]);
    put(24, &0x0001_0020u32.to_le_bytes());
    put(28, &4u32.to_le_bytes());
    put(40, &[52, 0, 32, 0, 1, 0]);
    bytes
}

/// A kernel module with these imports.
fn module(imports: &[&'static str], marks: &[Mark]) -> Vec<u8> {
    ElfFile {
        kind: 1,
        entry: None,
        sections: vec![(".modinfo", 1, 2, b"license=GPL\0name=sample\0vermagic=6.1.0\0".to_vec())],
        ..ElfFile::default()
    }
    .importing(imports)
    .saying(&texts(marks))
    .bytes()
}

/// Every case.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "section-outside-file",
            || {
                let mut file = plain();
                let table = u64::from_le_bytes(file[40..48].try_into().expect("eight bytes"));
                let size = table as usize + 64 + 32;
                file[size..size + 8].copy_from_slice(&0x10_0000u64.to_le_bytes());
                file
            },
            // A section that takes no bytes may be of any size.
            || {
                let sections = vec![(".bss", 8, 3, Vec::new())];
                let mut file = ElfFile { sections, ..ElfFile::dynamic() }.bytes();
                let table = u64::from_le_bytes(file[40..48].try_into().expect("eight bytes"));
                let size = table as usize + 64 * 7 + 32;
                file[size..size + 8].copy_from_slice(&0x10_0000u64.to_le_bytes());
                file
            },
        ),
        case("overlapping-headers", overlapped, plain),
        case("no-section-headers", || bare(code(0x400)).bytes(), plain),
        case(
            "shellcode-stub",
            || ElfFile { load_flags: 7, ..bare(code(120)) }.bytes(),
            || bare(code(120)).bytes(),
        ),
        case("writable-code", || ElfFile { load_flags: 7, ..ElfFile::dynamic() }.bytes(), plain),
        case(
            "executable-stack",
            || ElfFile { stack_flags: 7, ..ElfFile::dynamic() }.bytes(),
            plain,
        ),
        case(
            "entry-outside-code",
            || ElfFile { entry: Some(0x90_0000), ..ElfFile::dynamic() }.bytes(),
            // A library without an entry point.
            || ElfFile::library().bytes(),
        ),
        case(
            "entry-outside-sections",
            || ElfFile { entry: Some(BASE + 0x20), ..ElfFile::dynamic() }.bytes(),
            || ElfFile { entry: Some(0x3ff), ..ElfFile::dynamic() }.bytes(),
        ),
        case(
            "appended-code",
            || ElfFile { appended_segment: Some((5, code(300))), ..ElfFile::dynamic() }.bytes(),
            // Tools that change search paths append a segment of data.
            || ElfFile { appended_segment: Some((6, code(300))), ..ElfFile::dynamic() }.bytes(),
        ),
        case(
            "text-relocations",
            || ElfFile { dynamic_values: vec![(22, 0)], ..ElfFile::library() }.bytes(),
            // DF_BIND_NOW.
            || ElfFile { dynamic_values: vec![(30, 8)], ..ElfFile::library() }.bytes(),
        ),
        case(
            "library-path-in-temporary-folder",
            || {
                let dynamic_texts = vec![(1, "libc.so.6"), (29, "/usr/lib:/tmp/build/lib")];
                ElfFile { dynamic_texts, ..ElfFile::dynamic() }.bytes()
            },
            || {
                let dynamic_texts = vec![(1, "libc.so.6"), (29, "$ORIGIN/../lib:/opt/tmp/lib")];
                ElfFile { dynamic_texts, ..ElfFile::dynamic() }.bytes()
            },
        ),
        case(
            "relative-library-path",
            || {
                let dynamic_texts = vec![(1, "libc.so.6"), (15, "../lib")];
                ElfFile { dynamic_texts, ..ElfFile::dynamic() }.bytes()
            },
            || {
                let dynamic_texts = vec![(1, "libc.so.6"), (15, "$ORIGIN/../lib:")];
                ElfFile { dynamic_texts, ..ElfFile::dynamic() }.bytes()
            },
        ),
        case(
            "initialiser-outside-code",
            || ElfFile { initialisers: vec![0x1234], ..ElfFile::library() }.bytes(),
            || {
                ElfFile { initialisers: vec![BASE + 0x200, 0, u64::MAX], ..ElfFile::library() }
                    .bytes()
            },
        ),
        case(
            "odd-interpreter",
            || ElfFile { interpreter: Some("/tmp/.ld.so"), ..ElfFile::dynamic() }.bytes(),
            || {
                ElfFile { interpreter: Some("/lib/ld-musl-x86_64.so.1"), ..ElfFile::dynamic() }
                    .bytes()
            },
        ),
        case("packed-known", || upx(b"UPX!", true), || bare(code(0x2000)).bytes()),
        case("tampered-upx", || upx(b"YTS\x99", false), || upx(b"UPX!", true)),
        case(
            "packed-unknown",
            || bare(noise(0x4000)).bytes(),
            // Compressed data belongs into a program, as data.
            || ElfFile { rodata: noise(0x4000), text: code(0x2000), ..ElfFile::dynamic() }.bytes(),
        ),
        case(
            "can-trace-processes",
            || importing(&["ptrace", "waitpid"]),
            || importing(&["prctl", "waitpid"]),
        ),
        case(
            "can-load-kernel-modules",
            || importing(&["finit_module"]),
            || importing(&["fopen", "module_init"]),
        ),
        case(
            "can-run-from-memory",
            || importing(&["memfd_create", "fexecve"]),
            // Sharing memory needs the first, starting a program the second.
            || importing(&["memfd_create", "mmap", "execve"]),
        ),
        case(
            "can-capture-packets",
            || importing(&["pcap_open_live"]),
            || importing(&["pcap_lib_version"]),
        ),
        case(
            "fileless-execution",
            || importing(&["socket", "connect", "recv", "memfd_create", "execve"]),
            || importing(&["socket", "connect", "recv", "memfd_create", "mmap"]),
        ),
        case(
            "reverse-shell",
            || {
                ElfFile::dynamic()
                    .importing(&["socket", "connect", "dup2", "execve"])
                    .saying(&texts(&[Mark::BinSh]))
                    .bytes()
            },
            // A tool that pipes connections through programs reads options.
            || {
                ElfFile::dynamic()
                    .importing(&["socket", "connect", "dup2", "execve", "getopt_long"])
                    .saying(&texts(&[Mark::BinSh]))
                    .bytes()
            },
        ),
        case(
            "interposes-libc",
            || {
                ElfFile::library()
                    .importing(&["dlsym"])
                    .exporting(&["connect", "open", "fopen"])
                    .bytes()
            },
            // A library that loads plug-ins.
            || {
                ElfFile::library()
                    .importing(&["dlsym", "open", "connect", "fopen"])
                    .exporting(&["open_archive"])
                    .bytes()
            },
        ),
        case(
            "userland-rootkit",
            || {
                ElfFile::library()
                    .importing(&["dlsym"])
                    .exporting(&["readdir", "readdir64", "fopen"])
                    .saying(&texts(&[Mark::ProcNetTcp, Mark::LdPreloadFile]))
                    .bytes()
            },
            // What changes the root folder for a build wraps the same functions.
            || {
                ElfFile::library()
                    .importing(&["dlsym"])
                    .exporting(&["readdir", "readdir64", "fopen", "stat", "unlink"])
                    .bytes()
            },
        ),
        case(
            "hooks-kernel",
            || module(&["register_kprobe", "printk"], &[]),
            || module(&["register_chrdev", "printk"], &[]),
        ),
        case(
            "hides-in-kernel",
            || module(&["register_kprobe"], &[Mark::KallsymsLookup, Mark::Getdents64]),
            // A tracer hooks, and hides nothing.
            || module(&["register_kprobe"], &[Mark::KallsymsLookup]),
        ),
        case(
            "device-bot",
            || {
                saying(&[
                    Mark::BusyBox,
                    Mark::BusyboxWget,
                    Mark::Chmod777,
                    Mark::Tftp,
                    Mark::MiscWatchdog,
                    Mark::ProcNetTcp,
                ])
            },
            // A watchdog daemon of a small device.
            || saying(&[Mark::WatchdogDevice, Mark::MiscWatchdog, Mark::BusyBox, Mark::ProcNetTcp]),
        ),
        case(
            "many-autostart-places",
            || {
                saying(&[
                    Mark::LdPreloadFile,
                    Mark::CronDirectory,
                    Mark::AuthorizedKeys,
                    Mark::RcLocal,
                    Mark::ProfileDirectory,
                ])
            },
            // A service manager.
            || saying(&[Mark::InitDirectory, Mark::RcLocal, Mark::SystemdUnit]),
        ),
        case(
            "weakens-host",
            || saying(&[Mark::Setenforce, Mark::UfwDisable, Mark::HistoryOff]),
            || saying(&[Mark::IptablesFlush]),
        ),
        case(
            "reverse-shell-command",
            || saying(&[Mark::BashInteractive]),
            || ElfFile::dynamic().saying(&["/bin/bash -i".to_owned()]).bytes(),
        ),
        case(
            "knows-container-escapes",
            || saying(&[Mark::ReleaseAgent, Mark::CorePattern]),
            || saying(&[Mark::DockerSocket]),
        ),
        case(
            "names-preload-file",
            || saying(&[Mark::LdPreloadFile]),
            || ElfFile::dynamic().saying(&["/etc/ld.so.cache".to_owned()]).bytes(),
        ),
        case(
            "names-process-memory",
            || saying(&[Mark::ProcMem]),
            || ElfFile::dynamic().saying(&["/proc/self/maps".to_owned()]).bytes(),
        ),
        case(
            "compiled-script",
            || with_overlay(programs::pyinstaller()),
            || {
                // Python's own library knows the word; nothing is appended to it.
                ElfFile::library().saying(&["cx_Freeze".to_owned()]).bytes()
            },
        ),
        case("overlay-encrypted", || with_overlay(noise(0x8000)), || with_overlay(code(0x8000))),
    ];
    cases.extend(programs::cases::<Host>());
    cases
}

struct Host;

impl programs::Host for Host {
    const ANALYZER: &'static str = "elf";

    fn holding(constants: &[u8]) -> Vec<u8> {
        ElfFile { rodata: constants.to_vec(), ..ElfFile::dynamic() }.bytes()
    }
}
