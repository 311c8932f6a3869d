//! VBA: the projects of a document, and what their code can do.

mod capability;
pub(super) mod decompress;
mod lexer;
mod pcode;
mod project;

use palisade_formats::document::ole::compound::Compound;

use super::kinds;
use crate::Examination;
pub(super) use capability::Capabilities;
use project::{Module, Project};

/// Bytes of source that are looked at, of one document.
const MAX_SOURCE_BYTES: usize = 32 << 20;

/// What a document says about its macros besides their code.
#[derive(Default)]
pub(super) struct Surroundings {
    /// Macros that the ribbon or an event binding calls.
    pub(super) callbacks: Vec<String>,
    /// The text asks the reader to enable macros: the words.
    pub(super) lure: Option<String>,
    /// Text that code may fetch from places beside it: document variables.
    pub(super) hidden: Vec<String>,
}

/// Whether there is a VBA project in it, with code or without.
pub(super) fn has_project(compound: &Compound<'_>) -> bool {
    !project::projects(compound).is_empty()
}

/// Looks at the VBA projects of a compound file, and hands out their sources where `hand_out` says so.
pub(super) fn examine(
    examination: &mut Examination<'_>,
    compound: &Compound<'_>,
    surroundings: &Surroundings,
    hand_out: bool,
) {
    for project in project::projects(compound) {
        if examination.should_stop() {
            return;
        }
        if hand_out {
            for module in &project.modules {
                if !code(&module.source).trim().is_empty() {
                    let extension = if module.class { "cls" } else { "bas" };
                    examination
                        .child(&format!("{}.{extension}", module.name), module.source.as_bytes());
                }
            }
        }
        stomping(examination, &project);
        let sources: Vec<&str> = project.modules.iter().map(|m| code(&m.source)).collect();
        // Where the source is gone, the compiled form still has its strings; and code fetches text
        // from forms and variables.
        let compiled = project.modules.iter().flat_map(|module| &module.pcode.strings);
        let literals: Vec<String> = compiled
            .chain(&project.form_strings)
            .chain(&surroundings.hidden)
            .map(|text| format!("\"{}\"\n", text.replace('"', "\"\"").replace('\n', " ")))
            .collect();
        let has_code = project
            .modules
            .iter()
            .any(|module| module.pcode.lines > 0 || !code(&module.source).trim().is_empty());
        let literals = if has_code { literals.concat() } else { String::new() };
        let mut all = sources;
        all.push(&literals);
        let references = project.references.join(", ");
        judge(examination, &all, surroundings);
        if !references.is_empty() {
            examination.property("macro-references", references);
        }
    }
}

/// Judges macro code in Basic, whichever document it comes from.
pub(super) fn judge(
    examination: &mut Examination<'_>,
    sources: &[&str],
    surroundings: &Surroundings,
) {
    let mut capabilities = Capabilities::default();
    let mut left = MAX_SOURCE_BYTES;
    for source in sources {
        if examination.should_stop() {
            return;
        }
        let end = source.floor_char_boundary(left.min(source.len()));
        let source = source.get(..end).unwrap_or_default();
        left -= source.len();
        capabilities.add(source);
    }
    if sources.iter().all(|source| source.trim().is_empty()) {
        return;
    }
    for callback in &surroundings.callbacks {
        if capabilities.auto_run.len() < 32 {
            capabilities.auto_run.push(callback.clone());
        }
    }
    let lines: usize = sources.iter().map(|source| source.lines().count()).sum();
    examination.find(&kinds::MACROS, format!("Macro code of {lines} lines"));
    for text in &capabilities.strings {
        examination.observe_text(text.as_bytes(), "macro");
    }
    note(examination, &capabilities, surroundings);
}

fn list(signs: &[String]) -> String {
    signs.join(", ")
}

