use axum::extract::State;
use palisade_model::{Delivery, wire};
use palisade_ports::log::Topic;
use serde_json::json as value;

use super::{Answer, Segment};
use crate::auth::Caller;
use crate::error::{ApiError, ErrorCode};
use crate::openapi::{AdminEntryErrors, AdminErrors, AdminRetryErrors};
use crate::readiness::RetryError;
use crate::state::{Api, json};
use crate::v4::{DeadLetter, DeadLetters, timestamp};

/// The most letters in one list.
const MAX_LETTERS: u32 = 200;

fn unknown() -> ApiError {
    let message = "There is no such dead letter: GET /admin/dead-letters lists those there are";
    ApiError::new(ErrorCode::UnknownEntry, message)
}

fn shown(letter: palisade_model::DeadLetter, whole: bool) -> DeadLetter {
    DeadLetter {
        payload: whole.then(|| without_passwords(&letter.payload)),
        id: letter.id,
        topic: letter.topic,
        key: letter.key,
        reason: letter.reason,
        attempts: letter.attempts,
        time: timestamp(letter.time),
    }
}

/// A message without the passwords that callers gave with their files. What is not JSON is not
/// shown at all: nobody can say what is in it.
fn without_passwords(payload: &str) -> String {
    let Ok(mut message) = serde_json::from_str::<serde_json::Value>(payload) else {
        return format!("(not JSON, {} bytes)", payload.len());
    };
    // serde_json bounds the nesting of what it reads at 128.
    fn blot(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    match (name.as_str(), field) {
                        ("passwords", serde_json::Value::Array(passwords)) => {
                            passwords.fill(value!("(not shown)"));
                        }
                        (_, field) => blot(field),
                    }
                }
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(blot),
            _ => {}
        }
    }
    blot(&mut message);
    message.to_string()
}

/// Messages that could not be worked on
#[utoipa::path(
    get, path = "/admin/dead-letters", tag = "administration", operation_id = "dead_letters",
    responses((status = 200, description = "The newest 200", body = DeadLetters), AdminErrors),
    security(("apikey" = []))
)]
pub(crate) async fn list(State(api): State<Api>, _caller: Caller) -> Answer {
    let records = &api.gateway().ports().records;
    let letters = records.dead_letters(MAX_LETTERS).await?;
    let total = records.counts().await?.dead_letters;
    let dead_letters = letters.into_iter().map(|letter| shown(letter, false)).collect();
    json(&DeadLetters { dead_letters, total })
}

/// One of them, with the message itself
#[utoipa::path(
    get, path = "/admin/dead-letters/{id}", tag = "administration", operation_id = "dead_letter",
    params(("id" = String, Path, description = "The letter's id, URL-encoded")),
    responses((status = 200, description = "The letter", body = DeadLetter), AdminEntryErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, _caller: Caller, segment: Segment) -> Answer {
    let id = segment.map_err(|_| unknown())?;
    let letter = api.gateway().ports().records.dead_letter(&id).await?.ok_or_else(unknown)?;
    json(&shown(letter, true))
}

/// Try one again
#[utoipa::path(
    post, path = "/admin/dead-letters/{id}/retry", tag = "administration",
    operation_id = "retry_dead_letter",
    params(("id" = String, Path, description = "The letter's id, URL-encoded")),
    responses((status = 200, description = "It is at work again", body = Object), AdminRetryErrors),
    security(("apikey" = []))
)]
pub(crate) async fn retry(State(api): State<Api>, caller: Caller, segment: Segment) -> Answer {
    let Some(retry) = api.retry() else {
        return Err(ApiError::not_served("Trying dead letters again"));
    };
    let id = segment.map_err(|_| unknown())?;
    let letter = api.gateway().ports().records.dead_letter(&id).await?.ok_or_else(unknown)?;
    if letter.topic == Topic::Reports.to_string() {
        tell_again(&api, &letter).await?;
        tracing::info!(letter = %*id, by = %caller.key.id, "a callback is tried again");
        return json(&value!({"id": *id, "retried": true}));
    }
    match retry.retry(letter).await {
        Ok(()) => {}
        Err(RetryError::Unknown) => return Err(unknown()),
        Err(RetryError::Port(error)) => return Err(error.into()),
    }
    tracing::info!(letter = %*id, by = %caller.key.id, "a dead letter is tried again");
    json(&value!({"id": *id, "retried": true}))
}

/// Puts a callback that was given up back to work, from its first try on.
async fn tell_again(api: &Api, letter: &palisade_model::DeadLetter) -> Result<(), ApiError> {
    let delivery: Delivery =
        wire::decode(letter.payload.as_bytes()).map_err(|error| ApiError::internal(&error))?;
    let Delivery { subject, url, created, .. } = delivery;
    let again = Delivery { next: api.now(), ..Delivery::new(subject, url, created) };
    let records = &api.gateway().ports().records;
    records.put_delivery(again).await?;
    records.remove_dead_letter(&letter.id).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_blotted_out_at_any_depth() {
        let message = r#"{"v":1,"body":{"request":{"passwords":["a","b"],"name":"x"}}}"#;
        let shown = without_passwords(message);
        assert!(!shown.contains("\"a\"") && shown.contains("not shown"), "{shown}");
        assert!(shown.contains("\"name\":\"x\""));
        assert_eq!(without_passwords("secret!"), "(not JSON, 7 bytes)");
    }
}
