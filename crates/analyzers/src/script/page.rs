//! Pages and other markup that hold scripts: HTML, HTA, SVG, Windows script files and components.

use std::borrow::Cow;

use crate::Examination;
use crate::markup::{Tag, next_tag};

use super::features::Feature;
use super::kinds::*;
use super::language::Language;
use super::layers::{Layers, Source};

/// Tags that are looked at.
const MAX_TAGS: usize = 500_000;
/// Handlers that are read.
const MAX_HANDLERS: usize = 2_000;
/// Bytes of text that are searched for phrases.
const MAX_PROSE: usize = 1 << 20;
/// Shortest run of base64 that is a file, in digits.
const MIN_FILE: usize = 2_048;

/// What lures say (ClickFix and its kin): one phrase of the keys, or two of any.
const KEYS: [&str; 9] = [
    "win + r",
    "windows + r",
    "windows key + r",
    "win+r",
    "windows+r",
    "press windows",
    "⊞",
    "command + space",
    "open terminal",
];
const CLAIMS: [&str; 10] = [
    "not a robot",
    "verify you are human",
    "human verification",
    "verification steps",
    "ctrl + v",
    "ctrl+v",
    "captcha",
    "press enter",
    "cloudflare",
    "complete these",
];

/// Extensions that run when opened, for pages that lead to a file at once.
const PROGRAMS: [&str; 20] = [
    ".exe",
    ".scr",
    ".js",
    ".jse",
    ".vbs",
    ".vbe",
    ".hta",
    ".lnk",
    ".msi",
    ".bat",
    ".cmd",
    ".ps1",
    ".iso",
    ".img",
    ".vhd",
    ".wsf",
    ".jar",
    ".cpl",
    ".url",
    ".application",
];

/// What the markup shows besides its scripts.
#[derive(Default)]
struct Page {
    passwords: usize,
    posts_away: Option<String>,
    addressed: bool,
    refresh: Option<(String, usize)>,
    data_download: bool,
    scripts: usize,
    foreign_frame: bool,
}

/// Reads markup and the scripts in it.
pub(super) fn examine(exam: &mut Examination<'_>, text: &[u8], offset: Option<usize>) {
    let type_id = exam.type_id();
    let application = type_id == "hta" || exam.name().to_ascii_lowercase().ends_with(".hta");
    let windows = application || matches!(type_id, "wsf" | "sct" | "xslt" | "xml");
    exam.observe_text(text, "page");
    let mut layers = Layers::new(exam);
    let mut page = Page::default();
    let mut handlers = Vec::new();
    let mut at = 0;
    let mut tags = 0;
    while let Some(tag) = next_tag(text, at) {
        tags += 1;
        if tags > MAX_TAGS || (tags % 4_096 == 0 && layers.exam.should_stop()) {
            break;
        }
        at = tag.end.max(at + 1);
        look(&tag, &mut page);
        let local = tag.name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        if local == b"script" || (windows && local == b"xscript") {
            let body = text.get(tag.end..).unwrap_or_default();
            let length = close(body, &tag.name).unwrap_or(body.len());
            let body = body.get(..length).unwrap_or_default();
            at = tag.end + length;
            if let Some(language) = language(&tag, windows) {
                page.scripts += 1;
                let body = body.trim_ascii_start().strip_prefix(b"<![CDATA[").unwrap_or(body);
                layers.add(Source::plain(
                    language,
                    Cow::Borrowed(body),
                    offset.map(|base| base + tag.end),
                ));
            }
        }
        for (name, value) in &tag.attributes {
            let handler = name.starts_with(b"on") && name.len() > 4;
            let lower = value.get(..value.len().min(16)).unwrap_or_default().to_ascii_lowercase();
            let link = matches!(
                name.as_slice(),
                b"href" | b"src" | b"action" | b"data" | b"xlink:href" | b"to"
            ) && (lower.starts_with(b"javascript:") || lower.starts_with(b"vbscript:"));
            if (handler || link) && handlers.len() < MAX_HANDLERS {
                handlers.push(value.to_vec());
            }
        }
    }
    page.scripts += handlers.len();
    if !handlers.is_empty() {
        let joined = handlers.join(&b"\n;"[..]);
        layers.add(Source::plain(Language::JavaScript, Cow::Owned(joined), None));
    }
    if type_id == "xml" && memchr::memmem::find(text, b"<Exec>").is_some() {
        // A scheduled task: its command and arguments.
        layers.add(Source::plain(Language::Plain, Cow::Borrowed(text), offset));
    }
    layers.run();
    layers.largest_data = longest_data(text);
    judge(&mut layers, &page, text, application, type_id);
}