fn note(examination: &mut Examination<'_>, found: &Capabilities, surroundings: &Surroundings) {
    let runs = !found.auto_run.is_empty();
    let auto_run = list(&found.auto_run);
    let mut single = |kind, signs: &[String], what: &str| {
        if !signs.is_empty() {
            examination.find(kind, format!("{what}: {}", list(signs)));
        }
    };
    single(&kinds::MACRO_AUTO_RUN, &found.auto_run, "Macros that run by themselves");
    single(&kinds::MACRO_EXECUTE, &found.execute, "Macro code that starts programs");
    single(&kinds::MACRO_DOWNLOAD, &found.download, "Macro code that downloads");
    single(&kinds::MACRO_WRITES_FILE, &found.writes, "Macro code that writes files");
    single(&kinds::MACRO_HIDDEN_DATA, &found.hidden_data, "Macro code that reads hidden places");
    single(&kinds::MACRO_EVASION, &found.evasion, "Macro code that looks for analysts");
    single(&kinds::MACRO_TAMPERS_SECURITY, &found.tampering, "Macro code that weakens security");
    single(&kinds::MACRO_OBFUSCATED, &found.obfuscation, "Hidden text in macro code");
    if found.injects() {
        examination.find(
            &kinds::MACRO_INJECTION,
            format!(
                "Macro code that runs machine code: {}, {}, {}",
                list(&found.memory),
                list(&found.memory_write),
                list(&found.memory_run)
            ),
        );
    }
    if !runs {
        return;
    }
    if !found.execute.is_empty() {
        examination.find(
            &kinds::MACRO_AUTO_RUN_EXECUTE,
            format!("{auto_run} runs by itself and starts programs: {}", list(&found.execute)),
        );
    }
    let uses = !found.execute.is_empty() || !found.writes.is_empty();
    let one_step = found.download.iter().any(|sign| sign.starts_with("urldownload"));
    if !found.download.is_empty() && (uses || one_step) {
        examination.find(
            &kinds::MACRO_AUTO_RUN_DOWNLOAD,
            format!("{auto_run} runs by itself and downloads: {}", list(&found.download)),
        );
    }
    if !found.obfuscation.is_empty() && !found.indirect.is_empty() {
        examination.find(
            &kinds::MACRO_AUTO_RUN_OBFUSCATED,
            format!(
                "{auto_run} runs by itself, hides text ({}) and computes what it calls ({})",
                list(&found.obfuscation),
                list(&found.indirect)
            ),
        );
    }
    if !found.persistence.is_empty() {
        examination.find(
            &kinds::MACRO_PERSISTENCE,
            format!("{auto_run} runs by itself and writes {}", list(&found.persistence)),
        );
    }
    if !found.replication.is_empty() {
        examination.find(
            &kinds::MACRO_REPLICATION,
            format!("{auto_run} runs by itself and writes code: {}", list(&found.replication)),
        );
    }
    if let Some(lure) = &surroundings.lure {
        examination.find(
            &kinds::LURE_WITH_MACROS,
            format!("The text says \"{lure}\", and {auto_run} waits for it"),
        );
    }
}

/// Source without the attributes in front, which the editor does not show.
fn code(source: &str) -> &str {
    let mut rest = source;
    loop {
        let line = rest.lines().next().unwrap_or_default();
        let word = line.trim_start().as_bytes();
        let hidden = [&b"attribute "[..], b"version ", b"begin", b"end", b"multiuse"]
            .iter()
            .any(|start| word.get(..start.len()).is_some_and(|w| w.eq_ignore_ascii_case(start)));
        let body = word.get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"end "));
        if line.is_empty() && rest.is_empty() || !hidden && !line.trim().is_empty() || body {
            return rest;
        }
        let Some((_, tail)) = rest.split_once('\n') else { return "" };
        rest = tail;
    }
}

/// Lines of compiled code below which an empty source proves nothing.
const LEAST_LINES: usize = 2;

/// Compiled code beside a source that does not have it.
fn stomping(examination: &mut Examination<'_>, project: &Project) {
    for module in &project.modules {
        let lines = module.pcode.lines;
        let source = code(&module.source);
        let blank = source.trim().is_empty();
        let name = &module.name;
        // Each line of source that is not blank is compiled to one, unless it goes on in the next.
        let shown = source.lines().filter(|line| !line.trim().is_empty()).count();
        let said = if (blank || !module.has_source) && lines >= LEAST_LINES {
            Some((
                format!("Module {name} has {lines} compiled lines and no source"),
                list(&module.pcode.strings),
            ))
        } else if let Some((missing, of)) = foreign(module) {
            let count = missing.len();
            Some((
                format!("Module {name}: {count} of {of} compiled strings are not in its source"),
                list(&missing),
            ))
        } else if lines > shown.saturating_mul(2).saturating_add(4) {
            Some((
                format!("Module {name} has {lines} compiled lines and {shown} of source"),
                list(&module.pcode.strings),
            ))
        } else {
            None
        };
        if let Some((said, strings)) = said {
            examination.find(&kinds::MACRO_STOMPED, said).quoting(name.clone(), strings.as_bytes());
        }
        if !module.listed && !blank {
            examination.find(
                &kinds::MACRO_HIDDEN_MODULE,
                format!("Module {name} has code and is not in the project's list"),
            );
        }
    }
}

/// Compiled strings that the source does not have, when they are many enough to be no accident of
/// reading an unpublished layout.
fn foreign(module: &Module) -> Option<(Vec<String>, usize)> {
    let strings = &module.pcode.strings;
    let source = module.source.replace("\"\"", "\"");
    let missing: Vec<String> =
        strings.iter().filter(|text| !source.contains(text.as_str())).cloned().collect();
    let many = missing.len() >= 2 && missing.len() * 2 > strings.len();
    many.then_some((missing, strings.len()))
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn what_the_editor_hides_is_left_out() {
        let class =
            "VERSION 1.0 CLASS\r\nBEGIN\r\n  MultiUse = -1\r\nEND\r\nAttribute VB_Name = \"A\"\r\n";
        assert_eq!(code(class).trim(), "");
        assert_eq!(code("Attribute VB_Name = \"A\"\r\nSub B()\r\n"), "Sub B()\r\n");
        assert_eq!(code("End Sub"), "End Sub");
    }
}
