//! Rung 2: exec refused before it starts, by fanotify permission events.
//!
//! Every waiting exec on the host depends on our answer: a watchdog closes the group when an answer is
//! late, and closing it lets all waiters go with "allowed" (fanotify(7)). So we fail open even when stuck.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::SensorError;

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

/// A fanotify group with exec permission events.
#[derive(Debug)]
pub struct Guard {
    group: Arc<Mutex<Option<File>>>,
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
            asked_at_ns: Arc::new(AtomicU64::new(0)),
            stop: Arc::new(AtomicBool::new(false)),
            began: Instant::now(),
        })
    }

    /// Marks the file system that holds `path` (4.20): one mark for all containers of one storage.
    ///
    /// # Errors
    ///
    /// When the mark is refused, or the watchdog has closed the group.
    pub fn mark_filesystem(&self, path: &Path) -> Result<(), SensorError> {
        self.change_mark(path, libc::FAN_MARK_ADD)
    }

    /// Takes the mark away again.
    ///
    /// # Errors
    ///
    /// When there is none, or the watchdog has closed the group.
    pub fn unmark_filesystem(&self, path: &Path) -> Result<(), SensorError> {
        self.change_mark(path, libc::FAN_MARK_REMOVE)
    }

    fn change_mark(&self, path: &Path, change: libc::c_uint) -> Result<(), SensorError> {
        let name =
            std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).map_err(|error| {
                SensorError::new(crate::SensorErrorKind::Io, "a path with NUL").with(error)
            })?;
        let group = self.group.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(group) = group.as_ref() else { return Err(closed()) };
        // SAFETY: `name` is a NUL-terminated string that outlives the call; the rest are numbers.
        let outcome = unsafe {
            libc::fanotify_mark(
                group.as_raw_fd(),
                change | libc::FAN_MARK_FILESYSTEM,
                libc::FAN_OPEN_EXEC_PERM,
                libc::AT_FDCWD,
                name.as_ptr(),
            )
        };
        if outcome < 0 {
            return Err(SensorError::os(
                format!("{} cannot be marked", path.display()),
                io::Error::last_os_error(),
            ));
        }
        Ok(())
    }

    /// Waits until somebody asks, at most for `time`.
    ///
    /// # Errors
    ///
    /// When the watchdog has closed the group.
    pub fn wait(&self, time: Duration) -> Result<(), SensorError> {
        let group = self.duplicate().map_err(|_| closed())?;
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
                self.close();
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Gives everything up: who waits runs, and nobody asks any more.
    pub fn close(&self) {
        self.group.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
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
            None => {
                Err(io::Error::new(io::ErrorKind::NotConnected, "the watchdog has closed fanotify"))
            }
        }
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
        let (group, asked, stop, began) = (
            Arc::clone(&self.group),
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
                        tracing::error!(
                            "no answer to an exec in time: fanotify is given up, execs run"
                        );
                        group.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
                        return;
                    }
                }
            })
            .map(|_| ())
            .map_err(|error| SensorError::os("the watchdog cannot be started", error))
    }
}

fn closed() -> SensorError {
    SensorError::new(crate::SensorErrorKind::Io, "the watchdog has closed fanotify")
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
