//! Scripts, pages and shortcuts: what they do, seen through the layers that hide it. Nothing is run;
//! strings are folded, literals decoded, and the result is searched for things that scripts do.

mod batch;
mod decode;
pub(crate) mod encoder;
mod escapes;
mod features;
mod fold;
mod functions;
mod kinds;
mod language;
mod layers;
mod lexer;
mod operators;
mod packer;
mod page;
mod powershell;
mod rules;
mod settings;
mod shell;
mod shortcut;
mod sinks;
mod value;
mod view;
mod webshell;

use std::borrow::Cow;

use palisade_formats::filetype;
use palisade_model::ProblemKind;

use crate::{Examination, StaticAnalyzer};

pub(crate) use escapes::push as push_code;
use language::Language;
use layers::{Layers, Source};

/// Bytes of an artifact that are read; a script of this size is data.
const MAX_READ: usize = 64 << 20;

/// Scripts, pages and shortcuts.
pub(crate) const ANALYZER: StaticAnalyzer = StaticAnalyzer {
    name: "script",
    description: "Scripts, web pages, shortcuts and settings that run commands, decoded layer by layer",
    types: TYPES,
    kinds: kinds::ALL,
    gives_children: true,
    examine,
};

const TYPES: &[&str] = &[
    "javascript",
    "vbscript",
    "vba_source",
    "powershell",
    "batch",
    "shell",
    "python",
    "perl",
    "ruby",
    "php",
    "hta",
    "wsf",
    "sct",
    "jsp",
    "asp",
    "vbe",
    "html",
    "xhtml",
    "svg",
    "xslt",
    "xml",
    "lnk",
    "internet_shortcut",
    "desktop_entry",
    "scf",
    "inf",
    "registry",
    "systemd_unit",
    "msbuild",
    "library_ms",
    "search_ms",
    "settingcontent",
    "shebang",
    "json",
    "iqy",
    "txt",
    "txt_utf8",
    "txt_utf16le",
    "txt_utf16be",
    "txt_latin1",
    "base64",
];

fn examine(exam: &mut Examination<'_>) {
    let whole = exam.bytes();
    let bytes = whole.get(..whole.len().min(MAX_READ)).unwrap_or(whole);
    if bytes.len() < whole.len() {
        let detail = format!("read to {} MiB of {}", MAX_READ >> 20, whole.len() >> 20);
        exam.problem(ProblemKind::TooLarge, detail);
    }
    if exam.type_id() == "lnk" {
        shortcut::examine(exam, bytes);
        return;
    }
    let text = filetype::text(bytes).unwrap_or(Cow::Borrowed(bytes));
    // A byte order mark keeps offsets as they are, but for its length; UTF-16 does not.
    let skipped = bytes.len().saturating_sub(text.len());
    let offset = (skipped == 0 || skipped == 3).then_some(skipped);
    let type_id = exam.type_id();
    let name = exam.name();
    if let Some(decoded) = encoder::decode(&text) {
        let noted = exam.find(&kinds::ENCODED_SCRIPT, "source in the form of the Script Encoder");
        noted.quoting("decoded", &decoded);
        let javascript = name.to_ascii_lowercase().ends_with(".jse");
        let fallback = if javascript { Language::JavaScript } else { Language::VbScript };
        let language = Language::of_layer(&decoded, fallback);
        exam.child(&format!("layer-0.{}", language.extension()), &decoded);
        let mut layers = Layers::new(exam);
        let mut source = Source::plain(language, Cow::Owned(decoded), None);
        source.steps = decode::Steps::ENCODED;
        layers.add(source);
        layers.run();
        return;
    }
    match type_id {
        "html" | "xhtml" | "svg" | "hta" | "wsf" | "sct" | "xslt" | "xml" => {
            page::examine(exam, &text, offset);
        }
        "asp" | "jsp" => server_page(exam, &text, offset),
        "php" => {
            let mut layers = Layers::new(exam);
            for (at, code) in php(&text) {
                let offset = offset.map(|base| base + at);
                layers.add(Source::plain(Language::Php, Cow::Borrowed(code), offset));
            }
            layers.run();
        }
        "internet_shortcut" | "desktop_entry" | "scf" | "inf" | "msbuild" | "library_ms"
        | "search_ms" | "settingcontent" | "registry" | "systemd_unit" | "json" | "iqy" => {
            settings::examine(exam, &text, offset);
        }
        _ => {
            let languages = languages_of(type_id, name, &text);
            if !languages.is_empty() {
                scripts(exam, &languages, &text, offset);
            }
        }
    }
}

