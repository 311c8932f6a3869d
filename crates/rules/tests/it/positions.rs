//! Every error names the line and column of its cause.

use palisade_rules::{Code, Position};

use crate::support::{error, load};

/// The place of the one error.
fn place(text: &str) -> (u32, u32) {
    let message = error(text);
    let mut parts = message.split(':').skip(1).map(|part| part.parse().expect("a number"));
    (parts.next().expect("a line"), parts.next().expect("a column"))
}

fn rule(condition: &str) -> String {
    format!("- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
}

#[test]
fn in_every_style_of_yaml() {
    assert_eq!(place(&rule("proc.nam = a")), (3, 14));
    assert_eq!(place(&rule("'proc.name = a and proc.nam = a'")), (3, 33));
    assert_eq!(place(&rule("\"proc.name = \\\"a\\\" and proc.nam = a\"")), (3, 37));
    assert_eq!(place(&rule(">\n    proc.name = a\n    and proc.nam = a")), (5, 9));
    assert_eq!(place(&rule("|-\n    proc.name = a\n\n    and proc.nam = a")), (6, 9));
    assert_eq!(place(&rule("proc.name = a\n    and proc.nam = a")), (4, 9));
    assert_eq!(place(&rule("proc.name = ä and proc.nam = a")), (3, 32));
}

#[test]
fn of_what_was_expected() {
    assert_eq!(place(&rule("proc.name = a b")), (3, 28));
    assert_eq!(place(&rule("proc.name is a")), (3, 24));
    assert_eq!(place(&rule("(proc.name = a")), (3, 28));
    assert_eq!(place(&rule("proc.name = \"a")), (3, 26));
    assert_eq!(place(&rule("proc.name in (a, b")), (3, 32));
    assert_eq!(place(&rule("proc.pid in (1, x)")), (3, 30));
    assert_eq!(place(&rule("proc.name[1] = a")), (3, 14));
    assert_eq!(place(&rule("proc.name = a and nobody")), (3, 32));
}

#[test]
fn in_the_macro_and_in_what_was_appended() {
    let text = format!("- macro: m\n  condition: proc.nam = a\n{}", rule("m"));
    assert_eq!(place(&text), (2, 14));
    let text = format!(
        "{}- rule: r\n  append: true\n  condition: and proc.nam = b\n",
        rule("proc.name = a")
    );
    assert_eq!(place(&text), (8, 18));
    let text = format!("- list: l\n  items:\n    - 1\n    - x\n{}", rule("proc.pid in (l)"));
    assert_eq!(place(&text), (4, 7));
}

#[test]
fn of_text_that_is_not_yaml() {
    let (rules, problems) = load("- rule: r\n  desc: [a\n");
    assert_eq!(rules.rules().count(), 0);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, Code::Yaml);
    assert!(problems[0].position.line >= 2, "{}", problems[0]);
}

#[test]
fn of_a_rule() {
    let (rules, _) = load(&format!("# why\n\n{}", rule("evt.type = open")));
    let (_, found) = rules.find("r").expect("the rule");
    assert_eq!(found.position(), Position { source: 0, line: 3, column: 3 });
    assert_eq!(&**found.file(), "0.yaml");
}
