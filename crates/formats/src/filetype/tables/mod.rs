//! The data of the detector: one table of [`Entry`] for each group of types.
//!
//! A row is a [`Type`], the byte signatures that suggest it, and optionally a check that looks at
//! the structure. Facts come from the formats' own specifications and from looking at files.

mod archive;
mod data;
mod disk;
mod document;
mod executable;
mod font;
mod image;
mod mail;
mod media;
mod script;
mod secret;
mod text;

use super::{Category, Type};

/// Parts that must all hold: each is an offset and the bytes that stand there.
pub(super) type Signature = &'static [(usize, &'static [u8])];

/// Looks at a file whose signature matched: the type to give it, or `None` when the signature was
/// an accident.
pub(super) type Check = fn(&[u8]) -> Option<&'static Type>;

/// One row of a table.
pub(super) struct Entry {
    pub(super) ty: Type,
    /// Any of them suggests the type. Empty for types that only a check or the text rules find.
    pub(super) signatures: &'static [Signature],
    pub(super) check: Option<Check>,
}

impl Entry {
    const fn new(
        category: Category,
        id: &'static str,
        description: &'static str,
        mime: &'static str,
        extensions: &'static [&'static str],
        signatures: &'static [Signature],
    ) -> Self {
        let ty = Type { id, description, mime, extensions, category };
        Self { ty, signatures, check: None }
    }

    const fn check(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }
}

/// Every table.
pub(super) static TABLES: [&[Entry]; 12] = [
    archive::TYPES,
    data::TYPES,
    disk::TYPES,
    document::TYPES,
    executable::TYPES,
    font::TYPES,
    image::TYPES,
    mail::TYPES,
    media::TYPES,
    script::TYPES,
    secret::TYPES,
    text::TYPES,
];

/// The type with this id. Meant for `const { named("…") }`: a wrong id does not compile.
pub(super) const fn named(id: &str) -> &'static Type {
    let mut table = 0;
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            if same(TABLES[table][row].ty.id, id) {
                return &TABLES[table][row].ty;
            }
            row += 1;
        }
        table += 1;
    }
    panic!("no type has this id")
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}
