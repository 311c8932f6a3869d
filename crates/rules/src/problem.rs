//! What loading has to say about a rule file.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::source::{Position, Source};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing was left out, or what the file itself says may be (`skip-if-unknown-filter`).
    Warning,
    /// Something was left out: a rule, an item, or the whole source.
    Error,
}

/// The kind of a problem; its text in messages never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The text is not YAML. The whole source is left out.
    Yaml,
    /// A bound of [`Limits`](crate::Limits) was met.
    Limit,
    /// An item lacks a key, or a value has the wrong form.
    Item,
    /// A key, or a top-level item, that nobody knows.
    UnknownKey,
    /// A form that still works and should be replaced.
    Deprecated,
    /// A condition does not follow the grammar.
    Syntax,
    /// A field that Falco's system-call source does not have.
    UnknownField,
    /// A field that is known, and that this catalogue cannot fill.
    UnfilledField,
    /// A macro that is not defined where it is used.
    UnknownMacro,
    /// A value or an operator that does not fit the field.
    Type,
    /// An event type that nobody knows. It never matches.
    UnknownEvent,
    /// An exception that does not fit its rule.
    Exception,
    /// An output template with something that cannot be shown.
    Output,
    /// A rule for another event source.
    Source,
    /// A required version that may not be met.
    Version,
    /// A rule that is tried on very many event types.
    ManyEvents,
    /// Event types that are known, and that this catalogue is never told of.
    UntoldEvent,
    /// A macro or list that nothing uses.
    Unused,
    /// A choice of rules, by name or tag, that fits none.
    Selection,
}

/// Where the choices of [`Options`](crate::Options) are: what [`Problem::file`] says of them.
pub const SETTINGS: &str = "settings";

impl Code {
    /// The name that messages show.
    pub fn name(self) -> &'static str {
        match self {
            Code::Yaml => "yaml",
            Code::Limit => "limit",
            Code::Item => "item",
            Code::UnknownKey => "unknown-key",
            Code::Deprecated => "deprecated",
            Code::Syntax => "syntax",
            Code::UnknownField => "unknown-field",
            Code::UnfilledField => "unfilled-field",
            Code::UnknownMacro => "unknown-macro",
            Code::Type => "type",
            Code::UnknownEvent => "unknown-event",
            Code::Exception => "exception",
            Code::Output => "output",
            Code::Source => "source",
            Code::Version => "version",
            Code::ManyEvents => "many-events",
            Code::UntoldEvent => "untold-event",
            Code::Unused => "unused",
            Code::Selection => "selection",
        }
    }
}

/// Something to tell the author of a rule file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What kind it is.
    pub code: Code,
    /// The name of the source.
    pub file: Arc<str>,
    /// Where in it; line 0 for what has no place.
    pub position: Position,
    /// One sentence.
    pub message: String,
    /// The rules that are left out because of it, in the order of their definition.
    pub rules: Vec<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let Position { line, column, .. } = self.position;
        out.write_str(&self.file)?;
        if line > 0 {
            write!(out, ":{line}:{column}")?;
        }
        write!(out, ": {severity}[{}]: {}", self.code.name(), self.message)?;
        if !self.rules.is_empty() {
            write!(out, " (left out: {})", self.rules.join(", "))?;
        }
        Ok(())
    }
}

/// A reason to give up on what is being read.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) position: Position,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(code: Code, position: Position, message: impl Into<String>) -> Self {
        Fault { code, position, message: message.into() }
    }
}

/// Collects problems; the same one at the same place is kept once.
pub(crate) struct Problems {
    files: Vec<Arc<str>>,
    found: Vec<Problem>,
    known: HashMap<(Code, Position, String), usize>,
    limit: usize,
    beyond: usize,
}

impl Problems {
    pub(crate) fn new(sources: &[Source], limit: usize) -> Self {
        Problems {
            files: sources.iter().map(|source| Arc::clone(source.name())).collect(),
            found: Vec::new(),
            known: HashMap::new(),
            limit,
            beyond: 0,
        }
    }

    pub(crate) fn warn(&mut self, code: Code, position: Position, message: impl Into<String>) {
        self.add(Severity::Warning, Fault::new(code, position, message), None);
    }

    pub(crate) fn error(&mut self, fault: Fault) {
        self.add(Severity::Error, fault, None);
    }

    /// A problem that leaves out a rule.
    pub(crate) fn leave_out(&mut self, severity: Severity, fault: Fault, rule: &str) {
        self.add(severity, fault, Some(rule));
    }

    fn add(&mut self, severity: Severity, fault: Fault, rule: Option<&str>) {
        let key = (fault.code, fault.position, fault.message);
        if let Some(known) = self.known.get(&key).and_then(|at| self.found.get_mut(*at)) {
            known.severity = known.severity.max(severity);
            if let Some(rule) = rule
                && !known.rules.iter().any(|other| other == rule)
            {
                known.rules.push(rule.to_owned());
            }
            return;
        }
        if self.found.len() >= self.limit {
            self.beyond += 1;
            return;
        }
        let (code, position, message) = key.clone();
        self.known.insert(key, self.found.len());
        self.found.push(Problem {
            severity,
            code,
            file: self.file(position),
            position,
            message,
            rules: rule.map(str::to_owned).into_iter().collect(),
        });
    }

    fn file(&self, position: Position) -> Arc<str> {
        let index = usize::try_from(position.source).unwrap_or(usize::MAX);
        self.files.get(index).cloned().unwrap_or_else(|| Arc::from(""))
    }

    /// A choice of the settings that fits nothing.
    pub(crate) fn warn_of_choice(&mut self, message: String) {
        self.found.push(Problem {
            severity: Severity::Warning,
            code: Code::Selection,
            file: Arc::from(SETTINGS),
            position: Position::default(),
            message,
            rules: Vec::new(),
        });
    }

    /// The problems by source and place.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.position);
        if self.beyond > 0 {
            let position = Position::default();
            self.found.push(Problem {
                severity: Severity::Error,
                code: Code::Limit,
                file: self.file(position),
                position,
                message: format!("{} more problems are not shown", self.beyond),
                rules: Vec::new(),
            });
        }
        self.found
    }
}

/// Counts problems by kind, for a log line.
pub fn summary(problems: &[Problem]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for problem in problems {
        *counts.entry(problem.code.name()).or_default() += 1;
    }
    counts
}
