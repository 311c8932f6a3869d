//! Rung 2: exec refused before it starts, by fanotify permission events.
//!
//! Every waiting exec on the host depends on our answer: a watchdog closes the group when an answer is
//! late, and closing it lets all waiters go with "allowed" (fanotify(7)). So we fail open even when stuck.

mod mounts;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, open, openat, openat2};

use self::mounts::{Mark, Scope, Wanted};
use crate::{SensorError, SensorErrorKind, procfs};

/// May this run?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Allow,
    /// No: execve fails with EPERM.
    Deny,
}

/// A permission event: somebody waits.
#[derive(Debug)]
pub struct Question {
    /// Thread that asks, in our PID namespace; 0 when it is not in it.
    pub pid: i32,
    /// The file, opened for reading.
    pub file: OwnedFd,
}

/// What of a container's mounts is asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// Marks that stand, of whole file systems and of single mounts.
    pub marks: usize,
    /// Mounts that are not marked because there are too many, more than 256.
    pub beyond: usize,
    /// Mounts that are not marked because somebody serves them (FUSE, NFS), or because they are below such
    /// a one: whoever looks at them waits for the server, and everybody else would wait with us.
    pub served: usize,
    /// Why the first of those was not marked that could not be.
    pub failed: Option<String>,
}

/// A fanotify group with exec permission events.
#[derive(Debug)]
pub struct Guard {
    group: Arc<Mutex<Option<File>>>,
    /// Why it was given up.
    lost: Arc<OnceLock<String>>,
    asked_at_ns: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    began: Instant,
}

/// Of `struct fanotify_event_metadata`.
const METADATA: usize = 24;

impl Guard {
    /// Makes the group. Nobody waits for it before something is marked.
    ///
    /// # Errors
    ///
    /// Without `CAP_SYS_ADMIN`, or a kernel without permission events (`CONFIG_FANOTIFY_ACCESS_PERMISSIONS`).
    pub fn new() -> Result<Self, SensorError> {
        let flags = libc::FAN_CLASS_CONTENT | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK;
        let modes = libc::O_RDONLY | libc::O_LARGEFILE | libc::O_CLOEXEC;
        // SAFETY: no pointers; the result is checked before it is used as a descriptor.
        let raw = unsafe { libc::fanotify_init(flags, modes as u32) };
        if raw < 0 {
            return Err(SensorError::os(
                "fanotify permission events cannot be had",
                io::Error::last_os_error(),
            ));
        }
        // SAFETY: a descriptor that the kernel has just given us and that nobody else owns.
        let group = File::from(unsafe { OwnedFd::from_raw_fd(raw) });
        Ok(Self {
            group: Arc::new(Mutex::new(Some(group))),
            lost: Arc::default(),
            asked_at_ns: Arc::new(AtomicU64::new(0)),
            stop: Arc::new(AtomicBool::new(false)),
            began: Instant::now(),
        })
    }

