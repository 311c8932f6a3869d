//! Which rules run.

use palisade_rules::{
    Catalogue, Code, Options, Priority, Ruleset, Scratch, Selection, Source, Target,
};

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
fn a_choice_that_fits_no_rule_is_warned_of() {
    let text = rule("Read", "evt.type = execve") + "  tags: [x]\n" + &rule("Left", "no.field = 1");
    let selection = Selection::new()
        .disable(name("Rea*"))
        .disable(name("Left"))
        .disable(name("Raed"))
        .enable(tag("x"))
        .enable(tag("y"));
    let options = Options { selection, ..Options::default() };
    let sources = [Source::new("a", text)];
    let (_, problems) = Ruleset::load(&sources, &Catalogue::everything(), &options);
    let of_choices = problems.iter().filter(|problem| problem.code == Code::Selection);
    let shown: Vec<_> = of_choices.map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "settings: warning[selection]: no rule has the name `Raed`",
            "settings: warning[selection]: no rule has the tag `y`"
        ]
    );
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
    assert_eq!(Priority::from_name("Warn"), Some(Priority::Warning));
    assert_eq!(Priority::from_name("CRIT"), Some(Priority::Critical));
    assert_eq!(Priority::from_name("low"), None);
    assert!(Priority::Emergency < Priority::Debug);
}
