//! containerd's own services over gRPC: Version, Namespaces, Containers and Images. Messages are read by
//! hand: four calls do not pay for a code generator and its run time.

use std::collections::BTreeMap;

use palisade_model::event::{ContainerId, ImageDigest, Runtime};

use super::client::{Client, SocketError};
use super::protobuf::{Fields, message};
use crate::containers::bundle::{in_reference, kubernetes};
use crate::containers::{DigestKind, Facts, Limits, Source};

/// gRPC's NOT_FOUND.
const NOT_FOUND: u16 = 5;
/// Namespaces that are asked for one container.
const MAX_NAMESPACES: usize = 64;

/// A containerd.
#[derive(Debug, Clone)]
pub struct Containerd {
    client: Client,
    limits: Limits,
    /// Asked first, in this order.
    usual: Vec<String>,
}

/// `containerd.services.containers.v1.Container`, what we read of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Container {
    id: String,
    labels: BTreeMap<String, String>,
    image: String,
}

impl Containerd {
    pub(super) fn new(client: Client, limits: Limits, usual: Vec<String>) -> Self {
        Self { client, limits, usual }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) async fn version(&self) -> Result<String, SocketError> {
        let body = self.call("version.v1.Version/Version", None, &[]).await?.unwrap_or_default();
        for field in Fields::new(&body) {
            if let (1, value) = field? {
                return Ok(self.limits.text(value.text()));
            }
        }
        Err(SocketError::Unreadable("an answer without a version".to_owned()))
    }

    pub(super) async fn ask(&self, id: &ContainerId) -> Result<Option<Facts>, SocketError> {
        for namespace in self.namespaces().await? {
            let question = message(id.as_str());
            let found = self.call("containers.v1.Containers/Get", Some(&namespace), &question);
            let Some(body) = found.await? else { continue };
            let found = container(inner(&body)?)?;
            if found.id != id.as_str() {
                return Err(SocketError::Unreadable("an answer about another one".to_owned()));
            }
            return Ok(Some(self.facts(id, &namespace, found).await));
        }
        Ok(None)
    }

    async fn facts(&self, id: &ContainerId, namespace: &str, found: Container) -> Facts {
        let docker = namespace == "moby";
        let runtime = if docker { Runtime::Docker } else { Runtime::Containerd };
        let mut facts = Facts::new(id.clone(), Source::Runtime, runtime);
        facts.image = self.limits.text(&found.image);
        facts.digest = match self.target(namespace, &found.image).await {
            Some(digest) => Some((DigestKind::Manifest, digest)),
            None => in_reference(&found.image),
        };
        kubernetes(&found.labels, self.limits, &mut facts);
        // What the CRI plugin calls its containers.
        match found.labels.get("io.cri-containerd.kind").map(String::as_str) {
            Some("sandbox") => facts.sandbox = Some(true),
            Some(_) => facts.sandbox = Some(false),
            None => {}
        }
        let name = ["nerdctl/name", "io.kubernetes.container.name"];
        let name = name.iter().find_map(|key| found.labels.get(*key));
        if let Some(name) = name {
            facts.name = self.limits.text(name);
        } else if !docker && !is_hexadecimal(id) {
            facts.name = id.as_str().to_owned();
        }
        // Those of Docker's containers are Docker's own notes for containerd.
        if !docker {
            (facts.labels, facts.labels_left_out) = self.limits.labels(found.labels);
        }
        facts
    }

    /// The digest that an image's name stands for now. A name can be moved to another image while a
    /// container of the old one runs.
    async fn target(&self, namespace: &str, image: &str) -> Option<ImageDigest> {
        if image.is_empty() || image.len() > self.limits.text {
            return None;
        }
        let question = message(image);
        let body = self.call("images.v1.Images/Get", Some(namespace), &question).await.ok()??;
        for field in Fields::new(inner(&body).ok()?) {
            if let (3, descriptor) = field.ok()? {
                for field in Fields::new(descriptor.bytes()) {
                    if let (2, digest) = field.ok()? {
                        return digest.text().parse().ok();
                    }
                }
            }
        }
        None
    }

    async fn namespaces(&self) -> Result<Vec<String>, SocketError> {
        let body = self.call("namespaces.v1.Namespaces/List", None, &[]).await?.unwrap_or_default();
        let mut names = Vec::new();
        for field in Fields::new(&body) {
            let (1, namespace) = field? else { continue };
            for field in Fields::new(namespace.bytes()) {
                if let (1, name) = field? {
                    names.push(name.text().to_owned());
                }
            }
        }
        // An empty name or one with strange characters cannot be a header.
        names.retain(|name| name.parse::<ContainerId>().is_ok());
        names.sort_by_key(|name| self.usual.iter().position(|usual| usual == name).is_none());
        names.truncate(MAX_NAMESPACES);
        Ok(names)
    }

    /// `None`: not found.
    async fn call(
        &self,
        method: &str,
        namespace: Option<&str>,
        question: &[u8],
    ) -> Result<Option<bytes::Bytes>, SocketError> {
        let method = format!("containerd.services.{method}");
        let answer = self.client.call(&method, namespace, question).await?;
        match answer.status {
            0 => Ok(Some(answer.body)),
            NOT_FOUND => Ok(None),
            code => Err(SocketError::Unreadable(format!("gRPC status {code}"))),
        }
    }
}

fn is_hexadecimal(id: &ContainerId) -> bool {
    id.as_str().len() == 64 && id.as_str().bytes().all(|c| c.is_ascii_hexdigit())
}

/// The one message in an answer, field number 1.
fn inner(body: &[u8]) -> Result<&[u8], SocketError> {
    for field in Fields::new(body) {
        if let (1, value) = field? {
            return Ok(value.bytes());
        }
    }
    Err(SocketError::Unreadable("an empty answer".to_owned()))
}

fn container(bytes: &[u8]) -> Result<Container, SocketError> {
    let mut container = Container::default();
    for field in Fields::new(bytes) {
        match field? {
            (1, value) => container.id = value.text().to_owned(),
            (2, value) => {
                let (mut key, mut text) = (String::new(), String::new());
                for field in Fields::new(value.bytes()) {
                    match field? {
                        (1, value) => key = value.text().to_owned(),
                        (2, value) => text = value.text().to_owned(),
                        _ => {}
                    }
                }
                container.labels.insert(key, text);
            }
            (3, value) => container.image = value.text().to_owned(),
            _ => {}
        }
    }
    Ok(container)
}
