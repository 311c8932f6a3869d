//! Rules as others write them, on our events.

use palisade_defender::detect::{Accounts, Choice, DetectSettings, Detector, Source};
use palisade_model::event::{Activity, Credentials, Event, Transport};

use super::events::*;

/// The rules of a text that match an event, each named by its condition.
fn matching(detector: &mut Detector, event: &Event) -> Vec<String> {
    let mut found = Vec::new();
    detector.look(event, NOW, &mut found);
    found.into_iter().map(|finding| finding.title).collect()
}

/// A rule of each condition, which is its name too.
fn text(conditions: &[&str]) -> String {
    conditions
        .iter()
        .map(|condition| {
            let name = condition.replace('\'', "''");
            format!(
                "- rule: '{name}'\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  \
                 priority: INFO\n"
            )
        })
        .collect()
}

fn load(conditions: &[&str], settings: DetectSettings) -> (Detector, Vec<String>) {
    let sources = [Source::new("theirs.yaml", text(conditions))];
    let (detector, problems) = Detector::load(&sources, settings);
    (detector, problems.iter().map(ToString::to_string).collect())
}

/// All of these hold on an event.
fn hold(event: &Event, conditions: &[&str]) {
    let settings = DetectSettings { findings_per_event: 100, ..DetectSettings::default() };
    let (detector, problems) = load(conditions, settings);
    let errors: Vec<_> = problems.iter().filter(|problem| problem.contains("error[")).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut detector = detector.on_host("node-1.example");
    assert_eq!(matching(&mut detector, event), conditions);
}

#[test]
fn arguments_are_text_where_there_are_none() {
    hold(
        &exec("pkexec"),
        &[
            "evt.type = execve and proc.args = ''",
            "evt.type = execve and proc.args exists",
            "evt.type = execve and not proc.args contains x",
        ],
    );
}

#[test]
fn who_has_no_name_is_called_so() {
    let event = exec("apt").process(|process| {
        process.credentials = Credentials { euid: 33, egid: 33, ..Credentials::default() };
    });
    hold(
        &event,
        &[
            "evt.type = execve and user.name != \"_apt\"",
            "evt.type = execve and user.name = <NA>",
            "evt.type = execve and not user.name in (www-data, nobody)",
            "evt.type = execve and user.name != N/A and group.name = \"<NA>\"",
            "evt.type = execve and user.loginname = <NA>",
        ],
    );
}

#[test]
fn the_hosts_accounts_name_its_processes() {
    let accounts = Accounts::parse(
        "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nother:x:33:1::/:/x\nbad\n:x:7:7\n\
         far:x:99999999999:1::/:/x\n",
        "root:x:0:\nweb:x:33:\n",
    );
    let conditions =
        ["evt.type = execve and user.name = www-data", "evt.type = execve and group.name = web"];
    let (detector, _) = load(&conditions, DetectSettings::default());
    let mut detector = detector.with_names(Box::new(accounts));
    let mut event = exec("sh").process(|process| {
        process.credentials = Credentials { euid: 33, egid: 33, ..Credentials::default() };
    });
    // A container's numbers are its own.
    assert!(matching(&mut detector, &event).is_empty());
    event.container = None;
    assert_eq!(matching(&mut detector, &event), conditions);
}

#[test]
fn where_it_happened() {
    let inside = exec("sh").process(|process| process.namespaces.pid = 4_026_532_000);
    hold(
        &inside,
        &[
            "evt.type = execve and evt.hostname startswith node-",
            "evt.type = execve and container.host_pid = false",
            "evt.type = execve and evt.is_io = false",
        ],
    );
    let outside = exec("sh").process(|process| process.namespaces.pid = 4_026_531_836);
    hold(&outside, &["evt.type = execve and container.host_pid = true"]);
}

fn answer(name: &str, addresses: &[&str]) -> Event {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    act(
        "curl",
        Activity::DnsAnswer {
            id: 1,
            name: name.to_owned(),
            record_type: 1,
            code: 0,
            addresses,
            aliases: Vec::new(),
        },
    )
}

