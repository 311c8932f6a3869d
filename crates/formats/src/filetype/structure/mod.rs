//! Checks below a signature: is it really that, and which of its kind?

pub(super) mod bytecode;
pub(super) mod cfb;
pub(super) mod compressed;
pub(super) mod container;
pub(super) mod data;
pub(super) mod disk;
pub(super) mod document;
pub(super) mod executable;
pub(super) mod image;
pub(super) mod media;
pub(super) mod secret;
pub(super) mod tar;
pub(super) mod zip;
