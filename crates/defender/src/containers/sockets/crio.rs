//! CRI-O's inspection over HTTP, beside its gRPC on the same socket. Meant for debugging: every field may
//! be missing.

use std::collections::BTreeMap;

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, Runtime};
use serde::Deserialize;

use super::client::{Client, SocketError};
use crate::containers::bundle::{annotated, in_reference};
use crate::containers::{Facts, Limits, Source};

/// A CRI-O.
#[derive(Debug, Clone)]
pub struct CriO {
    client: Client,
    limits: Limits,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    cgroup_driver: String,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    name: String,
    #[serde(default)]
    pid: i64,
    #[serde(default)]
    image: String,
    #[serde(default)]
    image_ref: String,
    /// ns since 1970; of the making, not of the start.
    #[serde(default)]
    created_time: i64,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    crio_annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    sandbox: String,
}

impl CriO {
    pub(super) fn new(client: Client, limits: Limits) -> Self {
        Self { client, limits }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// It does not tell its version here; that it is CRI-O is told by the answer's form.
    pub(super) async fn version(&self) -> Result<String, SocketError> {
        let answer = self.client.get("/info").await?;
        if answer.status != 200 {
            return Err(SocketError::Status(answer.status));
        }
        let info: Info = serde_json::from_slice(&answer.body)?;
        Ok(format!("not told (cgroup driver {})", self.limits.text(&info.cgroup_driver)))
    }

    pub(super) async fn ask(&self, id: &ContainerId) -> Result<Option<Facts>, SocketError> {
        let answer = self.client.get(&format!("/containers/{id}")).await?;
        match answer.status {
            404 => return Ok(None),
            200 => {}
            status => return Err(SocketError::Status(status)),
        }
        let found: Container = serde_json::from_slice(&answer.body)?;
        let mut facts = Facts::new(id.clone(), Source::Runtime, Runtime::CriO);
        annotated(&found.crio_annotations.unwrap_or_default(), self.limits, &mut facts);
        if !found.name.is_empty() {
            facts.name = self.limits.text(&found.name);
        }
        if facts.image.is_empty() {
            facts.image = self.limits.text(&found.image);
        }
        facts.digest = in_reference(&found.image_ref).or(facts.digest);
        facts.pid = u32::try_from(found.pid).ok().filter(|&pid| pid != 0);
        facts.started = u64::try_from(found.created_time / 1_000_000)
            .ok()
            .filter(|&time| time > 0)
            .map(UnixMillis);
        if found.sandbox == id.as_str() {
            facts.sandbox = Some(true);
        }
        let (labels, left_out) = self.limits.labels(found.labels.unwrap_or_default());
        facts.labels.extend(labels);
        facts.labels_left_out = facts.labels_left_out.saturating_add(left_out);
        Ok(Some(facts))
    }
}
