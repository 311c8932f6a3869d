use std::collections::BTreeMap;
use std::net::IpAddr;

use palisade_model::UnixMillis;

use super::effect::Entry;

/// Addresses that a refused name was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// The entry that refuses the name; line 0 when it is in no list.
    pub entry: Entry,
}

/// Addresses that one container may not reach for a while, because of their names. Bounded: when it is
/// full, what ends first makes room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leases {
    held: BTreeMap<IpAddr, (UnixMillis, Entry)>,
    max: usize,
    displaced: u64,
}

impl Default for Leases {
    fn default() -> Self {
        Self::new(512)
    }
}

impl Leases {
    /// At most `max` addresses.
    pub fn new(max: usize) -> Self {
        Self { held: BTreeMap::new(), max, displaced: 0 }
    }

    /// Holds the addresses until `now` + `hold_ms`. True when the plan has to be made anew.
    pub fn add(&mut self, refusal: Refusal, now: UnixMillis, hold_ms: u64) -> bool {
        let mut new = false;
        for address in refusal.addresses {
            let until = now.plus(hold_ms);
            if let Some((known, _)) = self.held.get_mut(&address) {
                *known = until.max(*known);
                continue;
            }
            if self.held.len() >= self.max {
                let first = self.held.iter().min_by_key(|(_, (until, _))| *until);
                let Some(first) = first.map(|(address, _)| *address) else { continue };
                self.held.remove(&first);
                self.displaced = self.displaced.saturating_add(1);
            }
            self.held.insert(address, (until, refusal.entry.clone()));
            new = true;
        }
        new
    }

    /// Lets go of what has ended. True when the plan has to be made anew.
    pub fn expire(&mut self, now: UnixMillis) -> bool {
        let before = self.held.len();
        self.held.retain(|_, (until, _)| *until > now);
        self.held.len() != before
    }

    /// How many addresses are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// When the next one ends.
    pub fn next(&self) -> Option<UnixMillis> {
        self.held.values().map(|(until, _)| *until).min()
    }

    /// Addresses that had to make room before their time.
    pub fn displaced(&self) -> u64 {
        self.displaced
    }

    /// The entry because of which an address is refused.
    pub fn get(&self, address: IpAddr) -> Option<&Entry> {
        self.held.get(&address.to_canonical()).map(|(_, entry)| entry)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &Entry)> {
        self.held.iter().map(|(address, (_, entry))| (*address, entry))
    }
}
