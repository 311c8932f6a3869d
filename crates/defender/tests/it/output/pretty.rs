use std::sync::Arc;

use palisade_defender::output::pretty::{Pretty, PrettySettings};
use palisade_defender::output::{Item, Phase};
use palisade_model::event::{
    Activity, Ancestors, Effect, Event, IncidentSeverity, Kind, ProcessKey,
};

use super::samples::{everything, golden, incident, item, seen};

const PLAIN: PrettySettings = PrettySettings { colours: false, width: None };

fn text(item: &Item) -> String {
    Pretty::new("host-1", PLAIN).text(item)
}

/// The text without our own colours; nothing else may begin with an escape.
fn without_colours(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        let sequence = after.strip_prefix('[').expect("only SGR");
        let end = sequence.find('m').expect("only SGR");
        let codes = &sequence[..end];
        assert!(codes.chars().all(|c| c.is_ascii_digit() || c == ';'), "{codes:?}");
        rest = &sequence[end + 1..];
    }
    plain + rest
}

#[test]
fn texts_are_those_that_were_committed() {
    let mut pretty = Pretty::new("host-1", PLAIN);
    let all: Vec<_> = everything().iter().map(|(_, item)| pretty.text(item)).collect();
    golden("pretty.txt", &(all.join("\n") + "\n"));
}

#[test]
fn an_event_is_one_line_with_everything_that_matters() {
    let mut event = seen(Kind::Exec, 1);
    let process = Arc::make_mut(&mut event.process);
    process.executable.file.path = "/usr/bin/curl".to_owned();
    process.args = ["curl", "-s", "http://x/"].map(str::to_owned).to_vec();
    process.args_cut = false;
    event.activity = Activity::Exec { script: None, previous: String::new(), gained: 0 };
    let text = text(&item(event.clone()));
    let (date, line) = text.split_once('\n').unwrap();
    assert_eq!(date, "2023-11-14 (times are UTC)");
    assert!(line.starts_with("22:13:20.123 web "), "{line}");
    assert!(line.contains("sh[1234]") && line.contains("root"), "{line}");
    assert!(line.ends_with("exec     /usr/bin/curl -s http://x/"), "{line}");

    event.effect = Effect::Refused;
    assert!(self::text(&item(event.clone())).contains("REFUSED /usr/bin/curl"));
    event.effect = Effect::Killed;
    assert!(self::text(&item(event.clone())).contains("KILLED /usr/bin/curl"));
    event.container = None;
    assert!(self::text(&item(event)).contains("22:13:20.123 host-1 "));
}

#[test]
fn a_connection_has_the_name_that_was_asked_for_in_the_same_container() {
    let mut pretty = Pretty::new("host-1", PLAIN);
    let connect = |cgroup| {
        let mut event = seen(Kind::Connect, 1);
        Arc::make_mut(&mut event.process).cgroup = cgroup;
        if let Activity::Connect { remote, .. } = &mut event.activity {
            *remote =
                palisade_model::event::SocketAddress::Inet("[2001:db8::1]:443".parse().unwrap());
        }
        item(event)
    };
    assert!(!pretty.text(&connect(8_812)).contains("example.com"));
    pretty.text(&item(seen(Kind::DnsAnswer, 1)));
    let line = pretty.text(&connect(8_812));
    assert!(line.ends_with("connect  tcp [2001:db8::1]:443 (example.com)"), "{line}");
    assert!(!pretty.text(&connect(1)).contains("example.com"));
}

/// An act of a runtime's process between the control group and the container's program.
fn setting_up(kind: Kind) -> Event {
    let mut event = seen(kind, 1);
    let process = Arc::make_mut(&mut event.process);
    process.name = "runc:[2:INIT]".to_owned();
    process.executable.fileless = true;
    process.executable.file.upper = None;
    process.key = ProcessKey::new(77, event.boot_ns.saturating_sub(1_000));
    let shim = process.ancestors.parent().cloned().unwrap();
    let shim = palisade_model::event::Ancestor { cgroup: 1, ..shim };
    process.ancestors = std::iter::once(shim).collect();
    event
}

#[test]
fn what_a_runtime_does_to_set_a_container_up_is_one_line() {
    let mut pretty = Pretty::new("host-1", PLAIN);
    pretty.text(&item(seen(Kind::Exec, 1)));
    for kind in [Kind::Mount, Kind::Create, Kind::Mount] {
        assert_eq!(pretty.text(&item(setting_up(kind))), "");
    }
    let mut refused = setting_up(Kind::Mount);
    refused.effect = Effect::Refused;
    let text = pretty.text(&item(refused));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].ends_with("set up   3 steps"), "{text}");
    assert!(lines[0].contains("web "), "{text}");
    assert!(lines[1].contains("REFUSED"), "{text}");
    assert_eq!(pretty.text(&item(seen(Kind::Mount, 1))).lines().count(), 1);
}

const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\r\n\u{202e}evil\u{200f}\u{2028}\u{e0041}";

