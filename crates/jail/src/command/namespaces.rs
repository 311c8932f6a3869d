//! The namespaces of a scanner, and leaving root.

use std::fs;
use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::UnshareFlags;

use super::spec::User;

/// How this kernel lets us have namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Inside a user namespace of our own, without any privilege.
    Unprivileged,
    /// As root only: the user namespace is forbidden.
    Privileged,
    /// Not at all, for this reason.
    None(rustix::io::Errno),
}

fn flags(network: bool) -> UnshareFlags {
    let own = UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWCGROUP;
    if network { own } else { own | UnshareFlags::NEWNET }
}

fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: a helper and its children have one thread each, and no table of descriptors is unshared.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Tries in children which way is open: what is once given up, privileges above all, cannot be had
/// back for another way.
pub(super) fn way(user: User, network: bool) -> io::Result<Way> {
    let unprivileged = try_in_child(|| {
        if rustix::process::geteuid().is_root() {
            become_user(user).map_err(|_| rustix::io::Errno::PERM)?;
        }
        unshare(flags(network) | UnshareFlags::NEWUSER)
    })?;
    let Some(error) = unprivileged else { return Ok(Way::Unprivileged) };
    let privileged = try_in_child(|| unshare(flags(network)))?;
    Ok(if privileged.is_none() { Way::Privileged } else { Way::None(error) })
}

/// The error that `what` ends with in a process of its own.
fn try_in_child(
    what: impl FnOnce() -> rustix::io::Result<()>,
) -> io::Result<Option<rustix::io::Errno>> {
    let child = super::init::fork(|| what().err().map_or(0, |error| error.raw_os_error()))?;
    let status = super::init::wait_for(child)?;
    Ok(match status.exit_status() {
        Some(0) => None,
        Some(code) => Some(rustix::io::Errno::from_raw_os_error(code)),
        None => Some(rustix::io::Errno::PERM),
    })
}

/// Enters the namespaces. On the unprivileged way the caller has left root before.
pub(super) fn enter(way: Way, network: bool) -> Result<(), String> {
    match way {
        Way::None(_) => Ok(()),
        Way::Privileged => unshare(flags(network)).map_err(|e| format!("namespaces: {e}")),
        Way::Unprivileged => {
            // After a change of user our own files in /proc are root's until we say otherwise.
            set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(|e| e.to_string())?;
            let uid = rustix::process::geteuid().as_raw();
            let gid = rustix::process::getegid().as_raw();
            unshare(flags(network) | UnshareFlags::NEWUSER)
                .map_err(|e| format!("namespaces: {e}"))?;
            let write = |path: &str, text: String| {
                fs::write(path, text).map_err(|error| format!("{path}: {error}"))
            };
            // user_namespaces(7): without this, no group may be mapped.
            write("/proc/self/setgroups", "deny".to_owned())?;
            write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
            write("/proc/self/gid_map", format!("{gid} {gid} 1"))
        }
    }
}

/// Becomes this user, for good. For root only.
pub(super) fn become_user(user: User) -> io::Result<()> {
    let done = |result: libc::c_int| match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    if user.uid == 0 || user.gid == 0 {
        return Err(io::Error::other("no scanner runs as root"));
    }
    // SAFETY: no pointer is dereferenced for a count of 0.
    done(unsafe { libc::setgroups(0, std::ptr::null()) })?;
    // SAFETY: plain integers; this process has one thread.
    done(unsafe { libc::setresgid(user.gid, user.gid, user.gid) })?;
    // SAFETY: as above.
    done(unsafe { libc::setresuid(user.uid, user.uid, user.uid) })
}
