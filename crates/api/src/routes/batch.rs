use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use http::HeaderMap;
use palisade_model::{Batch, BatchId};
use palisade_pipeline::gateway::GatewayError;
use palisade_ports::records::{BatchEnd, BatchState};
use serde::Deserialize;

use super::submit::{begin, choose_workflow, submit};
use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{BatchErrors, BatchLookUpErrors, CertificateErrors, OpenErrors};
use crate::state::{Api, json};
use crate::upload;
use crate::v4::{
    BatchClaims, BatchCreated, BatchResult, Certificate, CertifiedFile, KeySet, render,
};

/// Files on a page that names no size, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 1_000;

/// Files that are read together when a whole batch is gone through.
const CHUNK: u32 = 200;

/// Sums of batches that are kept, and for how long: clients ask again and again, and going through
/// every file of a large batch takes a while. Not longer, because a file may be tried again.
const MAX_SUMS: usize = 1_024;
const SUM_FOR: Duration = Duration::from_secs(10);

/// Sums over batches that are done.
#[derive(Default)]
pub(crate) struct BatchSums {
    sums: Mutex<HashMap<BatchId, (Instant, render::BatchSum)>>,
}

impl BatchSums {
    fn get(&self, id: BatchId) -> Option<render::BatchSum> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.get(&id).filter(|(since, _)| since.elapsed() < SUM_FOR).map(|(_, sum)| sum.clone())
    }

    fn put(&self, id: BatchId, sum: render::BatchSum) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if sums.len() >= MAX_SUMS {
            sums.clear();
        }
        sums.insert(id, (Instant::now(), sum));
    }
}

fn parse(segment: Segment) -> Result<BatchId, ApiError> {
    let id = segment.ok().and_then(|id| id.parse().ok());
    id.ok_or_else(|| GatewayError::UnknownBatch.into())
}

/// A batch that the caller may change.
async fn own(api: &Api, caller: &Caller, id: BatchId) -> Result<BatchState, ApiError> {
    let state = api.gateway().batch(id).await?;
    caller.must_own("batch", state.batch.key)?;
    Ok(state)
}

/// Make a batch
///
/// Files are sent with its id in the header `batch`; one answer, one callback and one certificate
/// stand for all of them.
#[utoipa::path(
    post, path = "/file/batch", tag = "batch", operation_id = "create_batch",
    params(
        ("rule" = Option<String>, Header, description = "The workflow of files that name none"),
        ("user-data" = Option<String>, Header,
            description = "The caller's own text, URL-encoded, at most 16 KiB, given back")
    ),
    responses((status = 200, description = "Its id", body = BatchCreated), BatchErrors),
    security(("apikey" = []))
)]
pub(crate) async fn create(State(api): State<Api>, caller: Caller, headers: HeaderMap) -> Answer {
    let id = make(&api, &caller, &headers).await?;
    json(&BatchCreated { batch_id: id.to_string() })
}

async fn make(api: &Api, caller: &Caller, headers: &HeaderMap) -> Result<BatchId, ApiError> {
    let gateway = api.gateway();
    gateway.admit()?;
    let named = upload::workflow(headers, gateway.workflows())?;
    let batch = Batch {
        id: gateway.new_batch_id(),
        created: api.now(),
        key: Some(caller.key.id),
        workflow: choose_workflow(api, caller, named)?,
        user_agent: upload::agent(headers),
        user_data: upload::user_data(headers)?,
    };
    let id = batch.id;
    gateway.create_batch(batch).await?;
    Ok(id)
}

/// Core's way of taking a form: every file of it in a batch of its own, which is closed at once.
pub(super) async fn batch_of_form(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Answer {
    let (named, submission) = begin(api, caller, headers).await?;
    let limit = api.gateway().upload_limit(&submission.workflow);
    let received = upload::receive_files(api, headers, body, limit).await?;
    let tell = submission.tell.clone();
    let id = match submission.batch {
        Some(batch) => batch,
        None => make(api, caller, headers).await?,
    };
    let one = received.len() == 1;
    for file in received {
        let mut own = submission.clone();
        own.batch = Some(id);
        // The batch is told of, once.
        own.tell = None;
        // A header can name one file only.
        if !(named && one) {
            own.name = file.part_name.unwrap_or_default();
        }
        submit(api, caller, file.artifact, own).await?;
    }
    if submission.batch.is_none() {
        api.gateway().close_batch(id, tell).await?;
    }
    json(&BatchCreated { batch_id: id.to_string() })
}

/// What may stand behind the question mark.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Files to leave out.
    first: u32,
    /// Files to give; 50 if absent, 1,000 at most.
    size: Option<u32>,
}

