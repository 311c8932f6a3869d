use std::collections::BTreeMap;

use palisade_model::UnixMillis;
use palisade_model::event::{
    ContainerId, ContainerIdentity, ImageDigest, Kubernetes, Runtime, readable,
};

use crate::containers::Settings;

/// Where a fact is from. What a later one says holds over what an earlier one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The cgroup's path and time.
    Path,
    /// The runtime's files.
    Disk,
    /// The runtime itself.
    Runtime,
}

/// Which digest names the image. A manifest's holds over a configuration's, whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestKind {
    /// Of the image's configuration: its id on this host.
    Config,
    /// Of its manifest, or of the index that it was pulled by: the same on every host.
    Manifest,
}

/// What one source says about one container. What it does not know is empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Which container.
    pub id: ContainerId,
    /// Who says it.
    pub source: Source,
    /// What runs it.
    pub runtime: Runtime,
    /// Its name.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image's content.
    pub digest: Option<(DigestKind, ImageDigest)>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Labels that were too many or too long.
    pub labels_left_out: u64,
    /// Where Kubernetes placed it.
    pub kubernetes: Option<Kubernetes>,
    /// The pod's UID, where only that is known.
    pub pod_uid: Option<String>,
    /// Whether it has every capability.
    pub privileged: Option<bool>,
    /// When it started.
    pub started: Option<UnixMillis>,
    /// Whether it only holds a Kubernetes pod's namespaces (pause).
    pub sandbox: Option<bool>,
    /// Its cgroup, in the key hierarchy.
    pub cgroup: Option<u64>,
    /// Its first process, in the host's numbers.
    pub pid: Option<u32>,
}

impl Facts {
    /// Nothing but the id.
    pub fn new(id: ContainerId, source: Source, runtime: Runtime) -> Self {
        Self {
            id,
            source,
            runtime,
            name: String::new(),
            image: String::new(),
            digest: None,
            labels: BTreeMap::new(),
            labels_left_out: 0,
            kubernetes: None,
            pod_uid: None,
            privileged: None,
            started: None,
            sandbox: None,
            cgroup: None,
            pid: None,
        }
    }
}

/// How much text of a runtime is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a name, a key or a value.
    pub text: usize,
    /// Labels.
    pub labels: usize,
}

impl Limits {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        Self { text: settings.max_text, labels: settings.max_labels }
    }

    /// A name without control characters, cut at the limit.
    pub fn text(&self, text: &str) -> String {
        let mut text = readable(text.as_bytes());
        text.truncate(text.floor_char_boundary(self.text));
        text
    }

    /// Labels within the limits, in order of their keys, and how many were left out.
    pub fn labels(
        &self,
        labels: impl IntoIterator<Item = (String, String)>,
    ) -> (BTreeMap<String, String>, u64) {
        let all: BTreeMap<String, String> = labels.into_iter().collect();
        let count = all.len();
        let kept: BTreeMap<String, String> = all
            .into_iter()
            .filter(|(key, value)| key.len() <= self.text && value.len() <= self.text)
            .take(self.labels)
            .map(|(key, value)| (readable(key.as_bytes()), readable(value.as_bytes())))
            .collect();
        let left_out = count.saturating_sub(kept.len());
        (kept, left_out as u64)
    }
}

/// A fact and who said it.
type Said<T> = Option<(Source, T)>;

/// All that is known of one container.
#[derive(Debug, Clone)]
pub(super) struct Knowledge {
    id: ContainerId,
    runtime: Said<Runtime>,
    name: Said<String>,
    image: Said<String>,
    digest: Option<((DigestKind, Source), ImageDigest)>,
    labels: BTreeMap<String, (Source, String)>,
    kubernetes: Said<Kubernetes>,
    pod_uid: Said<String>,
    privileged: Said<bool>,
    started: Said<UnixMillis>,
    sandbox: Said<bool>,
}

impl Knowledge {
    pub(super) fn new(id: ContainerId) -> Self {
        Self {
            id,
            runtime: None,
            name: None,
            image: None,
            digest: None,
            labels: BTreeMap::new(),
            kubernetes: None,
            pod_uid: None,
            privileged: None,
            started: None,
            sandbox: None,
        }
    }

    /// Takes in what a source says. Returns the labels that there was no room for.
    pub(super) fn merge(&mut self, facts: Facts, max_labels: usize) -> u64 {
        let source = facts.source;
        let runtime = (facts.runtime != Runtime::Unknown).then_some(facts.runtime);
        say(&mut self.runtime, source, runtime);
        say(&mut self.name, source, text(facts.name));
        say(&mut self.image, source, text(facts.image));
        if let Some((kind, digest)) = facts.digest {
            let weight = (kind, source);
            if self.digest.is_none_or(|(known, _)| known <= weight) {
                self.digest = Some((weight, digest));
            }
        }
        say(&mut self.kubernetes, source, facts.kubernetes);
        say(&mut self.pod_uid, source, facts.pod_uid);
        say(&mut self.privileged, source, facts.privileged);
        say(&mut self.started, source, facts.started);
        say(&mut self.sandbox, source, facts.sandbox);
        let mut left_out = facts.labels_left_out;
        for (key, value) in facts.labels {
            let room = self.labels.len() < max_labels;
            match self.labels.get_mut(&key) {
                Some(known) if known.0 <= source => *known = (source, value),
                Some(_) => {}
                None if room => {
                    self.labels.insert(key, (source, value));
                }
                None => left_out = left_out.saturating_add(1),
            }
        }
        left_out
    }

    /// A container that starts again has another start, and its old one is no longer one.
    pub(super) fn restarted(&mut self, now: UnixMillis) {
        self.started = Some((Source::Path, now));
    }

    pub(super) fn is_sandbox(&self) -> bool {
        self.sandbox.is_some_and(|(_, sandbox)| sandbox)
    }

    pub(super) fn identity(&self, cgroup: u64) -> ContainerIdentity {
        let runtime = self.runtime.map_or(Runtime::Unknown, |(_, runtime)| runtime);
        let mut identity = ContainerIdentity::bare(self.id.clone(), runtime, cgroup);
        identity.name = value(&self.name).unwrap_or_default();
        identity.image = value(&self.image).unwrap_or_default();
        identity.image_digest = self.digest.map(|(_, digest)| digest);
        identity.labels =
            self.labels.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect();
        identity.kubernetes = value(&self.kubernetes).map(|mut kubernetes| {
            if kubernetes.pod_uid.is_empty() {
                kubernetes.pod_uid = value(&self.pod_uid).unwrap_or_default();
            }
            kubernetes
        });
        identity.privileged = value(&self.privileged);
        identity.started = value(&self.started);
        identity
    }
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn value<T: Clone>(said: &Said<T>) -> Option<T> {
    said.as_ref().map(|(_, value)| value.clone())
}

fn say<T>(known: &mut Said<T>, source: Source, new: Option<T>) {
    let Some(new) = new else { return };
    if known.as_ref().is_none_or(|(by, _)| *by <= source) {
        *known = Some((source, new));
    }
}
