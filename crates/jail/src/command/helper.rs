//! The helper: the scanner's keeper, outside its namespaces.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::namespaces::{self, Way};
use super::spec::{MESSAGE_BYTES, Said, Start};
use super::{init, reap};
use crate::socket;

/// The whole life of a helper: standard input is its socket to the host, standard output and error
/// are the scanner's. Returns the exit code.
pub fn run_helper() -> i32 {
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else { return 2 };
    match keep(&control) {
        Ok(()) => 0,
        Err(why) => {
            tell(&control, &Said::Broken(why));
            1
        }
    }
}

/// Tells the host; a host that is gone hears nothing, and the helper ends by that.
pub(super) fn tell(control: &OwnedFd, said: &Said) {
    if let Ok(mut line) = serde_json::to_vec(said) {
        line.push(b'\n');
        let _ = socket::send_all(control, &line, &[]);
    }
}

/// The host's message: its length as four bytes, little end first, and JSON. The artifact comes with
/// the first byte.
fn hear(control: &OwnedFd) -> io::Result<(Start, Option<OwnedFd>)> {
    let mut message = Vec::new();
    let mut artifact = None;
    let mut buffer = vec![0; 16 << 10];
    loop {
        let (count, descriptors) = socket::receive(control, &mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        artifact = artifact.or(descriptors.into_iter().next());
        message.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if message.len() > MESSAGE_BYTES + 4 {
            return Err(io::Error::other("the message is too long"));
        }
        let Some((head, body)) = message.split_first_chunk::<4>() else { continue };
        if body.len() as u64 >= u64::from(u32::from_le_bytes(*head)) {
            return Ok((serde_json::from_slice(body)?, artifact));
        }
    }
}

fn keep(control: &OwnedFd) -> Result<(), String> {
    let (start, artifact) = hear(control).map_err(|error| format!("no message: {error}"))?;
    let (user, network) = (start.spec.user, start.spec.network);
    rustix::thread::set_no_new_privs(true).map_err(|error| format!("no_new_privs: {error}"))?;
    let way = namespaces::way(user, network).map_err(|error| format!("fork: {error}"))?;
    let leave_root = || {
        let left = namespaces::become_user(user);
        left.map_err(|error| format!("user {}: {error}", user.uid))
    };
    let is_root = rustix::process::geteuid().is_root();
    if is_root && way != Way::Privileged {
        leave_root()?;
    }
    namespaces::enter(way, network)?;
    reap::adopt_orphans().map_err(|error| format!("subreaper: {error}"))?;
    let child = init::fork(|| init::run(control, &start, artifact, way, is_root))
        .map_err(|error| format!("fork: {error}"))?;
    // From here on nothing needs privileges.
    if is_root && way == Way::Privileged {
        leave_root()?;
    }
    let watched = watch(control, child);
    if matches!(way, Way::None(_)) {
        reap::kill_the_rest();
    }
    watched.map_err(|error| error.to_string())
}

/// Waits for the end of `child`, or for the end of the host, which is then the child's too.
fn watch(control: &OwnedFd, child: Pid) -> io::Result<()> {
    let ended = pidfd_open(child, PidfdFlags::empty())?;
    loop {
        let mut waiting = [PollFd::new(&ended, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        match poll(&mut waiting, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [child_ended, host_ended] = waiting.map(|entry| !entry.revents().is_empty());
        if host_ended {
            // The host says nothing more: what can be read is its end.
            let _ = kill_process(child, Signal::KILL);
        }
        if child_ended || host_ended {
            init::wait_for(child)?;
            return Ok(());
        }
    }
}