/// The result of a batch, or how far it is
///
/// `scan_all_result_i` is 255 until the batch is closed and every file has its report. `files_in_batch`
/// comes in pages.
#[utoipa::path(
    get, path = "/file/batch/{batch_id}", tag = "batch", operation_id = "batch_result",
    params(("batch_id" = String, Path, description = "From POST /file/batch"), Wanted),
    responses((status = 200, description = "The batch", body = BatchResult), BatchLookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Answer {
    let id = parse(segment)?;
    let Query(wanted) = query.map_err(|_| {
        let message = "The query cannot be read: first and size are whole numbers";
        ApiError::new(ErrorCode::BadQuery, message)
    })?;
    let size = wanted.size.unwrap_or(PAGE).min(MAX_PAGE);
    json(&result(&api, id, wanted.first, size).await?)
}

/// One page of a batch's result.
pub(crate) async fn result(
    api: &Api,
    id: BatchId,
    first: u32,
    size: u32,
) -> Result<BatchResult, ApiError> {
    let state = api.gateway().batch(id).await?;
    let sum = sum(api, &state).await?;
    let page = api.gateway().batch_files(id, first, size).await?;
    let files =
        page.iter().map(|file| render::batch_file(file.request, file.state.as_ref())).collect();
    Ok(render::batch_result(&state, sum.as_ref(), files, first, size))
}

/// What all files come to; `None` while there is more to come.
async fn sum(api: &Api, state: &BatchState) -> Result<Option<render::BatchSum>, ApiError> {
    if state.ended.is_none() || state.unfinished > 0 {
        return Ok(None);
    }
    let id = state.batch.id;
    if let Some(sum) = api.batch_sums().get(id) {
        return Ok(Some(sum));
    }
    let mut sum = render::BatchSum::default();
    each_file(api, id, |place, file, state| {
        sum = std::mem::take(&mut sum).with(place == 0, &file, state);
    })
    .await?;
    api.batch_sums().put(id, sum.clone());
    Ok(Some(sum))
}

/// Goes through every file of a batch, in pages.
async fn each_file(
    api: &Api,
    id: BatchId,
    mut each: impl FnMut(u32, crate::v4::BatchFile, Option<&palisade_ports::records::RequestState>),
) -> Result<(), ApiError> {
    let mut place = 0;
    loop {
        let page = api.gateway().batch_files(id, place, CHUNK).await?;
        for file in &page {
            each(place, render::batch_file(file.request, file.state.as_ref()), file.state.as_ref());
            place += 1;
        }
        if page.len() < CHUNK as usize {
            return Ok(());
        }
        // Reports of large trees take time to go through: let others have the thread.
        tokio::task::yield_now().await;
    }
}

/// Close a batch
///
/// It takes no more files; its result is there when the last one is done. Closing it twice is the
/// same as once.
#[utoipa::path(
    post, path = "/file/batch/{batch_id}/close", tag = "batch", operation_id = "close_batch",
    params(("batch_id" = String, Path, description = "From POST /file/batch")),
    responses((status = 200, description = "The batch", body = BatchResult), BatchLookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn close(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let id = parse(segment)?;
    close_with(&api, &caller, id, None).await
}

/// Close a batch and be told when it is done
///
/// As `POST …/close`; when the last file is done, the batch's result is sent to `callbackurl`.
#[utoipa::path(
    post, path = "/file/batch/{batch_id}/close/callback", tag = "batch",
    operation_id = "close_batch_with_callback",
    params(
        ("batch_id" = String, Path, description = "From POST /file/batch"),
        ("callbackurl" = String, Header, description = "An http or https URL")
    ),
    responses((status = 200, description = "The batch", body = BatchResult), BatchLookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn close_and_tell(
    State(api): State<Api>,
    caller: Caller,
    segment: Segment,
    headers: HeaderMap,
) -> Answer {
    let id = parse(segment)?;
    if !api.tells() {
        return Err(ApiError::not_served("Callbacks (poll GET /file/batch/{batch_id} instead)"));
    }
    let url = upload::callback(&headers)?.ok_or_else(|| {
        ApiError::new(ErrorCode::BadCallback, "Send the URL to call in the header callbackurl")
    })?;
    close_with(&api, &caller, id, Some(url)).await
}

async fn close_with(api: &Api, caller: &Caller, id: BatchId, tell: Option<String>) -> Answer {
    let state = own(api, caller, id).await?;
    if matches!(state.ended, Some((BatchEnd::Cancelled, _))) {
        return Err(GatewayError::BatchEnded.into());
    }
    api.gateway().close_batch(id, tell).await?;
    json(&result(api, id, 0, PAGE).await?)
}

/// Take a batch back
///
/// It takes no more files, and every scan of it that has no result yet is cancelled.
#[utoipa::path(
    post, path = "/file/batch/{batch_id}/cancel", tag = "batch", operation_id = "cancel_batch",
    params(("batch_id" = String, Path, description = "From POST /file/batch")),
    responses((status = 200, description = "`{\"BATCH_ID\": \"cancelled\"}`", body = Object), BatchLookUpErrors),
    security(("apikey" = []))
)]
pub(crate) async fn cancel(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let id = parse(segment)?;
    own(&api, &caller, id).await?;
    api.gateway().cancel_batch(id).await?;
    json(&HashMap::from([(id.to_string(), "cancelled")]))
}

/// A signed certificate of a batch
///
/// Every file's hash and result, signed with the key of `GET /.well-known/jwks.json`. Only of a batch
/// that is closed and done.
#[utoipa::path(
    get, path = "/file/batch/{batch_id}/certificate", tag = "batch",
    operation_id = "batch_certificate",
    params(("batch_id" = String, Path, description = "From POST /file/batch")),
    responses((status = 200, description = "The certificate", body = Certificate), CertificateErrors),
    security(("apikey" = []))
)]
pub(crate) async fn certificate(
    State(api): State<Api>,
    _caller: Caller,
    segment: Segment,
) -> Answer {
    let id = parse(segment)?;
    let Some(signer) = api.signer() else {
        return Err(ApiError::not_served("Certificates (this server has no signing key)"));
    };
    let state = api.gateway().batch(id).await?;
    let Some(sum) = sum(&api, &state).await? else {
        let message = "A certificate is made of a batch that is closed and done: close it, and wait \
                       until scan_all_result_i is not 255";
        return Err(ApiError::new(ErrorCode::BatchOpen, message));
    };
    let mut files = Vec::new();
    each_file(&api, id, |_, file, _| {
        files.push(CertifiedFile {
            data_id: file.data_id,
            display_name: file.display_name,
            file_size: file.file_size,
            sha256: file.sha256,
            scan_all_result_i: file.scan_all_result_i,
            scan_all_result_a: file.scan_all_result_a,
            result: file.process_info.result,
        });
    })
    .await?;
    let claims = BatchClaims {
        iss: "palisade".to_owned(),
        sub: id.to_string(),
        iat: api.now().0 / 1000,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scan_all_result_i: sum.code().number(),
        scan_all_result_a: sum.code().text().to_owned(),
        result: sum.result().to_owned(),
        files,
    };
    let jws = signer.sign(&claims).map_err(|error| ApiError::internal(&error))?;
    json(&Certificate { jws, kid: signer.public().kid.clone(), certificate: claims })
}

/// The public key that certificates are checked with
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "operation", operation_id = "public_keys",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = KeySet), OpenErrors)
)]
pub(crate) async fn public_keys(State(api): State<Api>) -> Answer {
    let keys = api.signer().map(|signer| signer.public().clone()).into_iter().collect();
    json(&KeySet { keys })
}
