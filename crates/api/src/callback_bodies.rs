//! What callbacks say: the same as the answer to `GET /file/{data_id}` or `GET /file/batch/{id}`.

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::{NodeId, Subject};
use palisade_pipeline::gateway::GatewayError;
use palisade_pipeline::notifier::Bodies;
use palisade_ports::PortError;

use crate::error::ErrorCode;
use crate::routes::batch;
use crate::state::{Api, to_json};

/// Files of a batch in its callback: the first page of `GET /file/batch/{id}`.
const BATCH_PAGE: u32 = 50;

#[async_trait]
impl Bodies for Api {
    async fn body(&self, subject: Subject) -> Result<Option<Bytes>, PortError> {
        let body = match subject {
            Subject::Request(id) => match self.gateway().state(id).await {
                Ok(None) => return Ok(None),
                Ok(Some(state)) => self.render(state, NodeId::root(id), self.first_page()).await,
                Err(GatewayError::Port(error)) => return Err(error),
                Err(error) => Err(error.into()),
            },
            Subject::Batch(id) => match batch::result(self, id, 0, BATCH_PAGE).await {
                Ok(result) => to_json(&result),
                Err(error) if error.code() == ErrorCode::UnknownBatch => return Ok(None),
                Err(error) => Err(error),
            },
        };
        body.map(Some).map_err(|error| PortError::Unavailable {
            what: "what a callback says",
            source: format!("{error:?}").into(),
        })
    }
}
