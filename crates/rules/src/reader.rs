//! From YAML to items.

use std::collections::BTreeSet;

use crate::collector::Collector;
use crate::item::{RuleChange, RuleItem};
use crate::limits::Limits;
use crate::mapping::Mapping;
use crate::priority::Priority;
use crate::problem::{Code, Fault, Problems};
use crate::read_exception;
use crate::source::{Lines, Position};
use crate::version::{self, ENGINE_VERSION};
use crate::yaml::{self, Data, Node};

/// The event source that this crate is about.
pub(crate) const SYSCALL: &str = "syscall";

const RULE_KEYS: [&str; 16] = [
    "rule",
    "desc",
    "condition",
    "output",
    "priority",
    "tags",
    "source",
    "enabled",
    "exceptions",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "append",
    "override",
    "capture",
    "capture_duration",
    "capture_filter",
];
const APPENDABLE: [&str; 5] = ["condition", "output", "desc", "tags", "exceptions"];
const REPLACEABLE: [&str; 9] = [
    "condition",
    "output",
    "desc",
    "priority",
    "tags",
    "exceptions",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
];

/// Reads one source into the collector.
pub(crate) fn read(
    lines: &Lines<'_>,
    limits: &Limits,
    collector: &mut Collector,
    problems: &mut Problems,
) {
    if lines.text.len() > limits.source_bytes {
        let message = format!("the source has more than {} bytes", limits.source_bytes);
        problems.error(Fault::new(Code::Limit, lines.position(0), message));
        return;
    }
    let documents = match yaml::parse(lines.text, limits) {
        Ok(documents) => documents,
        Err(malformed) => {
            let code = if malformed.limit { Code::Limit } else { Code::Yaml };
            problems.error(Fault::new(code, lines.position(malformed.at), malformed.message));
            return;
        }
    };
    let mut reader = Reader { lines, limits, collector, problems };
    for document in &documents {
        match &document.data {
            Data::Null => {}
            Data::Sequence(items) => {
                for item in items.iter().filter(|item| !matches!(item.data, Data::Null)) {
                    if let Err(fault) = reader.item(item) {
                        reader.problems.error(fault);
                    }
                }
            }
            Data::Scalar(_) | Data::Mapping(_) => {
                let message = "a rule file is a sequence of items";
                let position = lines.position(document.at);
                reader.problems.error(Fault::new(Code::Item, position, message));
            }
        }
    }
}

struct Reader<'a> {
    lines: &'a Lines<'a>,
    limits: &'a Limits,
    collector: &'a mut Collector,
    problems: &'a mut Problems,
}

/// What `override` says of each key.
#[derive(Default)]
struct Overrides {
    append: BTreeSet<String>,
    replace: BTreeSet<String>,
}

impl Overrides {
    fn any(&self) -> bool {
        !self.append.is_empty() || !self.replace.is_empty()
    }
}

