//! Definitions, appends, overrides, and the order in which they count.

use palisade_rules::{Catalogue, Code, Priority, Severity};

use crate::support::{error, event, load, load_well, load_with, matches, rule, shown};

#[test]
fn macros_and_lists_are_put_in() {
    let rules = load_well(
        "- list: shells\n  items: [bash, sh]\n\
         - list: more\n  items: [shells, zsh, \"'two words'\", 'three more words']\n\
         - macro: shell\n  condition: proc.name in (more)\n\
         - macro: root_shell\n  condition: (shell and user.uid = 0)\n\
         - rule: r\n  desc: d\n  condition: root_shell\n  output: o\n  priority: INFO\n",
    );
    let check = |name: &str, uid: u64, expected: usize| {
        let event = event("execve").text("proc.name", name).number("user.uid", uid);
        assert_eq!(matches(&rules, &event).len(), expected, "{name} {uid}");
    };
    check("bash", 0, 1);
    check("zsh", 0, 1);
    check("two words", 0, 1);
    check("three more words", 0, 1);
    check("bash", 1, 0);
    check("shells", 0, 0);
    check("fish", 0, 0);
}

#[test]
fn a_list_works_wherever_its_name_stands() {
    let head = "- list: l\n  items: [bash]\n- list: none\n  items: []\n";
    let bash = event("execve").text("proc.name", "bash");
    let check = |condition: &str, expected: usize| {
        let rules = load_well(&format!("{head}{}", rule("r", condition)));
        assert_eq!(matches(&rules, &bash).len(), expected, "{condition}");
    };
    check("proc.name in (l)", 1);
    check("proc.name in l", 1);
    check("proc.name in (sh, l, none)", 1);
    check("proc.name in (none)", 0);
    check("proc.name = l", 1);
    check("proc.name = \"l\"", 0);
    check("proc.name in (\"l\")", 0);
}

#[test]
fn a_later_definition_replaces_an_earlier_one() {
    let (rules, problems) = load_with(
        &[
            &format!("- macro: m\n  condition: proc.name = a\n{}", rule("r", "m")),
            "- macro: m\n  condition: proc.name = b\n",
        ],
        &Catalogue::everything(),
    );
    assert!(shown(&problems, Severity::Error).is_empty());
    assert!(matches(&rules, &event("execve").text("proc.name", "a")).is_empty());
    assert_eq!(matches(&rules, &event("execve").text("proc.name", "b")), ["r"]);
}

#[test]
fn macros_see_what_was_defined_before_them() {
    let text = format!(
        "- macro: first\n  condition: second\n- macro: second\n  condition: proc.name = a\n{}",
        rule("r", "first")
    );
    let message = error(&text);
    assert!(message.contains("the macro `second` is defined later only"), "{message}");
    let rules = load_well(&format!("{}- macro: m\n  condition: proc.name = a\n", rule("r", "m")));
    assert_eq!(matches(&rules, &event("execve").text("proc.name", "a")), ["r"]);
}

#[test]
fn a_macro_that_uses_itself_ends() {
    let text = format!(
        "- macro: m\n  condition: proc.name = a\n- macro: m\n  condition: m or m\n{}",
        rule("r", "m")
    );
    let (rules, problems) = load(&text);
    assert_eq!(rules.rules().count(), 0);
    assert_eq!(shown(&problems, Severity::Error).len(), 1);
}

#[test]
fn append_in_the_old_form_adds() {
    let (rules, problems) = load(&format!(
        "- list: l\n  items: [a]\n- list: l\n  append: true\n  items: [b]\n\
         - macro: m\n  condition: proc.name in (l)\n\
         - macro: m\n  append: true\n  condition: or proc.name = c\n\
         {}- rule: r\n  append: true\n  condition: and user.uid = 0\n",
        rule("r", "(m)")
    ));
    assert!(shown(&problems, Severity::Error).is_empty());
    let old = problems.iter().filter(|problem| problem.code == Code::Deprecated).count();
    assert_eq!(old, 3, "{problems:#?}");
    for name in ["a", "b", "c"] {
        let event = event("execve").text("proc.name", name);
        assert_eq!(matches(&rules, &event.clone().number("user.uid", 0)), ["r"]);
        assert!(matches(&rules, &event.number("user.uid", 1)).is_empty());
    }
}

#[test]
fn override_appends_and_replaces_by_key() {
    let rules = load_well(&format!(
        "{}- rule: r\n  condition: or proc.name = b\n  output: more\n  priority: ERROR\n  \
         tags: [x]\n  enabled: true\n  override:\n    condition: append\n    output: append\n    \
         priority: replace\n    tags: append\n    enabled: replace\n",
        rule("r", "proc.name = a")
    ));
    let (_, rule) = rules.find("r").expect("the rule");
    assert_eq!(rule.priority(), Priority::Error);
    assert_eq!(rule.tags(), ["x"]);
    let event = event("execve").text("proc.name", "b");
    assert_eq!(matches(&rules, &event), ["r"]);
    assert_eq!(rule.output().render(event.kind, &event), "o more");
}

