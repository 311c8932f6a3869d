//! How an active model compares, and how grave a departure is.

use std::net::IpAddr;

use palisade_model::event::IncidentSeverity;

use crate::learned::{self, Known, Match, ProcessDeparture};
use crate::{Deviation, Fact, Model, NotComparable, Outcome, Remote};

/// The link-local address that clouds hand out credentials at, over IPv4 and (AWS) IPv6.
const METADATA: [&str; 2] = ["169.254.169.254", "fd00:ec2::254"];

impl Model {
    pub(crate) fn known(&self) -> Known<'_> {
        Known { base: &self.base, extended: &self.extended }
    }

    pub(crate) fn compare(&mut self, facts: Vec<Fact>) -> Outcome {
        let mut deviations = Vec::new();
        let mut hit = None;
        for fact in facts {
            match self.known().matches(&fact) {
                Match::Yes => {}
                Match::Cannot(bound) => hit = hit.or(Some(bound)),
                Match::No => {
                    let (severity, why) = self.weigh(&fact);
                    if severity <= IncidentSeverity::Low {
                        self.extended.learn(&fact, &self.settings, &mut self.bounds);
                    }
                    let section = fact.section();
                    let what = format!("{fact}: {why}");
                    deviations.push(Deviation { section, fact, severity, what });
                }
            }
        }
        match hit {
            _ if !deviations.is_empty() => Outcome::Deviation(deviations),
            Some(bound) => Outcome::NotComparable(NotComparable::Bound(bound)),
            None => Outcome::Known,
        }
    }

    /// How grave an unknown fact is, and why.
    fn weigh(&self, fact: &Fact) -> (IncidentSeverity, &'static str) {
        use IncidentSeverity::{High, Low, Medium};
        let known = self.known();
        match fact {
            Fact::Process { fileless: true, .. } => (High, "a program without a file"),
            Fact::Process { path, hash, parent, .. } => {
                match known.process_departure(path, hash.as_ref(), parent) {
                    Some(ProcessDeparture::Hash) => {
                        (High, "its bytes are not those that were learned")
                    }
                    // The runtime, a health check, somebody's `exec`: a program of the image, started
                    // by whoever may do anything with the container anyway.
                    Some(ProcessDeparture::Parent) if parent.is_empty() => {
                        (Low, "a known program, started from outside for the first time")
                    }
                    Some(ProcessDeparture::Parent) => {
                        (Medium, "a known program, but not started by that one")
                    }
                    _ => (High, "the image does not run it"),
                }
            }
            Fact::File { path, .. } => {
                let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                let starts = |list: &[String]| list.iter().any(|prefix| path.starts_with(prefix));
                if starts(&self.settings.protected) {
                    (High, "the image does not change its own files there")
                } else if starts(&self.settings.temporary) {
                    (Low, "a temporary file that is new")
                } else if known.writes_in(directory) {
                    (Low, "other files of that directory are known")
                } else {
                    (Medium, "the image does not write there")
                }
            }
            Fact::Listening(port) if port.number.is_none() => {
                (Low, "the image does not listen on ports that the kernel hands out")
            }
            Fact::Listening(_) => (High, "the image does not listen there"),
            Fact::Outbound(port, Remote::Address(address) | Remote::Name(address, _)) => {
                let metadata =
                    METADATA.iter().any(|text| text.parse::<IpAddr>().ok() == Some(*address));
                if metadata {
                    (High, "the image does not ask the cloud's metadata service")
                } else if known.reaches(port) && learned::is_private(*address) {
                    (Low, "the port is known, and the address is of a private network")
                } else if known.reaches(port) {
                    (Medium, "the port is known, the address is not")
                } else {
                    (Medium, "the image does not connect to that port")
                }
            }
            Fact::Name(name) if known.knows_sibling(name) => {
                (Low, "other names of that domain are known")
            }
            Fact::Name(_) => (Medium, "the image does not ask for it"),
            Fact::User(0) => (High, "the image does not run programs as root"),
            Fact::User(_) => (Medium, "the image does not run programs as that user"),
        }
    }
}
