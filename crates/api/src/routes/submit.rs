//! What every way of sending a file has in common: admission, quota, headers, body, and then the
//! request itself.

use axum::body::Body;
use axum::response::Response;
use http::HeaderMap;
use palisade_model::{ArtifactRef, Priority, RequestId};
use palisade_pipeline::gateway::{Accepted, DEFAULT_WORKFLOW, GatewayError, Submission};
use palisade_telemetry::metrics::DropReason;

use super::day;
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::rates::Standing;
use crate::state::Api;
use crate::upload::{self, Asked, receive};
use crate::v4::Uploaded;

/// A request that was taken.
pub(super) struct Taken {
    accepted: Accepted,
    artifact: ArtifactRef,
    priority: Priority,
    pub(super) deadline_ms: u64,
    quota: Option<Standing>,
}

impl Taken {
    pub(super) fn id(&self) -> RequestId {
        self.accepted.id
    }

    pub(super) fn tell_quota(&self, response: &mut Response) {
        if let Some(quota) = &self.quota {
            quota.write(response.headers_mut());
        }
    }

    /// The answer to an upload.
    pub(super) fn uploaded(&self) -> Uploaded {
        let hashes = &self.artifact.hashes;
        Uploaded {
            data_id: self.accepted.id.to_string(),
            status: if self.accepted.cached { "completed" } else { "inqueue" }.to_owned(),
            in_queue: 0,
            queue_priority: match self.priority {
                Priority::Interactive => "normal",
                Priority::Batch => "low",
            }
            .to_owned(),
            md5: hashes.md5.clone(),
            sha1: hashes.sha1.clone(),
            sha256: hashes.sha256.to_string(),
            file_size: self.artifact.size,
        }
    }
}

/// Admission, headers, body, and then the request itself.
pub(super) async fn take(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Taken, ApiError> {
    let (named, mut submission) = begin(api, caller, headers).await?;
    let limit = api.gateway().upload_limit(&submission.workflow);
    let received = receive(api, headers, body, limit).await?;
    if !named {
        submission.name = received.part_name.unwrap_or_default();
    }
    submit(api, caller, received.artifact, submission).await
}

/// Admission and headers: everything that can be refused before a body is read. Also gives whether
/// the headers name the file.
pub(super) async fn begin(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<(bool, Submission), ApiError> {
    let gateway = api.gateway();
    gateway.admit()?;
    // A look, so that nobody sends a gigabyte to be refused; the count is taken with the request.
    Quota::of(api, caller).count(api, 0).await?;
    let asked = upload::parse(headers, gateway.workflows())?;
    let Asked { named, workflow, mut submission } = asked;
    if submission.tell.is_some() && !api.tells() {
        let what = "Callbacks (header callbackurl; poll, or read the event stream instead)";
        return Err(ApiError::not_served(what));
    }
    if let Some(engines) = &submission.engines {
        let known = gateway.catalog().entries();
        if let Some(unknown) = engines.iter().find(|engine| !known.contains_key(*engine)) {
            return Err(GatewayError::UnknownEngine(unknown.to_string()).into());
        }
    }
    let of_batch = match submission.batch {
        None => None,
        Some(id) => {
            let state = gateway.batch(id).await?;
            caller.must_own("batch", state.batch.key)?;
            if state.ended.is_some() {
                return Err(GatewayError::BatchEnded.into());
            }
            Some(state.batch.workflow)
        }
    };
    submission.workflow = choose_workflow(api, caller, workflow.or(of_batch))?;
    submission.key = Some(caller.key.id);
    Ok((named, submission))
}

/// The workflow that is named, or the key's, or the default one; it exists.
pub(super) fn choose_workflow(
    api: &Api,
    caller: &Caller,
    named: Option<String>,
) -> Result<String, ApiError> {
    let workflows = api.gateway().workflows();
    let name = named.or_else(|| caller.key.workflow.clone());
    let name = name.unwrap_or_else(|| DEFAULT_WORKFLOW.to_owned());
    match workflows.get(&name) {
        Some(_) => Ok(name),
        None => Err(GatewayError::UnknownWorkflow { name, known: workflows.names() }.into()),
    }
}

/// The request for a stored artifact, counted.
pub(super) async fn submit(
    api: &Api,
    caller: &Caller,
    artifact: ArtifactRef,
    submission: Submission,
) -> Result<Taken, ApiError> {
    let gateway = api.gateway();
    let priority = submission.priority;
    let deadline_ms = gateway.allowed_ms(&submission);
    let quota = Quota::of(api, caller).count(api, 1).await?;
    let accepted = gateway.submit(artifact.clone(), submission).await;
    let accepted = accepted.map_err(|error| api.refused(error))?;
    Ok(Taken { accepted, artifact, priority, deadline_ms, quota })
}

/// A key's scans of today.
struct Quota<'a> {
    caller: &'a Caller,
    limit: Option<u32>,
}

impl<'a> Quota<'a> {
    fn of(api: &Api, caller: &'a Caller) -> Self {
        Self { caller, limit: caller.key.scans_per_day.or(api.config().key_scans_per_day) }
    }

    /// Counts `add` scans; an error when the day's are used up (with `add` 0: when no more would
    /// fit).
    async fn count(&self, api: &Api, add: u32) -> Result<Option<Standing>, ApiError> {
        let now = api.now();
        if self.limit.is_none() && add == 0 {
            return Ok(None);
        }
        // Counted also where there is no limit: the key's owner can ask how many there were.
        let records = &api.gateway().ports().records;
        let used = records.count_scans(self.caller.key.id, day(now), add).await?;
        let Some(limit) = self.limit else { return Ok(None) };
        let standing = Standing::day(limit, used, now);
        if used > limit || (add == 0 && used >= limit) {
            api.gateway().ports().metrics.drop(DropReason::RateLimit, "api");
            let seconds = standing.reset_s;
            let message = format!(
                "The key's {limit} scans for today are used up; the next day (UTC) begins in \
                 {seconds} s"
            );
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            return Err(ApiError::new(ErrorCode::Quota, message).retry_after(seconds));
        }
        Ok(Some(standing))
    }
}
