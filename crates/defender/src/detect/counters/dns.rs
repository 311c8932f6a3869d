//! Tunnels through DNS: data leaves in the names that are asked for.

use std::hash::BuildHasher as _;

use palisade_model::event::{Activity, Event, IncidentSeverity};

use super::window::{Quiet, Recent, Table};
use super::{Counter, Look};

pub(super) static TUNNEL: Counter = Counter {
    name: "DNS tunnel",
    description: "One container asks for many different long, random names below one domain.",
    severity: IncidentSeverity::High,
    technique: "T1071.004",
};

/// Record types that carry much and that ordinary programs seldom ask for: NULL, TXT, and those for
/// private use (RFC 6895, 3.1).
fn roomy(record_type: u16) -> bool {
    matches!(record_type, 10 | 16 | 65_280..=65_534)
}

#[derive(Debug, Clone, Default)]
pub(super) struct Questions {
    /// By the hash of the domain: names are the attacker's, and long.
    domains: Table<u64, Recent<u64>>,
    quiet: Quiet,
}

impl Questions {
    pub(super) fn look(&mut self, event: &Event, look: &mut Look<'_>) {
        let settings = &look.settings.dns;
        let Activity::DnsQuestion { name, record_type, .. } = &event.activity else { return };
        let (below, domain) = split(name);
        let bytes = if roomy(*record_type) { settings.bytes / 2 } else { settings.bytes };
        if !settings.enabled
            || below.len() < bytes
            || ignored(name, &settings.ignored_domains)
            || entropy(below) < settings.entropy
            || !self.quiet.is_over(look.now, look.settings.quiet_ms)
        {
            return;
        }
        let key = look.hasher.hash_one(domain);
        let names = self.domains.at(&key, look.now, look.settings.peers, look.pushed_out);
        let one = look.hasher.hash_one(below);
        if names.note(one, look.now, settings.window_ms, settings.names) {
            names.clear();
            self.quiet.begin(look.now);
            let (count, seconds) = (settings.names, settings.window_ms / 1_000);
            let by = &event.process.name;
            look.find(&TUNNEL, format!("{count} names below {domain} within {seconds} s, by {by}"));
        }
    }
}

fn ignored(name: &str, domains: &[String]) -> bool {
    domains.iter().any(|domain| {
        name.strip_suffix(domain.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// What is asked below a domain, and the domain that somebody registered: two labels, or three where
/// the second is a short one below a country (`co.uk`).
fn split(name: &str) -> (&str, &str) {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let Some(last) = dots.next() else { return ("", name) };
    let Some(second) = dots.next() else { return ("", name) };
    let country = name.len() - last == 3 && last - second <= 4;
    let at = if country { dots.next() } else { Some(second) };
    match at {
        Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()),
        None => ("", name),
    }
}

/// Shannon's entropy in bits a byte.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{entropy, ignored, split};

    #[test]
    fn a_name_is_split_below_what_somebody_registered() {
        assert_eq!(split("a.b.example.com"), ("a.b", "example.com"));
        assert_eq!(split("a.example.co.uk"), ("a", "example.co.uk"));
        assert_eq!(split("example.com"), ("", "example.com"));
        assert_eq!(split("localhost"), ("", "localhost"));
        assert_eq!(split("co.uk"), ("", "co.uk"));
        assert_eq!(split(""), ("", ""));
    }

    #[test]
    fn random_text_has_more_entropy_than_one_letter() {
        assert!(entropy("aaaaaaaaaaaaaaaaaaaaaaaa") < 0.1);
        assert!(entropy("8f3c1b7a90de2465ffa31c0b77d2e954") > 3.0);
        assert!(entropy("") < 0.1);
    }

    #[test]
    fn a_domain_is_ignored_with_all_below_it_and_nothing_beside_it() {
        let domains = ["example.org".to_owned()];
        assert!(ignored("x.example.org", &domains));
        assert!(ignored("example.org", &domains));
        assert!(!ignored("anexample.org", &domains));
    }
}
