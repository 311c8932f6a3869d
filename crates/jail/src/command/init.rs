//! The first process of a scanner's namespaces: prepares them, starts the scanner, reaps.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, set_parent_process_death_signal, wait, waitpid,
};

use super::helper::tell;
use super::mounts::{self, View};
use super::namespaces::{self, Way};
use super::scratch::Scratch;
use super::spec::{ArtifactForm, CommandSpec, DIRECTORY, FILE, Said, Start};
use super::{files, reap, syscalls};
use crate::confine::{self, Layer, LayerState, Layers};

/// The descriptor of the artifact in the scanner.
const ARTIFACT: i32 = 3;

/// Forks; the child runs `child` and never returns.
pub(super) fn fork(child: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: a helper and its children have one thread each, so the child's copy of every lock is
    // free and all of its state is consistent.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = child();
            // SAFETY: ends the process at once, without running the parent's exit handlers.
            unsafe { libc::_exit(code) }
        }
        pid => Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork gave no process")),
    }
}

/// Waits for this child.
pub(super) fn wait_for(child: Pid) -> io::Result<WaitStatus> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The process's whole life; gives its exit code. Its end is the end of everything in its process
/// namespace.
pub(super) fn run(
    control: &OwnedFd,
    start: &Start,
    artifact: Option<OwnedFd>,
    way: Way,
    is_root: bool,
) -> i32 {
    match prepare_and_run(control, start, artifact.as_ref(), way, is_root) {
        Ok(()) => 0,
        Err(why) => {
            tell(control, &Said::Broken(why));
            1
        }
    }
}

fn prepare_and_run(
    control: &OwnedFd,
    start: &Start,
    artifact: Option<&OwnedFd>,
    way: Way,
    is_root: bool,
) -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed("death signal", &e))?;
    rustix::process::setsid().map_err(|e| failed("session", &e))?;
    reap::adopt_orphans().map_err(|e| failed("subreaper", &e))?;
    // Whatever the machine runs out of, a scanner goes first. Raising needs no privilege.
    let _ = fs::write("/proc/self/oom_score_adj", "500");

    let mut layers = Layers::default();
    let missing = match way {
        Way::None(error) => Some(LayerState::Missing(format!("no namespaces: {error}"))),
        Way::Unprivileged | Way::Privileged => None,
    };
    let or_active = |missing: &Option<LayerState>| missing.clone().unwrap_or(LayerState::Active);
    let network = match (&missing, start.spec.network) {
        (_, true) => LayerState::Partial("the scanner is given the network".to_owned()),
        (missing, false) => or_active(missing),
    };
    layers.push(Layer::Network, Ok(network));
    layers.push(Layer::Processes, Ok(or_active(&missing)));
    let view = match missing {
        Some(state) => {
            let scratch = mounts::directory(start, way)?;
            mounts::View { scratch, own_proc: false, state }
        }
        None => mounts::set_up(start, way)?,
    };
    layers.push(Layer::Mounts, Ok(view.state.clone()));
    if is_root && way == Way::Privileged {
        namespaces::become_user(start.spec.user).map_err(|e| failed("user", &e))?;
    }
    layers.push(Layer::Unprivileged, confine::give_up_capabilities());
    // Again: a change of user takes the first one away (prctl(2)).
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed("death signal", &e))?;
    let file = view.scratch.place(&start.spec.artifact, artifact, start.artifact_bytes)?;
    let prepared = Prepared { spec: &start.spec, view: &view, file, layers };
    supervise(control, prepared, artifact, way)
}

struct Prepared<'a> {
    spec: &'a CommandSpec,
    view: &'a View,
    /// The artifact's path; empty without one.
    file: String,
    layers: Layers,
}

fn supervise(
    control: &OwnedFd,
    prepared: Prepared<'_>,
    artifact: Option<&OwnedFd>,
    way: Way,
) -> Result<(), String> {
    let (mut reads, writes) = io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let scanner = fork(|| {
        let mut report = writes;
        let why = become_scanner(prepared, artifact, &mut report);
        say(&mut report, &Said::NotExecuted(why));
        127
    });
    let scanner = scanner.map_err(|error| format!("fork: {error}"))?;
    // The writing end is the child's alone now: it closes with the execution.
    let mut report = Vec::new();
    reads.read_to_end(&mut report).map_err(|error| format!("pipe: {error}"))?;
    let _ = crate::socket::send_all(control, &report, &[]);

    let status = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == scanner => break status,
            // An orphan of the scanner's.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("wait: {error}")),
        }
    };
    if matches!(way, Way::None(_)) {
        reap::kill_the_rest();
    }
    let said = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Said::Exited(code),
        (None, signal) => Said::Signalled(signal.unwrap_or_default()),
    };
    tell(control, &said);
    Ok(())
}

fn say(report: &mut impl Write, said: &Said) {
    if let Ok(mut line) = serde_json::to_vec(said) {
        line.push(b'\n');
        let _ = report.write_all(&line);
    }
}

