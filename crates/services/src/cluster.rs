//! A whole distributed installation on this machine: the servers, and Palisade's processes.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::{Kafka, Network, Postgres, S3, free_port};

/// The longest that a process may take to be ready: rules are compiled anew.
const READY: Duration = Duration::from_secs(120);

/// The servers behind the ports.
#[derive(Debug)]
pub struct Servers {
    /// The log.
    pub kafka: Kafka,
    /// The object store.
    pub s3: S3,
    /// The records.
    pub postgres: Postgres,
}

impl Servers {
    /// All of them, started side by side.
    ///
    /// # Panics
    /// When one does not start.
    pub fn start() -> Self {
        std::thread::scope(|scope| {
            let s3 = scope.spawn(S3::start);
            let postgres = scope.spawn(|| {
                let postgres = Postgres::start();
                postgres.database("palisade");
                postgres
            });
            let kafka = Kafka::start();
            Self {
                kafka,
                s3: s3.join().expect("an S3 server"),
                postgres: postgres.join().expect("a PostgreSQL server"),
            }
        })
    }
}

/// One process of Palisade.
#[derive(Debug)]
pub struct Node {
    /// The program, behind what it is started by.
    command: Vec<String>,
    environment: Vec<(String, String)>,
    data: PathBuf,
    address: SocketAddr,
    process: Option<Process>,
}

impl Node {
    fn start(&mut self) {
        let (first, rest) = self.command.split_first().expect("a program");
        let mut command = Command::new(first);
        command
            .args(rest)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.address.to_string()])
            .env_remove("PALISADE_CONFIG")
            .env_remove("PALISADE_ROLES");
        self.process = Some(Process::start_at(command, &self.log(), self.address));
        self.wait_until_ready();
    }

    /// The port answers before everything behind it does.
    fn wait_until_ready(&self) {
        let started = Instant::now();
        while !self.is_alive() {
            assert!(started.elapsed() < READY, "not ready: {}", self.tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_alive(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = TcpStream::connect(self.address) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let asked =
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok()
            && stream.take(4096).read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// Where it answers over HTTP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets a variable of its environment, from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Its directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_default()
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().into_iter().for_each(Process::kill);
    }

    /// An orderly stop.
    pub fn stop(&mut self) {
        self.process.take().into_iter().for_each(|process| process.stop(Signal::TERM));
    }

    /// Starts it again, with the same directory at the same address.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn up(&mut self) {
        self.start();
    }

    /// Holds it, or lets it go on.
    pub fn signal(&self, signal: Signal) {
        self.process.iter().for_each(|process| process.signal(signal));
    }
}

/// A distributed installation.
#[derive(Debug)]
pub struct Cluster {
    /// Behind the ports.
    pub servers: Servers,
    dir: TempDir,
    program: PathBuf,
    settings: PathBuf,
    count: usize,
}

impl Cluster {
    /// The servers, and settings for processes of `program`; none runs yet. `more` is added to the
    /// settings, before their first table.
    ///
    /// # Panics
    /// When a server does not start.
    pub fn start(program: &Path, more: &str) -> Self {
        let servers = Servers::start();
        let dir = TempDir::with_prefix("palisade-cluster-").expect("a temporary directory");
        let secret = dir.path().join("s3-secret");
        std::fs::write(&secret, S3::SECRET_KEY).expect("a secret");
        let text = format!(
            "storage = \"distributed\"\n\
             {more}\n\
             [kafka]\nbootstrap = [\"{}\"]\nsession_timeout_ms = 6000\n\
             [kafka.topics.default]\npartitions = 4\n\
             [s3]\nbucket = \"{}\"\nendpoint = \"{}\"\nallow_http = true\n\
             access_key_id = \"{}\"\nsecret_key_file = \"{}\"\n\
             [postgres]\nurl = \"{}\"\n",
            servers.kafka.address(),
            S3::BUCKET,
            servers.s3.endpoint(),
            S3::ACCESS_KEY,
            secret.display(),
            servers.postgres.url("palisade"),
        );
        let settings = dir.path().join("palisade.toml");
        std::fs::write(&settings, text).expect("settings");
        Self { servers, dir, program: program.to_owned(), settings, count: 0 }
    }

    /// The settings of every process.
    pub fn settings(&self) -> &Path {
        &self.settings
    }

    /// A process with these roles, separated by commas.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn serve(&mut self, roles: &str) -> Node {
        self.node(None, &["serve", "--roles", roles])
    }

    /// The same on the other end of a cable.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn serve_in(&mut self, network: &Network, roles: &str) -> Node {
        self.node(Some(network), &["serve", "--roles", roles])
    }

    /// A process that runs these engines.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn engine(&mut self, names: &[&str]) -> Node {
        self.node(None, &[&["engine"], names].concat())
    }

    /// The same on the other end of a cable.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn engine_in(&mut self, network: &Network, names: &[&str]) -> Node {
        self.node(Some(network), &[&["engine"], names].concat())
    }

    fn node(&mut self, network: Option<&Network>, arguments: &[&str]) -> Node {
        self.count += 1;
        let data = self.dir.path().join(format!("node-{}", self.count));
        std::fs::create_dir_all(&data).expect("a directory");
        let prefix = network.iter().flat_map(|network| network.prefix()).map(str::to_owned);
        let program = self.program.display().to_string();
        let settings = self.settings.display().to_string();
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        let mut node = Node {
            command: prefix
                .chain([program])
                .chain(arguments)
                .chain(["--config".to_owned(), settings])
                .collect(),
            environment: Vec::new(),
            data,
            address: SocketAddr::from((
                network.map_or(Ipv4Addr::LOCALHOST, Network::address),
                free_port(),
            )),
            process: None,
        };
        node.start();
        node
    }

    /// The admin key that a gateway made at its first start.
    ///
    /// # Panics
    /// When it made none.
    pub fn key(&self, gateway: &Node) -> String {
        let key = std::fs::read_to_string(gateway.data.join("admin-key")).expect("an admin key");
        key.trim().to_owned()
    }
}
