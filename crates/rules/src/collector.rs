//! Applies definitions, appends and overrides in the order in which they are read.

use std::collections::HashMap;

use crate::ast::Operator;
use crate::item::{Entry, Exception, ListItem, MacroItem, RuleChange, RuleItem};
use crate::limits::Limits;
use crate::problem::{Code, Fault};
use crate::source::Position;
use crate::text::Text;

/// All items, later definitions in the place of earlier ones.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) rules: Vec<RuleItem>,
    pub(crate) macros: Vec<MacroItem>,
    pub(crate) lists: Vec<ListItem>,
    rule_names: HashMap<String, usize>,
    macro_names: HashMap<String, usize>,
    list_names: HashMap<String, usize>,
    next: usize,
}

impl Collector {
    fn count(&mut self, position: Position, limits: &Limits) -> Result<usize, Fault> {
        if self.next >= limits.items {
            let message = format!("more than {} items", limits.items);
            return Err(Fault::new(Code::Limit, position, message));
        }
        self.next += 1;
        Ok(self.next)
    }

    pub(crate) fn list(&self, name: &str) -> Option<&ListItem> {
        self.list_names.get(name).and_then(|index| self.lists.get(*index))
    }

    pub(crate) fn macro_item(&self, name: &str) -> Option<&MacroItem> {
        self.macro_names.get(name).and_then(|index| self.macros.get(*index))
    }

    /// Defines a list, or adds to it.
    pub(crate) fn add_list(
        &mut self,
        name: &str,
        position: Position,
        items: Vec<(String, Position)>,
        append: bool,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let visibility = self.count(position, limits)?;
        let known = self.list_names.get(name).and_then(|index| self.lists.get_mut(*index));
        match (known, append) {
            (Some(list), true) => {
                list.items.extend(items);
                list.visibility = visibility;
            }
            (Some(list), false) => {
                list.items = items;
                list.visibility = visibility;
                list.position = position;
            }
            (None, true) => return Err(absent("list", name, position)),
            (None, false) => {
                self.list_names.insert(name.to_owned(), self.lists.len());
                let name = name.to_owned();
                self.lists.push(ListItem { name, position, items, index: visibility, visibility });
            }
        }
        Ok(())
    }

    /// Defines a macro, or adds to its condition.
    pub(crate) fn add_macro(
        &mut self,
        name: &str,
        position: Position,
        condition: Text,
        append: bool,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let visibility = self.count(position, limits)?;
        let known = self.macro_names.get(name).and_then(|index| self.macros.get_mut(*index));
        match (known, append) {
            (Some(item), true) => {
                extend(&mut item.condition, &condition, position, limits)?;
                item.visibility = visibility;
            }
            (Some(item), false) => {
                item.condition = condition;
                item.visibility = visibility;
                item.position = position;
            }
            (None, true) => return Err(absent("macro", name, position)),
            (None, false) => {
                self.macro_names.insert(name.to_owned(), self.macros.len());
                let name = name.to_owned();
                let index = visibility;
                self.macros.push(MacroItem { name, position, condition, index, visibility });
            }
        }
        Ok(())
    }

    /// Defines a rule. An earlier one of that name is gone; its place in the order stays.
    pub(crate) fn define_rule(&mut self, mut rule: RuleItem, limits: &Limits) -> Result<(), Fault> {
        self.count(rule.position, limits)?;
        for exception in &mut rule.exceptions {
            complete(exception)?;
        }
        match self.rule_names.get(&rule.name).and_then(|index| self.rules.get_mut(*index)) {
            Some(known) if known.source != rule.source => Err(Fault::new(
                Code::Item,
                rule.position,
                format!("the rule `{}` was defined for the source `{}`", rule.name, known.source),
            )),
            Some(known) => {
                *known = rule;
                Ok(())
            }
            None => {
                self.rule_names.insert(rule.name.clone(), self.rules.len());
                self.rules.push(rule);
                Ok(())
            }
        }
    }

    fn rule_mut(&mut self, name: &str, position: Position) -> Result<&mut RuleItem, Fault> {
        self.rule_names
            .get(name)
            .and_then(|index| self.rules.get_mut(*index))
            .ok_or_else(|| absent("rule", name, position))
    }

