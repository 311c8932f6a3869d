//! The one door to every unpacker: [`unpack`] finds the children of a file and hands each to a
//! [`Sink`], within [`Limits`].
//!
//! An unpacker is a function `fn(&[u8], &mut Unpacking) -> Result<(), Stop>` listed in
//! [`crate::archive::UNPACKERS`] or [`crate::document::UNPACKERS`] beside the type ids it reads.
//! It calls [`Unpacking::child`] for every child it finds and [`Unpacking::problem`] for what it
//! cannot read; it goes on after a problem where the format allows. All counting happens in
//! [`Unpacking`], so that no format can forget a bound.

mod limits;
mod meter;

use std::io::Read;

pub use limits::Limits;
pub use meter::{Stop, Unpacking};

/// How a child is held by its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChildKind {
    /// A file in an archive or file system image.
    Member,
    /// The content of a compressed stream (gzip, xz, …).
    Stream,
    /// A mail's body part or attachment.
    Attachment,
    /// An object inside a document (OLE package, PDF embedded file, RTF object).
    Embedded,
    /// Bytes that were encoded as text (base64, uuencode, …).
    Decoded,
    /// Bytes after the end of an executable or image (self-extracting archives).
    Overlay,
}

/// What an unpacker knows of a child before its bytes are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The name as the container gives it, as UTF-8 (undecodable bytes replaced), not yet sanitised.
    /// May be empty: the sink then names the child by its number.
    pub name: String,
    /// How it is held.
    pub kind: ChildKind,
    /// Bytes it takes in the container, where known: used for the ratio bound.
    pub packed_size: Option<u64>,
    /// Whether it was stored encrypted (and a password opened it).
    pub encrypted: bool,
}

impl Child {
    /// A child of this kind and name, nothing else known.
    pub fn new(kind: ChildKind, name: impl Into<String>) -> Self {
        Self { name: name.into(), kind, packed_size: None, encrypted: false }
    }

    /// With the size it has in the container, in bytes.
    pub fn packed(mut self, bytes: u64) -> Self {
        self.packed_size = Some(bytes);
        self
    }

    /// Marked as having been encrypted.
    pub fn encrypted(mut self) -> Self {
        self.encrypted = true;
        self
    }
}

/// Why a child, or the rest of a container, could not be read. Each is a stated outcome (law 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Problem {
    /// Encrypted, and no password was given.
    Encrypted,
    /// Encrypted, and none of the given passwords opens it.
    WrongPassword,
    /// A password-protected document (not an archive).
    ProtectedDocument,
    /// It ends before its structure says so.
    Truncated,
    /// Its structure contradicts itself, or a checksum does not match.
    Corrupt,
    /// A known format with a method, version or feature that we do not read.
    Unsupported,
    /// Two members share the same compressed bytes (a bomb's way to a high ratio).
    Overlap,
    /// More children than [`Limits::max_children`].
    TooManyChildren,
    /// A child larger than [`Limits::max_child_bytes`].
    ChildTooLarge,
    /// Children together larger than [`Limits::max_total_bytes`].
    TotalTooLarge,
    /// Unpacked to packed bytes above [`Limits::max_ratio`].
    RatioTooHigh,
    /// It would need more memory than [`Limits::max_memory_bytes`] (a declared dictionary or window).
    MemoryTooHigh,
    /// The sink said to stop (deadline).
    Stopped,
}

/// Where children go.
pub trait Sink {
    /// Takes one child. `body` yields its bytes and ends early, with an error that
    /// [`Unpacking`] turns into a problem, when a bound is reached or the data is broken; what was
    /// read until then is still worth scanning. A sink that needs no body may drop it unread.
    ///
    /// # Errors
    /// An error from the sink itself (not from `body`) ends the unpacking with [`Stop`].
    fn child(&mut self, child: &Child, body: &mut dyn Read) -> Result<(), SinkError>;

    /// States a problem with the child `name`, or with the container itself when `None`.
    /// `detail` is for people: one short line, no bytes of the input.
    fn problem(&mut self, name: Option<&str>, problem: Problem, detail: &str);

    /// Asked before every child and inside long loops: true ends the unpacking with
    /// [`Problem::Stopped`]. While it reads a body, the sink watches its deadline by itself.
    fn should_stop(&mut self) -> bool {
        false
    }
}

/// The sink can take no more. The unpacking ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkError;

/// What an unpacker gets besides the bytes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The bounds.
    pub limits: Limits,
    /// Passwords to try, in order, for anything encrypted. The conventional ones
    /// (`infected`, `virus`, …) are the caller's to add.
    pub passwords: Vec<String>,
}

/// An unpacker and the type ids ([`crate::filetype::Type::id`]) it reads.
pub struct Unpacker {
    /// Type ids, for example `["zip"]`.
    pub types: &'static [&'static str],
    /// Reads `input`; reports children and problems to the [`Unpacking`].
    pub run: fn(&[u8], &mut Unpacking<'_>) -> Result<(), Stop>,
}

/// The unpacker for a type id, if its format is one that we open.
pub fn unpacker(type_id: &str) -> Option<&'static Unpacker> {
    crate::archive::UNPACKERS
        .iter()
        .chain(crate::document::UNPACKERS)
        .find(|unpacker| unpacker.types.contains(&type_id))
}

/// Opens `input`, whose detected type is `type_id`, and hands its children to `sink`.
/// Returns false when no unpacker reads this type. Every other outcome is told to the sink.
pub fn unpack(input: &[u8], type_id: &str, options: &Options, sink: &mut dyn Sink) -> bool {
    let Some(unpacker) = unpacker(type_id) else { return false };
    let mut unpacking = Unpacking::new(input.len() as u64, options, sink);
    // `Stop` carries nothing: whoever returned it has told the sink why.
    let _ = (unpacker.run)(input, &mut unpacking);
    true
}
