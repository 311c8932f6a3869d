//! From the text of a policy to its rules.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeTable;

use super::detect::Detection;
use super::dns::DnsSection;
use super::effect::{Effect, Fail};
use super::file::FileSection;
use super::kernel::KernelSection;
use super::limits::Limits;
use super::matching::Match;
use super::network::NetworkSection;
use super::problem::{Notes, Problem, Problems};
use super::process::Processes;
use super::reader::{Reader, Value, cut};
use super::rule_set::{Compiled, RuleSet};
use super::{Policy, PolicyVersion, Settings};

const FAIL: [(&str, Fail); 2] = [("open", Fail::Open), ("closed", Fail::Closed)];

const SETTINGS: [&str; 7] =
    ["fail", "deadline_ms", "detections", "malware", "malware_hashes", "dns_hold_ms", "rule"];

const SECTIONS: [&str; 8] =
    ["name", "match", "process", "file", "network", "dns", "kernel", "detect"];

pub(crate) fn policy(text: &str, name: &str, limits: Limits) -> Result<Policy, Problems> {
    if text.len() > limits.max_bytes {
        let mut notes = Notes::new("", name, limits.max_problems);
        notes.error(0..0, format!("longer than {} bytes (`max_bytes`)", limits.max_bytes));
        return Err(Problems(notes.finish().0));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let mut notes = Notes::new(text, name, limits.max_problems);
        notes.error(error.span().unwrap_or(0..0), error.message());
        Problems(notes.finish().0)
    })?;
    let mut reader = Reader::new(text, name, limits);
    let table = table.get_ref();
    let settings = settings(table, &mut reader);
    let rules = rules(table, &settings, &mut reader);
    hidden(&rules, table, &mut reader);
    let (problems, errors) = reader.notes.finish();
    if errors {
        return Err(Problems(problems));
    }
    Ok(assemble(PolicyVersion::of(text), name, settings, rules, problems))
}

pub(crate) fn assemble(
    version: PolicyVersion,
    name: &str,
    settings: Settings,
    rules: Vec<RuleSet>,
    warnings: Vec<Problem>,
) -> Policy {
    let Settings { fail, detections, malware, .. } = settings;
    Policy {
        version,
        name: name.to_owned(),
        rest: RuleSet::rest(fail, detections, malware, false),
        host: RuleSet::rest(fail, detections, malware, true),
        settings,
        rules,
        warnings,
    }
}

fn settings<'t>(table: &DeTable<'t>, reader: &mut Reader<'t>) -> Settings {
    reader.keys(table, &SETTINGS);
    let mut settings = Settings::default();
    if let Some(value) = table.get("fail") {
        settings.fail = reader.word(value, "value", &FAIL).unwrap_or_default();
    }
    if let Some(value) = table.get("deadline_ms") {
        let number = reader.number(value, 1..60_001);
        settings.deadline_ms = number.unwrap_or(settings.deadline_ms);
    }
    if let Some(value) = table.get("dns_hold_ms") {
        let number = reader.number(value, 1_000..86_400_001);
        settings.dns_hold_ms = number.unwrap_or(settings.dns_hold_ms);
    }
    settings.detections = reader.effect(table, "detections").unwrap_or_default();
    settings.malware = reader.effect(table, "malware").unwrap_or_default();
    if let Some(value) = table.get("malware_hashes") {
        settings.malware_hashes = reader.text(value).map(|text| PathBuf::from(text.text));
    }
    settings
}

fn rules<'t>(table: &DeTable<'t>, settings: &Settings, reader: &mut Reader<'t>) -> Vec<RuleSet> {
    let Some(value) = table.get("rule") else { return Vec::new() };
    let Some(list) = value.get_ref().as_array() else {
        reader.notes.error(value.span(), "rules are written `[[rule]]`, with two brackets");
        return Vec::new();
    };
    if list.len() > reader.limits.max_rules {
        let limit = reader.limits.max_rules;
        reader.notes.error(value.span(), format!("more than {limit} rules (`max_rules`)"));
        return Vec::new();
    }
    let mut names: HashMap<String, u32> = HashMap::new();
    let mut rules = Vec::new();
    for value in list.iter() {
        let Some(rule) = rule(value, settings, reader) else { continue };
        if let Some(line) = names.insert(rule.name.clone(), rule.line) {
            let message = format!("`{}` is the name of the rule in line {line} too", rule.name);
            reader.notes.error(value.span(), message);
        }
        rules.push(RuleSet(Arc::new(rule)));
    }
    rules
}

