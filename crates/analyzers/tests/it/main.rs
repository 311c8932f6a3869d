//! The analysers from outside: bytes in, opinion out.

mod cases;
mod document;
mod elf;
mod observables;
mod office;
mod pdf;
mod pe;
mod script;
mod support;
