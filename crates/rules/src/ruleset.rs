//! Rules that are ready to run.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::collector::Collector;
use crate::compile::Compiler;
use crate::evaluate::{Run, Scratch};
use crate::event::{EventSet, EventType};
use crate::event_index::{Seen, events_of};
use crate::expand::Expander;
use crate::item::RuleItem;
use crate::limits::Limits;
use crate::priority::Priority;
use crate::problem::{Code, Fault, Problem, Problems, Severity};
use crate::program::{Builder, NodeId, Program};
use crate::reader;
use crate::selection::Selection;
use crate::source::{Lines, Position, Source};
use crate::specialise::{Special, Specialiser};
use crate::template::Template;
use crate::value::Fields;

/// More event types than this for one rule are worth a warning.
const MANY_EVENTS: usize = 100;

/// A rule of a [`Ruleset`], by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u32);

impl RuleId {
    /// From 0, in the order of first definition.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    name: String,
    description: String,
    priority: Priority,
    tags: Vec<String>,
    output: Template,
    runs: bool,
    events: EventSet,
    file: Arc<str>,
    position: Position,
    node: NodeId,
}

impl Rule {
    /// The name, unique in its ruleset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it looks for, in words.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// How much a match matters.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Its tags, sorted.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// What to say of a match.
    pub fn output(&self) -> &Template {
        &self.output
    }

    /// Whether it runs: its file and the selection enable it.
    pub fn runs(&self) -> bool {
        self.runs
    }

    /// The events on which it can match.
    pub fn events(&self) -> &EventSet {
        &self.events
    }

    /// The source of its last definition.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Where that definition starts.
    pub fn position(&self) -> Position {
        self.position
    }
}

/// How rules are loaded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which rules run.
    pub selection: Selection,
    /// How much they may ask for.
    pub limits: Limits,
}

/// Rules that are ready to run on events. It never changes: to reload is to load another one and to
/// swap the two, each thread keeping its [`Scratch`].
#[derive(Debug, Default)]
pub struct Ruleset {
    rules: Vec<Rule>,
    program: Program,
    by_event: Vec<Box<[RuleId]>>,
    /// The conditions of these, as they are for events of that type.
    nodes_by_event: Vec<Box<[NodeId]>>,
}

impl Ruleset {
    /// Loads sources in their order, later definitions in the place of earlier ones.
    ///
    /// There is always a ruleset. What could not be loaded is left out and named: an item, a rule
    /// that needs a field which the catalogue cannot fill, or a source that is not YAML. Whoever
    /// reloads looks at the errors before swapping.
    pub fn load(
        sources: &[Source],
        catalogue: &Catalogue,
        options: &Options,
    ) -> (Self, Vec<Problem>) {
        let limits = &options.limits;
        let mut problems = Problems::new(sources, limits.problems);
        let mut collector = Collector::default();
        for (source, index) in sources.iter().zip(0..) {
            let lines = Lines::new(source.text(), index);
            reader::read(&lines, limits, &mut collector, &mut problems);
        }
        let mut expander = Expander::new(&collector, limits, &mut problems);
        let mut compiler = Compiler::new(catalogue, limits);
        let mut rules = Vec::with_capacity(collector.rules.len());
        let mut items = Vec::with_capacity(collector.rules.len());
        for item in &collector.rules {
            if item.source != reader::SYSCALL {
                let message = format!("there is no event source `{}`", item.source);
                let fault = Fault::new(Code::Source, item.position, message);
                problems.leave_out(Severity::Warning, fault, &item.name);
                continue;
            }
            match compile(item, &mut expander, &mut compiler, &mut problems) {
                Ok(node) => {
                    let output = Template::parse(&item.output, catalogue, &mut problems);
                    rules.push(rule(item, node, output, sources, &options.selection));
                    items.push(item);
                }
                Err(faults) => {
                    for fault in faults {
                        problems.leave_out(severity(item, fault.code), fault, &item.name);
                    }
                }
            }
        }
        expander.warn_of_unused(&mut problems);
        let mut seen = Seen::new();
        for (rule, item) in rules.iter_mut().zip(items) {
            rule.events = events_of(&compiler.builder, rule.node, false, &mut seen);
            warn_of_events(rule, item, catalogue, &mut problems);
        }
        warn_of_choices(&options.selection, &collector.rules, &mut problems);
        let by_event = by_event(&rules);
        let mut builder = compiler.builder;
        let nodes_by_event = nodes_by_event(&mut builder, &rules, &by_event);
        let program = builder.finish();
        (Ruleset { rules, program, by_event, nodes_by_event }, problems.finish())
    }

