//! Containers found, named, kept and stopped, over trees and sockets made for the test.

mod discovery;
mod files;
mod grpc;
mod hierarchy;
mod path;
mod registry;
mod server;
mod sockets;
mod stop;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use palisade_defender::containers::{Host, Settings};
use tempfile::TempDir;

/// A container's id, made of one digit.
fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// A host's root in a temporary directory.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Makes a directory and returns its inode number.
    fn folder(&self, path: &str) -> u64 {
        let path = self.path(path);
        fs::create_dir_all(&path).expect("a directory");
        inode(&path)
    }

    /// Makes a cgroup with a process and returns its id.
    fn cgroup(&self, path: &str) -> u64 {
        let number = self.folder(path);
        self.write(&format!("{path}/cgroup.procs"), "1\n");
        number
    }

    fn host(&self) -> Host {
        Host::open(self.0.path()).expect("a root")
    }

    fn settings(&self) -> Settings {
        Settings { host_root: self.0.path().to_owned(), ..Settings::default() }
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("metadata").ino()
}
