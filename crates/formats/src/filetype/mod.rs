//! What are these bytes, whatever their name says?
//!
//! [`detect`] goes by content only, in this order: byte signatures (dispatched on the first byte),
//! structure below a signature (which Office document is this zip?), grammar and words of text,
//! and last a few structural guesses for formats without a signature. It reads the first and the
//! last [`WINDOW`] bytes; a structural check that follows an offset elsewhere reads at most as
//! much again there. So its time does not grow with the file.
//!
//! [`name`] judges a file's name against what the content is.

mod guess;
mod index;
pub mod name;
mod polyglot;
mod structure;
mod tables;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use text::encoding;

/// Bytes at either end of a file that [`detect`] looks at.
pub const WINDOW: usize = 64 << 10;

/// A file type that we can tell from content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    /// Short stable id in lower case, for example `zip`, `pe`, `docx`. Wire form: never changes.
    pub id: &'static str,
    /// For people, for example `Zip archive`.
    pub description: &'static str,
    /// Media type (RFC 6838), for example `application/zip`.
    pub mime: &'static str,
    /// Usual extensions, most usual first, lower case, without the dot. May be empty.
    pub extensions: &'static [&'static str],
    /// What kind of thing it is.
    pub category: Category,
}

/// Groups of types: workflows and the mismatch finding speak of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Archives, file system images, compressed streams.
    Archive,
    /// Native executables and libraries, bytecode.
    Executable,
    /// Source text that something interprets.
    Script,
    /// Office documents.
    Document,
    /// PDF and its kin.
    Pdf,
    /// Mail and mailboxes.
    Mail,
    /// Pictures.
    Image,
    /// Audio and video.
    Media,
    /// Plain and structured text.
    Text,
    /// Databases, fonts, keys, disk data, all else.
    Other,
}

/// How much a detected type rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Nothing recognised: `binary`, or plain text.
    Fallback,
    /// Words and grammar of text, or the look of a format that has no signature.
    Content,
    /// A byte signature.
    Signature,
    /// A byte signature and the structure below it.
    Structure,
}

/// What [`detect`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// The type that most readers would give these bytes.
    pub ty: &'static Type,
    /// How much that rests on.
    pub confidence: Confidence,
    /// Other formats that the same bytes are a valid file of. Ordinary combinations inside one
    /// format (a docx is a zip) are not listed; an archive behind an executable is, see
    /// [`Detection::is_polyglot`].
    pub also: Vec<&'static Type>,
}

impl Detection {
    /// True when the bytes are a valid file of two unrelated formats in a way that ordinary files
    /// are not. An executable or script with an archive behind it is a self-extracting archive,
    /// which is ordinary.
    pub fn is_polyglot(&self) -> bool {
        let carrier = matches!(self.ty.category, Category::Executable | Category::Script);
        self.also.iter().any(|other| !(carrier && other.category == Category::Archive))
    }
}

/// The type of `data`, from its content alone. Never fails: what nobody knows is `binary`.
pub fn detect(data: &[u8]) -> Detection {
    let (ty, confidence) = primary(data);
    Detection { ty, confidence, also: polyglot::also(data, ty) }
}

/// The text in `data` as UTF-8 or, for eight-bit character sets, as it is, without a byte order mark;
/// `None` when the first [`WINDOW`] bytes are not text.
pub fn text(data: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
    encoding::decode(head(data))?;
    encoding::decode(data).map(|text| text.bytes)
}

/// The type with this id, if there is one.
pub fn by_id(id: &str) -> Option<&'static Type> {
    all().find(|ty| ty.id == id)
}

/// Every type that [`detect`] can give.
pub fn all() -> impl Iterator<Item = &'static Type> {
    tables::TABLES.iter().flat_map(|table| table.iter()).map(|entry| &entry.ty)
}

fn primary(data: &[u8]) -> (&'static Type, Confidence) {
    const EMPTY: &Type = tables::named("empty");
    const BINARY: &Type = tables::named("binary");
    if data.is_empty() {
        return (EMPTY, Confidence::Structure);
    }
    if let Some(found) = index::lookup(data) {
        return found;
    }
    if let Some(text) = encoding::decode(head(data)) {
        if let Some(ty) = text::classify(&text) {
            return (ty, Confidence::Content);
        }
        if let Some(ty) = polyglot::late_pdf(data) {
            return (ty, Confidence::Structure);
        }
        return (text.encoding.plain(), Confidence::Fallback);
    }
    if let Some(ty) = polyglot::late_pdf(data) {
        return (ty, Confidence::Structure);
    }
    match guess::guess(data) {
        Some(ty) => (ty, Confidence::Content),
        None => (BINARY, Confidence::Fallback),
    }
}

fn head(data: &[u8]) -> &[u8] {
    &data[..data.len().min(WINDOW)]
}

fn tail(data: &[u8]) -> &[u8] {
    &data[data.len().saturating_sub(WINDOW)..]
}

/// Ids of the types that are a zip below: their unpacker is that of `zip`.
pub const ZIP_BASED: &[&str] = &[
    "zip",
    "jar",
    "apk",
    "docx",
    "xlsx",
    "pptx",
    "docm",
    "xlsm",
    "pptm",
    "xlsb",
    "odt",
    "ods",
    "odp",
    "odg",
    "odf",
    "odb",
    "odc",
    "sxw",
    "epub",
    "xps",
    "vsdx",
    "ipa",
    "nupkg",
    "whl",
    "msix",
    "aab",
    "xpi",
    "vsix",
    "egg_python",
    "hwpx",
    "iwork",
    "idml",
    "kmz",
    "3mf",
    "kra",
    "ora",
    "pytorch",
    "sketch",
];
