//! ELF files (System V gABI, chapters 4 and 5), both classes and both byte orders.

mod dynamic;
mod header;
mod symbols;

pub use dynamic::{Dynamic, tag};
pub use header::{Elf, MAX_HEADERS, Section, Segment, machine_name};
pub use symbols::{Symbol, SymbolTable};
