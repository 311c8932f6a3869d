//! Whose story an event belongs to.

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, ContainerIdentity, Event};

use super::Incidents;
use super::story::Story;
use crate::Finding;

/// Minutes in which a container opened incidents, remembered at most.
const MAX_RATES: usize = 4_096;

#[derive(Debug)]
pub(super) struct Rate {
    since: UnixMillis,
    opened: u32,
}

impl Incidents {
    /// The story of the event's process, its nearest ancestor or, on the host, its session.
    pub(super) fn by_process(&self, event: &Event) -> Option<u64> {
        let place = event.container.as_ref().map(|container| &container.id);
        let line = std::iter::once(event.process.key)
            .chain(event.process.ancestors.iter().map(|above| above.key));
        for key in line {
            if let Some(&number) = self.members.get(&key)
                && let Some(story) = self.open.get(&number)
                && (place.is_none() || story.container() == place)
            {
                return Some(number);
            }
        }
        if place.is_none() && event.process.session != 0 {
            return self.sessions.get(&event.process.session).copied();
        }
        None
    }

    /// A story in which the same was found lately: in the same container, or in enough containers of the
    /// same image.
    pub(super) fn by_cause(
        &self,
        event: &Event,
        findings: &[Finding],
        now: UnixMillis,
    ) -> Option<u64> {
        let place = event.container.as_ref().map(|container| &container.id);
        let window = self.settings.window_ms;
        let lately = |story: &Story| {
            findings.iter().any(|finding| story.has_lately(&finding.cause, window, now))
        };
        let newest_first = || self.open.iter().rev().filter(|(_, story)| lately(story));
        let here = newest_first().find(|(_, story)| story.container() == place);
        if let Some((&number, _)) = here {
            return Some(number);
        }
        let image = event.container.as_ref()?;
        let mut replicas = newest_first().filter(|(_, story)| {
            story.incident.container.as_ref().is_some_and(|other| same_image(other, image))
        });
        let last = replicas.next().map(|(&number, _)| number)?;
        let enough = replicas.count() + 1 >= self.settings.max_replicas as usize;
        enough.then_some(last)
    }

    /// The latest story of a container that opened too many. Counts the one that is about to open.
    pub(super) fn by_rate(&mut self, event: &Event, now: UnixMillis) -> Option<u64> {
        const MINUTE: u64 = 60_000;
        let place = event.container.as_ref().map(|container| container.id.clone());
        if self.rates.len() >= MAX_RATES && !self.rates.contains_key(&place) {
            self.rates.retain(|_, rate| now.since(rate.since) < MINUTE);
        }
        let latest = self.latest_of(place.as_ref());
        if self.rates.len() >= MAX_RATES && !self.rates.contains_key(&place) {
            return latest;
        }
        let rate = self.rates.entry(place).or_insert(Rate { since: now, opened: 0 });
        if now.since(rate.since) >= MINUTE {
            *rate = Rate { since: now, opened: 0 };
        }
        if rate.opened >= self.settings.max_opened_per_minute && latest.is_some() {
            self.counters.rate_limited += 1;
            return latest;
        }
        rate.opened = rate.opened.saturating_add(1);
        None
    }

    pub(super) fn latest_of(&self, place: Option<&ContainerId>) -> Option<u64> {
        self.open.iter().rev().find(|(_, story)| story.container() == place).map(|(&n, _)| n)
    }
}

fn same_image(one: &ContainerIdentity, other: &ContainerIdentity) -> bool {
    match (one.image_digest, other.image_digest) {
        (Some(one), Some(other)) => one == other,
        _ => !one.image.is_empty() && one.image == other.image,
    }
}
