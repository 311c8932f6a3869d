use std::collections::BTreeMap;

use axum::extract::State;
use palisade_model::EngineName;
use palisade_pipeline::catalog::CatalogEntry;
use palisade_ports::records::EngineState;

use super::Answer;
use crate::auth::Caller;
use crate::openapi::{KeyErrors, OpenErrors};
use crate::state::{Api, json};
use crate::v4::{EngineInfo, render::eng_id, timestamp};

/// Every engine
#[utoipa::path(
    get, path = "/stat/engines", tag = "operation", operation_id = "engines",
    responses((status = 200, description = "The engines", body = Vec<EngineInfo>), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, _caller: Caller) -> Answer {
    let entries = api.gateway().catalog().entries();
    json(&entries.values().map(info).collect::<Vec<_>>())
}

/// What an engine is, in the three kinds that the vendor's client takes, and for people.
pub(super) fn kind(engine: &EngineName) -> (&'static str, &'static str) {
    match engine.as_str() {
        "filetype" => ("filetype", "File type"),
        "unpack" => ("archive", "Archive"),
        "yara" => ("av", "Rules"),
        "reputation" => ("av", "Reputation"),
        _ => ("av", "Scanner"),
    }
}

fn info(entry: &CatalogEntry) -> EngineInfo {
    let (state, health) = match entry.state {
        EngineState::Up => ("production", "up"),
        EngineState::Degraded => ("production", "degraded"),
        EngineState::Down => ("temporary failed", "down"),
    };
    let (kind, text) = kind(&entry.engine);
    let time = timestamp(entry.definitions.time);
    EngineInfo {
        active: entry.state != EngineState::Down,
        def_time: time.clone(),
        download_progress: 100,
        download_time: time,
        eng_id: eng_id(&entry.engine),
        eng_name: entry.engine.to_string(),
        eng_type: text.to_owned(),
        eng_ver: entry.definitions.version.clone(),
        engine_type: kind.to_owned(),
        state: state.to_owned(),
        detail: (!entry.detail.is_empty()).then(|| entry.detail.clone()),
        health: health.to_owned(),
        workers: entry.workers,
    }
}

/// When each engine's definitions were made
#[utoipa::path(
    get, path = "/status/enginedef", tag = "operation", operation_id = "definitions",
    responses(
        (status = 200, description = "By engine", body = BTreeMap<String, String>), OpenErrors
    )
)]
pub(crate) async fn get_definitions(State(api): State<Api>) -> Answer {
    let entries = api.gateway().catalog().entries();
    let times: BTreeMap<String, String> = entries
        .values()
        .map(|entry| (entry.engine.to_string(), timestamp(entry.definitions.time)))
        .collect();
    json(&times)
}
