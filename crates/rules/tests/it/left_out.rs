//! Rules that need what is not there, and their neighbours.

use palisade_rules::{Catalogue, Code, FieldId, Severity};

use crate::support::{event, load_with, matches, rule, shown};

#[test]
fn only_the_rules_that_need_a_field_are_left_out() {
    let catalogue = Catalogue::everything().without([FieldId::ProcCwd]);
    let text = format!(
        "- macro: here\n  condition: proc.cwd = /\n- macro: fine\n  condition: proc.name = a\n{}{}{}{}",
        rule("one", "fine"),
        rule("two", "here or fine"),
        rule("three", "fine and here"),
        rule("four", "proc.nothing = a"),
    );
    let (rules, problems) = load_with(&[&text], &catalogue);
    let names: Vec<_> = rules.rules().map(|(_, rule)| rule.name().to_owned()).collect();
    assert_eq!(names, ["one"]);
    let errors = shown(&problems, Severity::Error);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(
        errors[0],
        "0.yaml:2:14: error[unfilled-field]: the field proc.cwd cannot be filled here \
         (left out: two, three)"
    );
    assert!(errors[1].contains("error[unknown-field]: there is no field `proc.nothing`"));
    assert!(errors[1].ends_with("(left out: four)"));
}

#[test]
fn all_fields_that_a_rule_lacks_are_named_at_once() {
    let (_, problems) =
        load_with(&[&rule("r", "proc.name = a and user.name = b")], &Catalogue::new());
    let missing = problems.iter().filter(|problem| problem.code == Code::UnfilledField).count();
    assert_eq!(missing, 2);
}

#[test]
fn a_rule_may_allow_it() {
    let text = format!("{}  skip-if-unknown-filter: true\n", rule("r", "proc.nothing = a"));
    let (rules, problems) = load_with(&[&text], &Catalogue::everything());
    assert_eq!(rules.rules().count(), 0);
    assert!(shown(&problems, Severity::Error).is_empty());
    assert_eq!(problems.len(), 1);
}

#[test]
fn arguments_count_too() {
    let catalogue = Catalogue::new().with_arguments(FieldId::EvtArg, ["flags"]);
    let text = rule("yes", "evt.arg.flags contains X") + &rule("no", "evt.arg.mode = 1");
    let (rules, problems) = load_with(&[&text], &catalogue);
    assert!(rules.find("yes").is_some());
    assert!(rules.find("no").is_none());
    let errors = shown(&problems, Severity::Error).join("\n");
    assert!(errors.contains("the field evt.arg[mode] cannot be filled here"), "{errors}");
}

#[test]
fn a_field_that_is_only_shown_leaves_nothing_out() {
    let text = rule("r", "evt.type = execve").replace("output: o", "output: in=%proc.cwd");
    let (rules, problems) = load_with(&[&text], &Catalogue::new());
    let event = event("execve");
    assert_eq!(matches(&rules, &event), ["r"]);
    assert!(shown(&problems, Severity::Error).is_empty());
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].code, Code::Output);
    let (_, rule) = rules.find("r").expect("the rule");
    assert_eq!(rule.output().render(event.kind, &event), "in=<NA>");
}
