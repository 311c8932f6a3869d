use std::collections::BTreeMap;
use std::collections::BTreeSet;

use palisade_model::{EngineName, FileType};

/// Which engines look at which types.
#[derive(Debug, Clone, Default)]
pub struct Workflow {
    /// For an engine named here, the type ids that it reads; others read everything.
    reads: BTreeMap<EngineName, BTreeSet<String>>,
}

impl Workflow {
    /// Every engine reads every type.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits an engine to these type ids.
    pub fn limit(
        mut self,
        engine: EngineName,
        types: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.reads.insert(engine, types.into_iter().map(Into::into).collect());
        self
    }

    /// Why `engine` is not asked about this type; `None` when it is.
    pub fn skips(&self, engine: &EngineName, file_type: &FileType) -> Option<String> {
        // Nothing is left out because its type could not be told (law 10).
        if file_type.id == "unknown" {
            return None;
        }
        let reads = self.reads.get(engine)?;
        (!reads.contains(&file_type.id))
            .then(|| format!("{engine} does not read this type ({})", describe(file_type)))
    }
}

fn describe(file_type: &FileType) -> &str {
    if file_type.description.is_empty() { &file_type.id } else { &file_type.description }
}
