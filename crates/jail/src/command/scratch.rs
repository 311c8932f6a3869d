//! The directory that a scanner may write to, with the artifact in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::spec::{ArtifactForm, CommandSpec};

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Whether others must see the artifact.
pub(super) fn is_shared(form: &ArtifactForm) -> bool {
    matches!(form, ArtifactForm::Shared { .. })
}

/// A directory.
pub(super) struct Scratch {
    path: PathBuf,
    bounded: bool,
}

impl Scratch {
    /// A file system of its own, of bounded size.
    pub(super) fn mounted(path: PathBuf) -> Self {
        Self { path, bounded: true }
    }

    /// A new directory on the host's file system.
    pub(super) fn make(path: &Path, spec: &CommandSpec) -> Result<Self, String> {
        // A daemon of another user must get to the file.
        let mode = if is_shared(&spec.artifact) { 0o711 } else { 0o700 };
        let made = fs::DirBuilder::new().mode(mode).create(path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), bounded: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether all files together are bounded.
    pub(super) fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// Puts the artifact in its place; gives its path as the scanner will see it.
    pub(super) fn place(
        &self,
        form: &ArtifactForm,
        artifact: Option<&OwnedFd>,
        size: u64,
    ) -> Result<String, String> {
        let name = match form {
            ArtifactForm::None => return Ok(String::new()),
            ArtifactForm::Memory => return Ok("/proc/self/fd/3".to_owned()),
            ArtifactForm::File(name) | ArtifactForm::Shared { name, .. } => name,
        };
        let artifact = artifact.ok_or("the artifact is missing")?;
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err("the artifact's file name is none".to_owned());
        }
        let path = self.path.join(name);
        let write = || -> io::Result<()> {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path)?;
            copy(artifact, &file, size)
        };
        write().map_err(|error| format!("the artifact cannot be copied: {error}"))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// Copies by position: the memory file's offset is shared with others.
fn copy(from: &OwnedFd, to: &File, size: u64) -> io::Result<()> {
    let mut offset = 0;
    while offset < size {
        let count = usize::try_from(size - offset).unwrap_or(CHUNK).min(CHUNK);
        match rustix::fs::sendfile(to, from, Some(&mut offset), count) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
