//! Libraries that put themselves in front of libc, and kernel modules that do the like in the kernel.

use palisade_formats::program::elf::SymbolTable;

use super::{Program, kinds};
use crate::Examination;
use crate::program::Mark;

/// Bytes above which a library is more than a set of wrappers (sanitizers wrap everything).
const SMALL: usize = 512 << 10;
/// Wrapped functions that make an interposer.
const MIN_WRAPPED: usize = 3;

/// Functions of libc by which files are found.
const LISTING: &[&[u8]] = &[b"readdir", b"readdir64", b"readdir_r", b"getdents", b"getdents64"];
/// Functions of libc and PAM that are wrapped to hide, to listen or to let in.
const WRAPPED: &[&[u8]] = &[
    b"accept",
    b"accept4",
    b"access",
    b"connect",
    b"execve",
    b"fopen",
    b"fopen64",
    b"fstat",
    b"getdents",
    b"getdents64",
    b"kill",
    b"lstat",
    b"lstat64",
    b"__lxstat",
    b"__lxstat64",
    b"open",
    b"open64",
    b"openat",
    b"opendir",
    b"pam_acct_mgmt",
    b"pam_authenticate",
    b"pam_open_session",
    b"pcap_loop",
    b"read",
    b"readdir",
    b"readdir64",
    b"readdir_r",
    b"rmdir",
    b"stat",
    b"stat64",
    b"unlink",
    b"unlinkat",
    b"write",
    b"__xstat",
    b"__xstat64",
];

/// Notes what a library or a kernel module puts itself in front of.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    if program.elf.kind == 3 {
        interposer(program, examination);
    }
    if program.elf.kind == 1 && program.elf.section(".modinfo").is_some() {
        kernel_module(program, examination);
    }
}

fn interposer(program: &Program<'_>, examination: &mut Examination<'_>) {
    let exported = |name: &&&[u8]| {
        program.symbols.iter().any(|symbol| symbol.is_exported() && symbol.name == **name)
    };
    let wrapped: Vec<&[u8]> = WRAPPED.iter().filter(exported).copied().collect();
    let passes_on = program.imports_any(&["dlsym", "dlvsym", "__libc_dlsym"]).is_some();
    if wrapped.len() < MIN_WRAPPED || !passes_on {
        return;
    }
    let names = wrapped.join(b", ".as_slice()).escape_ascii().to_string();
    examination.find(
        &kinds::INTERPOSES_LIBC,
        format!("exports functions of libc and looks up the real ones: {names}"),
    );
    let hides = wrapped.iter().any(|name| LISTING.contains(name));
    let listens = wrapped.iter().any(|name| {
        name.starts_with(b"accept") || name.starts_with(b"pam_") || *name == b"pcap_loop"
    });
    let telling: Vec<(Mark, usize)> = program
        .marks
        .seen(&[Mark::LdPreloadFile, Mark::ProcNetTcp, Mark::AuthorizedKeys])
        .collect();
    if hides && (listens || !telling.is_empty()) && program.elf.data().len() < SMALL {
        let mut noted = examination.find(
            &kinds::USERLAND_ROOTKIT,
            format!("a small library that wraps the listing of folders and {names}"),
        );
        for (mark, place) in telling {
            noted = noted.at("text", place, mark.text().len());
        }
    }
}

fn kernel_module(program: &Program<'_>, examination: &mut Examination<'_>) {
    let symbols = program.elf.symbols(SymbolTable::Static, None);
    let hooks: Vec<&str> = [
        "kallsyms_lookup_name",
        "register_kprobe",
        "register_kretprobe",
        "register_ftrace_function",
        "ftrace_set_filter_ip",
        "sys_call_table",
    ]
    .into_iter()
    .filter(|name| {
        symbols.iter().any(|symbol| symbol.is_imported() && symbol.name == name.as_bytes())
    })
    .collect();
    let named: Vec<(Mark, usize)> =
        program.marks.seen(&[Mark::SysCallTable, Mark::KallsymsLookup]).collect();
    if hooks.is_empty() && named.is_empty() {
        return;
    }
    let how = if hooks.is_empty() { "addresses by name".to_owned() } else { hooks.join(", ") };
    examination.find(&kinds::HOOKS_KERNEL, format!("a kernel module that uses {how}"));
    let hidden: Vec<(Mark, usize)> = program
        .marks
        .seen(&[Mark::Getdents64, Mark::Tcp4SeqShow, Mark::HideModule, Mark::RootkitWord])
        .collect();
    if !hidden.is_empty() {
        let words: Vec<String> = hidden.iter().map(|(mark, _)| mark.text()).collect();
        let mut noted = examination.find(
            &kinds::HIDES_IN_KERNEL,
            format!("a kernel module that uses {how} on {}", words.join(", ")),
        );
        for (mark, place) in hidden {
            noted = noted.at("text", place, mark.text().len());
        }
    }
}