/// Puts up the last walls and executes the scanner. Returns only with what went wrong.
fn become_scanner(
    prepared: Prepared<'_>,
    artifact: Option<&OwnedFd>,
    report: &mut io::PipeWriter,
) -> String {
    let Prepared { spec, view, file, mut layers } = prepared;
    let scratch = &view.scratch;
    let mut done = || -> Result<(Vec<CString>, Vec<CString>), String> {
        let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed("signal", &e))?;
        rustix::process::chdir(scratch.path()).map_err(|e| failed("directory", &e))?;
        descriptors(spec, artifact, report).map_err(|e| failed("descriptors", &e))?;
        let strings = (arguments(spec, &file, scratch.path())?, environment(spec, scratch.path())?);
        layers.push(Layer::Limits, limits(spec, scratch));
        layers.push(Layer::Landlock, files::restrict(spec, view));
        layers.push(Layer::Seccomp, syscalls::restrict(spec.network));
        Ok(strings)
    };
    let (arguments, environment) = match done() {
        Ok(strings) => strings,
        Err(why) => return why,
    };
    say(report, &Said::Walls(layers));
    let Ok(program) = CString::new(spec.program.as_os_str().as_bytes()) else {
        return "its path holds a NUL".to_owned();
    };
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(&arguments), pointers(&environment));
    // SAFETY: both arrays end with a null pointer and point to strings that live until the call ends.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    format!("{}: {}", spec.program.display(), io::Error::last_os_error())
}

/// Standard input is empty, output and error are the host's pipes, and besides the artifact nothing
/// else stays open over the execution.
fn descriptors(
    spec: &CommandSpec,
    artifact: Option<&OwnedFd>,
    report: &io::PipeWriter,
) -> io::Result<()> {
    let null = fs::File::open("/dev/null")?;
    // Out of the way first: any of them may be in the place of another.
    let copy = |fd: std::os::fd::BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 16);
    let null = copy(null.as_fd())?;
    let kept = match (&spec.artifact, artifact) {
        (ArtifactForm::Memory, Some(file)) => Some(copy(file.as_fd())?),
        _ => None,
    };
    let place = |from: &OwnedFd, to: i32| {
        // SAFETY: both are numbers of this process's descriptors; what was at `to` is given up.
        match unsafe { libc::dup2(from.as_raw_fd(), to) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // All but the standard ones close with the execution.
    // SAFETY: changes a flag only.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } != 0
    {
        return Err(io::Error::last_os_error());
    }
    place(&null, 0)?;
    if let Some(kept) = &kept {
        if report.as_raw_fd() == ARTIFACT {
            return Err(io::Error::other("the report's pipe is in the artifact's place"));
        }
        place(kept, ARTIFACT)?;
    }
    Ok(())
}

fn limits(spec: &CommandSpec, scratch: &Scratch) -> Result<LayerState, String> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limits = &spec.limits;
    let set = |what, value| {
        setrlimit(what, Rlimit { current: Some(value), maximum: Some(value) })
            .map_err(|error| format!("{what:?}: {error}"))
    };
    set(Resource::Data, limits.memory_bytes)?;
    set(Resource::Cpu, limits.cpu_seconds)?;
    // No core dump: it would hold somebody's file.
    set(Resource::Core, 0)?;
    set(Resource::Fsize, limits.scratch_bytes)?;
    set(Resource::Nofile, limits.open_files)?;
    // The helper and the first process count too.
    set(Resource::Nproc, limits.processes.saturating_add(2))?;
    if scratch.is_bounded() {
        return Ok(LayerState::Active);
    }
    Ok(LayerState::Partial("each file it writes is bounded, not all together".to_owned()))
}

fn c_string(text: &[u8]) -> Result<CString, String> {
    CString::new(text).map_err(|_| "an argument or a variable holds a NUL".to_owned())
}

fn arguments(spec: &CommandSpec, file: &str, directory: &Path) -> Result<Vec<CString>, String> {
    let directory = directory.to_string_lossy();
    let given = spec.arguments.iter().map(|argument| {
        c_string(argument.replace(FILE, file).replace(DIRECTORY, &directory).as_bytes())
    });
    [c_string(spec.program.as_os_str().as_bytes())].into_iter().chain(given).collect()
}

fn environment(spec: &CommandSpec, directory: &Path) -> Result<Vec<CString>, String> {
    let directory = directory.to_string_lossy();
    let plain = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", directory.as_ref()),
        ("TMPDIR", directory.as_ref()),
        // Patterns read English output, and bytes that are no text must not stop it.
        ("LANG", "C.UTF-8"),
    ];
    let plain = plain.into_iter().filter(|(name, _)| !spec.environment.contains_key(*name));
    let named = spec.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    plain.chain(named).map(|(name, value)| c_string(format!("{name}={value}").as_bytes())).collect()
}
