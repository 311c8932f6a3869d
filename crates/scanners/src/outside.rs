//! What every outside scanner is as an engine: it is asked about an artifact that is not too large for
//! it, and what it is and how it is stands in its [`Status`].

use std::sync::Arc;

use async_trait::async_trait;
use palisade_model::{Command, Definitions, EngineName};
use palisade_ports::Engine;
use palisade_ports::engine::{Artifact, ChildSink, Health, Opinion, ScanError};

use crate::answer::Answer;
use crate::artifact;
use crate::status::Status;

/// One kind of outside scanner.
#[async_trait]
pub(crate) trait Scanner: Send + Sync + 'static {
    fn name(&self) -> &EngineName;

    fn description(&self) -> &str;

    fn status(&self) -> &Status;

    /// Scans that it is given at once.
    fn concurrency(&self) -> usize;

    /// Bytes of an artifact that it is given, at most.
    fn max_bytes(&self) -> u64;

    /// What is said of an artifact that is larger.
    fn too_large(&self, size: u64, most: u64) -> String {
        format!("it has {size} bytes; this scanner is given at most {most}")
    }

    /// Asks it, and ends within `timeout_ms`; with the definitions that the answer came with, if it
    /// says.
    async fn look(
        &self,
        command: &Command,
        artifact: &Artifact,
        size: u64,
        timeout_ms: u64,
    ) -> Result<(Opinion, Option<Definitions>), ScanError>;
}

/// A scanner as an engine.
pub(crate) struct Outside<S>(pub(crate) Arc<S>);

#[async_trait]
impl<S: Scanner> Engine for Outside<S> {
    fn name(&self) -> &EngineName {
        self.0.name()
    }

    fn description(&self) -> &str {
        self.0.description()
    }

    fn definitions(&self) -> Definitions {
        self.0.status().definitions()
    }

    fn health(&self) -> Health {
        self.0.status().health(u32::try_from(self.0.concurrency()).unwrap_or(u32::MAX))
    }

    fn concurrency(&self) -> usize {
        self.0.concurrency()
    }

    async fn scan(
        &self,
        command: &Command,
        artifact: Option<Artifact>,
        timeout_ms: u64,
        _: Box<dyn ChildSink>,
    ) -> (Result<Opinion, ScanError>, Definitions) {
        // Read before the scan: should they change meanwhile, the report counts as older than it is
        // and is made again, never the other way round.
        let definitions = self.definitions();
        let Some(artifact) = artifact else {
            let error = ScanError::Unavailable("it was given no bytes".to_owned());
            return (Err(error), definitions);
        };
        let size = match artifact::size(&artifact) {
            Ok(size) => size,
            Err(error) => return (Err(ScanError::Unavailable(error.to_string())), definitions),
        };
        let most = self.0.max_bytes();
        if size > most {
            let answer = Answer::not_scanned(self.0.too_large(size, most));
            return (Ok(answer.opinion(self.0.name().as_str())), definitions);
        }
        match self.0.look(command, &artifact, size, timeout_ms).await {
            Ok((opinion, Some(with))) => {
                self.0.status().seen(&with);
                (Ok(opinion), with)
            }
            Ok((opinion, None)) => (Ok(opinion), definitions),
            Err(error) => (Err(error), definitions),
        }
    }
}
