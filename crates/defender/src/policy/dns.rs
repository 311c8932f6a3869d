//! The section `dns`.

use palisade_model::event::{Activity, Event};
use toml::de::DeTable;

use super::effect::{Clause, Effect, Entry, Reason, Section};
use super::lease::Refusal;
use super::network::{NetworkSection, is_loopback};
use super::reader::{Reader, Value, cut};

/// A name, or all below one.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) entry: Entry,
    /// Lower case, without a last dot; of `*.example.com` what follows the star, with its dot.
    name: String,
    below: bool,
}

impl Domain {
    fn matches(&self, name: &str) -> bool {
        if self.below {
            name.len() > self.name.len() && name.ends_with(&self.name)
        } else {
            name == self.name
        }
    }
}

fn domain(text: &str) -> Result<(String, bool), String> {
    let lower = text.trim_end_matches('.').to_ascii_lowercase();
    if lower == "*" {
        return Ok((String::new(), true));
    }
    let (bare, below) = match lower.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (lower.as_str(), false),
    };
    if bare.contains('*') {
        return Err(format!("`{}`: a star stands for whole labels, and first", cut(text)));
    }
    if !bare.is_ascii() {
        let advice = "names are asked for in their ASCII form (`xn--…`)";
        return Err(format!("`{}`: {advice}", cut(text)));
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    };
    if bare.len() > 253 || !bare.split('.').all(label) {
        return Err(format!("`{}` is no domain name", cut(text)));
    }
    Ok((if below { format!(".{bare}") } else { bare.to_owned() }, below))
}

/// The section.
#[derive(Debug, Clone)]
pub(crate) struct DnsSection {
    pub(crate) effect: Effect,
    pub(crate) deny_effect: Effect,
    pub(crate) learned: bool,
    pub(crate) allow: Option<Vec<Domain>>,
    pub(crate) deny: Vec<Domain>,
}

impl Default for DnsSection {
    fn default() -> Self {
        Self {
            effect: Effect::Alert,
            deny_effect: Effect::Alert,
            learned: true,
            allow: None,
            deny: Vec::new(),
        }
    }
}

impl DnsSection {
    pub(crate) fn read<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Self {
        let mut section = Self::default();
        let Some(table) = reader.table(value) else { return section };
        reader.keys(table, &["effect", "deny_effect", "learned", "allow", "deny"]);
        section.effect = reader.effect(table, "effect").unwrap_or_default();
        section.deny_effect = reader.effect(table, "deny_effect").unwrap_or(section.effect);
        section.learned = reader.flag(table, "learned").unwrap_or(true);
        section.allow = domains(table, "allow", reader);
        section.deny = domains(table, "deny", reader).unwrap_or_default();
        section
    }

    /// What the section says of a question. `departs` is what the model said, by list or by itself.
    pub(crate) fn judge(&self, name: &str, departs: Option<bool>) -> Vec<Reason> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut reasons = Vec::new();
        if let Some(denied) = self.denies(&name)
            && self.deny_effect > Effect::Disable
        {
            let text = format!("{name} may not be asked for");
            let effect = self.deny_effect;
            reasons.push(Reason::new(Section::Dns, Clause::Deny, Some(denied), effect, text));
        }
        if self.departs(&name, departs) && self.effect > Effect::Disable {
            let text = if self.learned {
                format!("the image does not normally ask for {name}")
            } else {
                format!("`allow` does not have {name}")
            };
            reasons.push(Reason::new(Section::Dns, Clause::Effect, None, self.effect, text));
        }
        reasons
    }

    fn departs(&self, name: &str, departs: Option<bool>) -> bool {
        match (self.allows(name), self.learned) {
            (Some(_), _) => false,
            (None, true) => departs.unwrap_or(false),
            (None, false) => self.allow.is_some(),
        }
    }

    fn denies(&self, name: &str) -> Option<&Entry> {
        self.deny.iter().find(|domain| domain.matches(name)).map(|domain| &domain.entry)
    }

    pub(crate) fn allows(&self, name: &str) -> Option<&Entry> {
        let allow = self.allow.as_deref().unwrap_or_default();
        allow.iter().find(|domain| domain.matches(name)).map(|domain| &domain.entry)
    }

    /// Addresses to refuse because they are the answer for a name that is refused, by itself or under
    /// one of its aliases. What `network` allows by address, and this machine itself, stay reachable.
    pub(crate) fn refusals(
        &self,
        event: &Event,
        network: &NetworkSection,
        departs: Option<bool>,
    ) -> Option<Refusal> {
        let Activity::DnsAnswer { name, addresses, aliases, .. } = &event.activity else {
            return None;
        };
        let lower = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
        let names = std::iter::once(name).chain(aliases).map(|name| lower(name));
        let denied = names.filter_map(|name| self.denies(&name)).next();
        let entry = match denied {
            Some(entry) if self.deny_effect.refuses() => entry.clone(),
            Some(_) => return None,
            None if self.effect.refuses() && self.departs(&lower(name), departs) => {
                Entry { text: lower(name), line: 0 }
            }
            None => return None,
        };
        let spared = |address: std::net::IpAddr| {
            is_loopback(address)
                || network
                    .allow
                    .iter()
                    .flatten()
                    .flat_map(|one| &one.networks)
                    .any(|network| network.prefix() > 0 && network.contains(address))
        };
        let addresses: Vec<_> = addresses
            .iter()
            .map(std::net::IpAddr::to_canonical)
            .filter(|address| !spared(*address))
            .collect();
        (!addresses.is_empty()).then_some(Refusal { addresses, entry })
    }
}

fn domains<'t>(table: &DeTable<'t>, key: &str, reader: &mut Reader<'t>) -> Option<Vec<Domain>> {
    let mut read = Vec::new();
    for text in reader.texts(table, key)? {
        match domain(&text.text) {
            Ok((name, below)) => read.push(Domain { entry: reader.entry(&text), name, below }),
            Err(why) => reader.notes.error(text.span, why),
        }
    }
    Some(read)
}
