//! Linux and other ELF programs, libraries and kernel modules.

mod headers;
mod hooks;
mod kinds;
mod packing;
mod provenance;
mod symbols;
mod telling;

use palisade_formats::program::elf::{Dynamic, Elf, Symbol, SymbolTable};
use palisade_model::ProblemKind;

use crate::program::{Marks, look_at_marks, note_similarity, observe_strings};
use crate::{Examination, StaticAnalyzer};

/// The analyser of ELF files.
pub(crate) const ANALYZER: StaticAnalyzer = StaticAnalyzer {
    name: "elf",
    description: "Headers, symbols, packing and telling texts of ELF programs, libraries and kernel modules",
    types: &["elf", "elf_so", "elf_object", "elf_core"],
    kinds: kinds::ALL,
    gives_children: false,
    examine,
};

/// What every part of the analyser looks at.
struct Program<'a> {
    elf: Elf<'a>,
    dynamic: Option<Dynamic<'a>>,
    /// Symbols of the loader's table.
    symbols: Vec<Symbol<'a>>,
    marks: Marks,
}

impl<'a> Program<'a> {
    /// Names that it imports.
    fn imports(&self) -> impl Iterator<Item = &'a [u8]> {
        self.symbols.iter().filter(|symbol| symbol.is_imported()).map(|symbol| symbol.name)
    }

    fn imports_any(&self, names: &[&str]) -> Option<&'a [u8]> {
        self.imports().find(|import| names.iter().any(|name| name.as_bytes() == *import))
    }

    fn imports_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.imports().any(|import| import == name.as_bytes()))
    }

    /// Bytes behind the last segment and section.
    fn overlay(&self) -> (usize, &'a [u8]) {
        let end = usize::try_from(self.elf.end()).unwrap_or(usize::MAX);
        (end, self.elf.data().get(end..).unwrap_or_default())
    }
}

fn examine(examination: &mut Examination<'_>) {
    let Some(elf) = Elf::read(examination.bytes()) else {
        examination.problem(ProblemKind::Corrupt, "the ELF header is not whole");
        return;
    };
    // A core dump holds the memory of any program: its words are not its own.
    if elf.kind == 4 {
        provenance::note_header(&elf, examination);
        return;
    }
    let dynamic = elf.dynamic();
    let symbols = elf.symbols(SymbolTable::Dynamic, dynamic.as_ref());
    let marks = Marks::search(examination);
    let program = Program { elf, dynamic, symbols, marks };
    provenance::note_header(&program.elf, examination);
    headers::look(&program, examination);
    packing::look(&program, examination);
    symbols::look(&program, examination);
    hooks::look(&program, examination);
    look_at_marks(examination, &program.marks, telling::RULES);
    provenance::look(&program, examination);
    for section in [".rodata", ".data", ".data.rel.ro"] {
        if let Some(found) = program.elf.section(section) {
            observe_strings(examination, program.elf.section_bytes(found), section);
        }
    }
    if program.elf.section(".rodata").is_none() {
        observe_strings(examination, examination.bytes(), "program");
    }
    note_similarity(examination);
}
