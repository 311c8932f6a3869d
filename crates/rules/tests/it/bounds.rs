//! What asks for too much is refused, quickly.

use palisade_rules::{Catalogue, Code, Limits, Options, Problem, Ruleset, Source};

use crate::support::rule;

fn problems(text: &str, limits: Limits) -> Vec<Problem> {
    let options = Options { limits, ..Options::default() };
    let sources = [Source::new("a", text)];
    let (rules, problems) = Ruleset::load(&sources, &Catalogue::everything(), &options);
    assert_eq!(rules.rules().count(), 0);
    problems
}

fn refused(text: &str, limits: Limits) {
    let problems = problems(text, limits);
    let limit = problems.iter().any(|problem| problem.code == Code::Limit);
    assert!(limit, "{problems:#?}");
}

#[test]
fn sizes() {
    let limits = || Limits { source_bytes: 50, ..Limits::default() };
    refused(&rule("r", "evt.type = execve"), limits());
    let limits = || Limits { text_bytes: 10, ..Limits::default() };
    refused(&rule("r", "evt.type = execve"), limits());
    refused(&rule("r", &"(".repeat(1_000)), Limits::default());
    refused(&rule("r", &"len(".repeat(1_000)), Limits::default());
    refused(&format!("- {}{}", "[".repeat(100), "]".repeat(100)), Limits::default());
    let limits = Limits { items: 0, ..Limits::default() };
    refused(&rule("r", "evt.type = execve"), limits);
}

#[test]
fn aliases_do_not_explode() {
    let mut text = "- &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, other) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        let others = vec![format!("*{other}"); 10].join(", ");
        text.push_str(&format!("- &{name} [{others}]\n"));
    }
    refused(&text, Limits::default());
}

#[test]
fn macros_and_lists_do_not_explode() {
    let mut text = "- macro: m0\n  condition: proc.name = a\n".to_owned();
    for index in 1..60 {
        let other = index - 1;
        text.push_str(&format!("- macro: m{index}\n  condition: m{other} and m{other}\n"));
    }
    refused(&(text + &rule("r", "m59")), Limits::default());
    let mut text = "- list: l0\n  items: [a, b]\n".to_owned();
    for index in 1..60 {
        let other = index - 1;
        text.push_str(&format!("- list: l{index}\n  items: [l{other}, l{other}]\n"));
    }
    refused(&(text + &rule("r", "proc.name in (l59)")), Limits::default());
}

#[test]
fn lists_that_take_in_a_long_one_are_counted_together() {
    let mut text = format!("- list: long\n  items: [{}]\n", vec!["a"; 100].join(", "));
    for index in 0..20 {
        text.push_str(&format!("- list: l{index}\n  items: [long]\n"));
    }
    let limits = Limits { expanded_together: 1_000, ..Limits::default() };
    refused(&(text.clone() + &rule("r", "proc.name in (l19)")), limits);
    // Each for itself is none too many.
    let limits = Limits { expanded_together: 3_000, ..Limits::default() };
    let sources = [Source::new("a", text + &rule("r", "proc.name in (l19)"))];
    let options = Options { limits, ..Options::default() };
    let (rules, problems) = Ruleset::load(&sources, &Catalogue::everything(), &options);
    assert_eq!(rules.rules().count(), 1, "{problems:#?}");
}

#[test]
fn conditions_do_not_get_deep() {
    let deep = "not (evt.type = execve and ".repeat(90) + "proc.name = a" + &")".repeat(90);
    let mut text = format!("- macro: m0\n  condition: {deep}\n");
    for index in 1..40 {
        let deep = deep.replace("proc.name = a", &format!("m{}", index - 1));
        text.push_str(&format!("- macro: m{index}\n  condition: {deep}\n"));
    }
    refused(&(text + &rule("r", "m39")), Limits::default());
}

#[test]
fn regular_expressions_do_not_explode() {
    let found = problems(&rule("r", "proc.name regex '((a{100}){100}){100}'"), Limits::default());
    assert!(found.iter().any(|problem| problem.code == Code::Type), "{found:#?}");
}

#[test]
fn problems_are_counted_not_kept() {
    let text = "- 1\n".repeat(100);
    let limits = Limits { problems: 10, ..Limits::default() };
    let problems = problems(&text, limits);
    assert_eq!(problems.len(), 11);
    assert!(problems.iter().any(|problem| problem.message.starts_with("90 more problems")));
}
