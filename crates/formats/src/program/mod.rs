//! Bounded readers of native programs: what their headers say, without judging it.
//!
//! A reader keeps the whole file and gives parts of it on demand. Fields are as the file has them,
//! lies included; everything that follows an offset of the file is checked against its end.

pub mod dotnet;
pub mod elf;
pub mod pe;
