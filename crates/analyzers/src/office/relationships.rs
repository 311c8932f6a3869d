//! Relationships of a package that lead out of it (ECMA-376 part 2, 9.3).

use palisade_model::ObservableKind;

use super::kinds;
use crate::Examination;
use crate::address::{Address, classify, is_page};
use crate::xml::{Element, Token, Tokens, utf8};

/// Relationships of one part that are read.
const MAX_RELATIONSHIPS: usize = 50_000;

/// A relationship to something outside the package.
pub(super) struct External {
    /// The last part of its type: `attachedTemplate`, `oleObject`, `hyperlink`.
    pub(super) kind: String,
    /// Where it leads.
    pub(super) target: String,
    /// Its id in the part.
    pub(super) id: String,
}

/// The external relationships of a `.rels` part.
pub(super) fn external(part: &[u8]) -> Vec<External> {
    let text = utf8(part);
    Tokens::new(&text)
        .filter_map(|token| match token {
            Token::Open(element) if element.local() == b"Relationship" => read(&element),
            _ => None,
        })
        .take(MAX_RELATIONSHIPS)
        .collect()
}

pub(super) fn read(element: &Element<'_>) -> Option<External> {
    let outside =
        element.attribute(b"TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external"));
    let target = element.attribute(b"Target")?;
    // Some writers forget the mode; readers follow the address all the same.
    if !outside && !target.contains("://") {
        return None;
    }
    let kind = element.attribute(b"Type")?;
    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
    Some(External { kind, target, id: element.attribute(b"Id").unwrap_or_default() })
}

/// Judges one external relationship of a part.
pub(super) fn judge(examination: &mut Examination<'_>, part: &str, external: &External) {
    link(examination, part, &external.kind, &external.target);
}

/// Judges a link of this kind, whatever the format it stands in. The kinds are the names of
/// OOXML relationships.
pub(super) fn link(examination: &mut Examination<'_>, place: &str, kind: &str, target: &str) {
    let address = classify(target);
    let context = format!("{kind} in {place}");
    if matches!(address, Address::Web | Address::Office) {
        examination.observe(ObservableKind::Url, target.trim(), &context);
    }
    examination.observe_text(target.as_bytes(), &context);
    let said = format!("{context}: {target}");
    let mut note = |kind, said: &str| {
        examination.find(kind, said).quoting(place, target.as_bytes());
    };
    match (kind, address) {
        (_, Address::Mhtml) => note(&kinds::MHTML_EXPLOIT, &said),
        (_, Address::Dangerous)
            if kind != "hyperlink" || !target.to_lowercase().starts_with("javascript:") =>
        {
            note(&kinds::DANGEROUS_PROTOCOL, &said);
        }
        // Followed when clicked, not when opened.
        ("hyperlink", _) => {}
        ("attachedTemplate" | "template", Address::Web) => note(&kinds::REMOTE_TEMPLATE, &said),
        ("attachedTemplate" | "template", Address::Office | Address::Share) => {
            note(&kinds::TEMPLATE_LINK, &said);
        }
        (_, Address::PublicShare) => note(&kinds::SHARE_ON_INTERNET, &said),
        (_, Address::Share) => note(&kinds::SHARE_LINK, &said),
        ("image" | "video" | "audio" | "media", Address::Web | Address::Office) => {
            note(&kinds::REMOTE_IMAGE, &said);
        }
        (
            "oleObject" | "package" | "frame" | "subDocument" | "aFChunk" | "xlExternalLinkPath"
            | "externalLinkPath" | "externalLink" | "control",
            Address::Web,
        ) => {
            let objects = matches!(kind, "oleObject" | "package" | "frame" | "aFChunk" | "control");
            if objects && is_page(target) {
                note(&kinds::REMOTE_OBJECT, &said);
            } else {
                note(&kinds::OBJECT_LINK, &said);
            }
        }
        (_, Address::Web | Address::Office) => note(&kinds::OBJECT_LINK, &said),
        _ => {}
    }
}
