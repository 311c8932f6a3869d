//! `cargo xtask up`: from a fresh clone to a first report.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::command::{cargo, run, say};
use crate::{root, target};

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8008")]
    listen: String,
    /// Stay in the foreground and show the log.
    #[arg(long)]
    foreground: bool,
}

/// Debian packages that the build needs: a compiler, and what Kafka's client is made from and with.
pub(crate) const BUILD: &[&str] = &["gcc", "g++", "libc6-dev", "libssl-dev", "make", "pkg-config"];

/// Everything that `up` makes, but for the build.
fn home() -> PathBuf {
    root().join(".palisade")
}

fn pid_file() -> PathBuf {
    home().join("server.pid")
}

/// Builds the one binary.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    run(cargo().current_dir(root()).args(["build", "--release", "--package", "palisade"]))?;
    Ok(target().join("release").join("palisade"))
}

pub(crate) fn up(arguments: &UpArguments) -> anyhow::Result<()> {
    crate::packages::ensure(BUILD)?;
    let program = build()?;
    let data = home().join("data");
    std::fs::create_dir_all(&data)?;
    if arguments.foreground {
        let mut serve = Command::new(&program);
        serve.args(["serve", "--listen", &arguments.listen, "--data"]).arg(&data);
        return run(&mut serve);
    }
    if let Some(pid) = running() {
        say(&format!("already running (process {pid}); `cargo xtask down` stops it"));
    } else {
        start(&program, &data, &arguments.listen)?;
    }
    let address = std::fs::read_to_string(data.join("address"))?.trim().to_owned();
    let key_file = data.join("admin-key");
    let key = std::fs::read_to_string(&key_file)?.trim().to_owned();
    first_report(&address, &key)?;
    say("");
    say(&format!("  address    http://{address}"));
    say(&format!("  admin key  {key}   (in {})", relative(&key_file)));
    say(&format!("  log        {}", relative(&home().join("server.log"))));
    say("");
    say("Scan a file of your own:");
    say(&format!(
        "  curl -H \"apikey: $(cat {})\" --data-binary @FILE http://{address}/file/sync",
        relative(&key_file)
    ));
    say(&format!("  {} scan FILE-OR-DIRECTORY", relative(&program)));
    say("Stop it: cargo xtask down");
    Ok(())
}

fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// The process that an earlier `up` started, if it lives.
fn running() -> Option<i32> {
    let pid: i32 = std::fs::read_to_string(pid_file()).ok()?.trim().parse().ok()?;
    // The number may have gone to another program since.
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let ours = command.windows(8).any(|part| part == b"palisade");
    (ours && test_kill_process(Pid::from_raw(pid)?).is_ok()).then_some(pid)
}

fn start(program: &Path, data: &Path, listen: &str) -> anyhow::Result<()> {
    let log = home().join("server.log");
    let out = File::create(&log)?;
    let _ = std::fs::remove_file(data.join("address"));
    let mut server = Command::new(program)
        .args(["serve", "--listen", listen, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    std::fs::write(pid_file(), server.id().to_string())?;
    let started = Instant::now();
    while !data.join("address").exists() {
        if let Some(status) = server.try_wait()? {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            bail!("the server ended ({status}):\n{text}");
        }
        if started.elapsed() > Duration::from_secs(60) {
            bail!("the server is not ready after 60 s; its log is {}", log.display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The EICAR test file: in two parts, so that no scanner takes this source for it.
pub(crate) fn eicar() -> String {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// Scans the EICAR test file, which is harmless and made to be found, inside a mail.
fn first_report(address: &str, key: &str) -> anyhow::Result<()> {
    crate::packages::ensure(&["curl"])?;
    let test = eicar();
    let mail = format!(
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: a first sample\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=edge\r\n\r\n--edge\r\nContent-Type: text/plain\r\n\r\n\
         Hello\r\n--edge\r\nContent-Type: application/octet-stream; name=eicar.com\r\n\
         Content-Disposition: attachment; filename=eicar.com\r\n\r\n{test}\r\n--edge--\r\n"
    );
    let sample = home().join("sample.eml");
    std::fs::write(&sample, mail)?;
    let answer = Command::new("curl")
        .args(["--silent", "--show-error", "--fail-with-body", "-H"])
        .arg(format!("apikey: {key}"))
        .args(["-H", "filename: sample.eml", "--data-binary"])
        .arg(format!("@{}", sample.display()))
        .arg(format!("http://{address}/file/sync"))
        .stderr(Stdio::inherit())
        .output()?;
    let _ = std::fs::remove_file(&sample);
    let body = String::from_utf8_lossy(&answer.stdout);
    if !answer.status.success() {
        bail!("the sample was not scanned: {body}");
    }
    let report: serde_json::Value = serde_json::from_str(&body)?;
    say("");
    say("The first report: a mail with the EICAR test file (harmless, made to be found) in it");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    say(&format!("  result     {}", text(&report["scan_results"]["scan_all_result_a"])));
    say(&format!("  decision   {}", text(&report["process_info"]["result"])));
    for node in report["tree"].as_array().into_iter().flatten() {
        let path = text(&node["path"]);
        let path = if path.is_empty() { "sample.eml".to_owned() } else { path };
        say(&format!("  {:<22} {}", path, text(&node["scan_all_result_a"])));
    }
    Ok(())
}

pub(crate) fn down() -> anyhow::Result<()> {
    let Some(pid) = running() else {
        say("nothing is running");
        return Ok(());
    };
    let process = Pid::from_raw(pid).context("not a process")?;
    kill_process(process, Signal::TERM)?;
    let started = Instant::now();
    while test_kill_process(process).is_ok() && running().is_some() {
        if started.elapsed() > Duration::from_secs(30) {
            bail!("process {pid} does not end; its log is {}", home().join("server.log").display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = std::fs::remove_file(pid_file());
    say(&format!("stopped (process {pid})"));
    Ok(())
}
