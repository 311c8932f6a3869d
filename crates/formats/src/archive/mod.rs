//! Containers whose purpose is to hold other files, and compressed streams: one folder per format.

use crate::unpack::Unpacker;

/// Every unpacker of this room.
pub const UNPACKERS: &[Unpacker] = &[];
