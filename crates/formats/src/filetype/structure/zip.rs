//! Which kind of zip: decided by the names of its entries.
//! Layout: PKWARE APPNOTE 6.3.10.

use super::super::tables::named;
use super::super::{Type, WINDOW, tail};
use crate::bytes::{Cursor, find, u16_le, u32_le};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

/// Entries whose names are looked at, from each of the two listings.
const MAX_ENTRIES: usize = 2_000;

/// What the names seen so far say.
#[derive(Default)]
struct Names {
    content_types: bool,
    word: bool,
    excel: bool,
    excel_binary: bool,
    powerpoint: bool,
    visio: bool,
    vba: bool,
    manifest_mf: bool,
    classes: bool,
    android_manifest: bool,
    android_code: bool,
    bundle_config: bool,
    fixed_document: bool,
    payload_app: bool,
    nuspec: bool,
    wheel: bool,
    egg_info: bool,
    appx_manifest: bool,
    vsix_manifest: bool,
    web_manifest: bool,
    mozilla: bool,
    kml: bool,
    model_3d: bool,
    iwork: bool,
    designmap: bool,
    sketch: bool,
    pytorch: bool,
    hwpx: bool,
    mimetype: Option<&'static Type>,
}

/// The kind of zip, or plain `zip`.
pub(in crate::filetype) fn refine(data: &[u8]) -> Option<&'static Type> {
    let mut names = Names::default();
    walk_local(data, &mut names);
    if let Some(directory) = central_directory(data) {
        walk_central(data.get(directory..).unwrap_or_default(), &mut names);
    }
    if let Some(ty) = names.mimetype {
        return Some(ty);
    }
    Some(names.verdict())
}

/// Offset of the central directory when the end record is in the last [`WINDOW`] bytes and points,
/// allowing for bytes put before the archive, to a central header.
pub(in crate::filetype) fn central_directory(data: &[u8]) -> Option<usize> {
    let window = tail(data);
    // Forwards, as that search is the vectorised one. A comment may hold the signature: a few
    // tries from the back.
    let ends: Vec<usize> = memchr::memmem::find_iter(window, END).collect();
    let start = data.len() - window.len();
    ends.iter().rev().take(8).find_map(|at| directory_of(data, start + at))
}

fn directory_of(data: &[u8], end: usize) -> Option<usize> {
    let size = usize::try_from(u32_le(data, end + 12)?).ok()?;
    let entries = u16_le(data, end + 10)?;
    if entries == 0 {
        return None;
    }
    let central = |at: &usize| data.get(*at..).is_some_and(|rest| rest.starts_with(CENTRAL));
    // Readers take the directory to end where the end record begins, whatever is in front.
    let counted_back = end.checked_sub(size).filter(central);
    let stated = usize::try_from(u32_le(data, end + 16)?).ok().filter(central);
    counted_back.or(stated)
}

fn walk_local(data: &[u8], names: &mut Names) {
    let mut at = usize::from(data.starts_with(b"PK00")) * 4;
    for _ in 0..MAX_ENTRIES {
        if at > WINDOW {
            return;
        }
        let Some(mut cursor) = Cursor::at(data, at) else { return };
        if cursor.take(4) != Some(LOCAL) {
            return;
        }
        let header = (|| {
            cursor.skip(2)?;
            let flags = cursor.u16_le()?;
            let method = cursor.u16_le()?;
            cursor.skip(8)?;
            let packed = usize::try_from(cursor.u32_le()?).ok()?;
            cursor.skip(4)?;
            let name = usize::from(cursor.u16_le()?);
            let extra = usize::from(cursor.u16_le()?);
            let name = cursor.take(name)?;
            cursor.skip(extra)?;
            Some((flags, method, packed, name))
        })();
        let Some((flags, method, packed, name)) = header else { return };
        names.see(name);
        if name == b"mimetype" && method == 0 {
            let body = cursor.rest();
            let text = &body[..packed.clamp(64, 256).min(body.len())];
            names.mimetype = names.mimetype.or(by_mimetype(text));
        }
        let start = cursor.position();
        at = if flags & 8 != 0 && packed == 0 {
            // Sizes come after the data: the next header is found by its signature.
            let window = &data[..data.len().min(WINDOW)];
            match find(window, LOCAL, start.min(window.len())) {
                Some(next) => next,
                None => return,
            }
        } else {
            start.saturating_add(packed)
        };
    }
}

fn walk_central(directory: &[u8], names: &mut Names) {
    let mut cursor = Cursor::new(&directory[..directory.len().min(WINDOW)]);
    for _ in 0..MAX_ENTRIES {
        let entry = (|| {
            if cursor.take(4)? != CENTRAL {
                return None;
            }
            cursor.skip(24)?;
            let name = usize::from(cursor.u16_le()?);
            let extra = usize::from(cursor.u16_le()?);
            let comment = usize::from(cursor.u16_le()?);
            cursor.skip(12)?;
            let name = cursor.take(name)?;
            cursor.skip(extra)?;
            cursor.skip(comment)?;
            Some(name)
        })();
        let Some(name) = entry else { return };
        names.see(name);
    }
}

