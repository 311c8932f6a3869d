//! The analysers from outside: bytes in, opinion out.

mod cases;
mod office;
mod pdf;
mod observables;
mod script;
mod elf;
mod pe;
mod support;
