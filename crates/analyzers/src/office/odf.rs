//! OpenDocument (ISO/IEC 26300): Basic modules, events, links, DDE, whether zipped or flat.

use super::parts::Parts;
use super::vba::{self, Surroundings};
use super::{embedded, fields, kinds, lure, metadata, ole, relationships};
use crate::Examination;
use crate::xml::{Token, Tokens, decode, utf8};

fn wanted(name: &str) -> bool {
    name.ends_with(".xml")
        || name.ends_with(".xlb")
        || name.starts_with("scripts/")
        || (name.starts_with("object") && !name.ends_with(".png"))
}

/// Looks at a zipped document.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let parts = Parts::read(examination.bytes(), wanted);
    let mut gathered = Gathered::default();
    for part in &parts.parts {
        if examination.should_stop() {
            return;
        }
        match part.name.as_str() {
            "meta.xml" => metadata::part(examination, &part.bytes),
            name if name.starts_with("basic/") => gathered.module(&part.bytes),
            name if name.starts_with("scripts/") => {
                gathered.scripts.push(name.to_owned());
                gathered.code.push(String::from_utf8_lossy(&part.bytes).into_owned());
            }
            // Objects in compound files are children that are looked at by themselves.
            name if name.starts_with("object")
                && !name.ends_with(".xml")
                && !part.bytes.is_empty()
                && ole::compound_at(&part.bytes).is_none() =>
            {
                embedded::judge(examination, "The document", name, &part.bytes);
            }
            "content.xml" | "styles.xml" | "settings.xml" => {
                content(examination, &part.bytes, &mut gathered);
            }
            "meta-inf/manifest.xml" => manifest(examination, &part.bytes),
            _ => {}
        }
    }
    conclude(examination, gathered);
}

/// Looks at a flat document.
pub(super) fn examine_flat(examination: &mut Examination<'_>) {
    let mut gathered = Gathered::default();
    let input = examination.bytes();
    metadata::part(examination, input.get(..input.len().min(64 << 10)).unwrap_or_default());
    gathered.module(input);
    content(examination, input, &mut gathered);
    conclude(examination, gathered);
}

#[derive(Default)]
struct Gathered {
    code: Vec<String>,
    scripts: Vec<String>,
    callbacks: Vec<String>,
    text: String,
}

impl Gathered {
    /// The source of a Basic module: text of `script:module` or `script:source-code`.
    fn module(&mut self, part: &[u8]) {
        let utf8 = utf8(part);
        let mut inside = false;
        let mut source = String::new();
        for token in Tokens::new(&utf8) {
            match token {
                Token::Open(element) => {
                    inside |= matches!(element.local(), b"module" | b"source-code");
                }
                Token::Close(b"module" | b"source-code") => inside = false,
                Token::Text(text) if inside && source.len() < 8 << 20 => {
                    source.push_str(&decode(text));
                    source.push('\n');
                }
                _ => {}
            }
        }
        if !source.trim().is_empty() && self.code.len() < 1_000 {
            self.code.push(source);
        }
    }
}

/// Parts that are encrypted say so in the manifest.
fn manifest(examination: &mut Examination<'_>, part: &[u8]) {
    let utf8 = utf8(part);
    let encrypted = Tokens::new(&utf8).any(
        |token| matches!(token, Token::Open(element) if element.local() == b"encryption-data"),
    );
    if encrypted {
        examination.find(&kinds::ENCRYPTED, "The parts of the document are encrypted");
    }
}

fn content(examination: &mut Examination<'_>, part: &[u8], gathered: &mut Gathered) {
    let utf8 = utf8(part);
    for (at, token) in Tokens::new(&utf8).enumerate() {
        if at % 4096 == 0 && examination.should_stop() {
            return;
        }
        let element = match token {
            Token::Open(element) => element,
            Token::Text(text) => {
                if gathered.text.len() < 1 << 20 {
                    gathered.text.push_str(&decode(text));
                    gathered.text.push(' ');
                }
                continue;
            }
            Token::Close(_) => continue,
        };
        match element.local() {
            b"event-listener" => event(examination, &element, gathered),
            b"dde-connection-decl" | b"dde-source" => {
                let get = |name: &[u8]| element.attribute(name).unwrap_or_default();
                let command = format!("{}|{}", get(b"dde-application"), get(b"dde-topic"));
                if command.len() > 1 {
                    fields::dde(examination, "the document", &command);
                }
            }
            b"a" => link(examination, &element, "hyperlink"),
            b"image" => link(examination, &element, "image"),
            b"object" | b"object-ole" | b"floating-frame" | b"plugin" | b"applet" => {
                link(examination, &element, "oleObject");
            }
            b"section-source" | b"table-source" | b"cell-range-source" => {
                link(examination, &element, "include");
            }
            _ => {
                // `of:=DDE("soffice";…)` and the same of other prefixes.
                if let Some(formula) = element.attribute(b"formula")
                    && let Some((_, command)) = formula.split_once("DDE(")
                {
                    fields::dde(examination, "a formula", &command.replace("\";\"", "|"));
                }
            }
        }
    }
}

fn link(examination: &mut Examination<'_>, element: &crate::xml::Element<'_>, kind: &str) {
    if let Some(target) = element.attribute(b"href") {
        relationships::link(examination, "the document", kind, &target);
    }
}

/// `script:event-listener script:event-name="dom:load" xlink:href="vnd.sun.star.script:…"`
fn event(
    examination: &mut Examination<'_>,
    element: &crate::xml::Element<'_>,
    gathered: &mut Gathered,
) {
    let name = element.attribute(b"event-name").unwrap_or_default();
    let target =
        element.attribute(b"href").or_else(|| element.attribute(b"macro-name")).unwrap_or_default();
    examination
        .find(&kinds::EVENT_SCRIPT, format!("The event {name} calls {target}"))
        .quoting(name.clone(), target.as_bytes());
    let lower = target.to_lowercase();
    let plain = lower.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    if plain.contains("../")
        || plain.contains("..\\")
        || plain.contains("location=share")
        || plain.contains("librelogo")
    {
        examination
            .find(
                &kinds::ODF_SCRIPT_ESCAPE,
                format!("The event {name} calls a script outside of the document: {target}"),
            )
            .quoting(name.clone(), target.as_bytes());
    }
    // Events of the document and of drawing, not of a click.
    let lower = name.to_lowercase();
    let by_itself =
        ["load", "open", "start", "focus", "mouseover", "print", "close", "unload", "new"]
            .iter()
            .any(|event| lower.contains(event));
    if by_itself && gathered.callbacks.len() < 16 {
        gathered.callbacks.push(format!("{name} -> {target}"));
    }
}

fn conclude(examination: &mut Examination<'_>, gathered: Gathered) {
    let lure = lure::find(&gathered.text);
    if let Some(phrase) = lure {
        examination.find(&kinds::LURE_TEXT, format!("The text says \"{phrase}\""));
    }
    let surroundings = Surroundings {
        callbacks: gathered.callbacks,
        lure: lure.map(str::to_owned),
        hidden: Vec::new(),
    };
    let sources: Vec<&str> = gathered.code.iter().map(String::as_str).collect();
    vba::judge(examination, &sources, &surroundings);
    if !gathered.scripts.is_empty() {
        examination.property("scripts", gathered.scripts.join(", "));
    }
}