/// The `mimetype` entry of OpenDocument (ODF 1.2 part 3, 3.3) and EPUB (OCF 3.3).
fn by_mimetype(text: &[u8]) -> Option<&'static Type> {
    const KNOWN: [(&[u8], &Type); 16] = [
        (b"application/vnd.oasis.opendocument.text", named("odt")),
        (b"application/vnd.oasis.opendocument.spreadsheet", named("ods")),
        (b"application/vnd.oasis.opendocument.presentation", named("odp")),
        (b"application/vnd.oasis.opendocument.graphics", named("odg")),
        (b"application/vnd.oasis.opendocument.formula", named("odf")),
        (b"application/vnd.oasis.opendocument.base", named("odb")),
        (b"application/vnd.oasis.opendocument.database", named("odb")),
        (b"application/vnd.oasis.opendocument.chart", named("odc")),
        (b"application/vnd.sun.xml.", named("sxw")),
        (b"application/epub+zip", named("epub")),
        (b"application/hwp+zip", named("hwpx")),
        (b"application/x-krita", named("kra")),
        (b"image/openraster", named("ora")),
        (b"application/vnd.adobe.indesign-idml-package", named("idml")),
        (b"application/vnd.android.package-archive", named("apk")),
        (b"application/x-vnd.oasis.opendocument.text", named("odt")),
    ];
    KNOWN.iter().find(|(prefix, _)| text.starts_with(prefix)).map(|(_, ty)| *ty)
}

impl Names {
    fn see(&mut self, raw: &[u8]) {
        let mut lower = [0u8; 128];
        let length = raw.len().min(lower.len());
        lower[..length].copy_from_slice(&raw[..length]);
        let name = &mut lower[..length];
        name.make_ascii_lowercase();
        for byte in name.iter_mut().filter(|byte| **byte == b'\\') {
            *byte = b'/';
        }
        let name = &*name;
        match name {
            b"[content_types].xml" => self.content_types = true,
            b"meta-inf/manifest.mf" => self.manifest_mf = true,
            b"androidmanifest.xml" => self.android_manifest = true,
            b"classes.dex" | b"resources.arsc" => self.android_code = true,
            b"bundleconfig.pb" => self.bundle_config = true,
            b"appxmanifest.xml" | b"appxmetadata/appxbundlemanifest.xml" => {
                self.appx_manifest = true;
            }
            b"extension.vsixmanifest" => self.vsix_manifest = true,
            b"manifest.json" | b"install.rdf" => self.web_manifest = true,
            b"doc.kml" => self.kml = true,
            b"designmap.xml" => self.designmap = true,
            b"index/document.iwa" | b"index.zip" => self.iwork = true,
            b"document.json" => self.sketch = true,
            b"egg-info/pkg-info" => self.egg_info = true,
            b"contents/content.hpf" => self.hwpx = true,
            b"xl/workbook.bin" => self.excel_binary = true,
            _ => {}
        }
        self.word |= name.starts_with(b"word/");
        self.excel |= name.starts_with(b"xl/");
        self.powerpoint |= name.starts_with(b"ppt/");
        self.visio |= name.starts_with(b"visio/");
        self.vba |= name.ends_with(b"/vbaproject.bin");
        self.classes |= name.ends_with(b".class");
        self.fixed_document |=
            name.ends_with(b".fdseq") || name.starts_with(b"fixeddocumentsequence.fdseq");
        self.payload_app |=
            name.starts_with(b"payload/") && memchr::memmem::find(name, b".app/").is_some();
        self.nuspec |= name.ends_with(b".nuspec") && !name.contains(&b'/');
        self.wheel |= name.ends_with(b".dist-info/wheel");
        self.mozilla |= name == b"meta-inf/mozilla.rsa" || name == b"install.rdf";
        self.model_3d |= name == b"3d/3dmodel.model";
        self.pytorch |= name.ends_with(b"/data.pkl");
    }

    fn verdict(&self) -> &'static Type {
        // Office parts first: a document is what its user opens it as. A zip of a
        // folder that happens to be called `word` has no content types.
        if self.content_types {
            if self.word {
                return if self.vba { const { named("docm") } } else { const { named("docx") } };
            }
            if self.excel {
                return match (self.excel_binary, self.vba) {
                    (true, _) => const { named("xlsb") },
                    (_, true) => const { named("xlsm") },
                    _ => const { named("xlsx") },
                };
            }
            if self.powerpoint {
                return if self.vba { const { named("pptm") } } else { const { named("pptx") } };
            }
            if self.visio {
                return const { named("vsdx") };
            }
        }
        if self.appx_manifest {
            return const { named("msix") };
        }
        if self.fixed_document {
            return const { named("xps") };
        }
        if self.vsix_manifest {
            return const { named("vsix") };
        }
        if self.nuspec {
            return const { named("nupkg") };
        }
        if self.model_3d {
            return const { named("3mf") };
        }
        if self.bundle_config {
            return const { named("aab") };
        }
        if self.android_manifest {
            // A library (aar) also has the manifest, but no code of its own in dex form.
            return if self.android_code || !self.classes {
                const { named("apk") }
            } else {
                const { named("jar") }
            };
        }
        if self.payload_app {
            return const { named("ipa") };
        }
        if self.wheel {
            return const { named("whl") };
        }
        if self.egg_info {
            return const { named("egg_python") };
        }
        if self.mozilla || (self.web_manifest && self.manifest_mf) {
            return const { named("xpi") };
        }
        if self.manifest_mf {
            return const { named("jar") };
        }
        if self.hwpx {
            return const { named("hwpx") };
        }
        if self.iwork {
            return const { named("iwork") };
        }
        if self.designmap {
            return const { named("idml") };
        }
        if self.kml {
            return const { named("kmz") };
        }
        if self.pytorch {
            return const { named("pytorch") };
        }
        if self.sketch {
            return const { named("sketch") };
        }
        const { named("zip") }
    }
}
