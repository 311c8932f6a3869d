use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

/// Tries again when a component was renamed while it was followed (`openat2(2)`, EAGAIN).
const TRIES: usize = 4;

/// Why a file of the host could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It is not there.
    #[error("there is no {0}")]
    Absent(PathBuf),
    /// It is longer than is read.
    #[error("{path} has more than {limit} bytes")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// It is a pipe, a device or something else that is not read.
    #[error("{0} is not an ordinary file")]
    NotAFile(PathBuf),
    /// The kernel refused.
    #[error("{path} cannot be read")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The host's file tree, as it is mounted here. No path and no symbolic link leads out of it.
#[derive(Debug)]
pub struct Host {
    root: PathBuf,
    descriptor: OwnedFd,
}

impl Host {
    /// Opens the tree.
    ///
    /// # Errors
    /// [`HostError::Io`] where `root` is no directory that may be entered.
    pub fn open(root: &Path) -> Result<Self, HostError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = openat(CWD, root, flags, Mode::empty())
            .map_err(|error| HostError::Io { path: root.to_owned(), source: error.into() })?;
        Ok(Self { root: root.to_owned(), descriptor })
    }

    /// Where it is mounted.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is our own root as well.
    pub fn is_own(&self) -> bool {
        self.root == Path::new("/")
    }

    /// A path of the host as a path of ours, symbolic links not followed: for what is mounted there by
    /// the kernel (`/proc`, `/sys`).
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The host's `/proc`: where the tree has one, else our own, which is the host's when we share its
    /// process numbers.
    pub fn proc(&self) -> PathBuf {
        let below = self.path("proc");
        if below.join("self").symlink_metadata().is_ok() { below } else { "/proc".into() }
    }

    /// Opens an ordinary file for reading.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn file(&self, path: &Path) -> Result<File, HostError> {
        // O_NONBLOCK: a pipe put there does not hold us.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let descriptor = self.descriptor(path, flags)?;
        let stat = fstat(&descriptor)
            .map_err(|error| HostError::Io { path: path.to_owned(), source: error.into() })?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(HostError::NotAFile(path.to_owned()));
        }
        Ok(File::from(descriptor))
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, HostError> {
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        self.file(path)?
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|source| HostError::Io { path: path.to_owned(), source })?;
        if bytes.len() > limit {
            return Err(HostError::TooLarge { path: path.to_owned(), limit });
        }
        Ok(bytes)
    }

    /// Names in a directory, at most `limit`, in no order. Names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn names(&self, path: &Path, limit: usize) -> Result<Vec<String>, HostError> {
        let descriptor = self.descriptor(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let directory = Dir::new(descriptor)
            .map_err(|error| HostError::Io { path: path.to_owned(), source: error.into() })?;
        Ok(directory
            .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned))
            .filter(|name| name != "." && name != "..")
            .take(limit)
            .collect())
    }

    /// A handle on whatever is there, without opening it: a socket to connect to.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn handle(&self, path: &Path) -> Result<Handle, HostError> {
        Ok(Handle(self.descriptor(path, OFlags::PATH)?))
    }

    fn descriptor(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, HostError> {
        let flags = flags | OFlags::CLOEXEC;
        let below = path.strip_prefix("/").unwrap_or(path);
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let mut outcome = Err(Errno::AGAIN);
        for _ in 0..TRIES {
            outcome = openat2(&self.descriptor, below, flags, Mode::empty(), resolve);
            if outcome.as_ref().err() != Some(&Errno::AGAIN) {
                break;
            }
        }
        // Before Linux 5.6, and under filters of system calls that do not know it.
        if matches!(outcome, Err(Errno::NOSYS | Errno::PERM)) {
            outcome = step_by_step(self.descriptor.as_fd(), below, flags);
        }
        outcome.map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => HostError::Absent(path.to_owned()),
            error => HostError::Io { path: path.to_owned(), source: error.into() },
        })
    }
}

/// Follows no link at all: the plain way to stay inside.
fn step_by_step(root: impl AsFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::XDEV),
        }
    }
    let Some((last, above)) = names.split_last() else { return Err(Errno::INVAL) };
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut place: Option<OwnedFd> = None;
    for name in above {
        let from = place.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        place = Some(openat(from, *name, step, Mode::empty())?);
    }
    let from = place.as_ref().map_or(root.as_fd(), AsFd::as_fd);
    openat(from, *last, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// Something in the host's tree, held.
#[derive(Debug)]
pub struct Handle(OwnedFd);

impl Handle {
    /// A path that leads to it as long as the handle lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// Device and inode, to tell two names of one thing.
    pub fn identity(&self) -> Option<(u64, u64)> {
        let stat = fstat(&self.0).ok()?;
        Some((stat.st_dev, stat.st_ino))
    }

    /// Whether it is a socket.
    pub fn is_socket(&self) -> bool {
        fstat(&self.0).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
    }
}
