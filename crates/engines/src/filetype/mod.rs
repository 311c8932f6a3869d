//! `filetype`: the true type from content, and whether the name tells the truth.

use palisade_formats::filetype::{self, Category, Detection, name};
use palisade_jail::Loaded;
use palisade_model::{Definitions, FileType, Finding, Severity, UnixMillis};
use palisade_ports::Analyzer;
use palisade_ports::engine::{Opinion, Scan, ScanContext};

/// Its name.
pub const NAME: &str = "filetype";

/// For people.
pub const DESCRIPTION: &str = "true type from content, names that deceive, polyglots";

/// The engine, loaded: its tables are part of the program.
struct FileTypeEngine;

/// Loads it; it has no settings and no definitions of its own.
///
/// # Errors
/// None.
pub fn load(_: &serde_json::Value, _: &[&[u8]]) -> Result<Box<dyn Loaded>, String> {
    Ok(Box::new(FileTypeEngine))
}

impl Loaded for FileTypeEngine {
    fn definitions(&self) -> Definitions {
        crate::unpack::program_definitions()
    }

    fn analyzer(&self) -> Box<dyn Analyzer + '_> {
        Box::new(FileTypeAnalyzer)
    }
}

struct FileTypeAnalyzer;

impl Analyzer for FileTypeAnalyzer {
    fn analyze(&mut self, bytes: &[u8], context: &ScanContext, _: &mut dyn Scan) -> Opinion {
        let detection = filetype::detect(bytes);
        let mut findings: Vec<Finding> =
            name::examine(&context.name, &detection).into_iter().map(from_name).collect();
        findings.extend(polyglot(&detection));
        let threat = findings
            .iter()
            .find(|finding| finding.severity >= Severity::Suspicious)
            .map(|finding| format!("Suspicious.Name.{}", finding.id));
        let file_type = Some(describe(&detection));
        Opinion { findings, threat, file_type, ..Opinion::default() }
    }
}

fn from_name(found: name::NameFinding) -> Finding {
    Finding {
        id: found.id.to_owned(),
        severity: match found.severity {
            name::Severity::Info => Severity::Info,
            name::Severity::Suspicious => Severity::Suspicious,
        },
        explanation: found.explanation,
        ..Finding::default()
    }
}

fn polyglot(detection: &Detection) -> Option<Finding> {
    if detection.also.is_empty() {
        return None;
    }
    let others: Vec<&str> = detection.also.iter().map(|ty| ty.description).collect();
    Some(Finding {
        id: "polyglot".to_owned(),
        severity: if detection.is_polyglot() { Severity::Suspicious } else { Severity::Info },
        explanation: format!(
            "a valid {} and at the same time a valid {}",
            detection.ty.description,
            others.join(", ")
        ),
        ..Finding::default()
    })
}

/// The type as reports show it.
pub fn describe(detection: &Detection) -> FileType {
    let ty = detection.ty;
    FileType {
        id: ty.id.to_owned(),
        description: ty.description.to_owned(),
        mime: ty.mime.to_owned(),
        extension: ty.extensions.first().copied().unwrap_or_default().to_owned(),
        category: category(ty.category).to_owned(),
    }
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Archive => "archive",
        Category::Executable => "executable",
        Category::Script => "script",
        Category::Document => "document",
        Category::Pdf => "pdf",
        Category::Mail => "mail",
        Category::Image => "image",
        Category::Media => "media",
        Category::Text => "text",
        Category::Other => "other",
    }
}

/// The time of a program's own tables: none is recorded, the version says it all.
pub(crate) const NO_TIME: UnixMillis = UnixMillis(0);
