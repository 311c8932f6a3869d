//! Bytecode whose signature is short.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::{u16_le, u32_le};

/// CPython: a 16-bit version number, then CR LF (`importlib/_bootstrap_external.py`), and for
/// version 3.7 on (3390) a flag word below 4.
pub(in crate::filetype) fn python(data: &[u8]) -> Option<&'static Type> {
    let version = u16_le(data, 0)?;
    let flags = u32_le(data, 4)?;
    let three = (3000..=3999).contains(&version) && (version < 3390 || flags < 4);
    let two = (20121..=62300).contains(&version) && version % 10 < 8 && data.get(8) == Some(&b'c');
    (three || two).then_some(const { named("pyc") })
}

/// Flash: version and a length not below that of the header (SWF 19, "The SWF header").
pub(in crate::filetype) fn flash(data: &[u8]) -> Option<&'static Type> {
    let version = *data.get(3)?;
    let length = u32_le(data, 4)?;
    (version < 60 && length >= 21).then_some(const { named("swf") })
}

/// Palm database of type `appl`: a printable name, NUL-padded, before it.
pub(in crate::filetype) fn palm(data: &[u8]) -> Option<&'static Type> {
    let name = data.get(..32)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    let printable = end > 0 && name[..end].iter().all(|byte| (0x20..0x7f).contains(byte));
    printable.then_some(const { named("prc") })
}
