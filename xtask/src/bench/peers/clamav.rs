//! Beside Debian's `clamdscan --multiscan --fdpass` with the same hashes loaded.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::super::Bench;
use super::super::random::Random;
use super::super::table::{Table, Target, say};
use super::{ROUNDS, Ran, Times, Tree, file_name, install, mib, palisade, run};

/// Hashes in the list that are of no file.
const HASHES: usize = 100_000;

/// Files of the tree that are in the list.
const LISTED: usize = 10;

const SEED: u64 = 0xB10C;

pub(in crate::bench) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let clamd = install::from_debian("clamd", "clamav-daemon")?;
    let clamdscan = install::from_debian("clamdscan", "clamdscan")?;
    let tree = Tree::write(bench)?;
    let (hashes, listed) = hashes(&tree)?;
    let list = bench.directory.join("blocklist.txt");
    fs::write(&list, hashes.join("\n") + "\n")?;
    let daemon = Daemon::prepare(bench, &clamd, &hashes)?;
    say(&format!(
        "beside clamd: {} files, {} MiB; {} SHA-256 in the list, {LISTED} of them of files in the tree",
        tree.files,
        mib(tree.bytes),
        hashes.len()
    ));

    let ours = || {
        let mut command = palisade(bench);
        command.args(["--engines", "reputation,unpack", "--blocklist"]);
        command.arg(&list).arg(&tree.path);
        command
    };
    let theirs = || {
        let mut command = Command::new(&clamdscan);
        command.args(["--multiscan", "--fdpass", "--no-summary", "--infected"]);
        command.arg(format!("--config-file={}", daemon.configuration.display())).arg(&tree.path);
        command
    };
    let check = |who: &str, ran: &Ran| -> anyhow::Result<()> {
        ensure!(ran.code == 1, "{who} found nothing: exit status {}", ran.code);
        for name in &listed {
            ensure!(ran.printed.contains(name.as_str()), "{who} did not find {name}");
        }
        Ok(())
    };

    let [mut a, mut cold, mut cached] = [Times::default(), Times::default(), Times::default()];
    check("palisade", &run(bench, &mut ours())?)?;
    for _ in 0..ROUNDS {
        let ran = run(bench, &mut ours())?;
        check("palisade", &ran)?;
        a.0.push(ran.seconds);
        // A new daemon knows no file.
        let running = daemon.start()?;
        let ran = run(bench, &mut theirs())?;
        check("clamdscan", &ran)?;
        cold.0.push(ran.seconds);
        cached.0.push(run(bench, &mut theirs())?.seconds);
        drop(running);
    }
    let goal = Some(Target::AtMost((cold.median() * 1e3).round() / 1e3));
    let row = |table: &mut Table, name: &str, times: &Times, goal| {
        let seconds = times.median();
        let note = format!("{:.0} files/s; {}", tree.per_second(seconds), times.note());
        table.add(name, seconds, "s", goal, note);
    };
    row(table, "palisade scan --engines reputation,unpack", &a, goal);
    row(table, "clamdscan --multiscan, first time", &cold, None);
    row(table, "clamdscan --multiscan, from clamd's cache", &cached, None);
    Ok(())
}

/// The list, and the names of the files that are in it.
fn hashes(tree: &Tree) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let mut random = Random::new(SEED);
    let mut hashes: Vec<String> =
        (0..HASHES).map(|_| (0..4).map(|_| format!("{:016x}", random.next())).collect()).collect();
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> =
        fs::read_dir(&tree.path)?.flatten().map(|entry| entry.path()).collect();
    folders.sort_unstable();
    for folder in folders {
        files.extend(fs::read_dir(folder)?.flatten().map(|entry| entry.path()));
    }
    files.sort_unstable();
    random.shuffle(&mut files);
    files.truncate(LISTED);
    let output = Command::new("sha256sum").args(&files).output().context("sha256sum")?;
    ensure!(output.status.success(), "sha256sum failed");
    for line in String::from_utf8(output.stdout)?.lines() {
        // A backslash before the hash marks an escaped name.
        hashes.push(line.trim_start_matches('\\').chars().take(64).collect());
    }
    Ok((hashes, files.iter().map(|file| file_name(file)).collect()))
}

/// A clamd of our own, with these hashes as its only definitions.
struct Daemon {
    program: PathBuf,
    configuration: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    fn prepare(bench: &Bench, program: &Path, hashes: &[String]) -> anyhow::Result<Self> {
        let directory = bench.directory.join("clamav");
        let database = directory.join("database");
        fs::create_dir_all(&database)?;
        // hash:size:name:level. Our list knows no sizes, so theirs does not either; that needs
        // functionality level 73.
        let signatures: String = hashes
            .iter()
            .enumerate()
            .map(|(index, hash)| format!("{hash}:*:Bench.{index}:73\n"))
            .collect();
        fs::write(database.join("bench.hsb"), signatures)?;
        // A socket's path is short (unix(7): 108 bytes), a workspace's may not be.
        let socket = std::env::temp_dir().join(format!("bench-clamd-{}.sock", std::process::id()));
        let daemon = Self {
            program: program.to_owned(),
            configuration: directory.join("clamd.conf"),
            log: directory.join("clamd.log"),
            socket,
        };
        let configuration = format!(
            "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nLogFile {}\nSelfCheck 3600\n",
            daemon.socket.display(),
            database.display(),
            daemon.log.display(),
        );
        fs::write(&daemon.configuration, configuration)?;
        Ok(daemon)
    }

    fn start(&self) -> anyhow::Result<Running> {
        let _ = fs::remove_file(&self.socket);
        let child = Command::new(&self.program)
            .arg(format!("--config-file={}", self.configuration.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log.with_extension("err"))?)
            .spawn()
            .context("clamd does not start")?;
        let mut running = Running(child);
        let started = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            if let Some(status) = running.0.try_wait()? {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("clamd ended ({status}): {log}");
            }
            ensure!(started.elapsed() < Duration::from_secs(60), "clamd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}
