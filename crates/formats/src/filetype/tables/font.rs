use super::super::Category;
use super::super::structure::container;
use super::{Entry, Signature};

const fn font(
    id: &'static str,
    description: &'static str,
    mime: &'static str,
    extensions: &'static [&'static str],
    signatures: &'static [Signature],
) -> Entry {
    Entry::new(Category::Other, id, description, mime, extensions, signatures)
}

/// Fonts.
#[rustfmt::skip] // One row a line: a table is read down its columns.
pub(super) static TYPES: &[Entry] = &[
    font("ttf", "TrueType font", "font/ttf", &["ttf", "tte"], &[&[(0, b"\0\x01\0\0\0")], &[(0, b"true\0")]]).check(container::truetype),
    font("otf", "OpenType font", "font/otf", &["otf"], &[&[(0, b"OTTO\0")]]),
    font("ttc", "TrueType collection", "font/collection", &["ttc", "otc"], &[&[(0, b"ttcf\0")]]),
    font("woff", "Web font", "font/woff", &["woff"], &[&[(0, b"wOFF")]]),
    font("woff2", "Web font 2", "font/woff2", &["woff2"], &[&[(0, b"wOF2")]]),
    font("eot", "Embedded OpenType font", "application/vnd.ms-fontobject", &["eot"], &[&[(34, b"LP"), (8, b"\0\0\x01")], &[(34, b"LP"), (8, b"\x01\0\x02")], &[(34, b"LP"), (8, b"\x02\0\x02")]]),
    font("pfb", "PostScript font (binary)", "application/x-font-type1", &["pfb"], &[&[(0, b"\x80\x01"), (6, b"%!")]]),
    font("pfa", "PostScript font", "application/x-font-type1", &["pfa"], &[&[(0, b"%!PS-AdobeFont-")], &[(0, b"%!FontType1-")]]),
    font("afm", "Adobe font metrics", "application/x-font-afm", &["afm"], &[&[(0, b"StartFontMetrics")]]),
    font("pcf", "X11 font (PCF)", "application/x-font-pcf", &["pcf"], &[&[(0, b"\x01fcp")]]),
    font("bdf", "X11 font (BDF)", "application/x-font-bdf", &["bdf"], &[&[(0, b"STARTFONT 2")]]),
    font("psf", "Console font", "application/x-font-psf", &["psf", "psfu"], &[&[(0, b"\x72\xb5\x4a\x86")], &[(0, b"\x36\x04")]]).check(container::console_font),
    font("snf", "X11 font (SNF)", "application/x-font-snf", &["snf"], &[&[(0, b"\0\0\0\x04"), (100, b"\0\0\0\x04")]]),
    font("tex_pk", "TeX font (PK)", "application/x-tex-pk", &["pk"], &[&[(0, b"\xf7\x59")]]).check(container::tex_pk),
    font("figlet", "FIGlet font", "application/x-figlet", &["flf"], &[&[(0, b"flf2a")], &[(0, b"tlf2a")]]),
    font("grub_font", "GRUB font", "application/x-grub-font", &["pf2"], &[&[(0, b"FILE\0\0\0\x04PFF2")]]),
    font("sfd", "FontForge source", "application/vnd.font-fontforge-sfd", &["sfd"], &[&[(0, b"SplineFontDB:")]]),
];
