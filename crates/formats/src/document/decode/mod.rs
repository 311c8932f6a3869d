//! Decoders of bytes written as text. Each is linear, skips what does not belong, and gives what
//! it could read.

pub mod base64;
pub(crate) mod binhex;
pub mod hex;
pub(crate) mod lzfu;
pub mod quoted_printable;
pub(crate) mod rc4;
pub(crate) mod uu;
pub(crate) mod yenc;