fn hostile_event() -> Event {
    let mut event = seen(Kind::Exec, 1);
    let process = Arc::make_mut(&mut event.process);
    process.name = HOSTILE.to_owned();
    process.args = vec![HOSTILE.to_owned(), HOSTILE.to_owned()];
    process.executable.file.path = HOSTILE.to_owned();
    let ancestor = process.ancestors.parent().cloned().unwrap();
    let ancestor = palisade_model::event::Ancestor { name: HOSTILE.to_owned(), ..ancestor };
    process.ancestors = std::iter::once(ancestor).collect();
    let container = Arc::make_mut(event.container.as_mut().unwrap());
    container.name = HOSTILE.to_owned();
    container.image = HOSTILE.to_owned();
    event
}

#[test]
fn nothing_that_others_named_can_steer_the_terminal() {
    let mut story = incident();
    story.title = HOSTILE.to_owned();
    story.host = HOSTILE.to_owned();
    story.container.clone_from(&hostile_event().container);
    story.add(hostile_event());
    story.responses.push(palisade_model::event::Response::Failed { reason: HOSTILE.to_owned() });
    let mut answer = seen(Kind::DnsAnswer, 1);
    if let Activity::DnsAnswer { name, aliases, .. } = &mut answer.activity {
        *name = HOSTILE.to_owned();
        *aliases = vec![HOSTILE.to_owned()];
    }
    let items = [
        (1, item(hostile_event())),
        (1, item(answer)),
        (20, Item::Incident(Arc::new(story), Phase::Created)),
    ];
    for colours in [false, true] {
        for width in [None, Some(80), Some(200)] {
            let mut pretty = Pretty::new(HOSTILE, PrettySettings { colours, width });
            pretty.text(&item(seen(Kind::Exec, 1)));
            for (most, item) in &items {
                let text = pretty.text(item);
                let plain = if colours { without_colours(&text) } else { text };
                assert!(plain.lines().count() <= *most, "{plain}");
                let bad = |c: char| {
                    (c.is_control() && c != '\n')
                        || matches!(c, '\u{200f}' | '\u{202e}' | '\u{2028}' | '\u{e0041}')
                };
                assert!(!plain.contains(bad), "{plain:?}");
            }
        }
    }
}

#[test]
fn lines_end_at_the_edge_of_the_terminal() {
    use unicode_width::UnicodeWidthStr as _;
    for width in [60, 80, 120] {
        for colours in [false, true] {
            let mut pretty = Pretty::new("host-1", PrettySettings { colours, width: Some(width) });
            for (name, item) in everything() {
                for line in without_colours(&pretty.text(&item)).lines() {
                    assert!(line.width() <= width, "{name} at {width}: {line:?}");
                }
            }
            let mut wide = seen(Kind::Unlink, 1);
            if let Activity::Unlink { file } = &mut wide.activity {
                file.path = format!("/{}", "漢".repeat(500));
            }
            let line = without_colours(&pretty.text(&item(wide)));
            assert!(line.width() <= width, "{line:?}");
            assert!(line.ends_with('…'), "{line:?}");
        }
    }
}

#[test]
fn colours_are_there_when_they_are_wanted() {
    let mut event = seen(Kind::Exec, 1);
    event.effect = Effect::Refused;
    let item = item(event);
    assert!(!text(&item).contains('\u{1b}'));
    let mut pretty = Pretty::new("host-1", PrettySettings { colours: true, width: None });
    let coloured = pretty.text(&item);
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(without_colours(&coloured), text(&item));
}

#[test]
fn the_tree_of_an_incident_is_drawn() {
    let mut story = incident();
    story.severity = IncidentSeverity::Critical;
    story.tree.clear();
    let mut add = |number: u32, parent: u32, name: &str| {
        let mut event = seen(Kind::Exec, 1);
        let process = Arc::make_mut(&mut event.process);
        let above = palisade_model::event::Ancestor {
            key: ProcessKey::new(parent, 0),
            name: "above".to_owned(),
            path: String::new(),
            args: Vec::new(),
            cgroup: 0,
        };
        process.key = ProcessKey::new(number, 0);
        process.name = name.to_owned();
        process.args = vec![name.to_owned()];
        process.ancestors = Ancestors::below(Arc::new(above), &Ancestors::default());
        story.add_process(process);
    };
    add(10, 1, "nginx");
    add(20, 10, "sh");
    add(30, 20, "id");
    add(40, 10, "curl");
    // A ring: each says that the other is its parent.
    add(50, 51, "ring");
    add(51, 50, "ring");
    let text = text(&Item::Incident(Arc::new(story), Phase::Created));
    assert!(text.contains("━━ CRITICAL graver ━"), "{text}");
    let expected = [
        "under above",
        "└─ nginx[10] nginx",
        "   ├─ sh[20] sh",
        "   │  └─ id[30] id",
        "   └─ curl[40] curl",
        "under above",
        "└─ ring[50] ring",
        "   └─ ring[51] ring",
    ];
    let lines: Vec<_> = text.lines().collect();
    let start = lines.iter().position(|line| line.contains("under above")).unwrap();
    for (line, expected) in lines[start..].iter().zip(expected) {
        assert_eq!(line.strip_prefix("    "), Some(expected), "{text}");
    }
}
