use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use palisade_model::{NodeId, RequestId, UnixMillis};
use palisade_pipeline::gateway::{Gateway, GatewayError};
use palisade_ports::records::RequestState;
use palisade_telemetry::metrics::DropReason;
use serde::Serialize;
use tokio::sync::watch;

use crate::auth::KeptKeys;
use crate::config::ApiConfig;
use crate::error::{ApiError, ErrorCode, JSON};
use crate::rates::Rates;
use crate::readiness::{DeadLetterRetry, Readiness};
use crate::rendered::Rendered;
use crate::routes::batch::BatchSums;
use crate::sessions::Sessions;
use crate::signer::Signer;
use crate::v4::{self, FileResult, Page};

/// Reports with more nodes than this are rendered on a thread that may be busy: polls of others
/// stay fast.
const LARGE_REPORT: usize = 32;

/// The API's state. Clones share it.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
    operation_only: bool,
    signer: Option<Arc<Signer>>,
    tells: bool,
}

struct Inner {
    gateway: Gateway,
    config: ApiConfig,
    readiness: Arc<dyn Readiness>,
    retry: Option<Arc<dyn DeadLetterRetry>>,
    rates: Rates,
    keys: KeptKeys,
    rendered: Rendered,
    batch_sums: BatchSums,
    sessions: Sessions,
    stopping: watch::Sender<bool>,
}

impl Api {
    /// The API over a gateway. Without `retry`, dead letters can be seen and not tried again.
    pub fn new(
        gateway: Gateway,
        config: ApiConfig,
        readiness: Arc<dyn Readiness>,
        retry: Option<Arc<dyn DeadLetterRetry>>,
    ) -> Self {
        let rates = Rates::new(config.requests_per_minute);
        let rendered = Rendered::new(config.rendered_bytes);
        let (stopping, _) = watch::channel(false);
        let keys = KeptKeys::default();
        Self {
            operation_only: false,
            inner: Arc::new(Inner {
                gateway,
                config,
                readiness,
                retry,
                rates,
                keys,
                rendered,
                batch_sums: BatchSums::default(),
                sessions: Sessions::default(),
                stopping,
            }),
            signer: None,
            tells: false,
        }
    }

    /// Only health and metrics: for a process that takes no requests in.
    #[must_use]
    pub fn for_operation_only(self) -> Self {
        Self { operation_only: true, ..self }
    }

    pub(crate) fn is_for_operation_only(&self) -> bool {
        self.operation_only
    }

    /// With a key that signs certificates of batches; without one there are none.
    pub fn with_signer(self, signer: Signer) -> Self {
        Self { signer: Some(Arc::new(signer)), ..self }
    }

    /// With callbacks: somewhere a notifier runs. Without, a caller that asks for one is refused.
    pub fn with_callbacks(self) -> Self {
        Self { tells: true, ..self }
    }

    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signer.as_deref()
    }

    /// Whether callbacks are made.
    pub(crate) fn tells(&self) -> bool {
        self.tells
    }

    pub(crate) fn batch_sums(&self) -> &BatchSums {
        &self.inner.batch_sums
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.inner.gateway
    }

    /// The settings.
    pub fn config(&self) -> &ApiConfig {
        &self.inner.config
    }

    pub(crate) fn readiness(&self) -> &dyn Readiness {
        &*self.inner.readiness
    }

    pub(crate) fn retry(&self) -> Option<&dyn DeadLetterRetry> {
        self.inner.retry.as_deref()
    }

    pub(crate) fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    pub(crate) fn kept_keys(&self) -> &KeptKeys {
        &self.inner.keys
    }

    /// The gateway's refusal of something that was admitted: only for want of space (law 7).
    pub(crate) fn refused(&self, error: impl Into<GatewayError>) -> ApiError {
        let error = error.into();
        if matches!(error, GatewayError::Busy { .. }) {
            self.gateway().ports().metrics.drop(DropReason::DiskFull, "gateway");
        }
        error.into()
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.gateway().ports().clock.now()
    }

    /// Ends every wait: long polls answer with what there is.
    pub(crate) fn stop(&self) {
        self.inner.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.inner.stopping.borrow()
    }

    async fn stopped(&self) {
        let mut stopping = self.inner.stopping.subscribe();
        // The sender lives as long as this.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// The state of a request, waiting for its report until `until` or until the server stops.
    pub(crate) async fn wait(
        &self,
        id: RequestId,
        until: UnixMillis,
    ) -> Result<Option<RequestState>, ApiError> {
        loop {
            let state = tokio::select! {
                biased;
                () = self.stopped() => self.gateway().state(id).await?,
                state = self.gateway().wait(id, until) => state?,
            };
            let open = matches!(state, Some(RequestState::Open { .. }));
            // Woken without a report: a notice of an earlier life of this request.
            if !open || self.now() >= until || self.is_stopping() {
                return Ok(state);
            }
        }
    }

    /// A state as JSON, one page of its lists.
    pub(crate) async fn render(
        &self,
        state: RequestState,
        node: NodeId,
        page: Page,
    ) -> Result<Bytes, ApiError> {
        let (summary, report) = match state {
            RequestState::Open { summary, progress } => {
                return to_json(&v4::render_open(&summary, progress));
            }
            RequestState::Finished { summary, report, .. } => (summary, report),
        };
        let keep = page == self.first_page();
        if keep && let Some(body) = self.inner.rendered.get(node, &report) {
            return Ok(body);
        }
        let body = if report.nodes.len() > LARGE_REPORT {
            let report = Arc::clone(&report);
            let work = move || result_json(v4::render_page(&report, node, &summary, page));
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| ApiError::internal(&error))??
        } else {
            result_json(v4::render_page(&report, node, &summary, page))?
        };
        if keep {
            self.inner.rendered.put(node, &report, &body);
        }
        Ok(body)
    }

    pub(crate) fn first_page(&self) -> Page {
        Page { first: 0, size: self.config().page_size }
    }
}

fn result_json(result: Option<FileResult>) -> Result<Bytes, ApiError> {
    to_json(&result.ok_or_else(unknown_data_id)?)
}

pub(crate) fn unknown_data_id() -> ApiError {
    let message = "There is no scan of this data_id: it is mistyped, or older than the retention";
    ApiError::new(ErrorCode::UnknownDataId, message)
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<Bytes, ApiError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| ApiError::internal(&error))
}

/// A JSON answer of bytes that are JSON already.
pub(crate) fn json_bytes(body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response()
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Response, ApiError> {
    to_json(value).map(json_bytes)
}