/// Notes what the page as a whole shows.
fn judge(
    layers: &mut Layers<'_, '_, '_>,
    page: &Page,
    text: &[u8],
    application: bool,
    type_id: &str,
) {
    let has = |layers: &Layers<'_, '_, '_>, feature| layers.has(feature);
    let starts = has(layers, Feature::Shell32) && has(layers, Feature::RunWsh);
    if application && starts {
        layers.exam.find(&HTA_SHELL, "an HTML application that starts programs by a shell object");
    }
    if matches!(type_id, "sct" | "xslt") && starts {
        layers.exam.find(&PROXY_EXECUTION, "a script component or stylesheet that starts programs");
    }
    let saves = has(layers, Feature::ObjectUrl)
        && has(layers, Feature::Saves)
        && (has(layers, Feature::Blob) || has(layers, Feature::FromData))
        && has(layers, Feature::Clicks)
        && has(layers, Feature::FromData);
    // A page that smuggles is little more than its file; an application has some constant anyway.
    let carries = layers.largest_data >= MIN_FILE && layers.largest_data >= text.len() / 10;
    if saves && carries {
        let size = layers.largest_data / 4 * 3;
        layers.exam.find(
            &HTML_SMUGGLING,
            format!("builds a file of about {size} bytes out of a constant and saves it"),
        );
    } else if page.data_download && has(layers, Feature::Clicks) {
        layers.exam.find(&HTML_SMUGGLING, "follows a link to a file inside the page by itself");
    }
    if has(layers, Feature::Clipboard) {
        lure(layers, text);
    }
    if let Some((target, place)) = &page.refresh {
        let noted = layers.exam.find(&REFRESH_TO_PROGRAM, format!("leads at once to {target}"));
        noted.at("refresh", *place, 64);
    }
    if type_id == "svg" {
        if page.scripts > 0 || page.foreign_frame {
            layers
                .exam
                .find(&SVG_SCRIPT, format!("{} scripts or handlers in a picture", page.scripts));
        }
        let decodes =
            has(layers, Feature::UrlParts) || layers.largest_data >= 512 && page.scripts > 0;
        let leads =
            has(layers, Feature::Redirects) || page.foreign_frame || has(layers, Feature::EvalJs);
        if decodes && leads {
            layers
                .exam
                .find(&SVG_REDIRECT, "a picture's script decodes something and leads elsewhere");
        }
        return;
    }
    if page.passwords == 0 {
        return;
    }
    if let Some(host) = &page.posts_away {
        layers.exam.find(&CREDENTIAL_FORM, format!("a password is sent to {host}"));
    }
    let sends = has(layers, Feature::ChatSend);
    let hides = layers.exam.has(&OBFUSCATED_EXECUTION) || layers.exam.has(&ESOTERIC_ALPHABET);
    let reasons: Vec<&str> = [
        (sends, "sends what is typed to a chat service or collector"),
        (hides, "hides its source"),
        (
            page.addressed && page.posts_away.is_some(),
            "is filled in for one person and sends the password elsewhere",
        ),
    ]
    .into_iter()
    .filter_map(|(is, text)| is.then_some(text))
    .collect();
    if !reasons.is_empty() {
        layers.exam.find(
            &PHISHING_PAGE,
            format!("a page that asks for a password {}", reasons.join(", ")),
        );
    }
}

