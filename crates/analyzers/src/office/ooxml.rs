//! Packages of Office Open XML (ECMA-376): relationships, macros, fields, links, packed files.

use palisade_model::{ObservableKind, ProblemKind};

use super::parts::{Part, Parts};
use super::vba::{self, Surroundings};
use super::{classes, embedded, fields, kinds, lure, metadata, ole, relationships, xlm};
use crate::Examination;
use crate::xml::{Element, Token, Tokens, decode, utf8};

/// Bytes of text that are kept to look for phrases in.
const MAX_TEXT: usize = 1 << 20;
/// Document variables that are looked at.
const MAX_VARIABLES: usize = 1_000;

/// Whether a part is worth reading.
fn wanted(name: &str) -> bool {
    let kind = name.rsplit('.').next().unwrap_or_default();
    match kind {
        "rels" => true,
        "xml" => {
            // Cells, looks and frames: the bulk of a document, and nothing that acts.
            let plain = name.starts_with("xl/worksheets/")
                || name.contains("/theme/")
                || name.ends_with("/styles.xml")
                || name.contains("slidelayout")
                || name.contains("slidemaster");
            !plain
        }
        "bin" => {
            name.contains("vba")
                || name.contains("activex")
                || name.contains("macrosheets/")
                || name.contains("externallinks/")
                || name.ends_with("xl/workbook.bin")
        }
        _ => name.contains("/embeddings/") || name.starts_with("word/embeddings"),
    }
}

/// What is gathered over all parts.
#[derive(Default)]
struct Gathered {
    text: String,
    callbacks: Vec<String>,
    /// Values of document variables, where macros may keep text.
    hidden: Vec<String>,
    macro_project: Option<Vec<u8>>,
    content_types: String,
}

/// Looks at a package.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let parts = Parts::read(examination.bytes(), wanted);
    if parts.cut {
        examination.problem(ProblemKind::TooLarge, "a part larger than is read");
    }
    package(examination, &parts);
    let mut gathered = Gathered::default();
    for part in &parts.parts {
        if examination.should_stop() {
            return;
        }
        look(examination, &parts, part, &mut gathered);
    }
    xlm::package::examine(examination, &parts);
    let lure = lure::find(&gathered.text);
    if let Some(phrase) = lure {
        examination.find(&kinds::LURE_TEXT, format!("The text says \"{phrase}\""));
    }
    let surroundings = Surroundings {
        callbacks: gathered.callbacks,
        lure: lure.map(str::to_owned),
        hidden: gathered.hidden,
    };
    let Some(project) = gathered.macro_project else { return };
    if let Some(compound) = ole::compound_at(&project) {
        // The project is a child of its own: its sources come from there.
        vba::examine(examination, &compound, &surroundings, false);
        if vba::has_project(&compound) && !gathered.content_types.contains("macroenabled") {
            let said = "A macro project lies in a document of a type without macros";
            examination.find(&kinds::MACROS_IN_PLAIN_DOCUMENT, said);
        }
    }
}

/// Notes where programs would disagree about the package.
fn package(examination: &mut Examination<'_>, parts: &Parts) {
    // Other contradictions are mistakes of writers that all programs read alike.
    const TRICKS: &[&str] = &[
        "two central directories for one end record",
        "local and central headers disagree on the name",
        "a member that the central directory does not name",
        "local and central headers disagree on how the data is stored",
    ];
    for (name, detail) in &parts.contradictions {
        if TRICKS.contains(&detail.as_str()) {
            let said = if name.is_empty() { detail.clone() } else { format!("{name}: {detail}") };
            examination.find(&kinds::PACKAGE_DISAGREES, said).quoting("member", name.as_bytes());
        }
    }
    for name in &parts.encrypted {
        examination.find(&kinds::ENCRYPTED, format!("The part {name} is encrypted"));
    }
}

