use std::collections::BTreeMap;

use axum::extract::State;
use palisade_pipeline::catalog::SILENCE_MS;
use palisade_ports::records::{EngineState, EngineStatus};

use super::Answer;
use super::engines::kind;
use crate::auth::Caller;
use crate::openapi::KeyErrors;
use crate::state::{Api, json};
use crate::v4::{NodeEngine, NodeIssue, NodeStatus, Nodes, render::eng_id, timestamp};

/// Every host that runs engines
#[utoipa::path(
    get, path = "/stat/nodes", tag = "operation", operation_id = "nodes",
    responses((status = 200, description = "One entry, with every host", body = Vec<Nodes>), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, _caller: Caller) -> Answer {
    let mut hosts = BTreeMap::<String, Vec<EngineStatus>>::new();
    for status in api.gateway().ports().records.engines().await? {
        hosts.entry(status.host.clone()).or_default().push(status);
    }
    let now = api.now();
    let (waiting, limit) = (api.gateway().waiting(), api.gateway().config().max_waiting);
    let statuses: Vec<_> = hosts
        .into_iter()
        .map(|(id, engines)| {
            let mut issues = Vec::new();
            for status in &engines {
                let silent = now.since(status.seen) > SILENCE_MS;
                let (description, severity) = match status.state {
                    _ if silent => ("not heard of".to_owned(), "error"),
                    EngineState::Up => continue,
                    EngineState::Degraded => (status.detail.clone(), "warning"),
                    EngineState::Down => (status.detail.clone(), "error"),
                };
                let description = format!("{}: {description}", status.engine);
                issues.push(NodeIssue { description, severity: severity.to_owned() });
            }
            NodeStatus {
                id,
                address: String::new(),
                os: "Linux".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                engines: engines
                    .iter()
                    .map(|status| engine(status, now.since(status.seen)))
                    .collect(),
                issues,
                scan_queue: waiting,
                total_scan_queue: limit,
            }
        })
        .collect();
    let max_node_count = u32::try_from(statuses.len()).unwrap_or(u32::MAX);
    json(&[Nodes { external_nodes_allowed: true, max_node_count, statuses }])
}

fn engine(status: &EngineStatus, silence_ms: u64) -> NodeEngine {
    let version = status.definitions.version.clone();
    NodeEngine {
        id: eng_id(&status.engine),
        eng_name: status.engine.to_string(),
        eng_ver: version.clone(),
        db_ver: version,
        def_time: timestamp(status.definitions.time),
        engine_type: kind(&status.engine).0.to_owned(),
        active: status.state != EngineState::Down && silence_ms <= SILENCE_MS,
        workers: status.workers,
    }
}
