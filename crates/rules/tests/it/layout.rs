//! Rule files as people lay them out: what readers of YAML 1.1 take, and where things are in it.

use crate::support::{error, event, load, load_well, matches, rule};

/// Loads a list that is written so, and says whether `name` is in it.
fn listed(items: &str, name: &str) -> bool {
    let text = format!("- list: a\n  items: {items}\n{}", rule("r", "proc.name in (a)"));
    !matches(&load_well(&text), &event("execve").text("proc.name", name)).is_empty()
}

#[test]
fn brackets_stand_where_they_like() {
    for items in [
        "[x, y]",
        "[\n    x,\n    y\n    ]",
        "[\n    x,\n    y\n  ]",
        "[\n    x,\n    y\n]",
        "[\n  x,\n  y\n  ]",
        "[\nx,\ny]",
        "[\n\tx,\n\ty\n\t]",
        "[x, # first\n# none\ny, # second\n]",
        "[\n'x',\n\"y\"\n]",
        "[x,\n\n\ny\n]\n",
    ] {
        for name in ["x", "y"] {
            assert!(listed(items, name), "{items:?} has {name}");
        }
        assert!(!listed(items, "z"), "{items:?}");
    }
}

#[test]
fn quoted_text_goes_on_where_it_likes() {
    for condition in [
        "\"proc.name = a and\n  proc.name contains \\\"a\\\"\"",
        "\"proc.name = a and\nproc.name contains a\"",
        "'proc.name = a and\n  proc.name contains ''a'''",
    ] {
        let text = format!(
            "- rule: r\n  desc: \"one\ntwo\"\n  condition: {condition}\n  output: o\n  \
             priority: INFO\n"
        );
        let rules = load_well(&text);
        assert_eq!(matches(&rules, &event("execve").text("proc.name", "a")), ["r"], "{condition}");
        assert_eq!(rules.find("r").expect("the rule").1.description(), "one two");
    }
}

#[test]
fn a_tab_may_follow_a_key() {
    let text =
        "- rule:\tr\n  desc:\td\n  condition:\tproc.name = a\n  output:\to\n  priority:\tINFO\n";
    assert_eq!(matches(&load_well(text), &event("execve").text("proc.name", "a")), ["r"]);
}

#[test]
fn places_are_those_of_the_text() {
    let before = "- list: a\n  items: [\nä,\ny\n]\n";
    let message = error(&(before.to_owned() + &rule("r", "proc.nam = x")));
    assert!(message.starts_with("0.yaml:9:5:"), "{message}");
    let inside = "- rule: r\n  desc: d\n  condition: \"proc.name = a\nand proc.nam = b\"\n  output: o\n  \
                  priority: INFO\n";
    let message = error(inside);
    assert!(message.starts_with("0.yaml:4:5:"), "{message}");
    // What is wrong all the same is said of the text as it is.
    let message = error("- list: a\n  items: [\nx\n");
    assert!(message.starts_with("0.yaml:3:1: error[yaml]"), "{message}");
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = (rule("r", "proc.name = a\n    and proc.name exists") + "  tags: [\nx\n]\n")
        .replace('\n', "\r\n");
    let (rules, problems) = load(&text);
    assert_eq!(rules.find("r").map(|(_, rule)| rule.tags().to_vec()), Some(vec!["x".to_owned()]));
    assert_eq!(matches(&rules, &event("execve").text("proc.name", "a")), ["r"], "{problems:?}");
}
