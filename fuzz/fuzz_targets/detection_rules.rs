#![no_main]

use palisade_rules::{
    Argument, Catalogue, EventType, FieldId, Fields, Options, Ruleset, Scratch, Source, Value,
};

/// An event whose every field has the same bytes.
struct Event<'d>(&'d [u8]);

impl Fields for Event<'_> {
    fn get(&self, _: FieldId, _: Argument<'_>) -> Value<'_> {
        Value::Text(self.0)
    }
}

// The input is a rule file, and what its rules look at.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let sources = [Source::new("fuzz", String::from_utf8_lossy(data))];
    let (rules, _) = Ruleset::load(&sources, &Catalogue::everything(), &Options::default());
    let event = Event(data);
    let mut scratch = Scratch::new();
    let mut found = Vec::new();
    for kind in EventType::all().step_by(40) {
        rules.evaluate(kind, &event, &mut scratch, &mut found);
        for (id, rule) in rules.rules() {
            let matched = rules.matches(id, kind, &event, &mut scratch);
            assert!(!matched || rule.events().contains(kind), "{} on {kind}", rule.name());
            rule.output().render(kind, &event);
        }
    }
});
