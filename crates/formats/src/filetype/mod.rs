//! What are these bytes, whatever their name says?

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