fn rule<'t>(value: &Value<'t>, settings: &Settings, reader: &mut Reader<'t>) -> Option<Compiled> {
    let Some(table) = value.get_ref().as_table() else {
        reader.notes.error(value.span(), "rules are written `[[rule]]`, with two brackets");
        return None;
    };
    reader.keys(table, &SECTIONS);
    let line = reader.notes.line(value.span().start);
    let name = match table.get("name") {
        Some(name) => reader.text(name).map(|text| text.text),
        None => {
            reader.notes.error(value.span(), "a rule needs a `name`: refusals are told by it");
            None
        }
    };
    let name = name.unwrap_or_else(|| format!("rule in line {line}"));
    let matching = table.get("match").map(|value| Match::read(value, reader)).unwrap_or_default();
    let process = match table.get("process") {
        Some(value) => Processes::read(value, settings.malware, reader),
        None => Processes::new(settings.malware),
    };
    let file = table.get("file").map(|value| FileSection::read(value, reader));
    let network = table.get("network").map(|value| NetworkSection::read(value, reader));
    let dns = table.get("dns").map(|value| DnsSection::read(value, reader));
    let kernel = table.get("kernel").map(|value| KernelSection::read(value, reader));
    let mut compiled = Compiled {
        name,
        line,
        matching,
        fail: settings.fail,
        detections: settings.detections,
        process,
        file: file.unwrap_or_default(),
        network: network.unwrap_or_default(),
        dns: dns.unwrap_or_default(),
        kernel: kernel.unwrap_or_else(KernelSection::off),
        detect: detections(table, reader),
    };
    if compiled.matching.host {
        host(&mut compiled, value, reader);
    }
    Some(compiled)
}

fn detections<'t>(table: &DeTable<'t>, reader: &mut Reader<'t>) -> Vec<Detection> {
    let Some(list) = reader.list(table, "detect") else { return Vec::new() };
    list.into_iter().filter_map(|value| Detection::read(value, reader)).collect()
}

/// The host is told of, and nothing on it is refused: there is nobody who could start it again.
fn host<'t>(rule: &mut Compiled, value: &Value<'t>, reader: &mut Reader<'t>) {
    let mut limited = false;
    let mut limit = |effect: &mut Effect| {
        limited |= effect.refuses();
        *effect = (*effect).min(Effect::Alert);
    };
    rule.detections = rule.detections.min(Effect::Alert);
    for effect in [
        &mut rule.process.effect,
        &mut rule.process.deny_effect,
        &mut rule.process.drift,
        &mut rule.process.fileless,
        &mut rule.file.effect,
        &mut rule.file.deny_effect,
        &mut rule.network.effect,
        &mut rule.network.deny_effect,
        &mut rule.dns.effect,
        &mut rule.dns.deny_effect,
        &mut rule.kernel.mount,
        &mut rule.kernel.ptrace,
        &mut rule.kernel.bpf,
        &mut rule.kernel.module,
    ] {
        limit(effect);
    }
    rule.detect.iter_mut().for_each(|detection| limit(&mut detection.effect));
    rule.process.malware = rule.process.malware.min(Effect::Alert);
    if limited {
        let message = format!(
            "rule `{}`: nothing is refused on the host, `prevent` and `block` are alerts there",
            cut(&rule.name)
        );
        reader.notes.warn(value.span(), message);
    }
}

/// Warns of rules that never hold because an earlier one holds first.
fn hidden<'t>(rules: &[RuleSet], table: &DeTable<'t>, reader: &mut Reader<'t>) {
    let list = table.get("rule").and_then(|value| value.get_ref().as_array());
    let spans: Vec<_> = list.iter().flat_map(|list| list.iter()).map(|rule| rule.span()).collect();
    for (index, later) in rules.iter().enumerate() {
        let earlier = rules.iter().take(index);
        let Some(first) =
            earlier.into_iter().find(|rule| rule.0.matching.covers(&later.0.matching))
        else {
            continue;
        };
        let message = format!(
            "rule `{}` never holds: `{}` in line {} is for the same containers and comes first",
            cut(later.name()),
            cut(first.name()),
            first.line()
        );
        reader.notes.warn(spans.get(index).cloned().unwrap_or(0..0), message);
    }
}