fn lure(layers: &mut Layers<'_, '_, '_>, text: &[u8]) {
    let prose = String::from_utf8_lossy(text.get(..text.len().min(MAX_PROSE)).unwrap_or_default())
        .to_lowercase();
    let keys = KEYS.iter().filter(|phrase| prose.contains(**phrase)).count();
    let claims = CLAIMS.iter().filter(|phrase| prose.contains(**phrase)).count();
    let command = [
        Feature::PowerShell,
        Feature::Interpreter,
        Feature::Proxy,
        Feature::PipeShell,
        Feature::Iex,
        Feature::FetchPs,
    ]
    .into_iter()
    .find(|feature| layers.has(*feature));
    if command.is_some() && claims > 0 && keys + claims >= 2 {
        layers
            .exam
            .find(&CLIPBOARD_LURE, "puts a command into the clipboard and tells how to run it");
    }
}

/// Takes in what a tag shows.
fn look(tag: &Tag<'_>, page: &mut Page) {
    match tag.name.as_slice() {
        b"input" => {
            let kind = tag.lower("type");
            page.passwords += usize::from(kind == "password");
            let value = tag.lower("value");
            page.addressed |= matches!(kind.as_str(), "email" | "text" | "hidden" | "")
                && value.contains('@')
                && value.contains('.')
                && !value.contains(' ')
                && !value.contains("example");
        }
        b"form" => {
            let action = tag.lower("action");
            if let Some((_, rest)) = action.split_once("://") {
                let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
                page.posts_away = Some(host.to_owned());
            }
        }
        b"meta" if tag.lower("http-equiv") == "refresh" => {
            let content = tag.lower("content");
            if let Some((delay, target)) = content.split_once("url=") {
                let target = target.trim_matches(['\'', '"', ' ']);
                let soon =
                    delay.trim_matches([';', ',', ' ']).parse::<f32>().is_ok_and(|s| s < 6.0);
                let path = target.split(['?', '#']).next().unwrap_or_default();
                let runs = PROGRAMS.iter().any(|end| path.ends_with(end));
                let share = target.starts_with("file:")
                    || target.starts_with("\\\\")
                    || target.starts_with("search-ms:")
                    || target.starts_with("ms-");
                if soon && (runs || share) {
                    page.refresh = Some((target.chars().take(120).collect(), tag.start));
                }
            }
        }
        b"a" => {
            let href = tag.lower("href");
            let program = ["octet-stream", "zip", "x-msdownload", "x-iso", "hta", "x-rar", "x-7z"];
            page.data_download |= tag.attribute("download").is_some()
                && href.starts_with("data:")
                && program.iter().any(|kind| {
                    href.get(..64.min(href.len())).is_some_and(|head| head.contains(kind))
                });
        }
        b"iframe" | b"embed" | b"object" => {
            let source = tag.lower("src") + &tag.lower("data");
            page.foreign_frame |=
                source.starts_with("http") || source.starts_with("data:text/html");
        }
        _ => {}
    }
}

/// The language of a script element; `None` when it is data.
fn language(tag: &Tag<'_>, windows: bool) -> Option<Language> {
    let kind = tag.lower("type");
    let name = tag.lower("language") + &tag.lower("implements-prefix");
    if kind.contains("json") || kind.contains("template") || kind.contains("x-handlebars") {
        return None;
    }
    let basic = name.starts_with("vb") || kind.contains("vbs");
    Some(match () {
        () if basic => Language::VbScript,
        () if name.contains("c#") || name.contains("csharp") => Language::Managed,
        () if windows && name.is_empty() && kind.is_empty() => Language::JavaScript,
        () => Language::JavaScript,
    })
}

/// The first place of the closing tag.
fn close(body: &[u8], name: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(body, b"</").find(|at| {
        let rest = body.get(at + 2..).unwrap_or_default();
        rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

/// The longest run of base64 digits, line breaks and joins of strings apart.
fn longest_data(text: &[u8]) -> usize {
    let (mut run, mut longest, mut gap) = (0usize, 0usize, 0usize);
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => {
                // `"+` and a line break between pieces are part of the run; words of prose are not.
                if gap > 8 {
                    run = 0;
                }
                gap = 0;
                run += 1;
                longest = longest.max(run);
            }
            b'\n' | b'\r' | b'"' | b'\'' | b'\\' | b',' if run >= 32 => gap += 1,
            _ => run = 0,
        }
    }
    longest
}