#[test]
fn addresses_have_the_names_that_were_answered() {
    let conditions = [
        "evt.type = connect and fd.sip.name = api.example",
        "evt.type = connect and fd.rip.name in (other.example, www.example)",
        "evt.type = connect and fd.sip.name != other.example",
        "evt.type = connect and fd.sip.name != api.example",
        "evt.type = connect and fd.cip.name exists",
    ];
    let (mut detector, problems) = load(&conditions, DetectSettings::default());
    assert!(problems.is_empty(), "{problems:?}");
    let event = connect("curl", "192.0.2.1:443");
    assert!(matching(&mut detector, &event).is_empty());
    for name in ["api.example", "www.example"] {
        matching(&mut detector, &answer(name, &["192.0.2.1", "2001:db8::1"]));
    }
    assert_eq!(matching(&mut detector, &event), conditions[..3]);
    assert!(matching(&mut detector, &connect("curl", "192.0.2.2:443")).is_empty());
    // Nobody else was told.
    let mut other = connect("curl", "192.0.2.1:443");
    other.container = None;
    assert!(matching(&mut detector, &other).is_empty());
    // A reload knows what was known, and a container that is gone is forgotten.
    let (mut after, _) = load(&conditions, DetectSettings::default());
    after.take_over(detector);
    assert_eq!(matching(&mut after, &event), conditions[..3]);
    after.forget(&event.container.as_ref().unwrap().id);
    assert!(matching(&mut after, &event).is_empty());
}

#[test]
fn the_newest_addresses_are_kept() {
    let settings =
        |resolved_addresses| DetectSettings { resolved_addresses, ..DetectSettings::default() };
    let condition = ["evt.type = connect and fd.sip.name exists"];
    let (mut detector, _) = load(&condition, settings(2));
    for last in 1..=3 {
        let address = format!("192.0.2.{last}");
        matching(&mut detector, &answer(&format!("{last}.example"), &[&address]));
    }
    let found = |detector: &mut Detector| -> Vec<bool> {
        let remote = |last| format!("192.0.2.{last}:1");
        (1..=3)
            .map(|last| !matching(detector, &connect("curl", &remote(last))).is_empty())
            .collect()
    };
    assert_eq!(found(&mut detector), [false, true, true]);
    let (mut none, _) = load(&condition, settings(0));
    matching(&mut none, &answer("a.example", &["192.0.2.1"]));
    assert_eq!(found(&mut none), [false; 3]);
}

#[test]
fn a_datagram_moves_data() {
    let remote = inet("192.0.2.1:9");
    let send = Activity::Send { transport: Transport::Udp, remote, bytes: 3 };
    hold(
        &act("app", send),
        &[
            "evt.type = sendto and evt.is_io = true and evt.is_io_write = true",
            "evt.type = sendto and evt.io_dir = write and evt.is_io_read = false",
        ],
    );
}

#[test]
fn rules_of_which_no_event_is_told_are_named() {
    let conditions = [
        "evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2)",
        "evt.type = ptrace and evt.dir = > and evt.arg.request contains PTRACE",
        "evt.type in (open, openat, openat2) and fd.num >= 0",
    ];
    let (_, problems) = load(&conditions, DetectSettings::default());
    let untold: Vec<_> = problems.iter().filter(|one| one.contains("untold-event")).collect();
    assert_eq!(untold.len(), 1, "{problems:?}");
    assert!(untold[0].ends_with("nobody tells of dup, dup2, dup3 here"), "{untold:?}");
}

#[test]
fn rules_are_chosen_as_falcos_settings_choose_them() {
    let settings: DetectSettings = toml::from_str(
        "rules = [\n  { disable = { rule = \"*\" } },\n  { enable = { tag = \"keep\" } },\n  \
         { disable = { rule = \"B*\" } },\n  { enable = { tag = \"nobody\" } },\n]\n",
    )
    .unwrap();
    assert!(settings.faults().is_empty());
    let rule = |name: &str, tag: &str| {
        format!(
            "- rule: {name}\n  desc: d\n  condition: evt.type = execve\n  output: o\n  \
             priority: INFO\n  tags: [{tag}]\n"
        )
    };
    let source = [rule("A", "keep"), rule("B", "keep"), rule("C", "drop")].concat();
    let (mut detector, problems) = Detector::load(&[Source::new("r.yaml", source)], settings);
    assert_eq!(matching(&mut detector, &exec("sh")), ["A"]);
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["settings: warning[selection]: no rule has the tag `nobody`"]);
    for wrong in [
        "rules = [{ enable = { name = \"x\" } }]",
        "rules = [{ enable = { rule = \"x\" }, disable = { rule = \"x\" } }]",
        "rules = [{ run = { rule = \"x\" } }]",
    ] {
        assert!(toml::from_str::<DetectSettings>(wrong).is_err(), "{wrong}");
    }
    let empty: DetectSettings = toml::from_str("rules = [{ enable = { tag = \"\" } }]").unwrap();
    assert_eq!(empty.faults().len(), 1);
    assert!(matches!(empty.rules[..], [Choice::Enable(_)]));
}
