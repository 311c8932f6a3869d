//! What holds for every condition and every text.

use palisade_rules::{Catalogue, EventType, Options, Ruleset, Scratch, Source};
use proptest::prelude::*;

use crate::support::{Event, event, load_well, rule};

/// Conditions over a handful of fields and event types.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("evt.type = execve".to_owned()),
        Just("evt.type != openat".to_owned()),
        Just("evt.type in (execve, connect)".to_owned()),
        // Not `evt.dir = >`: it holds, and so does its negation, for a call that is told once.
        Just("evt.dir = <".to_owned()),
        "[ab]".prop_map(|value| format!("proc.name = {value}")),
        "[ab]".prop_map(|value| format!("proc.name != {value}")),
        "[ab]".prop_map(|value| format!("proc.cmdline contains {value}")),
        "[ab]".prop_map(|value| format!("proc.pname startswith {value}")),
        (0..3_u64).prop_map(|value| format!("user.uid >= {value}")),
        Just("proc.pname exists".to_owned()),
        Just("proc.name = val(proc.pname)".to_owned()),
        Just("proc.aname in (a, b)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not {part}")),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just("execve"), Just("openat"), Just("connect"), Just("close")];
    let text = || prop::option::of("[abc]{0,3}");
    (kind, text(), text(), text(), prop::option::of(0..3_u64)).prop_map(
        |(kind, name, parent, line, user)| {
            let mut event = event(kind);
            for (field, value) in
                [("proc.name", name), ("proc.pname", parent), ("proc.cmdline", line)]
            {
                if let Some(value) = value {
                    event = event.text(field, &value);
                }
            }
            match user {
                Some(user) => event.number("user.uid", user),
                None => event,
            }
        },
    )
}

fn answer(rules: &Ruleset, name: &str, event: &Event, scratch: &mut Scratch) -> bool {
    let (id, _) = rules.find(name).expect("the rule");
    rules.matches(id, event.kind, event, scratch)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The laws of logic hold, absent fields or not; and the event types leave out no match.
    #[test]
    fn conditions_are_logic(a in condition(), b in condition(), events in prop::collection::vec(any_event(), 8)) {
        let text = [
            rule("a", &a),
            rule("b", &b),
            rule("not", &format!("not {a}")),
            rule("and", &format!("({a}) and ({b})")),
            rule("turned", &format!("({b}) and ({a})")),
            rule("or", &format!("({a}) or ({b})")),
            rule("morgan", &format!("not (not {a} and not {b})")),
        ]
        .concat();
        let rules = load_well(&text);
        let mut scratch = Scratch::new();
        for event in &events {
            let mut ask = |name: &str| answer(&rules, name, event, &mut scratch);
            let (a, b) = (ask("a"), ask("b"));
            prop_assert_eq!(ask("not"), !a);
            prop_assert_eq!(ask("and"), a && b);
            prop_assert_eq!(ask("turned"), a && b);
            prop_assert_eq!(ask("or"), a || b);
            prop_assert_eq!(ask("morgan"), a || b);
            let mut matching = Vec::new();
            for (id, rule) in rules.rules() {
                if rules.matches(id, event.kind, event, &mut scratch) {
                    prop_assert!(rule.events().contains(event.kind), "{}", rule.name());
                    matching.push(id);
                }
            }
            // What was prepared for the type of the event says the same.
            let mut found = Vec::new();
            rules.evaluate(event.kind, event, &mut scratch, &mut found);
            prop_assert_eq!(found, matching);
            // All at once, with answers shared, is the same as one by one with none shared.
            let mut found = Vec::new();
            rules.evaluate(event.kind, event, &mut scratch, &mut found);
            let alone: Vec<_> = rules
                .rules()
                .filter(|(id, _)| rules.matches(*id, event.kind, event, &mut Scratch::new()))
                .map(|(id, _)| id)
                .collect();
            prop_assert_eq!(found, alone);
        }
    }

    /// No text makes loading panic, and what loads evaluates.
    #[test]
    fn any_text_is_read(text in "\\PC*", condition in "[a-z. ()='\"=<>!,\\[\\]\\\\0-9]*") {
        let sources = [Source::new("text", text), Source::new("rule", rule("r", &condition))];
        let options = Options::default();
        let (rules, _) = Ruleset::load(&sources, &Catalogue::everything(), &options);
        let event = event("execve");
        for kind in EventType::all().take(4) {
            let mut found = Vec::new();
            rules.evaluate(kind, &event, &mut Scratch::new(), &mut found);
        }
    }
}