fn scripts(exam: &mut Examination<'_>, languages: &[Language], text: &[u8], offset: Option<usize>) {
    let mut layers = Layers::new(exam);
    for language in languages {
        layers.add(Source::plain(*language, Cow::Borrowed(text), offset));
    }
    layers.run();
    if languages.contains(&Language::Python) {
        settings::setup_script(&mut layers);
    }
}

/// The languages to read text in: what its name makes a system run it as, and what the detector says;
/// else the language of a command that it begins with.
fn languages_of(type_id: &str, name: &str, text: &[u8]) -> Vec<Language> {
    let mut found: Vec<Language> = Language::of_name(name).into_iter().collect();
    let managed = matches!(type_id, "csharp" | "java");
    if let Some(language) = Language::of_type(type_id).filter(|_| !managed)
        && !found.contains(&language)
    {
        found.push(language);
    }
    if found.is_empty() && type_id.starts_with("txt") {
        found.extend(sinks::of_text(text));
    }
    found
}

/// The code between `<?php` and `?>`.
fn php(text: &[u8]) -> Vec<(usize, &[u8])> {
    const MAX_PIECES: usize = 10_000;
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(start) = memchr::memmem::find(text.get(at..).unwrap_or_default(), b"<?") {
        let from = at + start + 2;
        let rest = text.get(from..).unwrap_or_default();
        let skip = [&b"php"[..], b"="]
            .iter()
            .find(|tag| rest.get(..tag.len()).is_some_and(|word| word.eq_ignore_ascii_case(tag)))
            .map_or(0, |tag| tag.len());
        let rest = rest.get(skip..).unwrap_or_default();
        let length = memchr::memmem::find(rest, b"?>").unwrap_or(rest.len());
        pieces.push((from + skip, rest.get(..length).unwrap_or_default()));
        at = from + skip + length;
        if pieces.len() >= MAX_PIECES {
            break;
        }
    }
    // One program: variables go from piece to piece. Text between them only splits it.
    match (pieces.first(), pieces.last()) {
        (Some((first, _)), Some((last, code))) if pieces.len() > 1 && pieces.len() < 64 => {
            vec![(*first, text.get(*first..last + code.len()).unwrap_or_default())]
        }
        _ => pieces,
    }
}

fn server_page(exam: &mut Examination<'_>, text: &[u8], offset: Option<usize>) {
    let head = text.get(..text.len().min(4_096)).unwrap_or_default().to_ascii_lowercase();
    let says = |word: &[u8]| memchr::memmem::find(&head, word).is_some();
    let basic = exam.type_id() == "asp" && (says(b"vbscript") || says(b"\"vb\""))
        || (exam.type_id() == "asp"
            && !says(b"c#")
            && !says(b"language=\"js")
            && !says(b"namespace"));
    let language = if says(b"jscript") || says(b"language=\"javascript") {
        Language::JavaScript
    } else if basic {
        Language::VbScript
    } else {
        Language::Managed
    };
    let mut layers = Layers::new(exam);
    layers.add(Source::plain(language, Cow::Borrowed(text), offset));
    if language != Language::Managed {
        layers.add(Source::plain(Language::Managed, Cow::Borrowed(text), offset));
    }
    layers.run();
}