    /// Asks about every program in the mounts of this process, from now on: file systems that the host has
    /// not mounted as a whole, which the mounts of another namespace cannot evade; others, and where the
    /// host's mounts are not known, by the process's own mount alone, so that nobody else is asked about.
    /// To be called again when something was mounted. Marks go with what is marked.
    ///
    /// `proc` is the host's. Nothing is looked up in what somebody serves, but for a root.
    ///
    /// # Errors
    ///
    /// When the process is gone or among the host's mounts, its mounts cannot be read, or fanotify is given
    /// up. A mount that cannot be marked is no error: [`Marked::failed`].
    pub fn mark_mounts(&self, proc: &Path, tgid: u32) -> Result<Marked, SensorError> {
        let failed = |what: &'static str| {
            move |error: rustix::io::Errno| SensorError::os(what, io::Error::from(error))
        };
        // One descriptor for all: the number may be another process's by now.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = open(proc.join(tgid.to_string()), flags, Mode::empty())
            .map_err(failed("the process is gone"))?;
        // A process among the host's mounts would have the whole host ask.
        let own = rustix::fs::statat(&process, "ns/mnt", AtFlags::empty())
            .map_err(failed("the process is gone"))?;
        if procfs::host_namespace(proc, "mnt") == Some(own.st_ino) {
            let why = "the process is among the host's mounts";
            return Err(SensorError::new(SensorErrorKind::Unsupported, why));
        }
        let root = openat(&process, "root", flags, Mode::empty())
            .map_err(failed("the process's root cannot be had"))?;
        let own = openat(&process, "mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(failed("the process's mounts cannot be read"))?;
        let own = text(File::from(own))
            .map_err(|error| SensorError::os("the process's mounts cannot be read", error))?;
        let host = File::open(proc.join("1/mountinfo")).and_then(text).ok();
        let devices = host.as_deref().map(mounts::devices);
        let Wanted { marks, beyond, served } = mounts::wanted(&own, devices.as_ref());
        let mut marked = Marked { beyond, served, ..Marked::default() };
        for mark in &marks {
            match self.mark_one(root.as_fd(), mark) {
                Ok(true) => marked.marks += 1,
                Ok(false) => {}
                Err(_) if self.lost().is_some() => return Err(self.closed()),
                Err(error) => {
                    let point = String::from_utf8_lossy(&mark.point);
                    marked.failed.get_or_insert_with(|| format!("{point}: {error}"));
                }
            }
        }
        Ok(marked)
    }

    /// False when something else is mounted there by now, which hides it.
    fn mark_one(&self, root: BorrowedFd<'_>, mark: &Mark) -> io::Result<bool> {
        let inside: Vec<u8> = match mark.point.strip_prefix(b"/") {
            None | Some(b"") => b".".to_vec(),
            Some(inside) => inside.to_vec(),
        };
        let name = CString::new(inside)?;
        // In the container's root, whatever links its names have become meanwhile.
        let place = openat2(
            root,
            &name,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )?;
        if mount_of(&place)? != Some(mark.mount) {
            return Ok(false);
        }
        let scope = match mark.scope {
            Scope::Filesystem => libc::FAN_MARK_FILESYSTEM,
            Scope::Mount => libc::FAN_MARK_MOUNT,
        };
        let link = format!("/proc/self/fd/{}", place.as_raw_fd());
        let link = CString::new(link)?;
        let group = self.duplicate()?;
        // SAFETY: `link` is a NUL-terminated string that outlives the call; the rest are numbers.
        let outcome = unsafe {
            libc::fanotify_mark(
                group.as_raw_fd(),
                libc::FAN_MARK_ADD | scope,
                libc::FAN_OPEN_EXEC_PERM,
                libc::AT_FDCWD,
                link.as_ptr(),
            )
        };
        if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(true) }
    }

    /// Why nobody is asked about any more; `None` while programs are.
    pub fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Waits until somebody asks, at most for `time`.
    ///
    /// # Errors
    ///
    /// When the watchdog has closed the group.
    pub fn wait(&self, time: Duration) -> Result<(), SensorError> {
        let group = self.duplicate().map_err(|_| self.closed())?;
        let time = rustix::event::Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let flags = rustix::event::PollFlags::IN;
        let _ = rustix::event::poll(&mut [rustix::event::PollFd::new(&group, flags)], Some(&time));
        Ok(())
    }

    /// Takes one question and answers it. One event a read: an error in the second of a batch would leave
    /// the first without an answer. Our own execs are allowed unasked, or we would wait for ourselves.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when nobody waits; others when the group is gone.
    pub fn answer(&self, decide: impl FnOnce(&Question) -> Answer) -> io::Result<()> {
        let mut bytes = [0_u8; METADATA];
        // A descriptor of our own: the watchdog must not wait for a lock that we hold while deciding.
        let mut group = self.duplicate()?;
        group.read_exact(&mut bytes)?;
        let Some((descriptor, pid)) = parse(&bytes) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown fanotify event"));
        };
        // SAFETY: the kernel opened this descriptor for us with the event; it is ours alone.
        let question = Question { pid, file: unsafe { OwnedFd::from_raw_fd(descriptor) } };
        drop(group);
        self.asked_at_ns.store(self.now_ns(), Ordering::Release);
        let own = u32::try_from(pid).is_ok_and(|pid| pid == std::process::id());
        let answer = if own { Answer::Allow } else { decide(&question) };
        let outcome = self.reply(question.file.as_raw_fd(), answer);
        self.asked_at_ns.store(0, Ordering::Release);
        match outcome {
            // Killed while it waited.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            Err(error) => {
                // It would wait for ever: nobody asks for the same question again.
                self.close(&format!("the kernel did not take an answer: {error}"));
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Gives everything up: who waits runs, and nobody asks any more. The first reason is kept.
    pub fn close(&self, why: &str) {
        close(&self.group, &self.lost, why);
    }

    fn reply(&self, descriptor: i32, answer: Answer) -> io::Result<()> {
        let code = match answer {
            Answer::Allow => libc::FAN_ALLOW,
            Answer::Deny => libc::FAN_DENY,
        };
        let mut bytes = [0_u8; 8];
        bytes[..4].copy_from_slice(&descriptor.to_ne_bytes());
        bytes[4..].copy_from_slice(&code.to_ne_bytes());
        self.duplicate()?.write_all(&bytes)
    }

    fn duplicate(&self) -> io::Result<File> {
        let group = self.group.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match group.as_ref() {
            Some(group) => group.try_clone(),
            None => Err(io::Error::new(io::ErrorKind::NotConnected, "fanotify is given up")),
        }
    }

    fn closed(&self) -> SensorError {
        let why = self.lost().unwrap_or("it was closed");
        SensorError::new(SensorErrorKind::Io, format!("fanotify is given up: {why}"))
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// Starts the watchdog, a thread that shares nothing with the one that answers but the descriptor: an
    /// answer that is later than `deadline` has it close the group, and everybody goes on. To be called
    /// before anything is marked. The group lives until its last descriptor is closed: that is why
    /// duplicates are dropped before anybody decides anything.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn watch(&self, deadline: Duration) -> Result<(), SensorError> {
        let (group, lost, asked, stop, began) = (
            Arc::clone(&self.group),
            Arc::clone(&self.lost),
            Arc::clone(&self.asked_at_ns),
            Arc::clone(&self.stop),
            self.began,
        );
        let limit = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        std::thread::Builder::new()
            .name("fanotify-watchdog".to_owned())
            .spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    std::thread::sleep(deadline / 4);
                    let asked = asked.load(Ordering::Acquire);
                    let now = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    if asked != 0 && now.saturating_sub(asked) > limit {
                        let why =
                            format!("a program waited for more than {} ms", limit / 1_000_000);
                        close(&group, &lost, &why);
                        return;
                    }
                }
            })
            .map(|_| ())
            .map_err(|error| SensorError::os("the watchdog cannot be started", error))
    }
}

