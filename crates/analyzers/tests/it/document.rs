//! `docs/findings.md` is made from the lists of findings. `PALISADE_UPDATE=1` writes it anew.

use std::fmt::Write;
use std::path::Path;

use palisade_analyzers::ALL;
use palisade_model::Severity;

fn document() -> String {
    let mut text = String::from(
        "# Findings of the static analysers\n\n\
         Made from the analysers' own lists by `crates/analyzers/tests/it/document.rs`; change it there.\n\n\
         *info*: worth knowing, says nothing about intent. *suspicious*: legitimate files rarely have it.\n\
         *malicious*: there is no innocent explanation. Each finding has a harmless sample that shows it and a\n\
         near miss that does not, which the tests go through. ATT&CK is MITRE's.\n",
    );
    for analyzer in ALL {
        let _ = write!(
            text,
            "\n## `{}`: {}\n\n| finding | | ATT&CK | what it is |\n|---|---|---|---|\n",
            analyzer.name, analyzer.description
        );
        let mut kinds: Vec<_> = analyzer.kinds.iter().collect();
        kinds.sort_by_key(|kind| (std::cmp::Reverse(kind.severity), kind.id));
        for kind in kinds {
            let severity = match kind.severity {
                Severity::Info => "info",
                Severity::Suspicious => "suspicious",
                Severity::Malicious => "malicious",
            };
            let about = kind.about.split_whitespace().collect::<Vec<_>>().join(" ");
            let about = about.replace('|', "\\|");
            let attack = kind.attack.join(", ");
            let _ = writeln!(text, "| `{}` | {severity} | {attack} | {about} |", kind.id);
        }
    }
    text
}

#[test]
fn the_document_lists_every_finding() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings.md");
    let made = document();
    if std::env::var_os("PALISADE_UPDATE").is_some() {
        std::fs::write(&path, &made).expect("docs/findings.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "docs/findings.md is not what the lists say: run this test with PALISADE_UPDATE=1"
    );
}
