//! What is said of a match.

use palisade_rules::Code;

use crate::support::{Event, event, load, load_well, rule};

fn sample() -> Event {
    event("execve")
        .text("proc.name", "bash")
        .text("proc.aname[2]", "sshd")
        .text("proc.env[HOME]", "/root")
        .text("evt.arg[flags]", "X")
        .text("container.name", "web")
        .text("container.id", "0123456789ab")
        .text("fd.name", "/tmp/a\nb\u{1b}[31m")
        .number("user.uid", 1000)
        .address("fd.sip", "::ffff:10.0.0.1")
        .flag("proc.is_exe_writable", true)
}

fn render(output: &str) -> String {
    let text = rule("r", "evt.type = execve").replace("output: o", &format!("output: '{output}'"));
    let rules = load_well(&text);
    let (_, rule) = rules.find("r").expect("the rule");
    let event = sample();
    rule.output().render(event.kind, &event)
}

#[test]
fn fields_are_filled_in() {
    for (output, expected) in [
        ("plain", "plain"),
        ("%proc.name", "bash"),
        ("name=%proc.name uid=%user.uid", "name=bash uid=1000"),
        ("(%proc.name)", "(bash)"),
        ("A shell %proc.name.", "A shell bash."),
        ("%proc.name,%proc.aname[2]|", "bash,sshd|"),
        ("%proc.env[HOME]", "/root"),
        ("%evt.arg.flags %evt.arg[flags].", "X X."),
        ("%evt.type %evt.dir", "execve <"),
        ("%fd.sip %proc.is_exe_writable", "10.0.0.1 true"),
        ("%proc.pname", "<NA>"),
        ("*%proc.pname %proc.name", "<NA> bash"),
        ("%6proc.name|%2proc.name|", "bash  |ba|"),
        ("100%% %proc.name", "100% bash"),
        ("%toupper(proc.name)", "BASH"),
        ("%container.info!", "web (id=0123456789ab)!"),
        ("%fd.name", "/tmp/a\\nb\\u{1b}[31m"),
    ] {
        assert_eq!(render(output), expected, "{output}");
    }
}

#[test]
fn what_is_no_field_stays_and_is_warned_of() {
    let text = rule("r", "evt.type = execve").replace("output: o", "output: a %proc.nam b 5%");
    let (rules, problems) = load(&text);
    let (_, rule) = rules.find("r").expect("the rule");
    let event = sample();
    assert_eq!(rule.output().render(event.kind, &event), "a %proc.nam b 5%");
    assert_eq!(problems.len(), 2);
    assert!(problems.iter().all(|problem| problem.code == Code::Output));
    assert_eq!((problems[0].position.line, problems[0].position.column), (5, 14));
}

#[test]
fn values_come_by_field() {
    let text = rule("r", "evt.type = execve")
        .replace("output: o", "output: '%fd.name %proc.pname %proc.aname[2] %proc.name'");
    let rules = load_well(&text);
    let (_, rule) = rules.find("r").expect("the rule");
    let event = sample();
    let values = rule.output().values(event.kind, &event);
    assert_eq!(values.len(), 4);
    assert_eq!(values["fd.name"].as_deref(), Some("/tmp/a\nb\u{1b}[31m"));
    assert_eq!(values["proc.pname"], None);
    assert_eq!(values["proc.aname[2]"].as_deref(), Some("sshd"));
    let keys: Vec<_> = rule.output().keys().collect();
    assert_eq!(keys, ["fd.name", "proc.pname", "proc.aname[2]", "proc.name"]);
}

#[test]
fn several_values_are_joined() {
    let text = rule("r", r#"evt.type = execve and join(proc.aname, "->") contains "sh->sshd""#)
        .replace(
            "output: o",
            r#"output: 'line %join("(", proc.aname)! none %join(proc.aexe, ",").'"#,
        );
    let rules = load_well(&text);
    let (_, found) = rules.find("r").expect("the rule");
    let line = event("execve").texts("proc.aname", &["bash", "sshd", "init"]);
    assert_eq!(found.output().render(line.kind, &line), "line bash(sshd(init! none <NA>.");
    assert_eq!(crate::support::matches(&rules, &line), ["r"]);
    let other = event("execve").texts("proc.aname", &["sshd", "bash"]);
    assert!(crate::support::matches(&rules, &other).is_empty());
    assert!(crate::support::matches(&rules, &event("execve")).is_empty());
    assert!(crate::support::holds(
        r#"evt.type = execve and toupper(join(proc.aname, "/")) = "BASH/SSHD/INIT""#,
        &line
    ));
    for (condition, what) in [
        (r#"join(proc.name, ",") = x"#, "no several values"),
        (r#"join(proc.aname[1], ",") = x"#, "no several values"),
        (r#"join(proc.aname) = x"#, "expected `,`"),
        (r#"join(proc.aname, proc.aexe) = x"#, "a field and a text in quotes"),
    ] {
        let error = crate::support::error(&rule("r", condition));
        assert!(error.contains(what), "{error}");
    }
}