fn close(group: &Mutex<Option<File>>, lost: &OnceLock<String>, why: &str) {
    // First the reason: who finds the group closed looks for it.
    let _ = lost.set(why.to_owned());
    group.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
}

/// Bytes of a `mountinfo` at most: some 20,000 mounts.
const MAX_MOUNTINFO: u64 = 4 << 20;

/// All of it, or an error: with a part, a file system of the host's would be taken for the container's own.
fn text(file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(MAX_MOUNTINFO + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MOUNTINFO {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "there are too many mounts"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The number of the mount that a descriptor is in (proc(5), `fdinfo`).
fn mount_of(place: &OwnedFd) -> io::Result<Option<u64>> {
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", place.as_raw_fd()))?;
    let number = about.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    Ok(number.and_then(|number| number.trim().parse().ok()))
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Descriptor and process of an exec permission event.
fn parse(bytes: &[u8; METADATA]) -> Option<(i32, i32)> {
    let word = |at: usize| Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let mask = u64::from_ne_bytes(bytes.get(8..16)?.try_into().ok()?);
    let descriptor = word(16)?;
    (bytes[4] == libc::FANOTIFY_METADATA_VERSION
        && mask & libc::FAN_OPEN_EXEC_PERM != 0
        && descriptor >= 0)
        .then_some((descriptor, word(20)?))
}
