//! What the `office` analyser does at the edges of its formats.

use palisade_analyzers::samples::cases;
use palisade_formats::document::samples::{compound, ppt_object};
use palisade_model::{ObservableKind, Severity};

use crate::support::{analyzer, examine, has};

fn office(name: &str, bytes: &[u8]) -> palisade_ports::engine::Opinion {
    examine(analyzer("office"), name, bytes).0
}

fn sample(finding: &str) -> Vec<u8> {
    let case =
        cases().into_iter().find(|case| case.analyzer == "office" && case.finding == finding);
    (case.expect("a case").sample)()
}

/// The member of a package.
fn member(package: &[u8], wanted: &str) -> Vec<u8> {
    use palisade_formats::unpack::{Child, Options, Problem, Sink, SinkError, unpack};
    struct One<'a>(&'a str, Vec<u8>);
    impl Sink for One<'_> {
        fn child(&mut self, child: &Child, body: &mut dyn std::io::Read) -> Result<(), SinkError> {
            if child.name == self.0 {
                body.read_to_end(&mut self.1).map_err(|_| SinkError)?;
            }
            Ok(())
        }
        fn problem(&mut self, _: Option<&str>, _: Problem, _: &str) {}
    }
    let mut one = One(wanted, Vec::new());
    unpack(package, "zip", &Options::default(), &mut one);
    one.1
}

#[test]
fn sources_are_children_of_the_project_and_not_of_the_package() {
    let package = sample("macro-auto-run");
    let project = member(&package, "word/vbaProject.bin");
    let (opinion, children) = examine(analyzer("office"), "vbaProject.bin", &project);
    assert!(has(&opinion, "macro-auto-run"));
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].0, "ThisDocument.bas");
    assert!(children[0].1.starts_with(b"Attribute VB_Name"));
    assert!(examine(analyzer("office"), "a.docm", &package).1.is_empty());
}

#[test]
fn what_is_said_of_a_macro_names_the_procedure_and_the_program() {
    let opinion = office("a.docm", &sample("macro-auto-run-execute"));
    let finding =
        opinion.findings.iter().find(|f| f.id == "macro-auto-run-execute").expect("found");
    assert_eq!(finding.explanation, "autoopen runs by itself and starts programs: wscript.shell");
    assert_eq!(opinion.threat.as_deref(), Some("Suspicious.Office.MacroAutoRunExecute"));
}

#[test]
fn links_are_observables() {
    let opinion = office("a.docx", &sample("remote-template"));
    let urls: Vec<&str> = opinion
        .observables
        .iter()
        .filter(|seen| seen.kind == ObservableKind::Url)
        .map(|seen| seen.value.as_str())
        .collect();
    assert_eq!(urls, ["http://example.com/letter.dotm"]);
}

#[test]
fn only_exploits_are_malicious() {
    for case in cases().iter().filter(|case| case.analyzer == "office") {
        let opinion = office(case.name, &(case.sample)());
        let malicious = opinion.findings.iter().any(|f| f.severity == Severity::Malicious);
        let exploit = ["mhtml-exploit", "equation-exploit"].contains(&case.finding);
        assert_eq!(malicious, exploit, "{}", case.finding);
        let miss = office(case.name, &(case.near_miss)());
        assert!(
            !miss.findings.iter().any(|f| f.severity == Severity::Malicious),
            "{}",
            case.finding
        );
    }
}

/// A Word document whose text begins behind its header.
fn word(text: &[u8]) -> Vec<u8> {
    let mut stream = vec![0; 1_536];
    stream[0] = 0xec;
    stream[1] = 0xa5;
    stream.extend(text);
    stream.resize(4_200, 0);
    compound(&[("WordDocument", &stream), ("0Table", &[0; 16])])
}

#[test]
fn fields_of_binary_documents_are_read_in_both_widths() {
    let field = "\u{13} DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe \"/k calc\" \u{14}x\u{15}";
    assert!(has(&office("a.doc", &word(field.as_bytes())), "dde-command"));
    let wide: Vec<u8> = field.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(has(&office("a.doc", &word(&wide)), "dde-command"));
    // The same words without the marks of a field.
    let plain = field.replace(['\u{13}', '\u{14}', '\u{15}'], " ");
    assert!(!has(&office("a.doc", &word(plain.as_bytes())), "dde-command"));
}

