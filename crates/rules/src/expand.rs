//! Puts macros and lists in the place of their names.
//!
//! A macro sees the macros that were first defined before it was last changed; a rule sees all. A
//! list sees lists by the same order; conditions see all. What grows here is counted: ten macros
//! that use each other twice are a thousand parts.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::ast::{Check, Expr, Operand, Word};
use crate::collector::Collector;
use crate::exception;
use crate::item::{ListItem, RuleItem};
use crate::limits::Limits;
use crate::parser;
use crate::problem::{Code, Fault, Problems};
use crate::source::Position;

/// How deep macros and lists may use each other.
const DEPTH: usize = 64;

/// How deep a condition may be with its macros: all that walks it recurses.
const LEVELS: usize = 400;

pub(crate) struct Expander<'c> {
    collector: &'c Collector,
    limits: &'c Limits,
    macros: HashMap<&'c str, Rc<Result<Expr, Fault>>>,
    lists: HashMap<&'c str, Rc<Result<Vec<Word>, Fault>>>,
    used: HashSet<(Kind, &'c str)>,
    /// How deep in the condition at hand.
    level: usize,
    /// Parts of the condition at hand, and of all so far.
    parts: usize,
    together: usize,
    /// Values of all lists so far.
    listed: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Macro,
    List,
}

impl<'c> Expander<'c> {
    /// Parses every macro and puts lists into lists.
    pub(crate) fn new(
        collector: &'c Collector,
        limits: &'c Limits,
        problems: &mut Problems,
    ) -> Self {
        let mut expander = Expander {
            collector,
            limits,
            macros: HashMap::new(),
            lists: HashMap::new(),
            used: HashSet::new(),
            level: 0,
            parts: 0,
            together: 0,
            listed: 0,
        };
        for item in &collector.macros {
            let parsed = parser::parse(&item.condition, limits.depth);
            if let Err(fault) = &parsed {
                problems.error(fault.clone());
            }
            expander.macros.insert(&item.name, Rc::new(parsed));
        }
        for item in &collector.lists {
            if let Err(fault) = &*expander.list(item, 0) {
                problems.error(fault.clone());
            }
        }
        expander
    }

    /// The whole condition of a rule.
    pub(crate) fn rule(&mut self, rule: &RuleItem) -> Result<Expr, Fault> {
        let parsed = parser::parse(&rule.condition, self.limits.depth)?;
        let whole = exception::except(parsed, &rule.exceptions)?;
        self.parts = 0;
        self.level = 0;
        let at = rule.condition.at(0);
        let expr = self.expr(&whole, usize::MAX, 0, at)?;
        self.together += self.parts;
        if self.together > self.limits.expanded_together {
            let message = format!(
                "with this rule all conditions have more than {} parts",
                self.limits.expanded_together
            );
            return Err(Fault::new(Code::Limit, at, message));
        }
        Ok(expr)
    }

    /// Warns of macros and lists that nothing used.
    pub(crate) fn warn_of_unused(&self, problems: &mut Problems) {
        for item in &self.collector.macros {
            if !self.used.contains(&(Kind::Macro, item.name.as_str())) {
                let message = format!("nothing uses the macro `{}`", item.name);
                problems.warn(Code::Unused, item.position, message);
            }
        }
        for item in &self.collector.lists {
            if !self.used.contains(&(Kind::List, item.name.as_str())) {
                let message = format!("nothing uses the list `{}`", item.name);
                problems.warn(Code::Unused, item.position, message);
            }
        }
    }

    fn count(&mut self, parts: usize, at: Position) -> Result<(), Fault> {
        self.parts += parts;
        if self.parts <= self.limits.expanded {
            return Ok(());
        }
        let message = format!(
            "with its macros and lists the condition has more than {} parts",
            self.limits.expanded
        );
        Err(Fault::new(Code::Limit, at, message))
    }

    fn expr(
        &mut self,
        expr: &Expr,
        visibility: usize,
        depth: usize,
        at: Position,
    ) -> Result<Expr, Fault> {
        self.count(1, at)?;
        self.level += 1;
        if self.level > LEVELS {
            let message = format!("with its macros the condition is more than {LEVELS} deep");
            return Err(Fault::new(Code::Limit, at, message));
        }
        let expanded = match expr {
            Expr::And(parts) => Expr::And(self.all(parts, visibility, depth, at)?),
            Expr::Or(parts) => Expr::Or(self.all(parts, visibility, depth, at)?),
            Expr::Not(inner) => Expr::Not(Box::new(self.expr(inner, visibility, depth, at)?)),
            Expr::Macro(name, at) => self.macro_expr(name, *at, visibility, depth)?,
            Expr::Check(check) => Expr::Check(Box::new(self.check(check)?)),
        };
        self.level -= 1;
        Ok(expanded)
    }

    fn all(
        &mut self,
        parts: &[Expr],
        visibility: usize,
        depth: usize,
        at: Position,
    ) -> Result<Vec<Expr>, Fault> {
        parts.iter().map(|part| self.expr(part, visibility, depth, at)).collect()
    }

