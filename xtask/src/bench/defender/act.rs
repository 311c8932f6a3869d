//! The program that acts in containers (`act.c`), compiled once for each run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use palisade_services::{Image, Mount, Options};

/// Where it is in every container.
pub(super) const ACT: &str = "/bench/act";

/// The folder with the program, which every container has at `/bench`.
pub(super) struct Act {
    folder: PathBuf,
}

impl Act {
    pub(super) fn compile(directory: &Path) -> anyhow::Result<Self> {
        let folder = directory.join("act");
        fs::create_dir_all(&folder)?;
        let source = directory.join("act.c");
        fs::write(&source, include_str!("act.c"))?;
        let mut compiler = Command::new("cc");
        compiler.args(["-static", "-O2", "-o"]).arg(folder.join("act")).arg(&source);
        let done = compiler.output().context("no C compiler")?;
        ensure!(done.status.success(), "cc: {}", String::from_utf8_lossy(&done.stderr));
        Ok(Self { folder })
    }

    /// What a container needs to act.
    pub(super) fn options(&self, image: Image) -> Options {
        let mut options = Options::of(image);
        let folder = self.folder.display().to_string();
        options.mounts.push(Mount::Bind(folder, "/bench".to_owned()));
        options
    }

    /// An empty program at the end of every system call of the host, until the process is dropped.
    pub(super) fn empty(&self) -> anyhow::Result<Empty> {
        let mut command = Command::new(self.folder.join("act"));
        command.arg("empty").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().context("act")?;
        let mut line = String::new();
        if let Some(printed) = process.stdout.take() {
            BufReader::new(printed).read_line(&mut line)?;
        }
        let running = Empty { process };
        ensure!(line == "ready\n", "no empty program: the kernel refused it");
        Ok(running)
    }

    /// Lets floods begin.
    pub(super) fn go(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.folder.join("go"), "")?)
    }

    /// The next ones wait again.
    pub(super) fn hold(&self) {
        let _ = fs::remove_file(self.folder.join("go"));
    }
}

/// A running `act empty`.
pub(super) struct Empty {
    process: Child,
}

impl Drop for Empty {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The numbers that it printed, one a line; other words are left out.
pub(super) fn numbers(printed: &str) -> Vec<f64> {
    printed.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_compiles_and_measures() {
        let folder = tempfile::tempdir().unwrap();
        let act = Act::compile(folder.path()).unwrap();
        let mut command = Command::new(act.folder.join("act"));
        command.args(["cost", "open", "3", "100", "0", "/proc/self/exe"]);
        let printed = command.output().unwrap().stdout;
        let numbers = numbers(&String::from_utf8_lossy(&printed));
        assert!(numbers.len() == 3 && numbers.iter().all(|ns| *ns > 0.0), "{numbers:?}");
    }

    #[test]
    fn words_are_no_numbers() {
        assert_eq!(numbers("ready\n12\n3.5\n"), [12.0, 3.5]);
    }
}
