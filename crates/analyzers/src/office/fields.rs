//! Field instructions of Word (ECMA-376 part 1, 17.16.5), wherever they stand.

use super::{kinds, relationships};
use crate::Examination;
use crate::address::{Address, classify};

/// Fields of one document that are looked at.
pub(super) const MAX_FIELDS: usize = 20_000;

/// Applications that an honest dynamic data exchange names.
const DDE_SERVERS: &[&str] = &[
    "excel",
    "excel.sheet",
    "word",
    "winword",
    "msaccess",
    "access",
    "soffice",
    "progman",
    "powerpnt",
    "project",
    "msproject",
    "foxpro",
    "visio",
    "wdf",
    "bloomberg",
    "rtd",
    "tdx",
    "blp",
    "reuter",
    "worddocument",
];

/// Judges a field instruction: `DDEAUTO c:\\… "…"`, `INCLUDEPICTURE "http://…"`.
pub(super) fn judge(examination: &mut Examination<'_>, instruction: &str) {
    let words = split(instruction);
    let Some((keyword, rest)) = words.split_first() else { return };
    let first = rest.iter().find(|word| !word.starts_with('\\') || word.starts_with("\\\\"));
    match keyword.to_uppercase().as_str() {
        "DDE" | "DDEAUTO" => dde(examination, "field", &rest.join(" ")),
        "LINK" => {
            // LINK class file item: the file is second.
            if let Some(file) = rest.iter().find(|word| word.contains(['/', '\\'])) {
                let kind = if outside(file) { "oleObject" } else { return };
                note(examination, kind, "LINK", file);
            }
        }
        "INCLUDEPICTURE" | "INCLUDETEXT" | "INCLUDE" | "IMPORT" | "RD" => {
            if let Some(file) = first.filter(|file| outside(file)) {
                let kind = if keyword.eq_ignore_ascii_case("INCLUDEPICTURE") {
                    "image"
                } else {
                    "include"
                };
                note(examination, kind, keyword, file);
            }
        }
        "HYPERLINK" => {
            if let Some(target) = first {
                relationships::link(examination, "field HYPERLINK", "hyperlink", target);
            }
        }
        _ => {}
    }
}

fn outside(file: &str) -> bool {
    !matches!(classify(file), Address::Other)
}

fn note(examination: &mut Examination<'_>, kind: &str, keyword: &str, file: &str) {
    examination.find(&kinds::FIELD_INCLUDE, format!("Field {keyword} takes {file}"));
    relationships::link(examination, &format!("field {keyword}"), kind, file);
}

/// Judges a dynamic data exchange: server, topic, item.
pub(super) fn dde(examination: &mut Examination<'_>, place: &str, command: &str) {
    examination.observe_text(command.as_bytes(), "DDE");
    let server = command.trim_start_matches(['"', '\'', '=', '+', '-', '@', ' ']);
    let server =
        server.split(['"', '|', ' ', '\t']).next().unwrap_or_default().replace("\\\\", "\\");
    let base = server.rsplit(['\\', '/']).next().unwrap_or_default().to_lowercase();
    let base = base.strip_suffix(".exe").unwrap_or(&base);
    let known =
        DDE_SERVERS.contains(&base) || base.starts_with("excel") || base.starts_with("word");
    let lower = command.to_lowercase();
    // `DDEAUTO excel "..\..\windows\system32\cmd.exe /c …"`, the disguise of SensePost's article.
    let started = [
        "cmd.exe",
        "cmd /",
        "powershell",
        "mshta",
        "rundll32",
        "regsvr32",
        "wscript",
        "cscript",
        "certutil",
        "bitsadmin",
        "msiexec",
        "system32",
        "wmic",
    ]
    .iter()
    .find(|program| lower.contains(**program));
    // A path with an extension is started when no server answers.
    let path = server.contains('\\') && base.len() < server.len();
    match started {
        Some(program) => {
            examination
                .find(&kinds::DDE_COMMAND, format!("DDE in {place} starts {program}"))
                .quoting(place, command.as_bytes());
        }
        None if !known && (path || matches!(base, "cmd" | "msexcel" | "calc" | "sh" | "bash")) => {
            examination
                .find(&kinds::DDE_COMMAND, format!("DDE in {place} starts {server}"))
                .quoting(place, command.as_bytes());
        }
        None => {
            examination
                .find(&kinds::DDE_LINK, format!("DDE in {place}: {server}"))
                .quoting(place, command.as_bytes());
        }
    }
}

/// Words of an instruction: quoted or not. Doubled backslashes are one.
fn split(instruction: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = instruction.trim();
    while !rest.is_empty() && words.len() < 64 {
        let (word, tail) = match rest.strip_prefix(['"', '\u{201c}', '\u{201d}']) {
            Some(quoted) => {
                quoted.split_once(['"', '\u{201c}', '\u{201d}']).unwrap_or((quoted, ""))
            }
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        let plain = if word.starts_with("\\\\\\\\") || !word.starts_with("\\\\") {
            word.replace("\\\\", "\\")
        } else {
            word.to_owned()
        };
        words.push(plain);
        rest = tail.trim_start();
    }
    words
}
