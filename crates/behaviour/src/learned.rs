//! What is known of an image, and how it is put in and looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use palisade_model::Sha256;

use crate::network::{self, Network, Remotes};
use crate::prefixes::{self, Limits, PrefixSet};
use crate::{Bound, Fact, Port, Remote, Settings};

/// How often each bound was hit.
pub(crate) type Bounds = BTreeMap<Bound, u64>;

pub(crate) fn note(bounds: &mut Bounds, bound: Bound) {
    let count = bounds.entry(bound).or_default();
    *count = count.saturating_add(1);
}

/// Whether something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    Yes,
    No,
    /// A bound was hit: it may have been seen and left out.
    Cannot(Bound),
}

/// What is known of an executable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Program {
    pub(crate) hashes: BTreeSet<Sha256>,
    pub(crate) any_hash: bool,
    /// Paths of what it was started from; the empty one is the outside of the container.
    pub(crate) parents: BTreeSet<String>,
    pub(crate) any_parent: bool,
}

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Learned {
    pub(crate) processes: BTreeMap<String, Program>,
    pub(crate) files: BTreeMap<String, PrefixSet>,
    pub(crate) listening: BTreeSet<Port>,
    pub(crate) outbound: BTreeMap<Port, Remotes>,
    /// Names as paths: `/com/example/www`.
    pub(crate) names: PrefixSet,
    pub(crate) users: BTreeSet<u32>,
    /// Sections that had to leave something out.
    pub(crate) full: BTreeSet<Bound>,
}

/// `www.example.com` as `/com/example/www`.
pub(crate) fn name_to_path(name: &str) -> String {
    let mut path = String::with_capacity(name.len() + 1);
    for label in name.rsplit('.') {
        path.push('/');
        path.push_str(label);
    }
    path
}

/// `/com/example/*` as `*.example.com`.
pub(crate) fn path_to_name(path: &str) -> String {
    let labels: Vec<&str> = path.strip_prefix('/').unwrap_or(path).rsplit('/').collect();
    labels.join(".")
}

fn file_limits(settings: &Settings) -> Limits {
    Limits {
        leaves: settings.max_files_per_directory,
        directories: settings.max_directories_per_directory,
        depth: settings.max_depth.max(1),
        floor: 1,
        total: settings.max_files.max(1),
    }
}

fn name_limits(settings: &Settings) -> Limits {
    Limits {
        leaves: settings.max_names_per_domain,
        directories: settings.max_names_per_domain,
        depth: settings.max_depth.max(2),
        // A whole top-level domain is never folded.
        floor: 2,
        total: settings.max_names.max(1),
    }
}

/// Takes the greatest out of a map that is too large. What stays does not depend on the order in which
/// it came.
fn trim<K: Ord, V>(map: &mut BTreeMap<K, V>, max: usize) -> bool {
    let over = map.len() > max;
    while map.len() > max {
        map.pop_last();
    }
    over
}

fn trim_set<K: Ord>(set: &mut BTreeSet<K>, max: usize) -> bool {
    let over = set.len() > max;
    while set.len() > max {
        set.pop_last();
    }
    over
}

impl Learned {
    /// Takes a fact in. True when something is known that was not.
    pub(crate) fn learn(&mut self, fact: &Fact, settings: &Settings, bounds: &mut Bounds) -> bool {
        match fact {
            Fact::Process { path, hash, parent, .. } => {
                let program = Program {
                    hashes: hash.iter().copied().collect(),
                    parents: BTreeSet::from([parent.clone()]),
                    ..Program::default()
                };
                self.add_program(path, &program, settings, bounds)
            }
            Fact::File { executable, path } => self.add_file(executable, path, settings, bounds),
            Fact::Listening(port) => self.add_listening(*port, settings, bounds),
            Fact::Outbound(port, Remote::Address(address)) => {
                self.add_network(*port, Network::host(*address), settings, bounds)
            }
            Fact::Outbound(port, Remote::Name(_, name)) => {
                let by_name = self.add_by_name(*port, settings, bounds);
                self.add_name(&name_to_path(name), settings, bounds) || by_name
            }
            Fact::Name(name) => self.add_name(&name_to_path(name), settings, bounds),
            Fact::User(uid) => self.add_user(*uid, settings, bounds),
        }
    }

