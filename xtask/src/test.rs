//! `cargo xtask test`: everything, from a bare Debian machine with Rust.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use crate::command::{cargo, complain, run, say};
use crate::{fuzz, images, packages, root, services, target, tidy, up};

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Only these suites.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// List the suites.
    #[arg(long)]
    list: bool,
}

/// A suite: its name, and what runs it.
type Suite = (&'static str, fn() -> anyhow::Result<()>);

const SUITES: &[Suite] = &[
    ("tidy", tidy::run),
    ("format", format),
    ("fuzz", fuzz::check),
    ("rust", rust),
    ("sdk", sdk),
    ("images", images::images),
];

/// Only when asked for: what takes a quarter of an hour under emulation.
const LONG: &[Suite] = &[("machines", machines)];

pub(crate) fn test(arguments: &TestArguments) -> anyhow::Result<()> {
    if arguments.list {
        SUITES.iter().for_each(|(name, _)| say(name));
        LONG.iter().for_each(|(name, _)| say(&format!("{name} (only when named)")));
        return Ok(());
    }
    let all = || SUITES.iter().chain(LONG);
    for name in &arguments.only {
        if !all().any(|(known, _)| known == name) {
            bail!("there is no suite named {name}; see --list");
        }
    }
    // clamav-testfiles: containers of every kind around one harmless program. The others: what the
    // suites call, and what up::BUILD does not name; docker.io, qemu-system-x86 and what their images
    // and kernels are made with (busybox-static, kmod, mmdebstrap, squashfs-tools, xz-utils).
    packages::ensure(up::BUILD)?;
    packages::ensure(&[
        "busybox-static",
        "clamav",
        "clamav-daemon",
        "clamav-testfiles",
        "clamdscan",
        "clang-14",
        "curl",
        "docker.io",
        "iproute2",
        "kmod",
        "llvm-14",
        "mmdebstrap",
        "python3",
        "python3-venv",
        "qemu-system-x86",
        "socat",
        "squashfs-tools",
        "util-linux",
        "xz-utils",
        "yara",
    ])?;
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, suite) in all() {
        let named = arguments.only.iter().any(|only| only == name);
        let usual = arguments.only.is_empty() && SUITES.iter().any(|(known, _)| known == name);
        if !named && !usual {
            continue;
        }
        say(&format!("\n== {name}"));
        let started = Instant::now();
        match suite() {
            Ok(()) => {
                passed += 1;
                say(&format!("== {name} passed ({} s)", started.elapsed().as_secs()));
            }
            Err(error) => {
                complain(&format!("== {name} FAILED: {error:#}"));
                failed.push(*name);
            }
        }
    }
    say(&format!("\nsuites: {passed} passed, {} failed", failed.len()));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn format() -> anyhow::Result<()> {
    run(cargo().current_dir(root()).args(["fmt", "--all", "--check"]))
}

/// One build for everything: the profile of `up`, so that two cores compile the rule engine once.
fn rust() -> anyhow::Result<()> {
    services::install()?;
    run(cargo().current_dir(root()).env("PALISADE_SERVICES", palisade_services::home()).args([
        "test",
        "--release",
        "--workspace",
        "--no-fail-fast",
        "--features",
        "palisade-analyzers/samples,palisade-formats/samples,palisade-ports/conformance",
    ]))
}

/// The Defender's scenarios and refusals in virtual machines with other kernels.
fn machines() -> anyhow::Result<()> {
    run(cargo().current_dir(root()).env("PALISADE_SERVICES", palisade_services::home()).args([
        "test",
        "--release",
        "--package",
        "palisade",
        "--test",
        "it",
        "--",
        "--ignored",
        "under_the",
    ]))
}

/// The vendor's own client against a real server.
fn sdk() -> anyhow::Result<()> {
    let tests = root().join("crates/app/tests/sdk");
    let python = packages::python(&tests.join("requirements.txt"))?;
    let program = up::build()?;
    let data = target().join("test-data").join("sdk");
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&data)?;
    let server = Server::start(&program, &data)?;
    let key = std::fs::read_to_string(data.join("admin-key"))?.trim().to_owned();
    let done = run(Command::new(python)
        .current_dir(&tests)
        .env("PALISADE_URL", format!("http://{}", server.address))
        .env("PALISADE_KEY", key)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "."]));
    drop(server);
    done
}

/// A server for one suite. Dropped, it is stopped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(program: &std::path::Path, data: &std::path::Path) -> anyhow::Result<Self> {
        let log = std::fs::File::create(data.join("server.log"))?;
        let mut process = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .context("the server cannot be started")?;
        let started = Instant::now();
        loop {
            if let Ok(address) = std::fs::read_to_string(data.join("address")) {
                return Ok(Self { process, address: address.trim().to_owned() });
            }
            let ended = process.try_wait()?;
            if ended.is_some() || started.elapsed() > Duration::from_secs(60) {
                let _ = process.kill();
                let log = std::fs::read_to_string(data.join("server.log")).unwrap_or_default();
                bail!("the server is not ready:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