fn look(examination: &mut Examination<'_>, parts: &Parts, part: &Part, gathered: &mut Gathered) {
    let name = part.name.as_str();
    let kind = name.rsplit('.').next().unwrap_or_default();
    if kind == "rels" {
        for external in relationships::external(&part.bytes) {
            relationships::judge(examination, owner(name), &external);
        }
    } else if kind == "bin" && name.contains("vbaproject") {
        gathered.macro_project = Some(part.bytes.clone());
    } else if name.contains("activex") {
        active_x(examination, part);
    } else if name.contains("/embeddings/") {
        let file = name.rsplit('/').next().unwrap_or(name);
        // Objects in compound files are children that are looked at by themselves.
        if !part.bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            embedded::judge(examination, "The document", file, &part.bytes);
        }
    } else if name == "[content_types].xml" {
        gathered.content_types = String::from_utf8_lossy(&utf8(&part.bytes)).to_lowercase();
    } else if name.starts_with("docprops/") {
        metadata::part(examination, &part.bytes);
    } else if name.contains("/externallinks/") && kind == "xml" {
        dde_link(examination, part);
    } else if name.contains("customui/") && kind == "xml" {
        ribbon(examination, part, gathered);
    } else if kind == "xml" {
        text(examination, parts, part, gathered);
    }
}

/// The part that a relationship part belongs to: `word/_rels/document.xml.rels`.
fn owner(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    let file = file.strip_suffix(".rels").unwrap_or(file);
    if file.is_empty() { "the package" } else { file }
}

fn active_x(examination: &mut Examination<'_>, part: &Part) {
    let utf8 = utf8(&part.bytes);
    for token in Tokens::new(&utf8) {
        if let Token::Open(element) = token
            && element.local() == b"ocx"
            && let Some(id) = element.attribute(b"classid")
        {
            examination.find(&kinds::ACTIVEX, format!("An ActiveX control of class {id}"));
            if let Some(class) = classes::by_text(&id) {
                ole::judge_class(examination, class, &part.name);
            }
        }
    }
}

/// `ddeLink ddeService="cmd" ddeTopic="/c …"` (ECMA-376 part 1, 18.14.3).
fn dde_link(examination: &mut Examination<'_>, part: &Part) {
    let utf8 = utf8(&part.bytes);
    for token in Tokens::new(&utf8) {
        let Token::Open(element) = token else { continue };
        match element.local() {
            b"ddeLink" => {
                let service = element.attribute(b"ddeService").unwrap_or_default();
                let topic = element.attribute(b"ddeTopic").unwrap_or_default();
                fields::dde(examination, &part.name, &format!("{service}|{topic}"));
            }
            b"oleLink" => {
                if let Some(program) = element.attribute(b"progId") {
                    examination.find(
                        &kinds::OBJECT_LINK,
                        format!("{} is linked to an object of {program}", part.name),
                    );
                }
            }
            _ => {}
        }
    }
}

/// Callbacks of the ribbon (\[MS-CUSTOMUI\]).
fn ribbon(examination: &mut Examination<'_>, part: &Part, gathered: &mut Gathered) {
    let utf8 = utf8(&part.bytes);
    for token in Tokens::new(&utf8) {
        if let Token::Open(element) = token
            && let Some(callback) =
                element.attribute(b"onLoad").or_else(|| element.attribute(b"loadImage"))
        {
            examination.find(
                &kinds::RIBBON_CALLBACK,
                format!("The ribbon calls {callback} when it is loaded"),
            );
            if gathered.callbacks.len() < 16 {
                gathered.callbacks.push(callback);
            }
        }
    }
}