    pub(crate) fn add_program(
        &mut self,
        path: &str,
        more: &Program,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> bool {
        let mut new = false;
        if !self.processes.contains_key(path) {
            self.processes.insert(path.to_owned(), Program::default());
            if trim(&mut self.processes, settings.max_executables) {
                self.full.insert(Bound::Executables);
                note(bounds, Bound::Executables);
            }
            new = true;
        }
        // It may itself be the one that there was no room for.
        let Some(program) = self.processes.get_mut(path) else {
            return false;
        };
        if !program.any_hash {
            for hash in &more.hashes {
                new |= program.hashes.insert(*hash);
            }
            if program.hashes.len() > settings.max_hashes {
                program.any_hash = true;
                note(bounds, Bound::Hashes);
            }
            program.any_hash |= more.any_hash;
            if program.any_hash {
                program.hashes.clear();
            }
        }
        if !program.any_parent {
            for parent in &more.parents {
                if !program.parents.contains(parent) {
                    program.parents.insert(parent.clone());
                    new = true;
                }
            }
            if program.parents.len() > settings.max_parents {
                program.any_parent = true;
                note(bounds, Bound::Parents);
            }
            program.any_parent |= more.any_parent;
            if program.any_parent {
                program.parents.clear();
            }
        }
        new
    }

    pub(crate) fn add_file(
        &mut self,
        executable: &str,
        pattern: &str,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> bool {
        if !self.files.contains_key(executable) {
            self.files.insert(executable.to_owned(), PrefixSet::default());
            if trim(&mut self.files, settings.max_executables) {
                self.full.insert(Bound::Writers);
                note(bounds, Bound::Writers);
            }
        }
        let Some(set) = self.files.get_mut(executable) else {
            return false;
        };
        match set.insert(pattern, &file_limits(settings)) {
            prefixes::Insertion::Known => false,
            prefixes::Insertion::Added => true,
            prefixes::Insertion::Folded => {
                note(bounds, Bound::Files);
                true
            }
            prefixes::Insertion::Full => {
                note(bounds, Bound::FilesFull);
                set.covers(pattern)
            }
        }
    }

    /// States, from a file or another model, that an executable's files are not all known.
    pub(crate) fn set_files_full(&mut self, executable: &str) {
        if let Some(set) = self.files.get_mut(executable) {
            set.set_full();
        }
    }

    pub(crate) fn add_listening(
        &mut self,
        port: Port,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> bool {
        let new = self.listening.insert(port);
        if trim_set(&mut self.listening, settings.max_listening) {
            self.full.insert(Bound::Listening);
            note(bounds, Bound::Listening);
        }
        new && self.listening.contains(&port)
    }

    fn remotes(
        &mut self,
        port: Port,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> Option<&mut Remotes> {
        self.outbound.entry(port).or_default();
        if trim(&mut self.outbound, settings.max_outbound) {
            self.full.insert(Bound::Outbound);
            note(bounds, Bound::Outbound);
        }
        self.outbound.get_mut(&port)
    }

    pub(crate) fn add_network(
        &mut self,
        port: Port,
        network: Network,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> bool {
        let Some(remotes) = self.remotes(port, settings, bounds) else {
            return false;
        };
        let (addresses, networks) =
            (settings.max_addresses_per_port, settings.max_networks_per_port);
        match remotes.insert(network, addresses, networks) {
            network::Insertion::Known => false,
            network::Insertion::Added => true,
            network::Insertion::Networks => {
                note(bounds, Bound::Addresses);
                true
            }
            network::Insertion::Any => {
                note(bounds, Bound::Networks);
                true
            }
        }
    }

    pub(crate) fn add_by_name(
        &mut self,
        port: Port,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> bool {
        match self.remotes(port, settings, bounds) {
            Some(remotes) => !std::mem::replace(&mut remotes.by_name, true),
            None => false,
        }
    }

    /// States, from a file or another model, how far the addresses of a port were folded.
    pub(crate) fn set_folded(
        &mut self,
        port: Port,
        any: bool,
        settings: &Settings,
        bounds: &mut Bounds,
    ) {
        if let Some(remotes) = self.remotes(port, settings, bounds) {
            remotes.set_folded(any);
        }
    }

    pub(crate) fn add_name(
        &mut self,
        path: &str,
        settings: &Settings,
        bounds: &mut Bounds,
    ) -> bool {
        match self.names.insert(path, &name_limits(settings)) {
            prefixes::Insertion::Known => false,
            prefixes::Insertion::Added | prefixes::Insertion::Folded => true,
            prefixes::Insertion::Full => {
                self.full.insert(Bound::Names);
                note(bounds, Bound::Names);
                self.names.covers(path)
            }
        }
    }

    pub(crate) fn add_user(&mut self, uid: u32, settings: &Settings, bounds: &mut Bounds) -> bool {
        let new = self.users.insert(uid);
        if trim_set(&mut self.users, settings.max_users) {
            self.full.insert(Bound::Users);
            note(bounds, Bound::Users);
        }
        new && self.users.contains(&uid)
    }

    /// Takes in what another model knows.
    pub(crate) fn absorb(&mut self, other: &Self, settings: &Settings, bounds: &mut Bounds) {
        for (path, program) in &other.processes {
            self.add_program(path, program, settings, bounds);
        }
        for (executable, set) in &other.files {
            for pattern in set.iter() {
                self.add_file(executable, pattern, settings, bounds);
            }
            if set.is_full() {
                self.set_files_full(executable);
            }
        }
        for port in &other.listening {
            self.add_listening(*port, settings, bounds);
        }
        for (port, remotes) in &other.outbound {
            if remotes.is_folded() || remotes.any {
                self.set_folded(*port, remotes.any, settings, bounds);
            }
            for network in remotes.iter() {
                self.add_network(*port, *network, settings, bounds);
            }
            if remotes.by_name {
                self.add_by_name(*port, settings, bounds);
            }
        }
        for path in other.names.iter() {
            self.add_name(path, settings, bounds);
        }
        for uid in &other.users {
            self.add_user(*uid, settings, bounds);
        }
        self.full.extend(&other.full);
    }
}

/// What was learned, and what was added to it afterwards; both together are what is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) base: &'a Learned,
    pub(crate) extended: &'a Learned,
}

/// How a process departs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessDeparture {
    /// The path was never run.
    Path,
    /// Its bytes are others.
    Hash,
    /// Nothing like that started it.
    Parent,
}

impl<'a> Known<'a> {
    fn both(self) -> [&'a Learned; 2] {
        [self.base, self.extended]
    }

    fn any(self, test: impl Fn(&Learned) -> bool) -> bool {
        self.both().into_iter().any(test)
    }

    pub(crate) fn matches(self, fact: &Fact) -> Match {
        let unless = |known: bool, bound: Bound| {
            if known {
                Match::Yes
            } else if self.any(|part| part.full.contains(&bound)) {
                Match::Cannot(bound)
            } else {
                Match::No
            }
        };
        match fact {
            Fact::Process { path, hash, parent, .. } => {
                match self.process_departure(path, hash.as_ref(), parent) {
                    None => Match::Yes,
                    Some(ProcessDeparture::Path) => unless(false, Bound::Executables),
                    Some(_) => Match::No,
                }
            }
            Fact::File { executable, path } => {
                let mut sets =
                    self.both().into_iter().filter_map(|part| part.files.get(executable));
                if sets.clone().any(|set| set.covers(path)) {
                    Match::Yes
                } else if sets.any(PrefixSet::is_full) {
                    Match::Cannot(Bound::FilesFull)
                } else {
                    unless(false, Bound::Writers)
                }
            }
            Fact::Listening(port) => {
                unless(self.any(|part| part.listening.contains(port)), Bound::Listening)
            }
            Fact::Outbound(port, remote) => {
                let (address, name) = match remote {
                    Remote::Address(address) => (address, None),
                    Remote::Name(address, name) => (address, Some(name)),
                };
                let network = Network::host(*address);
                let on_port = |test: &dyn Fn(&Remotes) -> bool| {
                    self.any(|part| part.outbound.get(port).is_some_and(test))
                };
                let by_name = name.is_some_and(|name| {
                    let path = name_to_path(name);
                    on_port(&|remotes| remotes.by_name) && self.any(|part| part.names.covers(&path))
                });
                let known = by_name || on_port(&|remotes| remotes.covers(network));
                unless(known, Bound::Outbound)
            }
            Fact::Name(name) => {
                let path = name_to_path(name);
                unless(self.any(|part| part.names.covers(&path)), Bound::Names)
            }
            Fact::User(uid) => unless(self.any(|part| part.users.contains(uid)), Bound::Users),
        }
    }

    /// How a process departs, if it does. A path of which no hash is known was learned without hashing,
    /// and is not compared by it.
    pub(crate) fn process_departure(
        self,
        path: &str,
        hash: Option<&Sha256>,
        parent: &str,
    ) -> Option<ProcessDeparture> {
        let programs: Vec<&Program> =
            self.both().into_iter().filter_map(|part| part.processes.get(path)).collect();
        if programs.is_empty() {
            return Some(ProcessDeparture::Path);
        }
        let hashed = programs.iter().any(|program| program.any_hash || !program.hashes.is_empty());
        if let Some(hash) = hash {
            let known =
                programs.iter().any(|program| program.any_hash || program.hashes.contains(hash));
            if hashed && !known {
                return Some(ProcessDeparture::Hash);
            }
        }
        let known =
            programs.iter().any(|program| program.any_parent || program.parents.contains(parent));
        if known { None } else { Some(ProcessDeparture::Parent) }
    }

    /// Whether anything is known to write directly into this directory.
    pub(crate) fn writes_in(self, directory: &str) -> bool {
        self.any(|part| part.files.values().any(|set| set.has_in(directory)))
    }

    /// Whether anything is known to go to this port.
    pub(crate) fn reaches(self, port: &Port) -> bool {
        self.any(|part| part.outbound.contains_key(port))
    }

    /// Whether another name directly below the same domain is known.
    pub(crate) fn knows_sibling(self, name: &str) -> bool {
        let path = name_to_path(name);
        match path.rsplit_once('/') {
            // Below a top-level domain everybody is everybody's brother.
            Some((domain, _)) if domain.matches('/').count() >= 2 => {
                self.any(|part| part.names.has_in(domain) || part.names.covers(domain))
            }
            _ => false,
        }
    }
}

/// Addresses that do not leave the organisation (RFC 1918, RFC 4193) or the machine.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.octets()[0] & 0xfe == 0xfc,
    }
}
