//! Bounded, panic-free readers of hostile file formats.
//!
//! Three rooms:
//! - [`filetype`]: what are these bytes, whatever their name says;
//! - [`archive`]: containers whose purpose is to hold other files (zip, tar, 7z, iso, …) and
//!   compressed streams;
//! - [`document`]: mail, office documents, PDF, RTF, encoded text: files that happen to hold others.
//!
//! [`unpack`] is the door to the last two: one function, one [`unpack::Sink`], one set of
//! [`unpack::Limits`].
//!
//! Invariants: no I/O, no clock, no threads, no `unsafe`, no global state. Input is a byte slice.
//! Malformed input gives what could be read plus a stated [`unpack::Problem`], never a panic.

pub mod archive;
pub mod bytes;
pub mod document;
pub mod filetype;
pub mod program;
#[cfg(any(test, feature = "samples"))]
#[doc(hidden)]
pub mod samples;
pub mod unpack;