/// Fields, links and text of a part of the document proper.
fn text(examination: &mut Examination<'_>, parts: &Parts, part: &Part, gathered: &mut Gathered) {
    let utf8 = utf8(&part.bytes);
    let mut instruction = String::new();
    let mut in_instruction = false;
    let mut fields_seen = 0usize;
    for (at, token) in Tokens::new(&utf8).enumerate() {
        if at % 4096 == 0 && examination.should_stop() {
            return;
        }
        match token {
            Token::Open(element) => match element.local() {
                b"instrText" => in_instruction = true,
                b"fldSimple" => {
                    if let Some(simple) = element.attribute(b"instr") {
                        fields::judge(examination, &simple);
                    }
                }
                b"fldChar" => {
                    let kind = element.attribute(b"fldCharType").unwrap_or_default();
                    // A nested field begins; what stands before it belongs to the outer one.
                    if matches!(kind.as_str(), "separate" | "end") && !instruction.trim().is_empty()
                    {
                        fields_seen += 1;
                        if fields_seen <= fields::MAX_FIELDS {
                            fields::judge(examination, &instruction);
                        }
                        instruction.clear();
                    }
                }
                b"hlinkClick" | b"hlinkMouseOver" | b"hlinkHover" => {
                    action(examination, parts, part, &element);
                }
                b"docVar" => {
                    let value = element.attribute(b"val").unwrap_or_default();
                    if gathered.hidden.len() < MAX_VARIABLES && value.len() >= 4 {
                        gathered.hidden.push(value);
                    }
                }
                b"hyperlink" => {
                    // A hyperlink may be a quoted formula or a path without a relationship.
                    if let Some(location) = element.attribute(b"location") {
                        examination.observe_text(location.as_bytes(), "hyperlink");
                    }
                }
                _ => {}
            },
            Token::Text(raw) => {
                if in_instruction && instruction.len() < 64 << 10 {
                    instruction.push_str(&decode(raw));
                } else if gathered.text.len() < MAX_TEXT {
                    gathered.text.push_str(&decode(raw));
                    gathered.text.push(' ');
                }
            }
            Token::Close(b"instrText") => in_instruction = false,
            Token::Close(_) => {}
        }
    }
    if !instruction.trim().is_empty() {
        // A field that is never closed.
        fields::judge(examination, &instruction);
    }
}

/// The action of a shape: a click, or the mouse over it (\[MS-OE376\] 2.1.1198, `ppaction://`).
fn action(examination: &mut Examination<'_>, parts: &Parts, part: &Part, element: &Element<'_>) {
    let action = element.attribute(b"action").unwrap_or_default().to_lowercase();
    let id = element.attribute(b"id").unwrap_or_default();
    let target = target(parts, part, &id).unwrap_or_default();
    let hover = element.local() != b"hlinkClick";
    let program = action.starts_with("ppaction://program");
    let runs =
        ["cmd", "powershell", "mshta", "wscript", "cscript", "rundll32"].iter().any(|program| {
            let lower = target.to_lowercase();
            lower.starts_with(program)
                || lower.contains(&format!("\\{program}"))
                || lower.contains(&format!("{program}.exe"))
        });
    if program || runs {
        let when = if hover { "The mouse over" } else { "A click on" };
        examination
            .find(
                &kinds::RUN_PROGRAM_ACTION,
                format!("{when} a shape in {} runs {target}", part.name),
            )
            .quoting("target", target.as_bytes());
    } else if hover && !target.is_empty() && !action.starts_with("ppaction://hlinksldjump") {
        examination.find(
            &kinds::HOVER_LINK,
            format!("The mouse over a shape in {} opens {target}", part.name),
        );
        // A share that is opened by moving the mouse gives the password hash away.
        relationships::link(examination, &part.name, "hoverLink", &target);
    }
    if crate::address::web_host(&target.to_lowercase()).is_some() {
        examination.observe(ObservableKind::Url, &target, "action");
    }
}

/// The target of a relationship of a part.
fn target(parts: &Parts, part: &Part, id: &str) -> Option<String> {
    let (folder, file) = part.name.rsplit_once('/')?;
    let rels = parts.get(&format!("{folder}/_rels/{file}.rels"))?;
    relationships::external(&rels.bytes)
        .into_iter()
        .find(|external| external.id == id)
        .map(|external| external.target)
}
