//! Batches, and taking requests back.

use bytes::Bytes;
use palisade_model::{Batch, BatchId, Delivery, NodeEvent, RequestId, Subject, wire};
use palisade_ports::log::{Append, Durability, Topic};
use palisade_ports::records::{Added, BatchEnd, BatchFile, BatchState, RequestState};
use rand::Rng;

use super::{Gateway, GatewayError};

/// Files of a batch that are looked at together.
const PAGE: u32 = 200;

impl Gateway {
    /// A fresh id for a batch.
    pub fn new_batch_id(&self) -> BatchId {
        BatchId::new(self.inner.ports.clock.now(), rand::rng().random())
    }

    /// Makes a batch.
    ///
    /// # Errors
    /// The records' error.
    pub async fn create_batch(&self, batch: Batch) -> Result<(), GatewayError> {
        Ok(self.inner.ports.records.put_batch(batch).await?)
    }

    /// A batch as it is now.
    ///
    /// # Errors
    /// [`GatewayError::UnknownBatch`], or the records' error.
    pub async fn batch(&self, id: BatchId) -> Result<BatchState, GatewayError> {
        let now = self.inner.ports.clock.now();
        self.inner.ports.records.batch(id, now).await?.ok_or(GatewayError::UnknownBatch)
    }

    /// Files of a batch in the order in which they came.
    ///
    /// # Errors
    /// The records' error.
    pub async fn batch_files(
        &self,
        id: BatchId,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<BatchFile>, GatewayError> {
        Ok(self.inner.ports.records.batch_files(id, skip, limit).await?)
    }

    /// Puts a request into a batch, before it is submitted.
    pub(super) async fn join(&self, batch: BatchId, id: RequestId) -> Result<(), GatewayError> {
        let limit = self.inner.config.max_batch_files;
        let now = self.inner.ports.clock.now();
        match self.inner.ports.records.add_to_batch(batch, id, now, limit).await? {
            Added::Yes => Ok(()),
            Added::Unknown => Err(GatewayError::UnknownBatch),
            Added::Ended => Err(GatewayError::BatchEnded),
            Added::Full => Err(GatewayError::BatchFull { limit }),
        }
    }

    /// Takes no more files into a batch; with a URL, tells there when the last one is done.
    ///
    /// # Errors
    /// [`GatewayError::UnknownBatch`], or the records' error.
    pub async fn close_batch(&self, id: BatchId, tell: Option<String>) -> Result<(), GatewayError> {
        let records = &self.inner.ports.records;
        let now = self.inner.ports.clock.now();
        // First, so that a batch that is closed is told of: what is asked twice is one delivery.
        if let Some(url) = tell {
            records.put_delivery(Delivery::new(Subject::Batch(id), url, now)).await?;
        }
        match records.end_batch(id, BatchEnd::Closed, now).await? {
            true => Ok(()),
            false => Err(GatewayError::UnknownBatch),
        }
    }

    /// Takes no more files into a batch and takes back every one that has no report. A file that is
    /// being accepted at this very moment may be scanned to its end.
    ///
    /// # Errors
    /// [`GatewayError::UnknownBatch`], or a port's error; then some files may be taken back.
    pub async fn cancel_batch(&self, id: BatchId) -> Result<(), GatewayError> {
        let records = &self.inner.ports.records;
        let now = self.inner.ports.clock.now();
        if !records.end_batch(id, BatchEnd::Cancelled, now).await? {
            return Err(GatewayError::UnknownBatch);
        }
        let mut skip = 0;
        loop {
            let files = records.batch_files(id, skip, PAGE).await?;
            for file in &files {
                if !matches!(file.state, Some(RequestState::Finished { .. })) {
                    self.cancel(file.request).await?;
                }
            }
            if files.len() < PAGE as usize {
                return Ok(());
            }
            skip += PAGE;
        }
    }

    /// Takes a request back: engines stop, and its report is made of what is there. Gives the request
    /// as it is now; of one that has its report already, nothing changes. `None` when there is none
    /// of this id.
    ///
    /// # Errors
    /// A port's error; then nothing was promised.
    pub async fn cancel(&self, id: RequestId) -> Result<Option<RequestState>, GatewayError> {
        let ports = &self.inner.ports;
        let state = ports.records.cancel(id, ports.clock.now()).await?;
        if let Some(RequestState::Open { summary, .. }) = &state {
            let event = NodeEvent::Cancel(Box::new(summary.clone()));
            let append = Append {
                topic: Topic::Results,
                key: Bytes::copy_from_slice(id.as_bytes()),
                payload: wire::encode(&event).into(),
            };
            ports.log.append(vec![append], Durability::Machine).await?;
        }
        Ok(state)
    }
}
