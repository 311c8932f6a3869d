//! Requests in, reports compared.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use palisade_model::{ArtifactRef, NodeId, Priority, Report, Request, RequestId, UnpackLimits};
use palisade_pipeline::gateway::{Accepted, Gateway, GatewayError, Submission};
use palisade_ports::Clock;
use serde_json::Value;

use super::Cluster;

impl Cluster {
    /// Asks for these bytes to be scanned.
    pub async fn submit(&self, bytes: &[u8]) -> RequestId {
        // Every request on its own: a test of the cache says that it wants it.
        let submission = Submission { cache: false, ..Submission::new("file") };
        self.submit_as(bytes, submission).await.id
    }

    /// Asks for these bytes to be scanned, in this way.
    pub async fn submit_as(&self, bytes: &[u8], submission: Submission) -> Accepted {
        self.try_submit(bytes, submission).await.expect("the gateway takes it")
    }

    /// As a caller does: asks for admission, hands the bytes in, and waits for an id.
    ///
    /// # Errors
    /// The gateway's.
    pub async fn try_submit(
        &self,
        bytes: &[u8],
        submission: Submission,
    ) -> Result<Accepted, GatewayError> {
        submit(self.gateway(), bytes, submission).await
    }

    /// A request as the gateway would write it, of a stored artifact, and not yet written.
    pub async fn request(&self, bytes: &[u8], deadline_ms: u64) -> Request {
        let now = self.clock.now();
        let artifact = self.store(bytes).await;
        let mut chance = [0xff; 10];
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        chance[2..].copy_from_slice(&number.to_be_bytes());
        Request {
            node: NodeId::root(RequestId::new(now, chance)),
            lineage: None,
            inline: None,
            artifact,
            name: "file".to_owned(),
            path: String::new(),
            workflow: "default".to_owned(),
            engines: None,
            passwords: Vec::new(),
            limits: UnpackLimits::default(),
            accepted: now,
            deadline: now.plus(deadline_ms),
            priority: Priority::Interactive,
            key: None,
            user_agent: None,
            metadata: None,
            callback: None,
            policy: None,
            facets: None,
        }
    }

    /// Stores an artifact.
    pub async fn store(&self, bytes: &[u8]) -> ArtifactRef {
        store(self.gateway(), bytes).await.expect("the objects")
    }
}

async fn store(gateway: &Gateway, bytes: &[u8]) -> Result<ArtifactRef, GatewayError> {
    let mut intake = gateway.intake();
    intake.write(Bytes::copy_from_slice(bytes)).await?;
    Ok(intake.finish().await?)
}

async fn submit(
    gateway: &Gateway,
    bytes: &[u8],
    submission: Submission,
) -> Result<Accepted, GatewayError> {
    gateway.admit()?;
    let artifact = store(gateway, bytes).await?;
    gateway.submit(artifact, submission).await
}

/// A report without what differs between two requests of the same thing: the id and the times.
pub fn comparable(report: &Report) -> Value {
    let text = serde_json::to_string(report).expect("a report is JSON");
    let text = text.replace(&report.request.node.root.to_string(), &"0".repeat(32));
    let mut value = serde_json::from_str(&text).expect("a report is JSON");
    forget_times(&mut value);
    value
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for time in ["accepted", "deadline", "started", "finished", "wait_us", "scan_us"] {
                fields.remove(time);
            }
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}