impl Reader<'_> {
    fn item(&mut self, node: &Node) -> Result<(), Fault> {
        let item = Mapping::new(node, self.lines, self.limits)?;
        if item.has("required_engine_version") {
            self.engine_version(&item)
        } else if item.has("required_plugin_versions") {
            self.plugin_versions(&item)
        } else if item.has("list") {
            self.list(&item)
        } else if item.has("macro") {
            self.macro_item(&item)
        } else if item.has("rule") {
            self.rule(&item)
        } else {
            let message = "nobody knows an item with these keys";
            self.problems.warn(Code::UnknownKey, item.position(), message);
            Ok(())
        }
    }

    fn engine_version(&mut self, item: &Mapping<'_>) -> Result<(), Fault> {
        let text = item.need_str("required_engine_version")?;
        let at = item.key_at("required_engine_version");
        let Some(version) = version::read(text) else {
            let message = format!("`{text}` is no version: expected a number or `x.y.z`");
            return Err(Fault::new(Code::Version, at, message));
        };
        if version > ENGINE_VERSION {
            let (x, y, z) = ENGINE_VERSION;
            let message =
                format!("the rules ask for engine {text}; this is the language of {x}.{y}.{z}");
            self.problems.warn(Code::Version, at, message);
        }
        Ok(())
    }

    fn plugin_versions(&mut self, item: &Mapping<'_>) -> Result<(), Fault> {
        let Some(Node { data: Data::Sequence(plugins), .. }) = item.get("required_plugin_versions")
        else {
            let at = item.key_at("required_plugin_versions");
            return Err(Fault::new(Code::Item, at, "required_plugin_versions is a sequence"));
        };
        for plugin in plugins {
            let plugin = item.inner(plugin)?;
            let name = plugin.need_str("name")?;
            plugin.need_str("version")?;
            // What the container plugin fills, the Defender fills itself.
            if name != "container" {
                let message = format!("there are no plugins: fields of `{name}` have no values");
                self.problems.warn(Code::Version, plugin.position(), message);
            }
        }
        Ok(())
    }

    fn list(&mut self, item: &Mapping<'_>) -> Result<(), Fault> {
        item.warn_of_others(&["list", "items", "append", "override"], self.problems);
        let name = item.need_str("list")?;
        let items = item.strings("items")?.ok_or_else(|| {
            Fault::new(Code::Item, item.position(), format!("the list `{name}` has no `items`"))
        })?;
        let append = self.appends(item, "items")?;
        self.collector.add_list(name, item.position(), items, append, self.limits)
    }

    fn macro_item(&mut self, item: &Mapping<'_>) -> Result<(), Fault> {
        item.warn_of_others(&["macro", "condition", "append", "override"], self.problems);
        let name = item.need_str("macro")?;
        let condition = item.need_text("condition")?;
        let append = self.appends(item, "condition")?;
        self.collector.add_macro(name, item.position(), condition, append, self.limits)
    }

    /// Whether a list or macro adds to an earlier one.
    fn appends(&mut self, item: &Mapping<'_>, key: &str) -> Result<bool, Fault> {
        let legacy = self.legacy_append(item)?;
        let overrides = overrides(item, &[key], &[key])?;
        both_ways(item, legacy, &overrides)?;
        Ok(legacy || overrides.append.contains(key))
    }

    fn legacy_append(&mut self, item: &Mapping<'_>) -> Result<bool, Fault> {
        let append = item.bool("append")?.unwrap_or(false);
        if append {
            let message = "`append` is the old form of `override`";
            self.problems.warn(Code::Deprecated, item.key_at("append"), message);
        }
        Ok(append)
    }

    fn rule(&mut self, item: &Mapping<'_>) -> Result<(), Fault> {
        item.warn_of_others(&RULE_KEYS, self.problems);
        let name = item.need_str("rule")?;
        let legacy = self.legacy_append(item)?;
        let overrides = overrides(item, &APPENDABLE, &REPLACEABLE)?;
        both_ways(item, legacy, &overrides)?;
        if overrides.any() {
            return self.overridden(item, name, &overrides);
        }
        if legacy {
            let keys = ["condition", "exceptions"];
            if !keys.iter().any(|key| item.has(key)) {
                let message = "an appended rule has a condition or exceptions";
                return Err(Fault::new(Code::Item, item.position(), message));
            }
            let change = self.change(item, &|key| keys.contains(&key), true)?;
            return self.collector.append_rule(name, item.position(), change, self.limits);
        }
        let parts = ["condition", "output", "desc", "priority"];
        if !parts.iter().any(|key| item.has(key)) {
            let Some(enabled) = item.bool("enabled")? else {
                let message = format!("the rule `{name}` has no condition");
                return Err(Fault::new(Code::Item, item.position(), message));
            };
            let message = "a rule with `enabled` alone is the old form of `override`";
            self.problems.warn(Code::Deprecated, item.key_at("enabled"), message);
            let change = RuleChange { enabled: Some(enabled), ..RuleChange::default() };
            return self.collector.replace_rule(name, item.position(), change, self.limits);
        }
        let mut output = item.need_text("output")?;
        output.trim();
        let rule = RuleItem {
            name: name.to_owned(),
            position: item.position(),
            condition: item.need_text("condition")?,
            output,
            description: item.need_str("desc")?.trim().to_owned(),
            priority: priority(item)?,
            tags: tags(item)?.unwrap_or_default(),
            source: item.str("source")?.unwrap_or(SYSCALL).to_owned(),
            enabled: item.bool("enabled")?.unwrap_or(true),
            warn_event_types: item.bool("warn_evttypes")?.unwrap_or(true),
            skip_if_unknown_filter: item.bool("skip-if-unknown-filter")?.unwrap_or(false),
            exceptions: read_exception::exceptions(item, false, self.problems)?.unwrap_or_default(),
        };
        self.collector.define_rule(rule, self.limits)
    }

    /// A rule with `override`: every key is appended or replaced, as it says.
    fn overridden(
        &mut self,
        item: &Mapping<'_>,
        name: &str,
        overrides: &Overrides,
    ) -> Result<(), Fault> {
        for key in overrides.append.iter().chain(&overrides.replace) {
            if !item.has(key) {
                let message = format!("`{key}` is overridden and not given");
                return Err(Fault::new(Code::Item, item.key_at("override"), message));
            }
        }
        for key in REPLACEABLE {
            let named = overrides.append.contains(key) || overrides.replace.contains(key);
            if item.has(key) && !named {
                let message = format!("`override` does not say what to do with `{key}`");
                return Err(Fault::new(Code::Item, item.key_at(key), message));
            }
        }
        if !overrides.append.is_empty() {
            let change = self.change(item, &|key| overrides.append.contains(key), true)?;
            self.collector.append_rule(name, item.position(), change, self.limits)?;
        }
        if !overrides.replace.is_empty() {
            let change = self.change(item, &|key| overrides.replace.contains(key), false)?;
            self.collector.replace_rule(name, item.position(), change, self.limits)?;
        }
        Ok(())
    }

    /// The keys of a rule that are wanted.
    fn change(
        &mut self,
        item: &Mapping<'_>,
        wanted: &dyn Fn(&str) -> bool,
        append: bool,
    ) -> Result<RuleChange, Fault> {
        let has = |key: &str| item.has(key) && wanted(key);
        let mut change = RuleChange::default();
        if has("condition") {
            change.condition = Some(item.need_text("condition")?);
        }
        if has("output") {
            let mut output = item.need_text("output")?;
            output.trim();
            change.output = Some(output);
        }
        if has("desc") {
            change.description = Some(item.need_str("desc")?.trim().to_owned());
        }
        if has("priority") {
            change.priority = Some(priority(item)?);
        }
        if has("tags") {
            change.tags = tags(item)?;
        }
        if has("enabled") {
            change.enabled = item.bool("enabled")?;
        }
        if has("warn_evttypes") {
            change.warn_event_types = item.bool("warn_evttypes")?;
        }
        if has("skip-if-unknown-filter") {
            change.skip_if_unknown_filter = item.bool("skip-if-unknown-filter")?;
        }
        if has("exceptions") {
            change.exceptions = read_exception::exceptions(item, append, self.problems)?;
        }
        Ok(change)
    }
}

