//! The section `network`.

use std::net::IpAddr;

use palisade_model::event::Transport;
use toml::de::DeTable;

use super::allowed::Allowed;
use super::cidr::Network;
use super::effect::{Clause, Effect, Entry, Reason, Section};
use super::ports::Ports;
use super::reader::{Reader, Value, cut};

/// One entry of `allow` or `deny`: where to.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) entry: Entry,
    pub(crate) transport: Option<Transport>,
    /// Two for `*`: all of IPv4 and of IPv6.
    pub(crate) networks: Vec<Network>,
    pub(crate) ports: Ports,
}

impl Destination {
    pub(crate) fn is_of(&self, transport: Transport) -> bool {
        self.transport.is_none_or(|own| own == transport)
    }

    fn fits(&self, transport: Transport, address: IpAddr, port: u16) -> bool {
        self.is_of(transport)
            && self.ports.contains(port)
            && self.networks.iter().any(|network| network.contains(address))
    }
}

/// One entry of `listen` or `listen_deny`.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) entry: Entry,
    pub(crate) transport: Option<Transport>,
    pub(crate) ports: Ports,
}

impl Listener {
    pub(crate) fn is_of(&self, transport: Transport) -> bool {
        self.transport.is_none_or(|own| own == transport)
    }
}

/// What never leaves the machine: connections to it depart from nothing unless an entry denies them.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

fn transport(text: &str) -> (Option<Transport>, &str) {
    match text.split_once('/') {
        Some(("tcp", rest)) => (Some(Transport::Tcp), rest),
        Some(("udp", rest)) => (Some(Transport::Udp), rest),
        _ => (None, text),
    }
}

/// `443`, `80,443`, `8000-8999`.
fn ports(text: &str) -> Result<Ports, String> {
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits)
        };
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => ranges.push(from..=to),
            _ => return Err(format!("`{}` is no port or range of ports (0 to 65535)", cut(part))),
        }
    }
    Ok(ranges.into_iter().collect())
}

fn network(text: &str) -> Result<Vec<Network>, String> {
    if text == "*" {
        return Ok(vec![Network::V4, Network::V6]);
    }
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(parsed) = address.parse::<IpAddr>() else {
        let name = address.contains(|c: char| c.is_ascii_alphabetic()) && !address.contains(':');
        let advice = if name { ": names go to the section `dns`" } else { "" };
        return Err(format!("`{}` is no address or network{advice}", cut(text)));
    };
    let Some(bits) = bits else { return Ok(vec![Network::host(parsed)]) };
    let network = bits.parse().ok().and_then(|bits| Network::new(parsed, bits));
    let network = network.ok_or_else(|| format!("`/{}` is no prefix of {address}", cut(bits)))?;
    if network.address() != parsed.to_canonical() {
        return Err(format!(
            "`{}` has bits behind its prefix: did you mean `{network}`?",
            cut(text)
        ));
    }
    Ok(vec![network])
}

fn destination(text: &str) -> Result<(Option<Transport>, Vec<Network>, Ports), String> {
    let (transport, rest) = transport(text);
    let (target, numbers) = if let Some(inner) = rest.strip_prefix('[') {
        let (address, behind) = inner
            .split_once(']')
            .ok_or_else(|| format!("`{}`: the bracket is not closed", cut(text)))?;
        let (prefix, numbers) = match behind.split_once(':') {
            Some((prefix, numbers)) => (prefix, Some(numbers)),
            None => (behind, None),
        };
        (format!("{address}{prefix}"), numbers)
    } else if rest.matches(':').count() > 1 {
        (rest.to_owned(), None)
    } else {
        match rest.split_once(':') {
            Some((target, numbers)) => (target.to_owned(), Some(numbers)),
            None => (rest.to_owned(), None),
        }
    };
    let numbers = numbers.filter(|numbers| *numbers != "*").map_or(Ok(Ports::all()), ports)?;
    Ok((transport, network(&target)?, numbers))
}

/// The section.
#[derive(Debug, Clone)]
pub(crate) struct NetworkSection {
    pub(crate) effect: Effect,
    pub(crate) deny_effect: Effect,
    pub(crate) learned: bool,
    pub(crate) allow: Option<Vec<Destination>>,
    pub(crate) deny: Vec<Destination>,
    pub(crate) listen: Option<Vec<Listener>>,
    pub(crate) listen_deny: Vec<Listener>,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self {
            effect: Effect::Alert,
            deny_effect: Effect::Alert,
            learned: true,
            allow: None,
            deny: Vec::new(),
            listen: None,
            listen_deny: Vec::new(),
        }
    }
}

impl NetworkSection {
    pub(crate) fn read<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Self {
        let mut section = Self::default();
        let Some(table) = reader.table(value) else { return section };
        reader.keys(
            table,
            &["effect", "deny_effect", "learned", "allow", "deny", "listen", "listen_deny"],
        );
        section.effect = reader.effect(table, "effect").unwrap_or_default();
        section.deny_effect = reader.effect(table, "deny_effect").unwrap_or(section.effect);
        section.learned = reader.flag(table, "learned").unwrap_or(true);
        section.allow = destinations(table, "allow", reader);
        section.deny = destinations(table, "deny", reader).unwrap_or_default();
        section.listen = listeners(table, "listen", reader);
        section.listen_deny = listeners(table, "listen_deny", reader).unwrap_or_default();
        section
    }

