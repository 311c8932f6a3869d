//! The wire forms, and one committed file of each: whatever was written once stays readable, and
//! what is written now is what was written then.
//!
//! A file here is never changed. A new version of a form gets a directory of its own; only then, and
//! to add a form, run these tests with `PALISADE_GOLDEN=write`, which writes the files that are not
//! there.

mod nouns;

use std::path::PathBuf;

use palisade_model::wire::{self, VERSION, WireError};
use palisade_model::{
    Batch, Command, DeadLetter, Delivery, NodeEvent, Part, Report, ReportNotice, Request, Upload,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn check<T>(name: &str, noun: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "v1", &format!("{name}.json")]
            .iter()
            .collect();
    if !path.exists() && std::env::var_os("PALISADE_GOLDEN").is_some_and(|mode| mode == "write") {
        std::fs::write(&path, wire::encode(noun)).unwrap();
    }
    let committed = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let decoded: T = wire::decode(&committed).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(decoded, *noun, "{name} is read as something else");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(text(&wire::encode(&decoded)), text(&committed), "{name} is written differently");

    // A form of a version that this program does not know is refused as such, whatever is in it.
    for body in ["null", "{\"unheard\":\"of\"}", text(&committed).as_str()] {
        let newer = format!("{{\"v\":{},\"body\":{body}}}", VERSION + 1);
        let refused = wire::decode::<T>(newer.as_bytes());
        assert!(matches!(refused, Err(WireError::TooNew(v)) if v == VERSION + 1), "{name}");
    }
    // Cut short at any place, it is unreadable and nothing else.
    for cut in 0..committed.len() {
        assert!(matches!(wire::decode::<T>(&committed[..cut]), Err(WireError::Json(_))));
    }
}

#[test]
fn requests() {
    check::<Request>("request", &nouns::root_request());
    check::<Request>("request-child", &nouns::child_request());
    check::<Request>("request-least", &nouns::least_request());
    check::<Request>("request-policy", &nouns::request_with_policy());
}

#[test]
fn commands() {
    check::<Command>("command", &nouns::command());
}

#[test]
fn node_events() {
    check::<NodeEvent>("event-plan", &nouns::plan());
    check::<NodeEvent>("event-result", &nouns::result());
    for (name, event) in nouns::outcomes() {
        check::<NodeEvent>(&format!("event-result-{name}"), &event);
    }
}

#[test]
fn cancellations() {
    check::<NodeEvent>("event-cancel", &nouns::cancel());
}

#[test]
fn batches_deliveries_and_uploads() {
    check::<Batch>("batch", &nouns::batch());
    for (name, delivery) in nouns::deliveries() {
        check::<Delivery>(&format!("delivery-{name}"), &delivery);
    }
    check::<Upload>("upload", &nouns::upload());
    check::<Part>("part", &nouns::part());
}

#[test]
fn reports() {
    check::<Report>("report", &nouns::report());
    check::<ReportNotice>("report-notice", &nouns::notice());
}

#[test]
fn dead_letters() {
    check::<DeadLetter>("dead-letter", &nouns::dead_letter());
}

/// A field that a later program adds must not stop an earlier one of the same version.
#[test]
fn unknown_fields_are_passed_over() {
    let bytes = wire::encode(&nouns::root_request());
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    value["body"]["added_later"] = serde_json::json!({ "a": [1, 2] });
    value["beside"] = serde_json::json!(true);
    let bytes = serde_json::to_vec(&value).unwrap();
    assert_eq!(wire::decode::<Request>(&bytes).unwrap(), nouns::root_request());
}
