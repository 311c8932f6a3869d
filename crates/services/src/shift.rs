use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::Node;

/// A clock that is wrong, for processes: a library that is preloaded. Needs a C compiler.
#[derive(Debug)]
pub struct Shift {
    dir: TempDir,
}

impl Shift {
    /// Compiles it.
    ///
    /// # Panics
    /// Without a compiler.
    pub fn new() -> Self {
        let shift = Self { dir: TempDir::with_prefix("palisade-shift-").expect("a directory") };
        let source = shift.dir.path().join("shift.c");
        std::fs::write(&source, include_str!("shift.c")).expect("its source");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O2", "-o"]).arg(shift.library()).arg(&source);
        let done = command.arg("-ldl").output().expect("a C compiler: apt-get install gcc");
        assert!(done.status.success(), "cc: {}", String::from_utf8_lossy(&done.stderr));
        shift
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("shift.so")
    }

    /// From its next start on, the process's time of day is so many seconds ahead; behind, if negative.
    pub fn set(&self, node: &mut Node, seconds: i64) {
        node.set("LD_PRELOAD", &self.library().display().to_string());
        node.set("SHIFT_SECONDS", &seconds.to_string());
    }
}

impl Default for Shift {
    fn default() -> Self {
        Self::new()
    }
}
