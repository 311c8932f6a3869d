use axum::extract::State;

use super::Answer;
use crate::auth::Caller;
use crate::openapi::KeyErrors;
use crate::state::{Api, json};
use crate::v4::Rule;

/// The workflows that the header `rule` may name
#[utoipa::path(
    get, path = "/file/rules", tag = "scan", operation_id = "rules",
    responses((status = 200, description = "The workflows", body = Vec<Rule>), KeyErrors),
    security(("apikey" = []))
)]
pub(crate) async fn get(State(api): State<Api>, caller: Caller) -> Answer {
    let gateway = api.gateway();
    let own = caller.key.workflow.as_deref();
    let rule = |(name, workflow): (&str, &palisade_pipeline::gateway::Workflow)| Rule {
        name: name.to_owned(),
        max_file_size: gateway.upload_limit(name),
        description: workflow.description.clone(),
        engines: workflow
            .engines
            .as_ref()
            .map(|engines| engines.iter().map(ToString::to_string).collect()),
        is_default: name == own.unwrap_or(palisade_pipeline::gateway::DEFAULT_WORKFLOW),
    };
    json(&gateway.workflows().iter().map(rule).collect::<Vec<_>>())
}
