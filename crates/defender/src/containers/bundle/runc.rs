//! `state.json` of runc, and of what is built on libcontainer.

use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, Runtime};
use serde::Deserialize;

use crate::containers::sockets::docker::moment;
use crate::containers::{Facts, Source};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    id: String,
    #[serde(default)]
    init_process_pid: Option<u32>,
    #[serde(default)]
    created: String,
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    /// `key=value` texts.
    #[serde(default)]
    labels: Option<Vec<String>>,
}

/// What the state says.
pub(super) struct State {
    /// The container's first process and start.
    pub(super) facts: Facts,
    /// Path of the bundle on the host.
    pub(super) bundle: Option<String>,
}

pub(super) fn state(bytes: &[u8], id: &ContainerId) -> Result<State, serde_json::Error> {
    let file: File = serde_json::from_slice(bytes)?;
    let mut facts = Facts::new(id.clone(), Source::Disk, Runtime::Unknown);
    if file.id != id.as_str() {
        return Ok(State { facts, bundle: None });
    }
    facts.pid = file.init_process_pid.filter(|&pid| pid != 0);
    facts.started = moment(&file.created).filter(|time| *time > UnixMillis(0));
    let labels = file.config.and_then(|config| config.labels).unwrap_or_default();
    let bundle = labels.iter().find_map(|label| label.strip_prefix("bundle="));
    let bundle = bundle.filter(|path| path.starts_with('/')).map(str::to_owned);
    Ok(State { facts, bundle })
}