    fn macro_expr(
        &mut self,
        name: &str,
        at: Position,
        visibility: usize,
        depth: usize,
    ) -> Result<Expr, Fault> {
        let collector = self.collector;
        let item = collector.macro_item(name).filter(|item| item.index < visibility);
        let Some(item) = item else {
            let later = collector.macro_item(name).is_some();
            let why = if later { "is defined later only" } else { "is not defined" };
            let message = format!("the macro `{name}` {why}");
            return Err(Fault::new(Code::UnknownMacro, at, message));
        };
        if depth >= DEPTH {
            let message = format!("macros use each other more than {DEPTH} deep at `{name}`");
            return Err(Fault::new(Code::Limit, at, message));
        }
        self.used.insert((Kind::Macro, item.name.as_str()));
        let Some(parsed) = self.macros.get(name).map(Rc::clone) else {
            return Err(Fault::new(Code::UnknownMacro, at, format!("no macro `{name}`")));
        };
        match &*parsed {
            Ok(parsed) => self.expr(parsed, item.visibility, depth + 1, at),
            Err(fault) => Err(fault.clone()),
        }
    }

    fn check(&mut self, check: &Check) -> Result<Check, Fault> {
        let operand = match &check.operand {
            Operand::List(words) => Operand::List(self.words(words)?),
            Operand::Word(word) if check.operator.takes_list() => {
                Operand::List(self.words(std::slice::from_ref(word))?)
            }
            Operand::Word(word) => {
                let mut words = self.words(std::slice::from_ref(word))?;
                match (words.pop(), words.is_empty()) {
                    (Some(only), true) => Operand::Word(only),
                    _ => {
                        let message = format!("`{}` is a list; one value is compared", word.text);
                        return Err(Fault::new(Code::Syntax, word.at, message));
                    }
                }
            }
            Operand::None | Operand::Subject(_) => check.operand.clone(),
        };
        Ok(Check {
            subject: check.subject.clone(),
            operator: check.operator,
            modifier: check.modifier,
            operator_at: check.operator_at,
            operand,
        })
    }

    fn words(&mut self, words: &[Word]) -> Result<Vec<Word>, Fault> {
        let mut all = Vec::with_capacity(words.len());
        for word in words {
            match self.collector.list(&word.text).filter(|_| !word.quoted) {
                Some(item) => {
                    let list = self.list(item, 0);
                    let list = (*list).as_ref().map_err(Fault::clone)?;
                    self.count(list.len(), word.at)?;
                    all.extend_from_slice(list);
                }
                None => {
                    self.count(1, word.at)?;
                    all.push(word.clone());
                }
            }
        }
        // What uses a list in a condition is a use; what one list uses of another is, too.
        for word in words.iter().filter(|word| !word.quoted) {
            if let Some(item) = self.collector.list(&word.text) {
                self.used.insert((Kind::List, item.name.as_str()));
            }
        }
        Ok(all)
    }

    fn list(&mut self, item: &'c ListItem, depth: usize) -> Rc<Result<Vec<Word>, Fault>> {
        if let Some(known) = self.lists.get(item.name.as_str()) {
            return Rc::clone(known);
        }
        let words = self.list_words(item, depth).and_then(|words| self.keep(words, item));
        let words = Rc::new(words);
        self.lists.insert(&item.name, Rc::clone(&words));
        words
    }

    /// A thousand lists that each take in the same long one are a thousand long ones.
    fn keep(&mut self, words: Vec<Word>, item: &ListItem) -> Result<Vec<Word>, Fault> {
        let limit = self.limits.expanded_together;
        if self.listed + words.len() > limit {
            let message = format!("with this list all lists have more than {limit} values");
            return Err(Fault::new(Code::Limit, item.position, message));
        }
        self.listed += words.len();
        Ok(words)
    }

    fn list_words(&mut self, item: &'c ListItem, depth: usize) -> Result<Vec<Word>, Fault> {
        let collector = self.collector;
        let mut words = Vec::with_capacity(item.items.len());
        for (text, at) in &item.items {
            let word = exception::word(text, *at)?;
            let other = collector
                .list(&word.text)
                .filter(|other| !word.quoted && other.index < item.visibility)
                .filter(|other| other.name != item.name);
            match other {
                Some(_) if depth >= DEPTH => {
                    let message = format!("lists use each other more than {DEPTH} deep");
                    return Err(Fault::new(Code::Limit, *at, message));
                }
                Some(other) => {
                    self.used.insert((Kind::List, other.name.as_str()));
                    let inner = self.list(other, depth + 1);
                    words.extend_from_slice((*inner).as_ref().map_err(Fault::clone)?);
                }
                None => words.push(word),
            }
            if words.len() > self.limits.expanded {
                let message = format!("the list has more than {} values", self.limits.expanded);
                return Err(Fault::new(Code::Limit, *at, message));
            }
        }
        Ok(words)
    }
}
