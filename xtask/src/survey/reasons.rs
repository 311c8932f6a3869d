//! The data file of reasons: why honest files show what they show.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// Everything in the data file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reasons {
    #[serde(default, rename = "reason")]
    pub(super) reasons: Vec<Reason>,
    /// Files that other scanners are tested with: meant to be found, and counted apart.
    #[serde(default, rename = "test-files")]
    pub(super) test_files: Vec<TestFiles>,
}

/// Why something is noted in good files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// `engine/finding`, `engine/problem/kind` or `engine/failure/state`; `*` stands for anything.
    what: String,
    /// Patterns of paths where it holds; `*` stands for anything, folders too. None: everywhere.
    #[serde(default)]
    paths: Vec<String>,
    /// What those paths are, for the summary.
    #[serde(default)]
    pub(super) files: String,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFiles {
    pub(super) name: String,
    paths: Vec<String>,
    pub(super) reason: String,
}

impl Reasons {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is wrong", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let reasons: Self = toml::from_str(text)?;
        for reason in &reasons.reasons {
            let what = &reason.what;
            ensure!(!reason.reason.trim().is_empty(), "the reason of {what} is empty");
            ensure!(
                reason.paths.is_empty() == reason.files.is_empty(),
                "{what}: `files` has to say in words what `paths` are"
            );
        }
        Ok(reasons)
    }

    /// The place of the first reason that covers it.
    pub(super) fn of(&self, what: &str, path: &str) -> Option<usize> {
        self.reasons.iter().position(|reason| {
            matches(&reason.what, what) && (reason.paths.is_empty() || any(&reason.paths, path))
        })
    }

    /// The place of the test files that this file belongs to.
    pub(super) fn test_files(&self, path: &str) -> Option<usize> {
        self.test_files.iter().position(|files| any(&files.paths, path))
    }
}

impl Reason {
    /// For people who look for it in the data file.
    pub(super) fn title(&self) -> String {
        if self.files.is_empty() {
            self.what.clone()
        } else {
            format!("{} ({})", self.what, self.files)
        }
    }
}

fn any(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, path))
}

/// Whether a whole text fits a pattern, in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place leaves the most for the rest.
        let Some(place) = text.find(part) else { return false };
        text = text.get(place + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Reasons, matches};

    #[test]
    fn patterns() {
        for (pattern, text, expect) in [
            ("/usr/bin/a", "/usr/bin/a", true),
            ("/usr/bin/a", "/usr/bin/ab", false),
            ("*", "", true),
            ("*/pip/*.exe", "/x/pip/y/z.exe", true),
            ("*/pip/*.exe", "/x/pip/y/z.exe.txt", false),
            ("a*a", "a", false),
            ("*.jar/*", "/x/a.jar/b/c.class", true),
            ("*ab", "aab", true),
        ] {
            assert_eq!(matches(pattern, text), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_that_covers_it() {
        let text = r#"
            [[reason]]
            what = "pe/x"
            paths = ["*/pip/*"]
            files = "launchers"
            reason = "because"
            [[reason]]
            what = "pe/*"
            reason = "everywhere"
        "#;
        let reasons = Reasons::parse(text).unwrap();
        assert_eq!(reasons.of("pe/x", "/a/pip/b"), Some(0));
        assert_eq!(reasons.of("pe/x", "/a/b"), Some(1));
        assert_eq!(reasons.of("elf/x", "/a/b"), None);
    }

    #[test]
    fn a_reason_says_something_and_where() {
        assert!(Reasons::parse("[[reason]]\nwhat = \"a/b\"\nreason = \" \"").is_err());
        let silent = "[[reason]]\nwhat = \"a/b\"\npaths = [\"*\"]\nreason = \"r\"";
        assert!(Reasons::parse(silent).is_err());
    }

    #[test]
    fn the_committed_file_can_be_read() {
        Reasons::read(&crate::root().join("xtask/survey/reasons.toml")).unwrap();
    }
}
