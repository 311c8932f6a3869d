use serde::{Deserialize, Serialize};

/// Which models are kept, where and how long. How each one learns is said by
/// [`palisade_behaviour::Settings`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Models in memory, those of running images among them; above, a further image has no model.
    pub max_models: usize,
    /// Containers that are followed; further ones are not modelled.
    pub max_containers: usize,
    /// Time that a model stays in memory after the last container of its image ended, milliseconds.
    /// Then it is archived: only its file is left until a container comes again.
    pub idle_ms: u64,
    /// Time between two writings of a model that changed, milliseconds. A change of phase is written
    /// with the next call.
    pub save_ms: u64,
    /// Deviations of one image that are remembered, so that they can be accepted by their number.
    pub max_deviations: usize,
    /// Files in the directory; above, the one that was not written for longest is removed.
    pub max_files: usize,
    /// Damaged files that are kept beside them for somebody to look at.
    pub max_set_aside: usize,
    /// How each model learns.
    pub learning: palisade_behaviour::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_models: 128,
            max_containers: 4_096,
            idle_ms: 600_000,
            save_ms: 300_000,
            max_deviations: 64,
            max_files: 512,
            max_set_aside: 8,
            learning: palisade_behaviour::Settings::default(),
        }
    }
}
