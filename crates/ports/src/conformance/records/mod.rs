//! The laws of [`Records`].

mod batches;
mod bookkeeping;
mod deliveries;
mod history;
mod keys;
mod lookups;
mod requests;
mod uploads;

use std::sync::Arc;

use palisade_model::{NodeId, RequestSummary};

use super::{Factory, sample, soon};
use crate::Records;
use crate::records::RequestState;

/// Runs every test.
pub async fn suite(factory: impl Factory<dyn Records>) {
    requests::suite(&factory).await;
    lookups::suite(&factory).await;
    bookkeeping::suite(&factory).await;
    keys::suite(&factory).await;
    history::suite(&factory).await;
    batches::suite(&factory).await;
    deliveries::suite(&factory).await;
    uploads::suite(&factory).await;
}

/// Finishes request `number` about artifact `about` at `finished`.
async fn finish(
    records: &dyn Records,
    number: u64,
    about: u64,
    finished: u64,
    cache_key: Option<u64>,
) -> bool {
    let report = sample::report(number, about, finished);
    let key = cache_key.map(sample::sha256);
    soon("finish", records.finish(report, key)).await.expect("finish")
}

fn summary(number: u64, about: u64, accepted: u64) -> RequestSummary {
    RequestSummary::of(&sample::request(number, about, accepted))
}

/// That `state` is the report `report` (of request `report`), as the answer to `request`.
fn assert_finished(state: Option<RequestState>, request: u64, report: u64, finished: u64) {
    match state {
        Some(RequestState::Finished { summary, finished: at, report: body }) => {
            assert_eq!(summary.node, NodeId::root(sample::id(request)), "whose answer it is");
            assert_eq!(summary.name, sample::request(request, 0, 0).name);
            assert_eq!(at.0, finished, "when request {request} was answered");
            assert_eq!(body.request.node, NodeId::root(sample::id(report)), "which report it is");
            assert!(body.request.passwords.is_empty(), "passwords were kept");
            let made = body.finished.0;
            let mut expected = sample::report(report, 0, made);
            expected.request.artifact = body.request.artifact.clone();
            expected.nodes[0].artifact = body.request.artifact.clone();
            expected.request.passwords.clear();
            assert_eq!(*body, expected, "the report as it was stored");
        }
        other => panic!("request {request} is not finished: {other:?}"),
    }
}

async fn request(records: &Arc<dyn Records>, number: u64) -> Option<RequestState> {
    records.request(sample::id(number)).await.expect("request")
}
