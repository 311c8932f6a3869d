//! The analysers from outside: bytes in, opinion out.

mod cases;
mod observables;
mod script;
mod support;
