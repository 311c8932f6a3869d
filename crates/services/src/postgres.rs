use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::authority::Identity;
use crate::free_port;
use crate::process::Process;

/// PostgreSQL refuses to run as root; any other user will do.
const NOBODY: u32 = 65_534;

/// A PostgreSQL server of Debian's package, with one cluster of its own.
#[derive(Debug)]
pub struct Postgres {
    dir: TempDir,
    port: u16,
    tls: bool,
    process: Option<Process>,
}

impl Postgres {
    /// Its superuser.
    pub const USER: &str = "palisade";
    /// The password of [`Postgres::USER`].
    pub const PASSWORD: &str = "palisade-test";

    /// A fresh server that answers.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        Self::set_up(None)
    }

    /// The same with TLS, for clients that ask for it.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn secured(identity: &Identity) -> Self {
        Self::set_up(Some(identity))
    }

    fn set_up(identity: Option<&Identity>) -> Self {
        let dir = TempDir::with_prefix("palisade-postgres-").expect("a temporary directory");
        if rustix::process::geteuid().is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("its directory");
        }
        let password = dir.path().join("password");
        std::fs::write(&password, Self::PASSWORD).expect("its password");
        let mut command = program("initdb");
        command
            .args(["--username", Self::USER, "--auth", "scram-sha-256", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync", "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(dir.path().join("data"))
            .current_dir(dir.path());
        let done = command.stdin(Stdio::null()).output().expect("initdb");
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
        if let Some(identity) = identity {
            Self::install(identity, dir.path());
        }
        let mut postgres = Self { dir, port: free_port(), tls: identity.is_some(), process: None };
        postgres.up();
        postgres
    }

    /// The server takes a key only from a file of its own user that nobody else can read.
    fn install(identity: &Identity, dir: &Path) {
        let files = [(&identity.certificate, "server.pem"), (&identity.key, "server.key")];
        for (from, name) in files {
            let to = dir.join(name);
            std::fs::copy(from, &to).expect("an identity's file");
            std::fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("its mode");
            if rustix::process::geteuid().is_root() {
                chown(&to, Some(NOBODY), Some(NOBODY)).expect("its owner");
            }
        }
    }

    /// Starts it again after [`Postgres::kill`] or [`Postgres::stop`], on the same port with the same
    /// data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn up(&mut self) {
        let data = self.dir.path().join("data");
        // Left behind by a kill; its processes end when they notice.
        let _ = std::fs::remove_file(data.join("postmaster.pid"));
        let mut command = program("postgres");
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &self.port.to_string(), "-k", "", "-h", "127.0.0.1"])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=64MB"])
            .current_dir(self.dir.path());
        if self.tls {
            let file = |setting: &str, name: &str| -> String {
                format!("{setting}={}", self.dir.path().join(name).display())
            };
            command
                .args(["-c", "ssl=on", "-c", &file("ssl_cert_file", "server.pem")])
                .args(["-c", &file("ssl_key_file", "server.key")]);
        }
        self.process = Some(Process::start(command, &self.log(), self.port));
        self.wait_until_ready();
    }

    /// The port answers before the server takes sessions.
    fn wait_until_ready(&self) {
        for _ in 0..600 {
            let mut command = program("pg_isready");
            command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if command.status().is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let tail = self.process.as_ref().map(Process::tail).unwrap_or_default();
        panic!("PostgreSQL takes no sessions:\n{tail}");
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("postgres.log")
    }

    /// The postmaster and all its sessions end at once, as in a power cut: SIGQUIT is its immediate
    /// shutdown, and unlike SIGKILL it leaves no process behind that holds the data.
    pub fn kill(&mut self) {
        self.process.take().into_iter().for_each(|process| process.stop(Signal::QUIT));
    }

    /// A fast, orderly stop.
    pub fn stop(&mut self) {
        self.process.take().into_iter().for_each(|process| process.stop(Signal::INT));
    }

    /// A new, empty database; its name.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> String {
        let mut command = program("createdb");
        command.env("PGPASSWORD", Self::PASSWORD).args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            Self::USER,
            name,
        ]);
        let done = command.output().expect("createdb");
        assert!(done.status.success(), "createdb: {}", String::from_utf8_lossy(&done.stderr));
        self.url(name)
    }

    /// A connection string of a database, with the password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{}:{}@127.0.0.1:{}/{database}", Self::USER, Self::PASSWORD, self.port)
    }

    /// Its port, on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a statement answers, over a connection without TLS.
    ///
    /// # Panics
    /// When it fails.
    pub fn ask(&self, database: &str, statement: &str) -> String {
        let mut command = program("psql");
        command
            .env("PGPASSWORD", Self::PASSWORD)
            .env("PGSSLMODE", "disable")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", Self::USER])
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "-c", statement, database]);
        let done = command.output().expect("psql");
        assert!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One of PostgreSQL's programs, as a user that it accepts.
fn program(name: &str) -> Command {
    let mut command = Command::new(newest(name));
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Debian keeps each version's programs apart.
fn newest(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_string_lossy().parse().ok()?;
            let path = entry.path().join("bin").join(name);
            path.is_file().then_some((version, path))
        })
        .collect();
    found.sort();
    found.pop().map_or_else(|| Path::new(name).to_owned(), |(_, path)| path)
}
