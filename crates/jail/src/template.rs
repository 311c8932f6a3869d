//! The template: loaded once, forked for every worker.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use palisade_model::{Definitions, EngineName};
use palisade_ports::engine::Analyzer;
use seccompiler::BpfProgram;

use crate::confine::{self, Layer, LayerState};
use crate::filter;
use crate::mapping::Mapping;
use crate::protocol::{CONTROL_BYTES, EngineStart, FromTemplate, ToTemplate};
use crate::socket;
use crate::worker;

/// Makes engines inside the jail, by name.
pub trait Loader {
    /// Loads an engine. `definitions` are the bytes that the host gave it.
    ///
    /// # Errors
    /// A line for people: an unknown name, unreadable definitions.
    fn load(
        &self,
        engine: &EngineName,
        settings: &serde_json::Value,
        definitions: &[&[u8]],
    ) -> Result<Box<dyn Loaded>, String>;
}

/// An engine with its definitions in memory, before the fork.
pub trait Loaded {
    /// The definitions.
    fn definitions(&self) -> Definitions;

    /// The engine itself, made in the worker before its filter closes.
    fn analyzer(&self) -> Box<dyn Analyzer + '_>;
}

pub(crate) struct Engine {
    pub(crate) loaded: Box<dyn Loaded>,
}

/// The whole life of a template process: standard input is its control socket. Returns the exit
/// code.
pub fn run_template(loader: &dyn Loader) -> i32 {
    let control = match io::stdin().as_fd().try_clone_to_owned() {
        Ok(control) => control,
        Err(_) => return 2,
    };
    match serve(&control, loader) {
        Ok(()) => 0,
        Err(error) => {
            let _ = tell(&control, &FromTemplate::Failed { message: error.to_string() });
            1
        }
    }
}

fn serve(control: &OwnedFd, loader: &dyn Loader) -> io::Result<()> {
    let Some((ToTemplate::Start { engines, limits }, descriptors)) = hear(control)? else {
        return Ok(());
    };
    let mut layers = confine::confine();
    let mappings = descriptors.iter().map(Mapping::new).collect::<io::Result<Vec<_>>>()?;
    drop(descriptors);

    let mut loaded = Vec::new();
    let mut described = Vec::new();
    let mut next = 0;
    for EngineStart { name, settings, definitions } in engines {
        let own: Vec<&[u8]> = mappings
            .get(next..next + definitions)
            .ok_or_else(|| io::Error::other("definitions are missing"))?
            .iter()
            .map(Mapping::bytes)
            .collect();
        next += definitions;
        let engine = loader.load(&name, &settings, &own).map_err(io::Error::other)?;
        described.push((name, engine.definitions()));
        loaded.push(Engine { loaded: engine });
    }
    // Loaded engines hold what they need of them.
    drop(mappings);

    let program = filter::program().map_err(io::Error::other)?;
    layers.push(Layer::Seccomp, probe_filter(&program));
    layers.push(Layer::Limits, Ok(LayerState::Active));
    tell(control, &FromTemplate::Ready { engines: described, layers })?;

    while let Some((message, descriptors)) = hear(control)? {
        match message {
            ToTemplate::Start { .. } => return Err(io::Error::other("started twice")),
            ToTemplate::Fork => {
                let Some(jobs) = descriptors.into_iter().next() else {
                    return Err(io::Error::other("a fork without a job socket"));
                };
                let pid = fork(|| worker::run(jobs, control, &loaded, &limits, &program))?;
                tell(control, &FromTemplate::Forked { pid })?;
            }
            ToTemplate::Reap { pid } => tell(control, &FromTemplate::Reaped { how: reap(pid) })?,
        }
    }
    Ok(())
}

fn hear(control: &OwnedFd) -> io::Result<Option<(ToTemplate, Vec<OwnedFd>)>> {
    let mut buffer = vec![0; CONTROL_BYTES];
    let (length, descriptors) = socket::receive(control, &mut buffer)?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some((serde_json::from_slice(&buffer[..length])?, descriptors)))
}

fn tell(control: &OwnedFd, message: &FromTemplate) -> io::Result<()> {
    socket::send(control, &serde_json::to_vec(message)?, &[]).map(drop)
}

/// Forks; the child runs `child` and never returns.
fn fork(child: impl FnOnce() -> i32) -> io::Result<i32> {
    // SAFETY: the template has one thread, so the child's copy of every lock is free and all of its
    // state is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = child();
            // SAFETY: ends the process at once, without running the parent's exit handlers.
            unsafe { libc::_exit(code) }
        }
        pid => Ok(pid),
    }
}

/// Kills a worker, if it still lives, and says how it ended. Only a child of ours that was not
/// waited for can have this pid, so no stranger is killed.
fn reap(pid: i32) -> String {
    let Some(process) = rustix::process::Pid::from_raw(pid) else {
        return "no such worker".to_owned();
    };
    let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    loop {
        match rustix::process::waitpid(Some(process), rustix::process::WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return format!("its end is not known: {error}"),
            Ok(None) => return "its end is not known".to_owned(),
            Ok(Some((_, status))) => {
                return match (status.terminating_signal(), status.exit_status()) {
                    (Some(libc::SIGSYS), _) => "a forbidden system call (SIGSYS)".to_owned(),
                    (Some(libc::SIGKILL), _) => "killed (SIGKILL)".to_owned(),
                    (Some(libc::SIGABRT), _) => "aborted (SIGABRT)".to_owned(),
                    (Some(libc::SIGSEGV), _) => "a bad memory access (SIGSEGV)".to_owned(),
                    (Some(libc::SIGBUS), _) => "a bad memory access (SIGBUS)".to_owned(),
                    (Some(libc::SIGXCPU), _) => "out of processor time (SIGXCPU)".to_owned(),
                    (Some(signal), _) => format!("signal {signal}"),
                    (None, Some(code)) => format!("exit code {code}"),
                    (None, None) => "its end is not known".to_owned(),
                };
            }
        }
    }
}

/// Tries the filter in a child: whether this kernel has seccomp is known before the first job.
fn probe_filter(program: &BpfProgram) -> Result<LayerState, String> {
    let pid = fork(|| i32::from(filter::apply(program).is_err())).map_err(|e| e.to_string())?;
    let process = rustix::process::Pid::from_raw(pid).ok_or("fork gave no process")?;
    match rustix::process::waitpid(Some(process), rustix::process::WaitOptions::empty()) {
        Ok(Some((_, status))) if status.exit_status() == Some(0) => Ok(LayerState::Active),
        _ => Err("this kernel has no seccomp filters".to_owned()),
    }
}
