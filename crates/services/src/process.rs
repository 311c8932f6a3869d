use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The longest that a server may take to answer.
const START: Duration = Duration::from_secs(90);

/// The longest that an orderly stop may take.
const STOP: Duration = Duration::from_secs(20);

/// A server process. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it with its output in `log`, and waits until its port on this machine answers.
    pub(crate) fn start(command: Command, log: &Path, port: u16) -> Self {
        Self::start_at(command, log, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Starts it with its output in `log`, and waits until this address answers.
    pub(crate) fn start_at(mut command: Command, log: &Path, address: SocketAddr) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let mut process = Self { child, log: log.to_owned() };
        process.wait_for(address);
        process
    }

    fn wait_for(&mut self, address: SocketAddr) {
        let started = Instant::now();
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return;
            }
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || started.elapsed() > START {
                panic!("the server does not answer ({ended:?}):\n{}", self.tail());
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The end of what it printed.
    pub(crate) fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let start = text.len().saturating_sub(4000);
        String::from_utf8_lossy(&text[start..]).into_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // One that has ended already needs none.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(mut self, signal: Signal) {
        self.signal(signal);
        let started = Instant::now();
        while started.elapsed() < STOP {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
