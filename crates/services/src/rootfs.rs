//! Debian's packages as a file system, without a registry of images.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use crate::{home, tool};

/// A Debian of this machine's release, from the mirror that apt is configured with. Needs root, and
/// Debian's `mmdebstrap`.
#[derive(Debug, Clone, Copy, Hash)]
pub struct Rootfs {
    /// Begins its file's name.
    pub name: &'static str,
    /// mmdebstrap's: `minbase`, `apt`, …
    pub variant: &'static str,
    /// What it has beside the variant's packages.
    pub packages: &'static [&'static str],
    /// Shell commands that change it at the end; `$1` is where it lies.
    pub hooks: &'static [&'static str],
}

impl Rootfs {
    /// Its files as a tar archive, made once for each release and each content of this recipe: about a
    /// minute for [`Rootfs::SCENARIOS`]. Other processes wait for the one that makes it.
    ///
    /// # Errors
    /// When it cannot be made: the message has mmdebstrap's own.
    pub fn archive(&self) -> io::Result<PathBuf> {
        let release = release()?;
        let mut hasher = DefaultHasher::new();
        (self, &release).hash(&mut hasher);
        let name = format!("{}-{:016x}", self.name, hasher.finish());
        made_once(&cache()?.join(format!("{name}.tar")), |unfinished| {
            tool::output(&mut self.command(&release, unfinished)?).map(drop)
        })
    }

    /// The same as a squashfs image: a read-only disk.
    ///
    /// # Errors
    /// As [`Rootfs::archive`]; needs Debian's `squashfs-tools` too.
    pub fn disk(&self) -> io::Result<PathBuf> {
        let archive = self.archive()?;
        made_once(&archive.with_extension("squashfs"), |unfinished| {
            // Not compressed: an emulated machine would pay for it at every read.
            let form =
                ["-tar", "-noappend", "-quiet", "-no-progress", "-noI", "-noD", "-noF", "-noX"];
            let mut command = Command::new("mksquashfs");
            command.arg("-").arg(unfinished).args(form).stdin(File::open(&archive)?);
            let done = command.output().map_err(|error| tool::cannot(&command, &error))?;
            if !done.status.success() {
                return Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()));
            }
            Ok(())
        })
    }

    fn command(&self, release: &str, archive: &Path) -> io::Result<Command> {
        let mut command = Command::new("mmdebstrap");
        command.args(["--quiet", "--format=tar", "--dpkgopt=force-unsafe-io"]);
        command.arg(format!("--variant={}", self.variant));
        // As in the usual slim bases.
        for left_out in ["doc", "man", "locale"] {
            command.arg(format!("--dpkgopt=path-exclude=/usr/share/{left_out}/*"));
        }
        if !self.packages.is_empty() {
            command.arg(format!("--include={}", self.packages.join(",")));
        }
        for hook in self.hooks {
            command.arg(format!("--customize-hook={hook}"));
        }
        command.arg(release).arg(archive).args(sources()?);
        Ok(command)
    }
}

/// Where what is made once is kept.
pub(crate) fn cache() -> io::Result<PathBuf> {
    let cache = home().join("rootfs");
    std::fs::create_dir_all(&cache)?;
    Ok(cache)
}

/// A file or directory that is there, or is made under another name first: a name that is there is
/// whole. Of several processes one makes it.
pub(crate) fn made_once(
    path: &Path,
    make: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let lock = File::create(path.with_extension("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        let _ = std::fs::remove_file(&unfinished);
        let _ = std::fs::remove_dir_all(&unfinished);
        make(&unfinished)?;
        std::fs::rename(&unfinished, path)?;
    }
    Ok(path.to_owned())
}

/// This machine's release: binaries that were linked here run with its libraries.
pub(crate) fn release() -> io::Result<String> {
    let text = std::fs::read_to_string("/etc/os-release")?;
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .ok_or_else(|| {
            io::Error::other("/etc/os-release has no VERSION_CODENAME: this is no Debian")
        })
}

/// Where this machine gets Debian from, a line of apt's for each source.
pub(crate) fn sources() -> io::Result<Vec<String>> {
    let form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
    let kinds = ["Created-By: Packages", "Origin: Debian"];
    let lines =
        tool::text(Command::new("apt-get").args(["indextargets", "--format", form]).args(kinds))?;
    if lines.is_empty() {
        return Err(io::Error::other("apt knows no index of Debian: run `apt-get update` as root"));
    }
    Ok(lines.lines().map(str::to_owned).collect())
}
