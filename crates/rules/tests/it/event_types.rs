//! Which event types a rule is tried on.

use palisade_rules::{Catalogue, Code, EventSet, EventType, Severity};

use crate::support::{event, load, load_well, load_with, matches, rule, shown};

/// Checks the types of a condition: `+a b` is these, `-a b` is all others.
fn check(condition: &str, expected: &str) {
    let rules = load_well(&rule("r", condition));
    let (_, found) = rules.find("r").expect("the rule");
    let names = expected.get(1..).unwrap_or_default();
    let named: EventSet = names
        .split_whitespace()
        .map(|name| EventType::from_name(name).expect("a known event type"))
        .collect();
    let expected = if expected.starts_with('-') { named.complement() } else { named };
    assert_eq!(*found.events(), expected, "{condition}");
}

#[test]
fn they_follow_from_the_condition() {
    check("evt.type = open", "+open");
    check("evt.type in (open, openat)", "+open openat");
    check("evt.type = open or evt.type = openat", "+open openat");
    check("evt.type != open", "-open");
    check("not evt.type = open", "-open");
    check("not evt.type != open", "+open");
    check("not evt.type in (open, openat)", "-open openat");
    check("evt.type exists", "-");
    check("proc.name = a", "-");
    check("not proc.name = a", "-");
    check("evt.type = open and proc.name = a", "+open");
    check("evt.type = open or proc.name = a", "-");
    check("not (evt.type = open or proc.name = a)", "-open");
    check("not (evt.type = open and proc.name = a)", "-");
    check("evt.type in (open, openat) and not evt.type = open", "+openat");
    check("evt.type = open and evt.type = openat", "+");
    check(
        "(evt.type = open and proc.name = a) or (evt.type = close and proc.name = b)",
        "+open close",
    );
    check("evt.type = open and evt.dir = <", "+open");
    check("evt.type = anyof (open, openat)", "+open openat");
    check("evt.type != allof (open, openat)", "-open openat");
    check("evt.type != anyof (open, openat)", "-");
    check("not (evt.type = open and evt.dir = >)", "-");
}

#[test]
fn an_event_meets_only_rules_that_can_match_it() {
    let text = rule("a", "evt.type = execve and proc.name = x")
        + &rule("b", "evt.type in (execve, openat)")
        + &rule("c", "evt.type = connect");
    let rules = load_well(&text);
    let candidates = |name: &str| {
        let event = EventType::from_name(name).expect("a known event type");
        rules.candidates(event).len()
    };
    assert_eq!(candidates("execve"), 2);
    assert_eq!(candidates("openat"), 1);
    assert_eq!(candidates("close"), 0);
    assert_eq!(rules.events().len(), 3);
    assert_eq!(matches(&rules, &event("execve")), ["b"]);
    assert!(matches(&rules, &event("close")).is_empty());
}

#[test]
fn too_many_and_unknown_types_are_warned_of() {
    let warnings = |text: &str| shown(&load(text).1, Severity::Warning).join("\n");
    assert!(warnings(&rule("r", "proc.name = a")).contains("is tried on"));
    let quiet = format!("{}  warn_evttypes: false\n", rule("r", "proc.name = a"));
    assert_eq!(warnings(&quiet), "");
    let unknown = warnings(&rule("r", "evt.type in (open, opne)"));
    assert!(unknown.contains("nobody knows the event type `opne`"), "{unknown}");
    assert!(warnings(&rule("r", "evt.type = opne")).contains("matches no event type"));
}

#[test]
fn the_type_is_a_field_too() {
    let rules = load_well(
        &(rule("a", "evt.type startswith open")
            + &rule("b", "evt.type.is.openat = 1")
            + &rule("c", "toupper(evt.type) = OPENAT")
            + &rule("d", "evt.dir contains <")),
    );
    assert_eq!(matches(&rules, &event("openat")), ["a", "b", "c", "d"]);
}

#[test]
fn a_call_that_is_told_once_stands_for_its_beginning_too() {
    let asked = [
        "evt.type = ptrace and evt.dir = >",
        "evt.type=ptrace and evt.dir=>",
        "evt.type = ptrace and evt.dir != <",
        "evt.type = ptrace and evt.dir in (<, >)",
        "evt.type = ptrace and not evt.dir = >",
        "evt.type = ptrace and not (evt.dir = > and proc.name exists)",
    ];
    for condition in asked {
        let (rules, _) = load(&rule("r", condition));
        assert_eq!(matches(&rules, &event("ptrace").text("proc.name", "a")), ["r"], "{condition}");
    }
    let (rules, problems) = load(&rule("r", asked[0]));
    let warnings = shown(&problems, Severity::Warning).join("\n");
    assert!(warnings.contains("is not told by itself"), "{warnings}");
    assert_eq!(rules.events().len(), 1);
    for condition in ["evt.type = ptrace and evt.dir = x", "evt.type = ptrace and not evt.dir = <"]
    {
        let (rules, _) = load(&rule("r", condition));
        assert!(matches(&rules, &event("ptrace")).is_empty(), "{condition}");
    }
}

#[test]
fn types_that_nobody_tells_of_are_named() {
    let told = ["execve", "openat"].into_iter().filter_map(EventType::from_name).collect();
    let catalogue = Catalogue::everything().with_events(told);
    let text = rule("no", "evt.type in (dup, dup2) and proc.name = a")
        + &rule("yes", "evt.type in (execve, dup)")
        + &rule("most", "not evt.type in (execve, openat)");
    let (rules, problems) = load_with(&[&text], &catalogue);
    let found: Vec<_> = problems.iter().filter(|one| one.code == Code::UntoldEvent).collect();
    assert_eq!(found.len(), 2, "{problems:?}");
    let shown = found[0].to_string();
    assert!(shown.starts_with("0.yaml:1:3: warning[untold-event]"), "{shown}");
    assert!(
        shown.ends_with("the rule `no` never matches: nobody tells of dup, dup2 here"),
        "{shown}"
    );
    assert!(found[1].message.ends_with(", … here"), "{}", found[1]);
    // It is there all the same.
    assert!(rules.find("no").is_some());
}

#[test]
fn names_are_sorted_and_unique() {
    let names: Vec<_> = EventType::all().map(EventType::name).collect();
    assert!(names.is_sorted_by(|a, b| a < b));
    for name in names {
        assert_eq!(EventType::from_name(name).map(EventType::name), Some(name));
    }
    assert_eq!(EventSet::all().len(), EventType::COUNT);
    assert!(EventSet::all().complement().is_empty());
}
