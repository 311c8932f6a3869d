use std::collections::BTreeMap;

use palisade_model::{EngineName, Policy, UnpackLimits};
use serde::{Deserialize, Serialize};

/// The workflow of requests that name none.
pub const DEFAULT_WORKFLOW: &str = "default";

/// Workflows at most: every one is listed to callers that name another.
const MAX_WORKFLOWS: usize = 100;

/// The longest name, in bytes.
const MAX_NAME: usize = 64;

/// What an operator calls by a name: which engines, which bounds, what is blocked. Everything that is
/// left out is as the gateway's own settings say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workflow {
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The engines that run; all if absent. One that is named and has no host makes every report
    /// partial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engines: Option<Vec<EngineName>>,
    /// The largest file, in bytes; never above the gateway's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Milliseconds to the report of requests that name no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Bounds of unpacking.
    pub unpack: WorkflowLimits,
    /// What passes and what is blocked beyond the verdict.
    pub policy: Policy,
}

/// Bounds of unpacking; those that are absent are the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkflowLimits {
    /// Levels of nesting below the root; 0 leaves every container closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u32>,
    /// Children in the whole tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u32>,
    /// Bytes of one child.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_file_bytes: Option<u64>,
    /// Bytes of all children.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_total_bytes: Option<u64>,
    /// Unpacked bytes for each packed byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<u32>,
}

impl WorkflowLimits {
    /// These, and the rest from `base`.
    pub fn over(self, base: UnpackLimits) -> UnpackLimits {
        UnpackLimits {
            max_depth: self.max_depth.unwrap_or(base.max_depth),
            max_files: self.max_files.unwrap_or(base.max_files),
            max_file_bytes: self.max_file_bytes.unwrap_or(base.max_file_bytes),
            max_total_bytes: self.max_total_bytes.unwrap_or(base.max_total_bytes),
            max_ratio: self.max_ratio.unwrap_or(base.max_ratio),
        }
    }
}

/// Settings that make no set of workflows.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowsError {
    /// A name that cannot stand in a header, or that the API gives a meaning of its own.
    #[error(
        "`{0}` cannot name a workflow: use 1 to {MAX_NAME} letters, digits, `-`, `.` or spaces, and \
         none of the words multiscan, unarchive, sanitize, cdr, dlp"
    )]
    Name(String),
    /// More than can be listed.
    #[error("there are more than {MAX_WORKFLOWS} workflows: take some out")]
    TooMany,
    /// A workflow that could scan nothing.
    #[error("the workflow `{0}` has an empty list of engines: leave `engines` out for all of them")]
    NoEngines(String),
}

/// Every workflow by name. There is always one named [`DEFAULT_WORKFLOW`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflows(BTreeMap<String, Workflow>);

impl Default for Workflows {
    /// Only the default one, which is as the gateway's own settings say.
    fn default() -> Self {
        Self(BTreeMap::from([(DEFAULT_WORKFLOW.to_owned(), Workflow::default())]))
    }
}

impl Workflows {
    /// The operator's, and the default one if it is not among them.
    ///
    /// # Errors
    /// [`WorkflowsError`].
    pub fn new(mut workflows: BTreeMap<String, Workflow>) -> Result<Self, WorkflowsError> {
        for (name, workflow) in &workflows {
            let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ' ');
            let reserved =
                ["multiscan", "unarchive", "sanitize", "cdr", "dlp"].contains(&name.as_str());
            let spaced = name.trim() != name;
            if name.is_empty()
                || name.len() > MAX_NAME
                || !name.chars().all(fit)
                || reserved
                || spaced
            {
                return Err(WorkflowsError::Name(name.clone()));
            }
            if workflow.engines.as_ref().is_some_and(Vec::is_empty) {
                return Err(WorkflowsError::NoEngines(name.clone()));
            }
        }
        workflows.entry(DEFAULT_WORKFLOW.to_owned()).or_default();
        if workflows.len() > MAX_WORKFLOWS {
            return Err(WorkflowsError::TooMany);
        }
        Ok(Self(workflows))
    }

    /// The workflow of this name.
    pub fn get(&self, name: &str) -> Option<&Workflow> {
        self.0.get(name)
    }

    /// Every one, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Workflow)> {
        self.0.iter().map(|(name, workflow)| (name.as_str(), workflow))
    }

    /// The names, for people.
    pub fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_api_gives_a_meaning_are_refused() {
        let with = |name: &str| {
            Workflows::new(BTreeMap::from([(name.to_owned(), Workflow::default())])).is_ok()
        };
        for good in ["mail", "Mail Attachments", "v1.2-strict", "default"] {
            assert!(with(good), "{good}");
        }
        for bad in ["", "multiscan", "a,b", "a_b", "ünï", " mail", &"a".repeat(65)] {
            assert!(!with(bad), "{bad:?}");
        }
        let empty = Workflow { engines: Some(Vec::new()), ..Workflow::default() };
        let refused = Workflows::new(BTreeMap::from([("mail".to_owned(), empty)]));
        assert!(matches!(refused, Err(WorkflowsError::NoEngines(_))));
        let many = (0..MAX_WORKFLOWS).map(|n| (format!("w{n}"), Workflow::default())).collect();
        assert!(matches!(Workflows::new(many), Err(WorkflowsError::TooMany)));
        assert_eq!(Workflows::default().names(), "default");
    }

    #[test]
    fn what_is_not_said_is_the_gateways() {
        let limits = WorkflowLimits { max_depth: Some(2), ..WorkflowLimits::default() };
        let base = UnpackLimits::default();
        assert_eq!(limits.over(base), UnpackLimits { max_depth: 2, ..base });
    }
}