#[test]
fn the_template_of_a_binary_document_is_followed() {
    let mut stream = vec![0; 4_200];
    stream[..2].copy_from_slice(&[0xec, 0xa5]);
    stream[0x19e] = 200;
    let mut table = vec![0xff, 0xff, 2, 0, 0, 0, 0, 0];
    let path: Vec<u8> =
        "http://example.com/a.dotm".encode_utf16().flat_map(u16::to_le_bytes).collect();
    table.extend((path.len() as u16 / 2).to_le_bytes());
    table.extend(path);
    let file = compound(&[("WordDocument", &stream), ("0Table", &table)]);
    assert!(has(&office("a.doc", &file), "remote-template"));
}

#[test]
fn a_presentation_that_runs_a_program_is_seen() {
    let action = |kind: u8| {
        let mut stream = vec![0x0f, 0, 0xf2, 0x0f, 0xff, 0, 0, 0, 0, 0, 0xf3, 0x0f, 16, 0, 0, 0];
        stream.extend([0, 0, 0, 0, 0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0]);
        stream.extend([0, 0, 0xba, 0x0f, 16, 0, 0, 0]);
        stream.extend("calc.exe".encode_utf16().flat_map(u16::to_le_bytes));
        compound(&[("PowerPoint Document", &stream)])
    };
    assert!(has(&office("a.ppt", &action(2)), "run-program-action"));
    assert!(!has(&office("a.ppt", &action(4)), "run-program-action"));
    assert!(office("a.ppt", &ppt_object(b"nothing")).findings.is_empty());
}

#[test]
fn formulas_of_text_sheets_start_programs() {
    let sheet = |cell: &str| format!("name,amount\nfirst,1\nsecond,{cell}\n").into_bytes();
    for cell in [
        "=cmd|'/c calc'!A0",
        "=1+1+cmd|'/c calc'!A0",
        "\"=cmd|'/c calc'!A0\"",
        "@SUM(1)+cmd|' /C calc'!A0",
    ] {
        assert!(has(&office("a.csv", &sheet(cell)), "sheet-command"), "{cell}");
    }
    for cell in ["=SUM(A1:A2)", "a|b!c", "=excel|'[a.xls]Sheet1'!R1C1", "-5"] {
        assert!(!has(&office("a.csv", &sheet(cell)), "sheet-command"), "{cell}");
    }
}

#[test]
fn text_of_runs_is_joined_for_fields() {
    // The sample splits its instruction over two runs.
    assert!(has(&office("a.docx", &sample("dde-command")), "dde-command"));
}

#[test]
fn deep_and_endless_input_ends() {
    let mut xml = b"<?xml version=\"1.0\"?><w:wordDocument xmlns:w=\"http://schemas.microsoft.com/office/word/2003/wordml\">".to_vec();
    xml.extend(b"<w:p a=\"".repeat(50_000));
    office("a.xml", &xml);
    let mut rtf = b"{\\rtf1".to_vec();
    rtf.extend(b"{\\*\\objdata ".repeat(20_000));
    office("a.rtf", &rtf);
    let mut fields = b"{\\rtf1".to_vec();
    fields.extend(b"{\\fldinst ".repeat(20_000));
    office("a.rtf", &fields);
}

#[test]
fn text_that_a_macro_fetches_from_variables_counts() {
    let project = member(&sample("macro-auto-run"), "word/vbaProject.bin");
    let document = |value: &str| {
        let settings = format!(
            "<w:settings><w:docVars><w:docVar w:name=\"a\" w:val=\"{value}\"/></w:docVars></w:settings>"
        );
        palisade_formats::samples::zip(&[
            ("[Content_Types].xml", b"<Types/>"),
            ("word/settings.xml", settings.as_bytes()),
            ("word/vbaProject.bin", &project),
        ])
    };
    assert!(has(&office("a.docm", &document("powershell -c 1")), "macro-auto-run-execute"));
    assert!(!has(&office("a.docm", &document("Figures of March")), "macro-auto-run-execute"));
}

#[test]
fn a_workbook_with_excels_own_password_is_read() {
    // Obfuscated by XOR: recognised; what is in it stays unread.
    let opinion = office("a.xls", &sample("protected-workbook"));
    assert!(has(&opinion, "protected-workbook") && !has(&opinion, "encrypted-document"));
}
