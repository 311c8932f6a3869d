//! What addresses are called, by the answers of name servers that were seen.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use palisade_model::event::{Activity, ContainerId, Event};

/// Names kept of one address.
const NAMES: usize = 4;

/// The names that containers were given addresses for. Each container knows its own: an answer that one
/// makes up names nothing in another.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Addresses kept of one container.
    most: usize,
    /// Containers that addresses are kept of.
    containers: usize,
    known: HashMap<Option<ContainerId>, Names, RandomState>,
}

#[derive(Debug, Default)]
struct Names {
    of: HashMap<IpAddr, Vec<Arc<str>>, RandomState>,
    /// In the order in which they came to be known.
    order: VecDeque<IpAddr>,
}

impl Resolved {
    /// Keeps the newest `most` addresses of each of `containers` containers; 0 of either: none.
    pub fn new(most: usize, containers: usize) -> Self {
        Self { most, containers, known: HashMap::default() }
    }

    /// Learns from an answer; every other event says nothing.
    pub fn learn(&mut self, event: &Event) {
        let Activity::DnsAnswer { name, addresses, .. } = &event.activity else { return };
        if addresses.is_empty() || self.most == 0 {
            return;
        }
        let container = event.container.as_deref().map(|container| container.id.clone());
        if self.known.len() >= self.containers && !self.known.contains_key(&container) {
            return;
        }
        let names = self.known.entry(container).or_default();
        let name: Arc<str> = Arc::from(name.as_str());
        for address in addresses.iter().take(self.most) {
            names.learn(address.to_canonical(), &name, self.most);
        }
    }

    /// The names of an address, the newest first.
    pub fn names<'n>(
        &'n self,
        container: Option<&ContainerId>,
        address: IpAddr,
    ) -> impl Iterator<Item = &'n str> {
        // A map cannot be asked with a borrowed option: most hosts have few containers with answers.
        let names = self.known.get(&container.cloned());
        let own = names.and_then(|names| names.of.get(&address.to_canonical()));
        own.into_iter().flatten().rev().map(AsRef::as_ref)
    }

    /// Forgets a container that is gone.
    pub fn forget(&mut self, container: &ContainerId) {
        self.known.remove(&Some(container.clone()));
    }

    /// Takes over what another one knows.
    pub fn take_over(&mut self, before: Self) {
        if self.most > 0 {
            self.known = before.known;
        }
    }
}

impl Names {
    fn learn(&mut self, address: IpAddr, name: &Arc<str>, most: usize) {
        if let Some(names) = self.of.get_mut(&address) {
            // What is said again is the newest.
            names.retain(|known| known != name);
            names.push(Arc::clone(name));
            if names.len() > NAMES {
                names.remove(0);
            }
            return;
        }
        while self.order.len() >= most {
            let Some(oldest) = self.order.pop_front() else { break };
            self.of.remove(&oldest);
        }
        self.order.push_back(address);
        self.of.insert(address, vec![Arc::clone(name)]);
    }
}
