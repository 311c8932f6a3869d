//! Requests in, reports compared.

use bytes::Bytes;
use palisade_model::{ArtifactRef, Report, RequestId};
use palisade_pipeline::gateway::{Accepted, Gateway, GatewayError, Submission};
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