    /// Every rule that was loaded, those that do not run too.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId, &Rule)> {
        (0..).map(RuleId).zip(&self.rules)
    }

    /// A rule by its place.
    pub fn rule(&self, rule: RuleId) -> Option<&Rule> {
        self.rules.get(rule.index())
    }

    /// A rule by its name.
    pub fn find(&self, name: &str) -> Option<(RuleId, &Rule)> {
        self.rules().find(|(_, rule)| rule.name == name)
    }

    /// The rules that can match an event of this type, in the order of their definition.
    pub fn candidates(&self, event: EventType) -> &[RuleId] {
        self.by_event.get(event.index()).map(|rules| &**rules).unwrap_or_default()
    }

    /// The event types that any rule can match: what a sensor need not send otherwise.
    pub fn events(&self) -> EventSet {
        EventType::all().filter(|event| !self.candidates(*event).is_empty()).collect()
    }

    /// Appends every rule that matches an event, in the order of their definition.
    pub fn evaluate<F: Fields + ?Sized>(
        &self,
        event: EventType,
        fields: &F,
        scratch: &mut Scratch,
        found: &mut Vec<RuleId>,
    ) {
        let mut run = self.run(event, fields, scratch);
        found.extend(self.tried(event).filter(|(_, node)| run.holds(*node)).map(|(rule, _)| rule));
    }

    /// The first rule that matches an event.
    pub fn first<F: Fields + ?Sized>(
        &self,
        event: EventType,
        fields: &F,
        scratch: &mut Scratch,
    ) -> Option<RuleId> {
        let mut run = self.run(event, fields, scratch);
        self.tried(event).find(|(_, node)| run.holds(*node)).map(|(rule, _)| rule)
    }

    /// Whether one rule matches an event, whether it runs or not.
    pub fn matches<F: Fields + ?Sized>(
        &self,
        rule: RuleId,
        event: EventType,
        fields: &F,
        scratch: &mut Scratch,
    ) -> bool {
        self.run(event, fields, scratch).matches(self, rule)
    }

    /// Rules that can match an event of this type, with their conditions for it.
    fn tried(&self, event: EventType) -> impl Iterator<Item = (RuleId, NodeId)> + use<'_> {
        let nodes = self.nodes_by_event.get(event.index()).map(|nodes| &**nodes);
        self.candidates(event).iter().copied().zip(nodes.unwrap_or_default().iter().copied())
    }

    fn run<'r, F: Fields + ?Sized>(
        &'r self,
        event: EventType,
        fields: &'r F,
        scratch: &'r mut Scratch,
    ) -> Run<'r, F> {
        scratch.next(self.program.nodes.len());
        Run { program: &self.program, event, fields, scratch }
    }
}

impl<F: Fields + ?Sized> Run<'_, F> {
    fn matches(&mut self, ruleset: &Ruleset, rule: RuleId) -> bool {
        ruleset.rules.get(rule.index()).is_some_and(|rule| self.holds(rule.node))
    }
}

fn compile(
    item: &RuleItem,
    expander: &mut Expander<'_>,
    compiler: &mut Compiler<'_>,
    problems: &mut Problems,
) -> Result<NodeId, Vec<Fault>> {
    let expr = expander.rule(item).map_err(|fault| vec![fault])?;
    compiler.condition(expr, problems)
}

/// A field that the file itself says may be missing is no error.
fn severity(item: &RuleItem, code: Code) -> Severity {
    match code {
        Code::UnknownField | Code::UnfilledField if item.skip_if_unknown_filter => {
            Severity::Warning
        }
        _ => Severity::Error,
    }
}

fn rule(
    item: &RuleItem,
    node: NodeId,
    output: Template,
    sources: &[Source],
    selection: &Selection,
) -> Rule {
    let tags = item.tags.iter().map(String::as_str);
    let runs = selection.runs(&item.name, tags, item.priority, item.enabled);
    let source = sources.get(item.position.source as usize);
    Rule {
        name: item.name.clone(),
        description: item.description.clone(),
        priority: item.priority,
        tags: item.tags.iter().cloned().collect(),
        output,
        runs,
        events: EventSet::EMPTY,
        file: source.map_or_else(|| Arc::from(""), |source| Arc::clone(source.name())),
        position: item.position,
        node,
    }
}

/// Names and tags of the settings that no rule has, left out or not.
fn warn_of_choices(selection: &Selection, rules: &[RuleItem], problems: &mut Problems) {
    for target in selection.targets() {
        let fits = |rule: &RuleItem| target.means(&rule.name, rule.tags.iter().map(String::as_str));
        if !rules.iter().any(fits) {
            problems.warn_of_choice(format!("no rule has {target}"));
        }
    }
}

/// Types of events that a message names at most.
const NAMED_EVENTS: usize = 8;

fn warn_of_events(rule: &Rule, item: &RuleItem, catalogue: &Catalogue, problems: &mut Problems) {
    let events = rule.events.len();
    if events > 0 && !catalogue.tells(&rule.events) {
        let names: Vec<_> = rule.events.iter().take(NAMED_EVENTS).map(EventType::name).collect();
        let more = if events > NAMED_EVENTS { ", …" } else { "" };
        let message = format!(
            "the rule `{}` never matches: nobody tells of {}{more} here",
            rule.name,
            names.join(", ")
        );
        problems.warn(Code::UntoldEvent, item.position, message);
    }
    if events == 0 {
        let message = format!("the rule `{}` matches no event type", rule.name);
        problems.warn(Code::ManyEvents, item.position, message);
    } else if events > MANY_EVENTS && item.warn_event_types {
        let message = format!(
            "the rule `{}` is tried on {events} event types; say which in `evt.type`",
            rule.name
        );
        problems.warn(Code::ManyEvents, item.position, message);
    }
}

fn by_event(rules: &[Rule]) -> Vec<Box<[RuleId]>> {
    EventType::all()
        .map(|event| {
            (0..)
                .map(RuleId)
                .zip(rules)
                .filter(|(_, rule)| rule.runs && rule.events.contains(event))
                .map(|(id, _)| id)
                .collect()
        })
        .collect()
}

fn nodes_by_event(
    builder: &mut Builder,
    rules: &[Rule],
    by_event: &[Box<[RuleId]>],
) -> Vec<Box<[NodeId]>> {
    let mut specialiser = Specialiser::default();
    let of_event = EventType::all().zip(by_event).map(|(event, candidates)| {
        let mut known = Special::new();
        let candidates = candidates.iter().filter_map(|rule| rules.get(rule.index()));
        candidates
            .map(|rule| {
                let node = specialiser.node(builder, rule.node, event, &mut known);
                if node != rule.node {
                    builder.used(node);
                }
                node
            })
            .collect()
    });
    of_event.collect()
}
