use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::authority::Identity;
use crate::process::Process;
use crate::{free_port, home, missing};

/// An S3 server on a directory: Versity's gateway, which checks signatures.
#[derive(Debug)]
pub struct S3 {
    dir: TempDir,
    port: u16,
    identity: Option<Identity>,
    domain: Option<String>,
    sidecar: bool,
    process: Option<Process>,
}

impl S3 {
    /// Whoever signs with this may do everything.
    pub const ACCESS_KEY: &str = "palisade-test";
    /// The secret of [`S3::ACCESS_KEY`].
    pub const SECRET_KEY: &str = "palisade-test-secret";
    /// A bucket that is there.
    pub const BUCKET: &str = "artifacts";

    /// A fresh server that answers.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start() -> Self {
        Self::set_up(None, None, false)
    }

    /// The same with what describes an object in a file of its own: what a server does on a file system
    /// without extended attributes.
    ///
    /// # Panics
    /// As [`S3::start`].
    pub fn with_sidecar() -> Self {
        Self::set_up(None, None, true)
    }

    /// The same with TLS, and without plain HTTP.
    ///
    /// # Panics
    /// As [`S3::start`].
    pub fn secured(identity: &Identity) -> Self {
        Self::set_up(Some(identity.clone()), None, false)
    }

    /// The same with buckets at `bucket.domain` too.
    ///
    /// # Panics
    /// As [`S3::start`].
    pub fn virtual_hosted(domain: &str) -> Self {
        Self::set_up(None, Some(domain.to_owned()), false)
    }

    fn set_up(identity: Option<Identity>, domain: Option<String>, sidecar: bool) -> Self {
        let dir = TempDir::with_prefix("palisade-s3-").expect("a temporary directory");
        // A bucket is a directory.
        std::fs::create_dir_all(dir.path().join("data").join(Self::BUCKET)).expect("its bucket");
        std::fs::create_dir_all(dir.path().join("sidecar")).expect("its directory");
        let mut s3 = Self { dir, port: free_port(), identity, domain, sidecar, process: None };
        s3.up();
        s3
    }

    /// Where [`S3::BUCKET`]'s objects are, each in the file of its key: for what happens to a server's
    /// disk behind its back.
    pub fn directory(&self) -> PathBuf {
        self.dir.path().join("data").join(Self::BUCKET)
    }

    /// Another bucket.
    ///
    /// # Panics
    /// When its directory cannot be made.
    pub fn make_bucket(&self, name: &str) {
        std::fs::create_dir_all(self.dir.path().join("data").join(name)).expect("a bucket");
    }

    /// Starts it again after [`S3::kill`] or [`S3::stop`], on the same port with the same data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn up(&mut self) {
        let program = home().join("bin/versitygw");
        assert!(program.is_file(), "{}", missing(&program));
        let mut command = Command::new(program);
        command
            .args(["--access", Self::ACCESS_KEY, "--secret", Self::SECRET_KEY, "--quiet"])
            .args(["--port", &format!("127.0.0.1:{}", self.port)]);
        if let Some(identity) = &self.identity {
            command.arg("--cert").arg(&identity.certificate).arg("--key").arg(&identity.key);
        }
        if let Some(domain) = &self.domain {
            command.args(["--virtual-domain", domain]);
        }
        command.arg("posix");
        if self.sidecar || !has_attributes(self.dir.path()) {
            command.arg("--sidecar").arg(self.dir.path().join("sidecar"));
        }
        command.arg(self.dir.path().join("data"));
        self.process = Some(Process::start(command, &self.log(), self.port));
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("s3.log")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().into_iter().for_each(Process::kill);
    }

    /// An orderly stop.
    pub fn stop(&mut self) {
        self.process.take().into_iter().for_each(|process| process.stop(Signal::TERM));
    }

    /// `http://127.0.0.1:port`, or `https://…` with TLS.
    pub fn endpoint(&self) -> String {
        let scheme = if self.identity.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its port, on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}

/// Whether this file system has extended attributes for users: temporary ones may lack them.
fn has_attributes(dir: &Path) -> bool {
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(dir, "user.palisade", b"1", flags).is_ok()
}
