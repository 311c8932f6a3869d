use md5::{Digest, Md5};
use palisade_formats::program::elf::{Symbol, SymbolTable};
use palisade_model::encode_hex;

use super::{Program, kinds};
use crate::program::{Mark, tlsh_of};
use crate::{Examination, FindingKind};

/// Bytes above which a program is more than one of the small tools that these combinations make.
const SMALL: usize = 1 << 20;
/// Imports above which a program does more than open a shell.
const FEW_IMPORTS: usize = 30;

/// Functions that together give a capability: any of the sets is enough.
const CAPABILITIES: &[(&FindingKind, &[&[&str]])] = &[
    (&kinds::CAN_TRACE, &[&["ptrace"], &["process_vm_writev"]]),
    (&kinds::CAN_LOAD_MODULES, &[&["init_module"], &["finit_module"], &["delete_module"]]),
    (&kinds::CAN_RUN_FROM_MEMORY, &[&["memfd_create", "fexecve"], &["memfd_create", "execveat"]]),
    (&kinds::CAN_SNIFF, &[&["pcap_open_live"], &["pcap_create", "pcap_activate"]]),
];

/// Notes import hashes and what the imports make possible.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    hashes(program, examination);
    for (kind, sets) in CAPABILITIES {
        if let Some(set) = sets.iter().find(|set| program.imports_all(set)) {
            examination.find(kind, format!("imports {}", set.join(", ")));
        }
    }
    fileless(program, examination);
    reverse_shell(program, examination);
}

/// It gets bytes from the network, keeps them in memory only and runs them from there.
fn fileless(program: &Program<'_>, examination: &mut Examination<'_>) {
    let runs = program.imports_all(&["memfd_create"])
        && program.imports_any(&["fexecve", "execveat", "execve"]).is_some();
    let fetches = program.imports_all(&["socket", "connect"])
        && program.imports_any(&["recv", "read", "recvfrom"]).is_some();
    if runs && fetches && program.elf.data().len() < SMALL {
        examination.find(
            &kinds::FILELESS,
            "a small program that connects, creates files in memory and runs them",
        );
    }
}

fn reverse_shell(program: &Program<'_>, examination: &mut Examination<'_>) {
    let execute = ["execve", "execl", "execv", "execvp", "execlp", "system"];
    let connects = program.imports_all(&["socket", "connect"])
        && program.imports_any(&["dup2", "dup3", "dup"]).is_some();
    // What a tool for people has: it reads options, listens or explains itself.
    let for_people = program
        .imports_any(&[
            "getopt",
            "getopt_long",
            "listen",
            "setlocale",
            "textdomain",
            "__getopt_long",
        ])
        .is_some();
    let count = program.imports().count();
    if let (true, false, Some(run), Some(place)) =
        (connects, for_people, program.imports_any(&execute), program.marks.place(Mark::BinSh))
        && count <= FEW_IMPORTS
        && program.elf.data().len() < SMALL
    {
        let run = run.escape_ascii();
        examination
            .find(
                &kinds::REVERSE_SHELL,
                format!("connects, makes the connection its input and output, and runs /bin/sh with {run}; imports {count} functions in all"),
            )
            .at("shell", place, 8);
    }
}

fn hashes(program: &Program<'_>, examination: &mut Examination<'_>) {
    let mut imports: Vec<Vec<u8>> = program.imports().map(<[u8]>::to_ascii_lowercase).collect();
    imports.sort_unstable();
    imports.dedup();
    if !imports.is_empty() {
        examination
            .property("import-hash", encode_hex(&Md5::digest(imports.join(b",".as_slice()))));
        examination.property("imports", imports.len().to_string());
    }
    let of_linker;
    let symbols = if program.symbols.is_empty() {
        of_linker = program.elf.symbols(SymbolTable::Static, None);
        &of_linker
    } else {
        &program.symbols
    };
    if let Some(hash) = telfhash(symbols) {
        examination.property("telfhash", hash);
    }
}

/// Trend Micro's telfhash: TLSH over the sorted names of the global functions that do not depend on
/// architecture and compiler (<https://github.com/trendmicro/telfhash>). Of a program without symbols
/// it takes the targets of calls instead, which needs a disassembler: those get none here.
fn telfhash(symbols: &[Symbol<'_>]) -> Option<String> {
    const LEFT_OUT: [&[u8]; 7] =
        [b"main", b"abort", b"cachectl", b"cacheflush", b"puts", b"atol", b"malloc_trim"];
    let mut names: Vec<Vec<u8>> = symbols
        .iter()
        .filter(|symbol| symbol.kind == 2 && symbol.binding == 1 && symbol.visibility == 0)
        .map(|symbol| symbol.name)
        .filter(|name| {
            !(name.is_empty()
                || name.starts_with(b"_")
                || name.starts_with(b".")
                || name.starts_with(b"str")
                || name.starts_with(b"mem")
                || name.ends_with(b"64")
                || LEFT_OUT.contains(name))
        })
        .map(<[u8]>::to_ascii_lowercase)
        .collect();
    names.sort_unstable();
    tlsh_of(&names.join(b",".as_slice())).map(|hash| hash.to_ascii_lowercase())
}
