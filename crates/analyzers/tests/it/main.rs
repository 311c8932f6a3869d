//! The analysers from outside: bytes in, opinion out.

mod cases;
mod elf;
mod pe;
mod support;
