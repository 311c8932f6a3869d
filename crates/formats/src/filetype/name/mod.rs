//! A file's name judged against what the content is.
//!
//! Names deceive people: a second extension hides the first, invisible characters turn it around,
//! spaces push it out of sight. What a reader of the list would be glad to know is `Info`; what
//! makes something look harmless that runs when it is opened is `Suspicious`.

mod extensions;
#[cfg(test)]
mod tests;

use super::{Category, Detection};
use extensions::{ANY_TEXT, DECOYS, NEUTRAL, RUNS, SAME};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Untidy, or a harmless mix-up.
    Info,
    /// Makes something that runs look like something that does not, or hides what it is.
    Suspicious,
}

/// What is odd about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFinding {
    /// Stable id in kebab case, for example `double-extension`. Wire form: never changes.
    pub id: &'static str,
    /// One line for people.
    pub explanation: String,
    /// How much it weighs.
    pub severity: Severity,
}

/// What is odd about `name`, which may have folders before it, given what its content is.
pub fn examine(name: &str, detection: &Detection) -> Vec<NameFinding> {
    let mut findings = Vec::new();
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    hidden_characters(base, &mut findings);
    // Windows drops dots and spaces at the end, so what decides stands before them.
    let trimmed = base.trim_end_matches(['.', ' ']);
    if trimmed.len() < base.len() && !trimmed.is_empty() {
        let (_, extension) = split(trimmed);
        let severity = if runs(&extension) { Severity::Suspicious } else { Severity::Info };
        add(
            &mut findings,
            "trailing-dots-or-spaces",
            severity,
            "the name ends in dots or spaces, which Windows drops".to_owned(),
        );
    }
    let visible: String = trimmed.chars().filter(|c| !is_invisible(*c)).collect();
    let (stem, extension) = split(&visible);
    double_extension(&stem, &extension, &mut findings);
    if stem.contains("     ") && !extension.is_empty() {
        let severity = if runs(&extension) { Severity::Suspicious } else { Severity::Info };
        add(
            &mut findings,
            "long-spaces",
            severity,
            format!("a long run of spaces stands before the extension .{extension}"),
        );
    }
    mismatch(&stem, &extension, detection, &mut findings);
    findings
}

fn add(findings: &mut Vec<NameFinding>, id: &'static str, severity: Severity, explanation: String) {
    findings.push(NameFinding { id, explanation, severity });
}

/// Stem and extension in lower case; no extension for names such as `.profile`.
fn split(name: &str) -> (String, String) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 20 => {
            (stem.to_lowercase(), extension.trim().to_lowercase())
        }
        _ => (name.to_lowercase(), String::new()),
    }
}

fn runs(extension: &str) -> bool {
    RUNS.contains(&extension)
}

