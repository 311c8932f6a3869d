//! A template process and its workers, as the host holds them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palisade_model::{Definitions, EngineName};
use rustix::buffer::spare_capacity;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::pool::{PoolConfig, PoolError};
use crate::confine::Layers;
use crate::protocol::{CONTROL_BYTES, EngineStart, FromTemplate, ToTemplate};
use crate::socket;

/// How long a template may take to load its definitions: the first load of a large rule set
/// compiles nothing, it only reads.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a loaded template may take to fork or reap.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);

/// A running template. Dropped, it ends, and with it every worker.
pub(super) struct Template {
    control: Mutex<OwnedFd>,
    process: Mutex<Child>,
    /// What it has loaded, in the order of the pool's engines.
    pub(super) engines: Vec<(EngineName, Definitions)>,
    pub(super) layers: Layers,
}

impl Template {
    pub(super) fn start(config: &PoolConfig) -> Result<Self, PoolError> {
        let pair =
            || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (control, theirs) = pair().map_err(|e| PoolError::Start(e.to_string()))?;
        let mut command = Command::new(&config.executable);
        command
            .args(&config.arguments)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/");
        let process = command.spawn().map_err(|e| {
            PoolError::Start(format!("{} cannot be executed: {e}", config.executable.display()))
        })?;
        let mut template = Self {
            control: Mutex::new(control),
            process: Mutex::new(process),
            engines: Vec::new(),
            layers: Layers::default(),
        };

        let engines = config.engines.iter().map(|spec| EngineStart {
            name: spec.name.clone(),
            settings: spec.settings.clone(),
            definitions: spec.definitions.len(),
        });
        let start = ToTemplate::Start { engines: engines.collect(), limits: config.limits };
        let descriptors: Vec<BorrowedFd<'_>> =
            config.engines.iter().flat_map(|spec| &spec.definitions).map(|fd| fd.as_fd()).collect();
        match template.ask(&start, &descriptors, START_TIMEOUT)? {
            FromTemplate::Ready { engines, layers } => {
                template.engines = engines;
                template.layers = layers;
                Ok(template)
            }
            FromTemplate::Failed { message } => Err(PoolError::Load(message)),
            other => Err(PoolError::Start(format!("unexpected answer: {other:?}"))),
        }
    }

    fn ask(
        &self,
        message: &ToTemplate,
        descriptors: &[BorrowedFd<'_>],
        timeout: Duration,
    ) -> Result<FromTemplate, PoolError> {
        let gone = |error: &dyn std::fmt::Display| PoolError::Start(format!("template: {error}"));
        let bytes = serde_json::to_vec(message).map_err(|e| gone(&e))?;
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        rustix::net::sockopt::set_socket_timeout(
            &*control,
            rustix::net::sockopt::Timeout::Recv,
            Some(timeout),
        )
        .map_err(|e| gone(&e))?;
        socket::send(&*control, &bytes, descriptors).map_err(|e| gone(&e))?;
        let mut buffer = vec![0; CONTROL_BYTES];
        let (length, _) = socket::receive(&*control, &mut buffer).map_err(|e| gone(&e))?;
        if length == 0 {
            return Err(gone(&"it ended while it was asked"));
        }
        serde_json::from_slice(&buffer[..length]).map_err(|e| gone(&e))
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&self) -> bool {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(process.try_wait(), Ok(None))
    }

    pub(super) fn fork(self: &Arc<Self>) -> Result<WorkerHandle, PoolError> {
        let (jobs, theirs) = UnixStream::pair().map_err(|e| PoolError::Start(e.to_string()))?;
        match self.ask(&ToTemplate::Fork, &[theirs.as_fd()], CONTROL_TIMEOUT)? {
            FromTemplate::Forked { pid } => {
                let template = Arc::clone(self);
                Ok(WorkerHandle {
                    template,
                    pid,
                    watched: None,
                    stream: jobs,
                    served: 0,
                    read_timeout: None,
                })
            }
            other => Err(PoolError::Start(format!("unexpected answer: {other:?}"))),
        }
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Its control socket is still open here, so it is told by the signal; its workers follow by
        // their parent-death signal.
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// A worker. Dropped without [`WorkerHandle::reap`], it is killed all the same.
pub(super) struct WorkerHandle {
    pub(super) template: Arc<Template>,
    pid: i32,
    /// Its socket as the runtime watches it, once somebody has waited for it there.
    watched: Option<AsyncFd<OwnedFd>>,
    pub(super) stream: UnixStream,
    /// Artifacts that it has looked at.
    pub(super) served: u32,
    /// The time-out of reads that its socket has.
    pub(super) read_timeout: Option<Duration>,
}

impl WorkerHandle {
    /// Kills it, if it still lives, and says how it ended.
    pub(super) fn reap(mut self) -> String {
        let how = self.end();
        how.unwrap_or_else(|error| error.to_string())
    }

    /// Adds what can be read by now, once there is something. 0: its end is closed.
    pub(super) async fn read_more(&mut self, answer: &mut Vec<u8>) -> io::Result<usize> {
        let watched = match &mut self.watched {
            Some(watched) => watched,
            none => {
                let socket = OwnedFd::from(self.stream.try_clone()?);
                // SAFETY: an owned descriptor is the same one as long as it lives.
                let watched =
                    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
                none.insert(watched?)
            }
        };
        let stream = &self.stream;
        loop {
            let mut ready = watched.readable().await?;
            let received = ready.try_io(|_| {
                answer.reserve(4 << 10);
                let space = spare_capacity(answer);
                Ok(recv(stream, space, RecvFlags::DONTWAIT)?.1)
            });
            match received {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(received) => return received,
                // Not ready after all.
                Err(_) => {}
            }
        }
    }

    fn end(&mut self) -> Result<String, PoolError> {
        let pid = std::mem::take(&mut self.pid);
        if pid == 0 {
            return Ok(String::new());
        }
        match self.template.ask(&ToTemplate::Reap { pid }, &[], CONTROL_TIMEOUT)? {
            FromTemplate::Reaped { how } => Ok(how),
            other => Err(PoolError::Start(format!("unexpected answer: {other:?}"))),
        }
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        // A template that is gone took its workers along.
        let _ = self.end();
    }
}

/// A failed read that a time-out caused.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
