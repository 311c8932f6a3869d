//! A builder of Windows shortcuts (\[MS-SHLLINK\]).

use super::scripts::wide;

/// The parts of a shortcut.
#[derive(Default)]
pub(super) struct Link<'a> {
    pub(super) target: &'a str,
    pub(super) arguments: &'a str,
    pub(super) icon: &'a str,
}

/// A shortcut with link information, and the strings that are not empty.
pub(super) fn shortcut(link: &Link<'_>) -> Vec<u8> {
    let mut flags = 1u32 << 1 | 1 << 7;
    flags |= u32::from(!link.arguments.is_empty()) << 5;
    flags |= u32::from(!link.icon.is_empty()) << 6;
    let mut out = vec![0x4c, 0, 0, 0, 1, 0x14, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    out.extend(flags.to_le_bytes());
    out.resize(0x3c, 0);
    // SW_SHOWNORMAL
    out.extend(1u32.to_le_bytes());
    out.resize(0x4c, 0);
    // Link information: header, an empty volume id, the path, an empty suffix.
    let path = [link.target.as_bytes(), b"\0"].concat();
    let base = 0x1c + 0x11;
    let size = base + path.len() + 1;
    for value in [size, 0x1c, 1, 0x1c, base, 0, base + path.len()] {
        out.extend((value as u32).to_le_bytes());
    }
    out.extend([0x11, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0]);
    out.extend(&path);
    out.push(0);
    for text in [link.arguments, link.icon] {
        if !text.is_empty() {
            out.extend((text.encode_utf16().count() as u16).to_le_bytes());
            out.extend(wide(text));
        }
    }
    out.extend([0; 4]);
    out
}