    /// What the section says of a connection or datagram. `departs` is what the model said.
    pub(crate) fn judge_connect(
        &self,
        transport: Transport,
        address: IpAddr,
        port: u16,
        model: Option<&Allowed>,
        departs: Option<bool>,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let shown = format!("{} to {address}, port {port}", transport.as_str());
        let denied = self.deny.iter().find(|entry| entry.fits(transport, address, port));
        if let Some(denied) = denied
            && self.deny_effect > Effect::Disable
        {
            reasons.push(Reason::new(
                Section::Network,
                Clause::Deny,
                Some(&denied.entry),
                self.deny_effect,
                format!("no connection may be made by {shown}"),
            ));
        }
        let listed = self.allow.is_some();
        let by_list = || {
            let known = model.and_then(|model| model.knows_address(transport, address, port));
            known.map(|known| !known)
        };
        let departs = if self.allows(transport, address, port).is_some() || is_loopback(address) {
            false
        } else if self.learned {
            departs.or_else(by_list).unwrap_or(false)
        } else {
            listed
        };
        if departs && self.effect > Effect::Disable {
            let text = self.missing(&format!("a connection by {shown}"), "allow", listed);
            reasons.push(Reason::new(Section::Network, Clause::Effect, None, self.effect, text));
        }
        reasons
    }

    fn missing(&self, what: &str, key: &str, listed: bool) -> String {
        match (self.learned, listed) {
            (true, false) => format!("the image does not normally do this: {what}"),
            (true, true) => format!("neither the image's model nor `{key}` has this: {what}"),
            (false, _) => format!("`{key}` does not have this: {what}"),
        }
    }

    /// What the section says of a port that a socket gets. Port 0 lets the kernel choose: that is what
    /// clients do, and never departs.
    pub(crate) fn judge_listen(
        &self,
        transport: Transport,
        port: u16,
        model: Option<&Allowed>,
        departs: Option<bool>,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if port == 0 {
            return reasons;
        }
        let shown = format!("{} port {port}", transport.as_str());
        let fits = |one: &&Listener| one.is_of(transport) && one.ports.contains(port);
        if let Some(denied) = self.listen_deny.iter().find(fits)
            && self.deny_effect > Effect::Disable
        {
            reasons.push(Reason::new(
                Section::Network,
                Clause::ListenDeny,
                Some(&denied.entry),
                self.deny_effect,
                format!("{shown} may not be listened on"),
            ));
        }
        let by_list = || {
            let known = model.and_then(|model| model.listening(transport));
            known.map(|known| !known.contains(port))
        };
        let departs = if self.listens(transport, port).is_some() {
            false
        } else if self.learned {
            departs.or_else(by_list).unwrap_or(false)
        } else {
            self.listen.is_some()
        };
        if departs && self.effect > Effect::Disable {
            let what = format!("listening on {shown}");
            let text = self.missing(&what, "listen", self.listen.is_some());
            reasons.push(Reason::new(Section::Network, Clause::Effect, None, self.effect, text));
        }
        reasons
    }

    pub(crate) fn allows(
        &self,
        transport: Transport,
        address: IpAddr,
        port: u16,
    ) -> Option<&Entry> {
        let allow = self.allow.as_deref().unwrap_or_default();
        allow.iter().find(|one| one.fits(transport, address, port)).map(|one| &one.entry)
    }

    pub(crate) fn listens(&self, transport: Transport, port: u16) -> Option<&Entry> {
        let listen = self.listen.as_deref().unwrap_or_default();
        let fits = |one: &&Listener| one.is_of(transport) && one.ports.contains(port);
        listen.iter().find(fits).map(|one| &one.entry)
    }
}

fn destinations<'t>(
    table: &DeTable<'t>,
    key: &str,
    reader: &mut Reader<'t>,
) -> Option<Vec<Destination>> {
    let mut read = Vec::new();
    for text in reader.texts(table, key)? {
        match destination(&text.text) {
            Ok((transport, networks, ports)) => {
                let entry = reader.entry(&text);
                read.push(Destination { entry, transport, networks, ports });
            }
            Err(why) => reader.notes.error(text.span, why),
        }
    }
    Some(read)
}

fn listeners<'t>(table: &DeTable<'t>, key: &str, reader: &mut Reader<'t>) -> Option<Vec<Listener>> {
    let mut read = Vec::new();
    for value in reader.list(table, key)? {
        if value.get_ref().is_integer() {
            let Some(number) = reader.number(value, 0..65_536) else { continue };
            let entry =
                Entry { text: number.to_string(), line: reader.notes.line(value.span().start) };
            let port = u16::try_from(number).unwrap_or_default();
            let ports = std::iter::once(port..=port).collect();
            read.push(Listener { entry, transport: None, ports });
            continue;
        }
        let Some(text) = reader.text(value) else { continue };
        let (transport, numbers) = transport(&text.text);
        let numbers = if numbers == "*" { Ok(Ports::all()) } else { ports(numbers) };
        match numbers {
            Ok(ports) => {
                read.push(Listener { entry: reader.entry(&text), transport, ports });
            }
            Err(why) => reader.notes.error(text.span, why),
        }
    }
    Some(read)
}
