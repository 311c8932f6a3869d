//! What happens around every request: a count by route, a line in the log, a net for panics, and a
//! hint to close connections whose body was not read.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method};
use hyper::body::{Body as _, Frame, SizeHint};
use palisade_telemetry::metrics::HttpLabel;

use crate::config::Dialect;
use crate::error::{ApiError, PlainError};
use crate::state::Api;

/// The outermost layer.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = tracing::enabled!(tracing::Level::DEBUG).then(|| request.uri().path().to_owned());
    let (request, unread) = watch_body(request);

    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            // The panic hook has written the message and place; this ties it to the request.
            let id = format!("{:016x}", rand::random::<u64>());
            tracing::error!(error_id = %id, "a request handler panicked");
            ApiError::fault(&id).into_response()
        }
    };

    if api.config().dialect == Dialect::Core {
        response = in_core_form(response);
    }
    let headers = response.headers_mut();
    if unread.is_some_and(|unread| unread.load(Ordering::Relaxed)) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));

    let status = response.status().as_u16();
    let route = route.as_ref().map_or("unknown", |route| pattern(route.as_str()));
    let label = HttpLabel { method: method.to_owned(), route: route.to_owned(), status };
    api.gateway().ports().metrics.http_requests.get_or_create(&label).inc();
    if let Some(path) = path {
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(method, path, route, status, micros, "http");
    }
    response
}

/// An error in the form that Core's clients read; anything else as it is.
fn in_core_form(response: Response) -> Response {
    let Some(error) = response.extensions().get::<PlainError>().cloned() else { return response };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(error.body()))
}

/// A method's name as a metric's label: a caller can make up methods, and each would be a series.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}

/// A route's pattern without the version in front: both ways in count as one.
fn pattern(route: &str) -> &str {
    match route.strip_prefix("/v4") {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => route,
    }
}

/// With a flag that stays up until the body was read to its end; none when there is no body.
fn watch_body(request: Request) -> (Request, Option<Arc<AtomicBool>>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let unread = Arc::new(AtomicBool::new(true));
    let request = request.map(|body| {
        let unread = Arc::clone(&unread);
        Body::new(Watched { body, unread })
    });
    (request, Some(unread))
}

struct Watched {
    body: Body,
    unread: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_in_are_one_route() {
        assert_eq!(pattern("/v4/file/{data_id}"), "/file/{data_id}");
        assert_eq!(pattern("/file/{data_id}"), "/file/{data_id}");
        assert_eq!(pattern("/v4"), "/");
        assert_eq!(pattern("/v4x"), "/v4x");
    }
}
