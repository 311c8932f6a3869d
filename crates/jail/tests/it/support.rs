//! What every test here needs.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use palisade_jail::command::{
    ArtifactForm, CommandEnd, CommandError, CommandLimits, CommandSpec, Helper, User, run,
};
use palisade_jail::{Layer, LayerState};
use rustix::fs::{MemfdFlags, SealFlags};

pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// The example binary, which `cargo test` builds beside this one.
pub(crate) fn helper() -> Helper {
    let this = std::env::current_exe().unwrap();
    let executable = this.parent().unwrap().parent().unwrap().join("examples/jail-command");
    assert!(executable.exists(), "{} is not built", executable.display());
    Helper { executable, arguments: Vec::new() }
}

/// A Python program.
pub(crate) fn python(code: &str) -> CommandSpec {
    CommandSpec {
        program: PathBuf::from(PYTHON),
        arguments: ["-I", "-S", "-c", code, "{file}", "{directory}"].map(str::to_owned).to_vec(),
        environment: BTreeMap::new(),
        artifact: ArtifactForm::File("artifact.bin".to_owned()),
        read_paths: Vec::new(),
        write_paths: Vec::new(),
        network: false,
        user: User::default(),
        limits: CommandLimits::default(),
    }
}

pub(crate) fn memory_file(bytes: &[u8]) -> OwnedFd {
    let file = rustix::fs::memfd_create("test", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC);
    let mut file = std::fs::File::from(file.unwrap());
    file.write_all(bytes).unwrap();
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals).unwrap();
    file.into()
}

pub(crate) async fn try_run(
    spec: &CommandSpec,
    bytes: &[u8],
    time: Duration,
) -> Result<CommandEnd, CommandError> {
    let file = memory_file(bytes);
    let started = Instant::now();
    let end = run(&helper(), spec, Some(file.as_fd()), time).await;
    assert!(started.elapsed() < time + Duration::from_secs(2), "{:?}", started.elapsed());
    end
}

pub(crate) async fn run_for(spec: &CommandSpec, time: Duration) -> CommandEnd {
    try_run(spec, b"some bytes", time).await.unwrap()
}

/// What a Python program printed; it must have ended well.
pub(crate) async fn printed(spec: &CommandSpec) -> String {
    let end = run_for(spec, Duration::from_secs(20)).await;
    let error = String::from_utf8_lossy(&end.stderr).into_owned();
    assert_eq!(end.how, palisade_jail::command::How::Exited(0), "{error}");
    String::from_utf8(end.stdout).unwrap()
}

/// Whether this wall can stand on this kernel, for this user. What a test says of a wall that cannot
/// is that it is told of, and no more.
pub(crate) async fn stands(layer: Layer) -> bool {
    let end = run_for(&python("pass"), Duration::from_secs(20)).await;
    let state = end.layers.0.iter().find(|(known, _)| *known == layer);
    matches!(state, Some((_, LayerState::Active)))
}

/// Processes of this machine that have `word` among their arguments.
pub(crate) fn processes_with(word: &str) -> usize {
    let commands = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        std::fs::read(entry.path().join("cmdline")).ok()
    });
    commands.filter(|line| String::from_utf8_lossy(line).contains(word)).count()
}

/// Waits until there is none of them.
pub(crate) async fn all_gone(word: &str) {
    let until = Instant::now() + Duration::from_secs(3);
    while processes_with(word) > 0 {
        assert!(Instant::now() < until, "{} processes are left", processes_with(word));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
