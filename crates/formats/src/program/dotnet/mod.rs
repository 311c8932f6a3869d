//! The managed part of a Windows executable (ECMA-335, partition II): CLI header, metadata streams
//! and the tables of them that say what a program is and what it uses.

mod metadata;
mod tables;

pub use metadata::{Managed, Stream};
pub use tables::{Method, NativeCall, Reference, Tables};
