//! Rules and policy as files, read again when they change.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::detect::{Accounts, DetectSettings, Detector, Problem, Source, builtin_sources};
use crate::policy::{Policy, Problems};

/// Rule files of a folder, at most; each at most [`MAX_BYTES`].
const MAX_FILES: usize = 1_000;
const MAX_BYTES: u64 = 4 << 20;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read: {reason}", path = .path.display())]
pub struct SourceError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// When files were changed last, to see whether they were again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stamp(Vec<(PathBuf, Option<SystemTime>, u64)>);

impl Stamp {
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        let stamp = |path: PathBuf| {
            let metadata = std::fs::metadata(&path).ok();
            let time = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
            let bytes = metadata.map(|metadata| metadata.len()).unwrap_or_default();
            (path, time, bytes)
        };
        Self(files(paths).unwrap_or_default().into_iter().map(stamp).collect())
    }
}

/// Files, and what is in folders, by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SourceError> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let failed =
            |error: std::io::Error| SourceError { path: path.clone(), reason: error.to_string() };
        let mut inside: Vec<PathBuf> = std::fs::read_dir(path)
            .map_err(failed)?
            .take(MAX_FILES)
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml"))
            .collect();
        inside.sort();
        all.extend(inside);
    }
    Ok(all)
}

fn read(path: &Path) -> Result<String, SourceError> {
    let failed = |reason: String| SourceError { path: path.to_owned(), reason };
    let metadata = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if metadata.len() > MAX_BYTES {
        return Err(failed(format!("it has more than {MAX_BYTES} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

/// Who has an account on the host whose root this is. Without the files, nobody but root has a name.
fn accounts(root: &Path) -> Accounts {
    let text = |path| read(&root.join(path)).unwrap_or_default();
    Accounts::parse(&text("etc/passwd"), &text("etc/group"))
}

/// Built-in rules, then those of the files, as one set. `root` is the host's root directory.
///
/// # Errors
///
/// When a file cannot be read. What is wrong in one comes back as problems.
pub fn detector(
    paths: &[PathBuf],
    built_in: bool,
    settings: &DetectSettings,
    root: &Path,
) -> Result<(Detector, Vec<Problem>), SourceError> {
    let mut sources = if built_in { builtin_sources() } else { Vec::new() };
    for path in files(paths)? {
        let text = read(&path)?;
        sources.push(Source::new(path.display().to_string(), text));
    }
    let (detector, problems) = Detector::load(&sources, settings.clone());
    Ok((detector.with_names(Box::new(accounts(root))), problems))
}

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] SourceError),
    /// It is wrong.
    #[error("{0}")]
    Wrong(Problems),
}

/// The policy of a file; the default one for none.
///
/// # Errors
///
/// [`PolicyError`].
pub fn policy(path: Option<&Path>) -> Result<Policy, PolicyError> {
    match path {
        None => Ok(Policy::default()),
        Some(path) => {
            let text = read(path)?;
            Policy::parse(&text, &path.display().to_string()).map_err(PolicyError::Wrong)
        }
    }
}
