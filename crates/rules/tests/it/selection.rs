//! Which rules run.

use palisade_rules::{Catalogue, Options, Priority, Ruleset, Scratch, Selection, Source, Target};

use crate::support::{event, matches, rule};

fn running(selection: Selection) -> Vec<String> {
    let text = rule("Read A", "evt.type = execve")
        + "  tags: [x, y]\n"
        + &rule("Read B", "evt.type = execve").replace("INFO", "ERROR")
        + "  tags: [y]\n"
        + &rule("Write", "evt.type = execve")
        + "  enabled: false\n";
    let options = Options { selection, ..Options::default() };
    let sources = [Source::new("a", text)];
    let (rules, _) = Ruleset::load(&sources, &Catalogue::everything(), &options);
    matches(&rules, &event("execve"))
}

fn name(pattern: &str) -> Target {
    Target::Name(pattern.to_owned())
}

fn tag(tag: &str) -> Target {
    Target::Tag(tag.to_owned())
}

#[test]
fn by_name_tag_and_priority() {
    let new = Selection::new;
    assert_eq!(running(new()), ["Read A", "Read B"]);
    assert_eq!(running(new().enable(name("*"))), ["Read A", "Read B", "Write"]);
    assert_eq!(running(new().disable(name("Read*"))), [""; 0]);
    assert_eq!(running(new().disable(name("Read"))), ["Read A", "Read B"]);
    assert_eq!(running(new().disable(name("*A"))), ["Read B"]);
    assert_eq!(running(new().disable(name("Read ?"))), ["Read A", "Read B"]);
    assert_eq!(running(new().disable(tag("y")).enable(tag("x"))), ["Read A"]);
    assert_eq!(running(new().enable(tag("x")).disable(tag("y"))), [""; 0]);
    assert_eq!(running(new().minimum(Priority::Error)), ["Read B"]);
    assert_eq!(running(new().minimum(Priority::Critical)), [""; 0]);
}

#[test]
fn a_rule_that_does_not_run_can_be_asked() {
    let text = rule("r", "evt.type = execve") + "  enabled: false\n";
    let sources = [Source::new("a", text)];
    let (rules, _) = Ruleset::load(&sources, &Catalogue::everything(), &Options::default());
    let (id, _) = rules.find("r").expect("the rule");
    let mut scratch = Scratch::new();
    let event = event("execve");
    assert!(rules.matches(id, event.kind, &event, &mut scratch));
    assert_eq!(rules.first(event.kind, &event, &mut scratch), None);
}

#[test]
fn a_ruleset_goes_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Ruleset>();
}

#[test]
fn priorities_have_names() {
    assert_eq!(Priority::from_name("WARNING"), Some(Priority::Warning));
    assert_eq!(Priority::from_name("info"), Some(Priority::Informational));
    assert_eq!(Priority::from_name("Informational"), Some(Priority::Informational));
    assert_eq!(Priority::from_name("low"), None);
    assert!(Priority::Emergency < Priority::Debug);
}
