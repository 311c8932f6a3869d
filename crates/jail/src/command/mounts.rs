//! A scanner's own view of the file system: all of it read-only, nobody's data in it, and one
//! directory of bounded size to write to.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};

use super::files;
use super::namespaces::Way;
use super::scratch::{self, Scratch};
use super::spec::{ArtifactForm, CommandSpec, Start};
use crate::confine::LayerState;

/// Where the private directory may be: the first of these that holds nothing the scanner needs.
const PLACES: &[&str] = &["/tmp", "/var/tmp", "/mnt", "/media", "/srv", "/home"];

/// What is hidden unless the scanner is given something in it: people's data, and the sockets of the
/// system's services, which Landlock does not guard.
const HIDDEN: &[&str] = &[
    "/home",
    "/root",
    "/run",
    "/tmp",
    "/var/tmp",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/mnt",
    "/media",
    "/srv",
    "/boot",
    "/dev/shm",
];

/// What was set up.
pub(super) struct View {
    pub(super) scratch: Scratch,
    /// Whether `/proc` shows the scanner's own processes and no others.
    pub(super) own_proc: bool,
    pub(super) state: LayerState,
}

/// Sets it up, in a mount namespace of our own. Where something forbids mounting all the same, a
/// directory of the host takes the place.
pub(super) fn set_up(start: &Start, way: Way) -> Result<View, String> {
    match mounted(start, way) {
        Ok(view) => Ok(view),
        Err(why) => Ok(View {
            scratch: directory(start, way)?,
            own_proc: false,
            state: LayerState::Missing(why),
        }),
    }
}

fn mounted(start: &Start, way: Way) -> Result<View, String> {
    let spec = &start.spec;
    let failed =
        |what: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", what.display());
    let root = Path::new("/");
    // Nothing of this is to be seen outside.
    mount_change(root, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|error| failed(root, &error))?;
    let needed = needed(spec);
    let is_needed =
        |place: &Path| needed.iter().any(|path| path.starts_with(place) || place.starts_with(path));
    let exists = |place: &&Path| place.is_dir() && !place.is_symlink();
    let place = if scratch::is_shared(&spec.artifact) {
        None
    } else {
        let mut places = PLACES.iter().map(Path::new).filter(exists);
        let free = places.find(|place| !is_needed(place));
        Some(free.ok_or("everything that could be its private directory is given to it")?)
    };

    let safe = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // Before the rest becomes read-only: a new `/proc` may not show more than the old one.
    let proc = mount("proc", "/proc", "proc", safe, None::<&std::ffi::CStr>);
    let read_only = set_attributes(root, READ_ONLY | NO_SUID, 0, true);

    for hidden in HIDDEN.iter().map(Path::new).filter(exists) {
        if Some(hidden) != place && !is_needed(hidden) {
            let empty = c"size=4k,nr_inodes=2,mode=0555";
            mount("none", hidden, "tmpfs", safe | MountFlags::RDONLY, empty)
                .map_err(|error| failed(hidden, &error))?;
        }
    }
    for path in &spec.write_paths {
        make_writable(path).map_err(|error| failed(path, &error))?;
    }
    let scratch = match place {
        Some(place) => {
            mount("none", place, "tmpfs", safe, options(start, way)?.as_c_str())
                .map_err(|error| failed(place, &error))?;
            Scratch::mounted(place.to_owned())
        }
        None => {
            if let ArtifactForm::Shared { below, .. } = &spec.artifact {
                make_writable(below).map_err(|error| failed(below, &error))?;
            }
            directory(start, way)?
        }
    };
    let state = match (&proc, &read_only) {
        (Ok(()), Ok(())) => LayerState::Active,
        (Err(error), _) => LayerState::Partial(format!("no `/proc` of its own: {error}")),
        (_, Err(error)) => LayerState::Partial(format!("not all is read-only: {error}")),
    };
    Ok(View { scratch, own_proc: proc.is_ok(), state })
}

/// A directory of the host, of the scanner's user.
pub(super) fn directory(start: &Start, way: Way) -> Result<Scratch, String> {
    let scratch = Scratch::make(&start.directory, &start.spec)?;
    if way == Way::Privileged {
        let user = start.spec.user;
        std::os::unix::fs::chown(&start.directory, Some(user.uid), Some(user.gid))
            .map_err(|error| format!("{}: {error}", start.directory.display()))?;
    }
    Ok(scratch)
}

/// The real paths of what the scanner is given.
fn needed(spec: &CommandSpec) -> Vec<PathBuf> {
    let network = if spec.network { files::NETWORK } else { &[] };
    let shared = match &spec.artifact {
        ArtifactForm::Shared { below, .. } => Some(below.as_path()),
        _ => None,
    };
    [spec.program.as_path()]
        .into_iter()
        .chain(spec.read_paths.iter().map(PathBuf::as_path))
        .chain(spec.write_paths.iter().map(PathBuf::as_path))
        .chain(network.iter().map(Path::new))
        .chain(shared)
        .flat_map(|path| [Some(path.to_owned()), fs::canonicalize(path).ok()])
        .flatten()
        .collect()
}

fn options(start: &Start, way: Way) -> Result<CString, String> {
    let size = start.spec.limits.scratch_bytes.saturating_add(start.artifact_bytes);
    // As root, the directory is still to become the user's.
    let owner = match way {
        Way::Privileged => format!(",uid={},gid={}", start.spec.user.uid, start.spec.user.gid),
        _ => String::new(),
    };
    // A page more, for the directory itself; and files cost memory too, even empty ones.
    let size = size.saturating_add(8 << 10);
    CString::new(format!("size={size},nr_inodes=65536,mode=0700{owner}")).map_err(|e| e.to_string())
}

/// A mount of its own over itself, which may be written.
fn make_writable(path: &Path) -> io::Result<()> {
    mount_bind(path, path)?;
    set_attributes(path, 0, READ_ONLY, false)
}

/// `MOUNT_ATTR_RDONLY` and `MOUNT_ATTR_NOSUID` of mount_setattr(2).
const READ_ONLY: u64 = 1;
const NO_SUID: u64 = 2;

/// `struct mount_attr` of mount_setattr(2), in its first version.
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// mount_setattr(2), since Linux 5.12.
fn set_attributes(path: &Path, set: u64, clear: u64, recursive: bool) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attributes = MountAttr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path ends with a NUL, the attributes have the size that is told, and both live until
    // the call ends.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
