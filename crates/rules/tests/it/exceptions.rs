//! Exceptions.

use crate::support::{Event, error, event, load, load_well, matches, rule};

fn access(process: &str, path: &str) -> Event {
    event("openat").text("proc.name", process).text("fd.name", path)
}

fn check(exceptions: &str, quiet: &[(&str, &str)], loud: &[(&str, &str)]) {
    let rules = load_well(&format!("{}{exceptions}", rule("r", "evt.type = openat")));
    for (process, path) in quiet {
        assert!(matches(&rules, &access(process, path)).is_empty(), "{process} {path}");
    }
    for (process, path) in loud {
        assert_eq!(matches(&rules, &access(process, path)), ["r"], "{process} {path}");
    }
}

#[test]
fn one_field() {
    check(
        "  exceptions:\n    - name: e\n      fields: proc.name\n      values: [a, \"b c\"]\n",
        &[("a", "/x"), ("b c", "/x")],
        &[("b", "/x"), ("c", "/a")],
    );
    check(
        "  exceptions:\n    - name: e\n      fields: fd.name\n      comps: pmatch\n      \
         values: [/etc, /usr/lib]\n",
        &[("a", "/etc/x"), ("a", "/usr/lib")],
        &[("a", "/etcx"), ("a", "/usr")],
    );
}

#[test]
fn several_fields() {
    check(
        "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      \
         comps: [=, startswith]\n      values:\n        - [a, /etc]\n        - [b, /usr]\n",
        &[("a", "/etc/x"), ("b", "/usr/x")],
        &[("a", "/usr/x"), ("b", "/etc/x"), ("c", "/etc/x")],
    );
    // Without comps: all equal.
    check(
        "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      values:\n        \
         - [a, /etc]\n",
        &[("a", "/etc")],
        &[("a", "/etc/x")],
    );
    // A list of values for one field, written as a sequence, in parentheses, and with commas.
    for list in ["[/x, /y]", "(/x, /y)", "'/x, /y'"] {
        check(
            &format!(
                "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      \
                 comps: [=, in]\n      values:\n        - [a, {}]\n",
                if list.starts_with('(') { format!("\"{list}\"") } else { list.to_owned() }
            ),
            &[("a", "/x"), ("a", "/y")],
            &[("a", "/z"), ("b", "/x")],
        );
    }
}

#[test]
fn an_exception_without_values_excepts_nothing() {
    check("  exceptions:\n    - name: e\n      fields: proc.name\n", &[], &[("a", "/x")]);
    check("  exceptions:\n", &[], &[("a", "/x")]);
}

#[test]
fn values_are_appended() {
    let base = "  exceptions:\n    - name: e\n      fields: proc.name\n      values: [a]\n";
    let more = "- rule: r\n  exceptions:\n    - name: e\n      values: [b]\n    - name: f\n      \
                fields: fd.name\n      values: [/f]\n  override:\n    exceptions: append\n";
    check(&format!("{base}{more}"), &[("a", "/x"), ("b", "/x"), ("c", "/f")], &[("c", "/x")]);
    let replaced = more
        .replace("exceptions: append", "exceptions: replace")
        .replace("    - name: e\n      values: [b]\n", "");
    check(&format!("{base}{replaced}"), &[("c", "/f")], &[("a", "/x")]);
}

#[test]
fn exceptions_are_for_the_whole_condition() {
    let text = format!(
        "{}  exceptions:\n    - name: e\n      fields: fd.name\n      values: [/x]\n",
        rule("r", "proc.name = a or proc.name = b")
    );
    let (rules, _) = load(&text);
    for process in ["a", "b"] {
        assert!(matches(&rules, &access(process, "/x")).is_empty(), "{process}");
        assert_eq!(matches(&rules, &access(process, "/y")), ["r"], "{process}");
    }
}

#[test]
fn operators_with_modifiers() {
    check(
        "  exceptions:\n    - name: e\n      fields: fd.name\n      comps: startswith anyof\n      \
         values: [/etc, /usr]\n",
        &[("a", "/etc/x"), ("a", "/usr/x")],
        &[("a", "/srv")],
    );
    check(
        "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      \
         comps: [=, contains allof]\n      values:\n        - [a, [x, y]]\n        - [b, z]\n",
        &[("a", "/x/y"), ("b", "/z")],
        &[("a", "/x"), ("b", "/x/y")],
    );
}

#[test]
fn what_does_not_fit_is_said() {
    for (exceptions, expected) in [
        ("    - name: e\n      values: [a]\n", "names no fields"),
        ("    - fields: proc.name\n", "`name` is missing"),
        (
            "    - name: e\n      fields: proc.name\n      comps: startswith\n      values: [a]\n",
            "one field is compared by",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n      comps: [=, =]\n      values: [[a]]\n",
            "as many comps as fields",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n      comps: [is]\n      values: [[a]]\n",
            "this is no operator",
        ),
        (
            "    - name: e\n      fields: [proc.name]\n      comps: [in anyof]\n      values: [[a]]\n",
            "this is no operator",
        ),
        (
            "    - name: e\n      fields: [proc.name, fd.name]\n      values: [[a]]\n",
            "as many values as there are fields",
        ),
        ("    - name: e\n      fields: proc.name\n      values: [[a]]\n", "plain text"),
        ("    - name: e\n      fields: proc.nam\n      values: [a]\n", "there is no field"),
    ] {
        let text = format!("{}  exceptions:\n{exceptions}", rule("r", "evt.type = openat"));
        let message = error(&text);
        assert!(message.contains(expected), "{exceptions}: {message}");
    }
}
