//! What the `pdf` analyser does at the edges of its format.

use palisade_analyzers::samples::cases;
use palisade_model::{ObservableKind, Severity};
use palisade_ports::engine::Opinion;

use crate::support::{analyzer, examine, has};

fn pdf(bytes: &[u8]) -> Opinion {
    examine(analyzer("pdf"), "a.pdf", bytes).0
}

fn of(objects: &str) -> Vec<u8> {
    format!("%PDF-1.7\n{objects}\ntrailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n").into_bytes()
}

#[test]
fn nothing_is_malicious_by_itself() {
    for case in cases().iter().filter(|case| case.analyzer == "pdf") {
        let opinion = pdf(&(case.sample)());
        assert!(
            !opinion.findings.iter().any(|f| f.severity == Severity::Malicious),
            "{}",
            case.finding
        );
    }
}

#[test]
fn actions_are_followed_through_references() {
    let file = of("1 0 obj\n<</Type/Catalog/OpenAction 2 0 R>>\nendobj\n\
         2 0 obj\n<</S/JavaScript/JS(1)/Next 3 0 R>>\nendobj\n\
         3 0 obj\n<</S/URI/URI(http://example.com/next)>>\nendobj");
    let opinion = pdf(&file);
    assert!(has(&opinion, "opens-address-by-itself"));
    let url = opinion.observables.iter().find(|seen| seen.kind == ObservableKind::Url);
    assert_eq!(url.map(|seen| seen.value.as_str()), Some("http://example.com/next"));
}

#[test]
fn scripts_in_the_tree_of_names_run_by_themselves() {
    let file = of("1 0 obj\n<</Type/Catalog/Names<</JavaScript 2 0 R>>>>\nendobj\n\
         2 0 obj\n<</Kids[3 0 R]>>\nendobj\n3 0 obj\n<</Names[(a) 4 0 R]>>\nendobj\n\
         4 0 obj\n<</S/JavaScript/JS 5 0 R>>\nendobj\n5 0 obj\n(var a = 1;)\nendobj");
    assert!(has(&pdf(&file), "javascript-auto-run"));
}

#[test]
fn scripts_of_fields_do_not() {
    let file = of("1 0 obj\n<</Type/Catalog>>\nendobj\n\
         2 0 obj\n<</FT/Tx/AA<</K<</S/JavaScript/JS(1)>>/F<</S/JavaScript/JS(2)>>>>>>\nendobj");
    let opinion = pdf(&file);
    assert!(has(&opinion, "javascript") && !has(&opinion, "javascript-auto-run"));
}

#[test]
fn a_launch_with_parameters_names_them() {
    let file = of(
        "1 0 obj\n<</S/Launch/Win<</F(c:\\\\windows\\\\system32\\\\cmd.exe)/P(/c calc)>>>>\nendobj",
    );
    let opinion = pdf(&file);
    let finding = opinion.findings.iter().find(|f| f.id == "launch-program").expect("found");
    assert!(finding.explanation.ends_with("cmd.exe /c calc"), "{}", finding.explanation);
}

#[test]
fn strings_in_other_writings_are_read() {
    let hexadecimal =
        of("1 0 obj\n<</S/URI/URI<687474703a2f2f6578616d706c652e636f6d2f61>>>\nendobj");
    let wide = of(
        "1 0 obj\n<</S/URI/URI(\\376\\377\\000h\\000t\\000t\\000p\\000:\\000/\\000/\\000a\\000.\\000b)>>\nendobj",
    );
    for (file, expect) in [(hexadecimal, "http://example.com/a"), (wide, "http://a.b")] {
        assert!(pdf(&file).observables.iter().any(|seen| seen.value == expect), "{expect}");
    }
}

#[test]
fn hostile_structure_ends() {
    pdf(&of(&"1 0 obj\n<<".repeat(50_000)));
    pdf(&of(&"1 0 obj\n[".repeat(50_000)));
    pdf(&of(&"/J#61#61#61".repeat(50_000)));
    // Objects that follow each other in a ring.
    pdf(&of(
        "1 0 obj\n<</OpenAction 2 0 R>>\nendobj\n2 0 obj\n<</S/URI/URI(a)/Next 2 0 R>>\nendobj",
    ));
}
