//! Server-sent events: how far a scan is, and its result.

use std::convert::Infallible;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use http::HeaderMap;
use http::header::ACCEPT;
use palisade_model::NodeId;
use palisade_ports::records::RequestState;
use serde_json::json;

use super::Answer;
use crate::error::ApiError;
use crate::state::{Api, unknown_data_id};
use crate::v4::Page;

/// Whether the caller asks for events.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    let wanted = |value: &http::HeaderValue| {
        value.to_str().is_ok_and(|text| text.split(',').any(is_event_stream))
    };
    headers.get_all(ACCEPT).iter().any(wanted)
}

fn is_event_stream(range: &str) -> bool {
    let kind = range.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/event-stream")
}

/// The stream for one node. It ends with the result, with an error, or when the server stops; a
/// browser then connects again by itself.
pub(super) async fn stream(api: Api, node: NodeId, page: Page) -> Answer {
    // An unknown id is an ordinary error, before the stream begins.
    let state = api.gateway().state(node.root).await?.ok_or_else(unknown_data_id)?;
    let teller = Teller { api, node, page, told: None, next: Some(state) };
    Ok(Sse::new(events(teller)).keep_alive(KeepAlive::default()).into_response())
}

struct Teller {
    api: Api,
    node: NodeId,
    page: Page,
    told: Option<u8>,
    next: Option<RequestState>,
}

fn events(teller: Teller) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(Some(teller), |teller| async move {
        let mut teller = teller?;
        match teller.event().await {
            Ok((event, more)) => Some((Ok(event), more.then_some(teller))),
            Err(error) => {
                let body =
                    json!({"code": error.code().number(), "meaning": error.code().meaning()});
                Some((Ok(Event::default().event("error").data(body.to_string())), None))
            }
        }
    })
}

impl Teller {
    /// The next event that says something new, and whether more follow.
    async fn event(&mut self) -> Result<(Event, bool), ApiError> {
        loop {
            let state = match self.next.take() {
                Some(state) => state,
                None => {
                    let until = self.api.now().plus(self.api.config().progress_ms.max(50));
                    self.api.wait(self.node.root, until).await?.ok_or_else(unknown_data_id)?
                }
            };
            let RequestState::Open { progress, .. } = state else {
                let body = self.api.render(state, self.node, self.page).await?;
                let event = Event::default().event("result");
                return Ok((event.data(String::from_utf8_lossy(&body)), false));
            };
            let percent = progress.percent();
            let stopping = self.api.is_stopping();
            if self.told != Some(percent) || stopping {
                self.told = Some(percent);
                let body = json!({
                    "data_id": self.node.to_string(),
                    "progress_percentage": percent,
                    "results": progress.done,
                    "expected": progress.expected,
                });
                let event = Event::default().event("progress").data(body.to_string());
                return Ok((event, !stopping));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_asked_for_by_name() {
        for (value, asked) in [
            ("text/event-stream", true),
            ("application/json, Text/Event-Stream;q=0.9", true),
            ("*/*", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, value.parse().unwrap());
            assert_eq!(is_asked(&headers), asked, "{value}");
        }
    }
}
