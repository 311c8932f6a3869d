//! Events made of names and values, and rules made of conditions.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;

use palisade_rules::{
    Argument, Catalogue, EventType, FieldId, Fields, Options, Problem, Ruleset, Scratch, Severity,
    Source, Value,
};

/// A value that an event of a test owns.
#[derive(Clone, Debug)]
pub(crate) enum Own {
    Text(Vec<u8>),
    Signed(i64),
    Unsigned(u64),
    Boolean(bool),
    Address(IpAddr),
    Many(Vec<Own>),
}

impl Own {
    fn value(&self) -> Value<'_> {
        match self {
            Own::Text(text) => Value::Text(text),
            Own::Signed(number) => Value::Signed(*number),
            Own::Unsigned(number) => Value::Unsigned(*number),
            Own::Boolean(flag) => Value::Boolean(*flag),
            Own::Address(address) => Value::Address(*address),
            Own::Many(_) => Value::Absent,
        }
    }
}

/// An event by the names of its fields: `proc.name`, `proc.aname[2]`, `evt.arg[flags]`.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: EventType,
    values: HashMap<String, Own>,
}

pub(crate) fn event(kind: &str) -> Event {
    let kind = EventType::from_name(kind).expect("a known event type");
    Event { kind, values: HashMap::new() }
}

impl Event {
    pub(crate) fn with(mut self, field: &str, value: Own) -> Self {
        self.values.insert(field.to_owned(), value);
        self
    }

    pub(crate) fn text(self, field: &str, text: &str) -> Self {
        self.with(field, Own::Text(text.as_bytes().to_vec()))
    }

    pub(crate) fn number(self, field: &str, number: u64) -> Self {
        self.with(field, Own::Unsigned(number))
    }

    pub(crate) fn flag(self, field: &str, flag: bool) -> Self {
        self.with(field, Own::Boolean(flag))
    }

    pub(crate) fn address(self, field: &str, address: &str) -> Self {
        self.with(field, Own::Address(address.parse().expect("an address")))
    }

    pub(crate) fn texts(self, field: &str, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|text| Own::Text(text.as_bytes().to_vec())).collect();
        self.with(field, Own::Many(texts))
    }

    fn find(&self, field: FieldId, argument: Argument<'_>) -> Option<&Own> {
        let key = match argument {
            Argument::None => field.name().to_owned(),
            Argument::Index(index) => format!("{field}[{index}]"),
            Argument::Name(name) => format!("{field}[{name}]"),
        };
        self.values.get(&key)
    }
}

impl Fields for Event {
    fn get(&self, field: FieldId, argument: Argument<'_>) -> Value<'_> {
        self.find(field, argument).map_or(Value::Absent, Own::value)
    }

    fn each(
        &self,
        field: FieldId,
        argument: Argument<'_>,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        let values = match self.find(field, argument) {
            Some(Own::Many(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        for value in values {
            if visit(value.value()).is_break() {
                return;
            }
        }
    }
}

/// Loads one source with every field.
pub(crate) fn load(text: &str) -> (Ruleset, Vec<Problem>) {
    load_with(&[text], &Catalogue::everything())
}

/// Loads sources that are called `0.yaml`, `1.yaml`, ….
pub(crate) fn load_with(texts: &[&str], catalogue: &Catalogue) -> (Ruleset, Vec<Problem>) {
    let name = |index: usize| format!("{index}.yaml");
    let sources: Vec<Source> =
        texts.iter().enumerate().map(|(index, text)| Source::new(name(index), *text)).collect();
    Ruleset::load(&sources, catalogue, &Options::default())
}

/// Loads what has no errors.
pub(crate) fn load_well(text: &str) -> Ruleset {
    let (rules, problems) = load(text);
    let errors = shown(&problems, Severity::Error);
    assert!(errors.is_empty(), "{errors:#?}");
    rules
}

/// The problems of a severity, as they are shown.
pub(crate) fn shown(problems: &[Problem], severity: Severity) -> Vec<String> {
    let wanted = problems.iter().filter(|problem| problem.severity == severity);
    wanted.map(ToString::to_string).collect()
}

/// A rule of this name and condition, in one line each.
pub(crate) fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n"
    )
}

/// The names of the rules that match.
pub(crate) fn matches(rules: &Ruleset, event: &Event) -> Vec<String> {
    let mut found = Vec::new();
    rules.evaluate(event.kind, event, &mut Scratch::new(), &mut found);
    found.iter().filter_map(|id| rules.rule(*id)).map(|rule| rule.name().to_owned()).collect()
}

/// Whether a condition holds on an event.
pub(crate) fn holds(condition: &str, event: &Event) -> bool {
    let rules = load_well(&rule("r", condition));
    !matches(&rules, event).is_empty()
}

/// The one error that a text has.
pub(crate) fn error(text: &str) -> String {
    let (_, problems) = load(text);
    let errors = shown(&problems, Severity::Error);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().unwrap_or_default()
}
