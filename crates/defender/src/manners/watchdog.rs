//! The watchdog: a small process that started the agent and hears from it. It ends an agent that stalls,
//! and with it goes every hook that the agent holds in the kernel: workloads run on. Then it starts another.
//!
//! ```text
//! watchdog ──starts──► agent (holds programs, maps, fanotify)
//!          ◄──beats──
//! ```
//!
//! The line between them is a socket that is the agent's standard input. The agent sees its end when the
//! watchdog goes, and ends too: killing either leaves nothing attached.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// In the environment of an agent that has a watchdog.
pub const VARIABLE: &str = "PALISADE_DEFENDER_WATCHDOG";

/// How patient the watchdog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchdogSettings {
    /// Without a sign of life for so long, milliseconds, the agent is ended. Default 10,000.
    pub silence_ms: u64,
    /// The same while it starts, milliseconds, doubled (16 times this at most) after each that did not come
    /// so far: a busy machine takes its time to load programs into the kernel. Default 60,000.
    pub start_ms: u64,
    /// An agent that ends by itself is started again after this, milliseconds, doubled each time up to a
    /// minute, and back at the first once it ran for a minute. Default 500.
    pub restart_ms: u64,
}

impl Default for WatchdogSettings {
    fn default() -> Self {
        Self { silence_ms: 10_000, start_ms: 60_000, restart_ms: 500 }
    }
}

/// How often the patience with a start is multiplied.
const MOST_PATIENT: u32 = 16;
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How an agent ends that is to be started again: as a program of ours does that panicked.
pub const AGAIN: u8 = 101;
/// The time that an agent has to end when it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// What the agent holds of its watchdog.
#[derive(Debug)]
pub struct Line(UnixStream);

impl Line {
    /// The line of this process, if it was started by a watchdog. Takes the standard input.
    pub fn of_this_process() -> Option<Self> {
        std::env::var_os(VARIABLE)?;
        let input = io::stdin().as_fd().try_clone_to_owned().ok()?;
        let line = UnixStream::from(input);
        line.set_nonblocking(true).ok()?;
        Some(Self(line))
    }

    /// A sign of life. False when the watchdog is gone: the agent is to end.
    pub fn beat(&mut self) -> bool {
        let alive = match self.0.write(&[1]) {
            Ok(_) => true,
            // A watchdog that does not read, stopped perhaps: it is there all the same.
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        alive && !matches!(self.0.read(&mut [0]), Ok(0))
    }
}

/// What others tell the watchdog. Each is asked several times a second.
#[derive(Clone, Copy)]
pub struct Signals<'a> {
    /// It is to end, and the agent before it.
    pub stop: &'a dyn Fn() -> bool,
    /// The agent is to read its files again. True once for each time.
    pub reload: &'a dyn Fn() -> bool,
}

/// Why an agent ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself, or by somebody's signal.
    Status(ExitStatus),
    /// It said nothing for too long and was killed.
    Stalled,
}

/// Starts the agent and keeps it going until `stop` says so. Returns the status of the last one.
///
/// # Errors
///
/// When the program cannot be started.
pub fn supervise(
    program: &Path,
    arguments: &[OsString],
    settings: &WatchdogSettings,
    signals: &Signals<'_>,
    tell: &dyn Fn(&Ended, Duration),
) -> io::Result<Option<ExitStatus>> {
    let stop = signals.stop;
    let first = Duration::from_millis(settings.restart_ms.max(1));
    let start = Duration::from_millis(settings.start_ms);
    let (mut wait, mut proven, mut patience) = (first, false, start);
    loop {
        let began = Instant::now();
        let (ended, spoke) = one(program, arguments, settings, patience, signals)?;
        proven |= spoke;
        patience = if spoke { start } else { (patience * 2).min(start * MOST_PATIENT) };
        if stop() {
            return Ok(match ended {
                Ended::Status(status) => Some(status),
                Ended::Stalled => None,
            });
        }
        // What is wrong with the settings is wrong the next time too; once an agent has worked with them,
        // it is something else, and passes.
        let for_good = |code| code == 0 || (code != i32::from(AGAIN) && !proven);
        if let Ended::Status(status) = &ended
            && status.code().is_some_and(for_good)
        {
            return Ok(Some(*status));
        }
        wait = if began.elapsed() >= LONGEST_WAIT { first } else { wait };
        tell(&ended, wait);
        let until = Instant::now() + wait;
        while Instant::now() < until && !stop() {
            std::thread::sleep(Duration::from_millis(50));
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// One life of an agent, which has so long to start. True: it gave a sign of life.
fn one(
    program: &Path,
    arguments: &[OsString],
    settings: &WatchdogSettings,
    start: Duration,
    signals: &Signals<'_>,
) -> io::Result<(Ended, bool)> {
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut agent = Command::new(program)
        .args(arguments)
        .env(VARIABLE, "1")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()?;
    let silence = Duration::from_millis(settings.silence_ms);
    let (mut heard, mut patience, mut spoke) = (Instant::now(), start, false);
    let mut beats = [0; 64];
    loop {
        if let Some(status) = agent.try_wait()? {
            return Ok((Ended::Status(status), spoke));
        }
        match ours.read(&mut beats) {
            Ok(0) => return Ok((Ended::Status(agent.wait()?), spoke)),
            Ok(_) => (heard, patience, spoke) = (Instant::now(), silence, true),
            Err(_) => {}
        }
        if (signals.stop)() {
            return Ok((ask_to_end(agent)?, spoke));
        }
        if (signals.reload)() {
            send(&agent, Signal::HUP)?;
        }
        if heard.elapsed() > patience {
            // The kernel takes the programs, maps and permission events away with the process; a stopped
            // one too.
            agent.kill()?;
            agent.wait()?;
            return Ok((Ended::Stalled, spoke));
        }
    }
}

fn send(agent: &Child, signal: Signal) -> io::Result<()> {
    match i32::try_from(agent.id()).ok().and_then(Pid::from_raw) {
        Some(pid) => kill_process(pid, signal).map_err(io::Error::from),
        None => Ok(()),
    }
}

fn ask_to_end(mut agent: Child) -> io::Result<Ended> {
    send(&agent, Signal::TERM)?;
    let end = Instant::now() + GRACE;
    while Instant::now() < end {
        if let Some(status) = agent.try_wait()? {
            return Ok(Ended::Status(status));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    agent.kill()?;
    Ok(Ended::Status(agent.wait()?))
}
