//! Actions (ISO 32000-1, 12.6.4): what they open, start and send.

use palisade_formats::document::pdf::object::Object;
use palisade_formats::document::pdf::{Document, Origin, Raw};
use palisade_model::ObservableKind;

use super::document::Gathered;
use super::kinds;
use crate::address::{Address, classify};
use crate::{Examination, packed_file};

/// An action.
pub(super) struct Action {
    /// Its type: `Launch`, `URI`, ….
    pub(super) kind: Vec<u8>,
    origin: Origin,
    /// The address or file that it names.
    target: Option<Raw>,
    /// Parameters of a program.
    parameters: Option<Raw>,
    /// Whether its target is embedded.
    embedded: bool,
}

impl Action {
    /// The action that a dictionary is, if it is one.
    pub(super) fn read(value: &Object, origin: Origin) -> Option<Self> {
        let kind = match value.get(b"S") {
            Some(Object::Name(kind)) => kind.clone(),
            _ if value.get(b"JS").is_some() => b"JavaScript".to_vec(),
            _ if value.get(b"URI").is_some_and(|uri| uri.text().is_some()) => b"URI".to_vec(),
            _ => return None,
        };
        let known: [&[u8]; 11] = [
            b"JavaScript",
            b"Launch",
            b"URI",
            b"SubmitForm",
            b"ImportData",
            b"GoToR",
            b"GoToE",
            b"Rendition",
            b"RichMediaExecute",
            b"Movie",
            b"GoTo3DView",
        ];
        if !known.contains(&kind.as_slice()) {
            return None;
        }
        let raw = |text: &[u8]| (origin, text.to_vec());
        let windows = value.get(b"Win");
        // A file is a string, or a dictionary of names (7.11).
        let file = |value: Option<&Object>| -> Option<Raw> {
            match value? {
                Object::Text(text) => Some(raw(text)),
                dictionary => [&b"UF"[..], b"F", b"DOS", b"Unix"]
                    .iter()
                    .find_map(|key| dictionary.get(key)?.text().map(raw)),
            }
        };
        let target = match kind.as_slice() {
            b"URI" => value.get(b"URI").and_then(Object::text).map(raw),
            _ => file(windows.and_then(|windows| windows.get(b"F")))
                .or_else(|| file(value.get(b"F"))),
        };
        let parameters = windows.and_then(|windows| windows.get(b"P")?.text().map(raw));
        Some(Self { embedded: kind == b"GoToE", kind, origin, target, parameters })
    }

    /// Forgets strings that cannot be read.
    pub(super) fn forget(&mut self) {
        self.target = None;
        self.parameters = None;
    }
}

/// Judges every action.
pub(super) fn judge(
    examination: &mut Examination<'_>,
    document: &Document<'_>,
    gathered: &Gathered,
) {
    for action in &gathered.actions {
        if examination.should_stop() {
            return;
        }
        let automatic = gathered.automatic.contains(&action.origin.number);
        one(examination, document, action, automatic);
    }
}

fn one(
    examination: &mut Examination<'_>,
    document: &Document<'_>,
    action: &Action,
    automatic: bool,
) {
    let target = action.target.as_ref().map(|raw| document.string(raw)).unwrap_or_default();
    let kind = String::from_utf8_lossy(&action.kind).into_owned();
    let number = action.origin.number;
    let address = classify(&target);
    let said = format!("{kind} in object {number}: {target}");
    if automatic && kind != "JavaScript" {
        examination
            .find(&kinds::OPEN_ACTION, format!("The document does this by itself: {said}"))
            .quoting(&*kind, target.as_bytes());
    }
    if matches!(address, Address::Web | Address::Office) {
        examination.observe(ObservableKind::Url, target.trim(), &kind);
    }
    examination.observe_text(target.as_bytes(), &kind);
    let mut note = |kind, said: &str| {
        examination.find(kind, said).quoting(format!("object {number}"), target.as_bytes());
    };
    match address {
        Address::Dangerous | Address::Mhtml => note(&kinds::DANGEROUS_LINK, &said),
        Address::PublicShare => note(&kinds::SHARE_BY_ITSELF, &said),
        Address::Share if automatic => note(&kinds::SHARE_BY_ITSELF, &said),
        Address::Share => note(&kinds::SHARE_LINK, &said),
        _ => {}
    }
    match kind.as_str() {
        "Launch" => {
            let parameters =
                action.parameters.as_ref().map(|raw| document.string(raw)).unwrap_or_default();
            let name = target.to_lowercase();
            let command =
                ["cmd", "powershell", "mshta", "wscript", "cscript", "rundll32", "/bin/sh", "bash"];
            let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
            let program = packed_file::runs(&name)
                || command
                    .iter()
                    .any(|command| base == *command || name.contains(&format!("{command}.exe")))
                || !parameters.is_empty();
            if program {
                note(&kinds::LAUNCH_PROGRAM, &format!("{said} {parameters}"));
            } else {
                note(&kinds::LAUNCH_FILE, &said);
            }
        }
        "SubmitForm" => {
            note(&kinds::SUBMIT_FORM, &said);
            if automatic {
                note(&kinds::SUBMITS_BY_ITSELF, &said);
            }
        }
        "URI" if automatic && matches!(address, Address::Web) => note(&kinds::OPENS_ADDRESS, &said),
        "ImportData" => note(&kinds::IMPORT_DATA, &said),
        "GoToR" | "GoToE" => {
            let place = if action.embedded { "embedded in it" } else { "outside of it" };
            note(&kinds::GO_TO_OTHER, &format!("The document opens another {place}: {target}"));
        }
        "Rendition" | "RichMediaExecute" | "Movie" | "GoTo3DView" => {
            note(&kinds::RICH_MEDIA, &format!("An action plays media: {said}"));
        }
        _ => {}
    }
}