#[test]
fn lists_and_macros_are_overridden_too() {
    let rules = load_well(&format!(
        "- list: l\n  items: [a]\n- list: l\n  items: [b]\n  override:\n    items: append\n\
         - macro: m\n  condition: proc.name = x\n\
         - macro: m\n  condition: proc.name in (l)\n  override:\n    condition: replace\n{}",
        rule("r", "m")
    ));
    assert_eq!(matches(&rules, &event("execve").text("proc.name", "b")), ["r"]);
    assert!(matches(&rules, &event("execve").text("proc.name", "x")).is_empty());
}

#[test]
fn what_is_wrong_with_an_override_is_said() {
    let base = rule("r", "proc.name = a");
    for (item, expected) in [
        ("- rule: x\n  append: true\n  condition: and proc.name = a\n", "there is no rule `x`"),
        ("- list: x\n  append: true\n  items: [a]\n", "there is no list `x`"),
        (
            "- rule: r\n  priority: INFO\n  override:\n    priority: append\n",
            "`append` does not work for `priority`",
        ),
        (
            "- rule: r\n  tags: [a]\n  override:\n    tags: remove\n",
            "expected `append` or `replace`",
        ),
        ("- rule: r\n  override:\n    tags: append\n", "`tags` is overridden and not given"),
        (
            "- rule: r\n  tags: [a]\n  desc: d\n  override:\n    tags: append\n",
            "`override` does not say what to do with `desc`",
        ),
        (
            "- rule: r\n  append: true\n  tags: [a]\n  override:\n    tags: append\n",
            "`append` and `override` exclude each other",
        ),
        ("- rule: r\n  append: true\n  tags: [a]\n", "has a condition or exceptions"),
    ] {
        let message = error(&format!("{base}{item}"));
        assert!(message.contains(expected), "{item}: {message}");
    }
}

#[test]
fn enabled_alone_turns_a_rule_off() {
    let (rules, problems) =
        load(&format!("{}- rule: r\n  enabled: false\n", rule("r", "proc.name = a")));
    assert!(shown(&problems, Severity::Error).is_empty());
    assert!(!rules.find("r").expect("the rule").1.runs());
    assert!(matches(&rules, &event("execve").text("proc.name", "a")).is_empty());
}

#[test]
fn an_item_that_is_wrong_does_not_take_its_file_with_it() {
    for (item, expected) in [
        ("- rule: x\n  desc: d\n  output: o\n  priority: INFO\n", "`condition` is missing"),
        (
            "- rule: x\n  desc: d\n  output: o\n  condition: proc.name = a\n  priority: HIGH\n",
            "`HIGH` is no priority",
        ),
        ("- rule: x\n", "the rule `x` has no condition"),
        ("- macro: x\n", "`condition` is missing"),
        ("- list: x\n", "the list `x` has no `items`"),
        ("- list: x\n  items: a\n", "`items` is a sequence"),
        ("- 1\n", "expected a mapping"),
        ("- required_engine_version: x\n", "`x` is no version"),
    ] {
        let (rules, problems) = load(&format!("{item}{}", rule("r", "proc.name = a")));
        let errors = shown(&problems, Severity::Error);
        assert!(errors.len() == 1 && errors[0].contains(expected), "{errors:?}");
        assert_eq!(rules.rules().count(), 1);
    }
}

#[test]
fn what_nobody_reads_is_a_warning() {
    let (rules, problems) = load(&format!(
        "- required_engine_version: 0.31.0\n- required_engine_version: 26\n\
         - required_plugin_versions:\n    - name: container\n      version: 0.2.3\n\
         - required_plugin_versions:\n    - name: json\n      version: 0.7.0\n\
         - required_engine_version: 9.0.0\n- something: else\n\
         {}  colour: red\n  capture: true\n\
         - rule: k\n  desc: d\n  condition: ka.verb = get\n  output: o\n  priority: INFO\n  \
         source: k8s_audit\n",
        rule("r", "evt.type = openat and proc.name = a")
    ));
    assert_eq!(rules.rules().count(), 1);
    assert!(shown(&problems, Severity::Error).is_empty(), "{problems:#?}");
    let codes: Vec<_> = problems.iter().map(|problem| problem.code.name()).collect();
    assert_eq!(codes, ["version", "version", "unknown-key", "unknown-key", "source"]);
}
