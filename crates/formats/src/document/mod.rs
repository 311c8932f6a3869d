//! Mail, office documents, PDF, RTF, encoded text, self-extracting executables: files that happen
//! to hold others. One folder per format.

pub(crate) mod ole;

use crate::unpack::Unpacker;

/// Every unpacker of this room.
pub const UNPACKERS: &[Unpacker] = &[];