/// Characters that change the order of others: embeddings, overrides and isolates (UAX #9).
fn is_bidi(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Characters without width or ink.
fn is_invisible(character: char) -> bool {
    is_bidi(character)
        || matches!(character,
            '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{34f}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Characters that look like the dot before an extension.
fn is_false_dot(character: char) -> bool {
    matches!(
        character,
        '\u{2024}'
            | '\u{ff0e}'
            | '\u{fe52}'
            | '\u{3002}'
            | '\u{ff61}'
            | '\u{a4f8}'
            | '\u{701}'
            | '\u{702}'
            | '\u{660}'
            | '\u{6f0}'
    )
}

fn hidden_characters(name: &str, findings: &mut Vec<NameFinding>) {
    if name.contains(['\u{202e}', '\u{202d}']) {
        add(
            findings,
            "direction-override",
            Severity::Suspicious,
            "the name holds a character that turns the direction of what follows".to_owned(),
        );
    } else if let Some(character) = name.chars().find(|c| is_bidi(*c)) {
        // Isolates and marks have honest uses in right-to-left names.
        let honest = name.chars().any(is_right_to_left);
        let severity = if honest { Severity::Info } else { Severity::Suspicious };
        add(
            findings,
            "direction-control",
            severity,
            format!("the name holds the direction control U+{:04X}", u32::from(character)),
        );
    }
    // A joiner between emoji or in Indic and Arabic writing is honest; in a Latin name it is not.
    let invisible = name.chars().find(|c| is_invisible(*c) && !is_bidi(*c));
    if let Some(character) = invisible {
        let visible_ascii = name.chars().all(|c| c.is_ascii() || is_invisible(c));
        let severity = if visible_ascii { Severity::Suspicious } else { Severity::Info };
        add(
            findings,
            "invisible-character",
            severity,
            format!("the name holds the invisible character U+{:04X}", u32::from(character)),
        );
    }
    if name.contains('\0') {
        add(
            findings,
            "nul-character",
            Severity::Suspicious,
            "the name holds a NUL: some readers see only what is before it".to_owned(),
        );
    } else if name.chars().any(char::is_control) {
        add(
            findings,
            "control-character",
            Severity::Suspicious,
            "the name holds a control character".to_owned(),
        );
    }
    if let Some((before, after)) = name.split_once(is_false_dot) {
        let looks = after.len() <= 5
            && !before.is_empty()
            && after.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        let tail = after.split('.').next().unwrap_or(after).to_lowercase();
        if looks || DECOYS.contains(&tail.as_str()) {
            add(
                findings,
                "false-dot",
                Severity::Suspicious,
                "a character that only looks like a dot stands before what looks like an extension"
                    .to_owned(),
            );
        }
    }
}

fn is_right_to_left(character: char) -> bool {
    matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

fn double_extension(stem: &str, extension: &str, findings: &mut Vec<NameFinding>) {
    if !runs(extension) {
        return;
    }
    let Some((rest, inner)) = stem.trim_end().rsplit_once('.') else { return };
    let inner = inner.trim();
    if rest.is_empty() || !DECOYS.contains(&inner) {
        return;
    }
    // `page.html.js` and `data.json.py` are names that build tools make.
    let source =
        matches!(extension, "js" | "py" | "sh" | "rb" | "pl" | "php" | "dll" | "so" | "run")
            && matches!(inner, "html" | "htm" | "json" | "xml" | "csv" | "svg" | "log" | "txt");
    let severity = if source { Severity::Info } else { Severity::Suspicious };
    add(
        findings,
        "double-extension",
        severity,
        format!("looks like .{inner} but is opened as .{extension}"),
    );
}

fn mismatch(stem: &str, extension: &str, detection: &Detection, findings: &mut Vec<NameFinding>) {
    let ty = detection.ty;
    // A page of the manual or a version: `libc.so.6`, `tclsh8.6`.
    let is_number = extension.bytes().all(|byte| byte.is_ascii_digit());
    // The tools of one file system are named for it: `mkfs.cramfs`.
    let is_tool = matches!(stem, "mkfs" | "fsck" | "mount" | "umount");
    if is_number || is_tool {
        return;
    }
    let known = super::all().any(|other| other.extensions.contains(&extension))
        || runs(extension)
        || DECOYS.contains(&extension);
    if extension.is_empty() || NEUTRAL.contains(&extension) || !known || fits(extension, detection)
    {
        return;
    }
    if matches!(ty.id, "empty" | "binary") {
        return;
    }
    // Of scripts that need no extension to run, only what people take for content is a disguise.
    let disguised = match ty.id {
        "shell" | "php" => DECOYS.contains(&extension),
        _ => dangerous(detection) && !runs(extension),
    };
    let severity = if disguised { Severity::Suspicious } else { Severity::Info };
    let id = if severity == Severity::Suspicious {
        "disguised-executable"
    } else {
        "extension-mismatch"
    };
    add(
        findings,
        id,
        severity,
        format!("named .{extension} but the content is: {}", ty.description),
    );
}

/// Content that runs when opened. Scripts that only words tell are left out when text rules could
/// be wrong about prose.
fn dangerous(detection: &Detection) -> bool {
    match detection.ty.category {
        Category::Executable => !matches!(
            detection.ty.id,
            "java_serialized"
                | "java_keystore"
                | "pdb"
                | "portable_pdb"
                | "dotnet_resources"
                | "res"
                | "elf_core"
                | "macho_core"
                | "coff"
                | "elf_object"
                | "macho_object"
                | "device_tree"
                | "ebpf_btf"
                | "spirv"
                | "dxbc"
                | "metallib"
                | "rust_metadata"
                | "import_object"
        ),
        Category::Script => matches!(
            detection.ty.id,
            "batch"
                | "powershell"
                | "vbscript"
                | "hta"
                | "wsf"
                | "sct"
                | "shell"
                | "scf"
                | "internet_shortcut"
                | "settingcontent"
                | "library_ms"
                | "search_ms"
                | "php"
                | "registry"
        ),
        Category::Document => matches!(detection.ty.id, "msi" | "msp" | "mst"),
        Category::Archive => matches!(detection.ty.id, "jar" | "chm" | "apk" | "appimage"),
        _ => false,
    }
}

fn fits(extension: &str, detection: &Detection) -> bool {
    let ty = detection.ty;
    if ty.extensions.contains(&extension) {
        return true;
    }
    let textual = matches!(ty.category, Category::Text) || ty.mime.starts_with("text/");
    // Source text under another text's name is how text is; scripts under a plain text's name too
    // (a mailed `setup.txt` does not run). Under a picture's name it is odd.
    if textual || ty.category == Category::Script && !dangerous(detection) {
        let text_name = ANY_TEXT.contains(&extension)
            || super::all()
                .filter(|other| matches!(other.category, Category::Text | Category::Script))
                .any(|other| other.extensions.contains(&extension));
        if text_name {
            return true;
        }
    }
    if ANY_TEXT.contains(&extension) && ty.category == Category::Script {
        return true;
    }
    if SAME
        .iter()
        .any(|row| row.contains(&extension) && ty.extensions.iter().any(|own| row.contains(own)))
    {
        return true;
    }
    // Compressed under the name of what is inside: `.svgz`, `.tgz`, `.dia`, and the like.
    if matches!(ty.id, "gzip" | "xz" | "zstd" | "bzip2" | "lz4" | "zlib" | "lzma") {
        return matches!(
            extension,
            "svgz"
                | "tgz"
                | "emz"
                | "wmz"
                | "dia"
                | "gnumeric"
                | "blend"
                | "rds"
                | "rdata"
                | "rda"
                | "gz"
                | "dmg"
                | "zabw"
                | "pack"
                | "cpgz"
                | "z"
        );
    }
    // A zip that we know no better is whatever application's package its name says.
    ty.id == "zip" && SAME[6].contains(&extension)
        || ty.id == "ole"
            && matches!(extension, "doc" | "xls" | "ppt" | "msg" | "db" | "msi" | "max" | "suo")
        || ty.id == "ooxml_encrypted"
        || ty.id == "pdf" && extension == "ai"
        || ty.id == "dos_exe" && matches!(extension, "exe" | "com")
}
