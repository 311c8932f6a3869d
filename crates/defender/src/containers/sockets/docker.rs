//! Docker Engine API, which Podman's service speaks as well. Called without a version in the path: the
//! daemon answers in its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, ImageDigest, Runtime};
use serde::Deserialize;

use super::client::{Client, SocketError};
use super::lines::Lines;
use crate::containers::bundle::{in_reference, kubernetes};
use crate::containers::{Api, DigestKind, Facts, Limits, Source};

/// `{"type":["container"],"event":["create","start","rename","destroy"]}`
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B\
                      %22create%22%2C%22start%22%2C%22rename%22%2C%22destroy%22%5D%7D";
/// `{"type":["container"]}`: Podman's names of the events differ from version to version.
const ALL_EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%7D";

/// A daemon of this API.
#[derive(Debug, Clone)]
pub struct Docker {
    client: Client,
    /// Podman can answer at Docker's path too: it says so with its version.
    podman: Arc<AtomicBool>,
    limits: Limits,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: String,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    #[serde(default)]
    name: String,
}

/// One of `/containers/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// `/containers/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspection {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    config: Option<Config>,
    #[serde(default)]
    state: Option<State>,
    #[serde(default)]
    host_config: Option<HostConfig>,
}

/// What was asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::containers) struct Config {
    #[serde(default)]
    image: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// How it runs.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::containers) struct State {
    #[serde(default)]
    pub(in crate::containers) running: bool,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    started_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    privileged: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
}

/// Docker's `Action` and `Actor.ID`; older ones and Podman say `status` and `id` too.
#[derive(Deserialize)]
struct Line {
    #[serde(default, rename = "Action")]
    action: String,
    #[serde(default, rename = "Actor")]
    actor: Option<Actor>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default, rename = "ID")]
    id: String,
}

/// What the daemon tells of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was made, started or renamed: to be asked about.
    Changed(ContainerId),
    /// It is no more.
    Removed(ContainerId),
}

impl Config {
    /// Image, labels, and what Kubernetes put into them.
    pub(in crate::containers) fn tell(self, limits: Limits, facts: &mut Facts) {
        facts.image = limits.text(&self.image);
        let labels = self.labels.unwrap_or_default();
        kubernetes(&labels, limits, facts);
        (facts.labels, facts.labels_left_out) = limits.labels(labels);
    }
}

impl State {
    /// First process and start.
    pub(in crate::containers) fn tell(&self, facts: &mut Facts) {
        facts.pid = Some(self.pid).filter(|&pid| pid != 0);
        facts.started = moment(&self.started_at);
    }
}

impl Docker {
    pub(super) fn new(client: Client, api: Api, limits: Limits) -> Self {
        let podman = Arc::new(AtomicBool::new(api == Api::Podman));
        Self { client, podman, limits }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) async fn version(&self) -> Result<String, SocketError> {
        let answer = self.client.get("/version").await?;
        let version: Version = parsed(answer.status, &answer.body)?;
        let mut components = version.components.iter().flatten();
        if components.any(|component| component.name.starts_with("Podman")) {
            self.podman.store(true, Ordering::Relaxed);
        }
        Ok(self.limits.text(&version.version))
    }

    pub(super) async fn list(&self) -> Result<Vec<Facts>, SocketError> {
        let answer = self.client.get("/containers/json").await?;
        let all: Vec<Summary> = parsed(answer.status, &answer.body)?;
        Ok(all.into_iter().filter_map(|one| self.listed(one)).collect())
    }

    pub(super) async fn ask(&self, id: &ContainerId) -> Result<Option<Facts>, SocketError> {
        // The API takes names and beginnings of ids as well: only a whole id is surely this container.
        if !is_whole(id) {
            return Ok(None);
        }
        let answer = self.client.get(&format!("/containers/{id}/json")).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let found: Inspection = parsed(answer.status, &answer.body)?;
        if found.id != id.as_str() {
            return Err(SocketError::Unreadable("an answer about another container".to_owned()));
        }
        let image = found.image.clone();
        let mut facts = self.inspected(id, found);
        if let Some(digest) = self.pulled_by(&image, &facts.image).await {
            facts.digest = Some(digest);
        }
        Ok(Some(facts))
    }

    pub(super) async fn events(&self) -> Result<Lines, SocketError> {
        self.client.lines(if self.is_podman() { ALL_EVENTS } else { EVENTS }).await
    }