fn overrides(item: &Mapping<'_>, append: &[&str], replace: &[&str]) -> Result<Overrides, Fault> {
    let mut overrides = Overrides::default();
    let Some(node) = item.get("override") else { return Ok(overrides) };
    for (key, how) in item.inner(node)?.entries() {
        let name = key.scalar().unwrap_or_default();
        let (known, set) = match how.scalar() {
            Some("append") => (append, &mut overrides.append),
            Some("replace") => (replace, &mut overrides.replace),
            _ => {
                let message = "expected `append` or `replace`";
                return Err(Fault::new(Code::Item, item.at(how), message));
            }
        };
        if !known.contains(&name) {
            let how = how.scalar().unwrap_or_default();
            let message = format!("`{how}` does not work for `{name}`");
            return Err(Fault::new(Code::Item, item.at(key), message));
        }
        set.insert(name.to_owned());
    }
    Ok(overrides)
}

fn both_ways(item: &Mapping<'_>, legacy: bool, overrides: &Overrides) -> Result<(), Fault> {
    if legacy && overrides.any() {
        let message = "`append` and `override` exclude each other";
        return Err(Fault::new(Code::Item, item.key_at("append"), message));
    }
    Ok(())
}

fn priority(item: &Mapping<'_>) -> Result<Priority, Fault> {
    let name = item.need_str("priority")?;
    Priority::from_name(name.trim()).ok_or_else(|| {
        Fault::new(Code::Item, item.key_at("priority"), format!("`{name}` is no priority"))
    })
}

fn tags(item: &Mapping<'_>) -> Result<Option<BTreeSet<String>>, Fault> {
    let tags: Option<Vec<(String, Position)>> = item.strings("tags")?;
    Ok(tags.map(|tags| tags.into_iter().map(|(tag, _)| tag).collect()))
}