    /// Adds to a rule that was defined before.
    pub(crate) fn append_rule(
        &mut self,
        name: &str,
        position: Position,
        change: RuleChange,
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.count(position, limits)?;
        let rule = self.rule_mut(name, position)?;
        if let Some(condition) = &change.condition {
            extend(&mut rule.condition, condition, position, limits)?;
        }
        if let Some(output) = &change.output {
            extend(&mut rule.output, output, position, limits)?;
        }
        if let Some(description) = &change.description {
            rule.description.push(' ');
            rule.description.push_str(description);
        }
        rule.tags.extend(change.tags.into_iter().flatten());
        for exception in change.exceptions.into_iter().flatten() {
            append_exception(&mut rule.exceptions, exception)?;
        }
        Ok(())
    }

    /// Replaces parts of a rule that was defined before.
    pub(crate) fn replace_rule(
        &mut self,
        name: &str,
        position: Position,
        change: RuleChange,
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.count(position, limits)?;
        let mut exceptions = change.exceptions;
        for exception in exceptions.iter_mut().flatten() {
            complete(exception)?;
        }
        let rule = self.rule_mut(name, position)?;
        replace(&mut rule.condition, change.condition);
        replace(&mut rule.output, change.output);
        replace(&mut rule.description, change.description);
        replace(&mut rule.priority, change.priority);
        replace(&mut rule.tags, change.tags);
        replace(&mut rule.enabled, change.enabled);
        replace(&mut rule.warn_event_types, change.warn_event_types);
        replace(&mut rule.skip_if_unknown_filter, change.skip_if_unknown_filter);
        replace(&mut rule.exceptions, exceptions);
        Ok(())
    }
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

fn extend(text: &mut Text, more: &Text, position: Position, limits: &Limits) -> Result<(), Fault> {
    if text.len() + more.len() >= limits.text_bytes {
        let message = format!("with what is appended it has more than {} bytes", limits.text_bytes);
        return Err(Fault::new(Code::Limit, position, message));
    }
    text.append(more);
    Ok(())
}

fn absent(what: &str, name: &str, position: Position) -> Fault {
    let message = format!("there is no {what} `{name}` before this to change");
    Fault::new(Code::Item, position, message)
}

fn append_exception(known: &mut Vec<Exception>, mut more: Exception) -> Result<(), Fault> {
    let Some(exception) = known.iter_mut().find(|exception| exception.name == more.name) else {
        if more.values.is_empty() {
            let message = format!("the new exception `{}` has no values", more.name);
            return Err(Fault::new(Code::Exception, more.position, message));
        }
        complete(&mut more)?;
        known.push(more);
        return Ok(());
    };
    if let Some(entry) = more.fields.as_ref().or(more.comparisons.as_ref()) {
        let message = "only values can be added to an exception that is there";
        return Err(Fault::new(Code::Exception, entry.position(), message));
    }
    exception.values.extend(more.values);
    Ok(())
}

/// Puts in the operators that were left out, and checks that they fit the fields.
fn complete(exception: &mut Exception) -> Result<(), Fault> {
    let fault = |position, message: String| Fault::new(Code::Exception, position, message);
    let Some(fields) = &exception.fields else {
        let message = format!("the exception `{}` names no fields", exception.name);
        return Err(fault(exception.position, message));
    };
    let comparisons = exception.comparisons.take().unwrap_or_else(|| match fields {
        Entry::One(_, position) => Entry::One("in".to_owned(), *position),
        Entry::Many(fields, position) => {
            let equal = fields.iter().map(|field| Entry::One("=".to_owned(), field.position()));
            Entry::Many(equal.collect(), *position)
        }
    });
    match (fields, &comparisons) {
        (Entry::One(..), Entry::One(name, position)) => {
            let list = Operator::with_modifier(name)
                .is_some_and(|(operator, modifier)| operator.takes_list() || modifier.is_some());
            if !list {
                let message = "one field is compared by `in`, `pmatch` or `intersects`, or by an \
                               operator with `oneof`, `anyof` or `allof`"
                    .to_owned();
                return Err(fault(*position, message));
            }
        }
        (Entry::Many(fields, _), Entry::Many(names, position)) => {
            if fields.len() != names.len() {
                return Err(fault(*position, "as many comps as fields are needed".to_owned()));
            }
            for name in names {
                let known = match name {
                    Entry::One(name, _) => Operator::with_modifier(name).is_some(),
                    Entry::Many(..) => false,
                };
                if !known {
                    return Err(fault(name.position(), "this is no operator".to_owned()));
                }
            }
        }
        (_, other) => {
            let message = "fields and comps are both one value or both sequences".to_owned();
            return Err(fault(other.position(), message));
        }
    }
    exception.comparisons = Some(comparisons);
    Ok(())
}