    pub(super) async fn kill(&self, id: &ContainerId) -> Result<bool, SocketError> {
        if !is_whole(id) {
            return Ok(false);
        }
        // Either counts as stopped by hand, which a restart policy does not undo: Docker says so of both,
        // Podman of stop.
        let path = if self.is_podman() {
            format!("/containers/{id}/stop?t=0")
        } else {
            format!("/containers/{id}/kill?signal=SIGKILL")
        };
        let answer = self.client.post(&path).await?;
        match answer.status {
            // 304 and 409: it does not run.
            200..=299 | 304 | 409 => Ok(true),
            404 => Ok(false),
            status => Err(SocketError::Status(status)),
        }
    }

    fn runtime(&self) -> Runtime {
        if self.is_podman() { Runtime::Podman } else { Runtime::Docker }
    }

    fn is_podman(&self) -> bool {
        self.podman.load(Ordering::Relaxed)
    }

    fn listed(&self, one: Summary) -> Option<Facts> {
        let id: ContainerId = one.id.parse().ok()?;
        let mut facts = Facts::new(id, Source::Runtime, self.runtime());
        if let Some(name) = one.names.iter().flatten().find(|name| name.matches('/').count() <= 1) {
            facts.name = self.limits.text(name.trim_start_matches('/'));
        }
        let config = Config { image: one.image, labels: one.labels };
        config.tell(self.limits, &mut facts);
        facts.digest = in_reference(&one.image_id).filter(|(kind, _)| *kind == DigestKind::Config);
        Some(facts)
    }

    fn inspected(&self, id: &ContainerId, found: Inspection) -> Facts {
        let mut facts = Facts::new(id.clone(), Source::Runtime, self.runtime());
        facts.name = self.limits.text(found.name.trim_start_matches('/'));
        facts.digest = in_reference(&found.image).filter(|(kind, _)| *kind == DigestKind::Config);
        if let Some(config) = found.config {
            config.tell(self.limits, &mut facts);
        }
        if let Some(state) = found.state.filter(|state| state.running) {
            state.tell(&mut facts);
        }
        facts.privileged = found.host_config.map(|config| config.privileged);
        facts
    }

    /// The digest that the image was pulled by. None for images that were built or imported here, and
    /// where the daemon does not say.
    async fn pulled_by(&self, image: &str, asked: &str) -> Option<(DigestKind, ImageDigest)> {
        let (_, id) = in_reference(image)?;
        let answer = self.client.get(&format!("/images/{id}/json")).await.ok()?;
        let image: Image = parsed(answer.status, &answer.body).ok()?;
        let digests = image.repo_digests.unwrap_or_default();
        choose_digest(digests.iter().map(String::as_str), asked)
    }
}

/// Reads one line of the event stream; `None` for events that say nothing of who a container is.
pub fn event(line: &[u8]) -> Option<Event> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let id = line.actor.map(|actor| actor.id).filter(|id| !id.is_empty()).unwrap_or(line.id);
    let id = id.parse().ok()?;
    let action = if line.action.is_empty() { &line.status } else { &line.action };
    match action.as_str() {
        "create" | "init" | "start" | "rename" => Some(Event::Changed(id)),
        "destroy" | "remove" => Some(Event::Removed(id)),
        _ => None,
    }
}

/// Of several `name@sha256:…`, one, always the same: of the repository that was asked for if there is one
/// of it, and of these the smallest.
pub(in crate::containers) fn choose_digest<'a>(
    references: impl Iterator<Item = &'a str>,
    asked: &str,
) -> Option<(DigestKind, ImageDigest)> {
    let wanted = repository(asked);
    references
        .filter_map(|reference| {
            let (_, digest) =
                in_reference(reference).filter(|one| one.0 == DigestKind::Manifest)?;
            Some((repository(reference) != wanted, digest))
        })
        .min()
        .map(|(_, digest)| (DigestKind::Manifest, digest))
}

/// A reference without tag and digest.
fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        // A colon before a slash is a registry's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

fn is_whole(id: &ContainerId) -> bool {
    id.as_str().len() == 64 && id.as_str().bytes().all(|c| c.is_ascii_hexdigit())
}

/// A time as the daemons write it (RFC 3339); `None` for the year 1, which means never.
pub(in crate::containers) fn moment(text: &str) -> Option<UnixMillis> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(UnixMillis)
}

fn parsed<'a, T: Deserialize<'a>>(status: u16, body: &'a [u8]) -> Result<T, SocketError> {
    if status != 200 {
        return Err(SocketError::Status(status));
    }
    Ok(serde_json::from_slice(body)?)
}
