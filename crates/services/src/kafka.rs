use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::process::Process;
use crate::{free_port, home, missing};

/// Any 16 bytes, as base64 for URLs.
const CLUSTER: &str = "cGFsaXNhZGUtdGVzdHMtMA";

/// What a client meets on a port of [`Kafka::secured`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// TLS.
    Ssl,
    /// TLS where the client shows a certificate of the same authority.
    MutualSsl,
    /// TLS with a certificate for `kafka.example`.
    MisnamedSsl,
    /// SASL without TLS.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl Listener {
    const ALL: [Self; 5] =
        [Self::Ssl, Self::MutualSsl, Self::MisnamedSsl, Self::SaslPlaintext, Self::SaslSsl];

    /// Its name, and the protocol that Kafka speaks there.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ssl => ("SSL", "SSL"),
            Self::MutualSsl => ("MUTUAL", "SSL"),
            Self::MisnamedSsl => ("MISNAMED", "SSL"),
            Self::SaslPlaintext => ("SASL_PLAINTEXT", "SASL_PLAINTEXT"),
            Self::SaslSsl => ("SASL_SSL", "SASL_SSL"),
        }
    }
}

/// One Apache Kafka broker in KRaft mode: broker and controller in one process.
#[derive(Debug)]
pub struct Kafka {
    dir: TempDir,
    port: u16,
    secured: Vec<(Listener, u16)>,
    process: Option<Process>,
}

impl Kafka {
    /// Who may sign in to [`Kafka::secured`].
    pub const USER: &str = "palisade";
    /// The password of [`Kafka::USER`].
    pub const PASSWORD: &str = "palisade-test";

    /// A fresh broker that answers.
    ///
    /// # Panics
    /// When its jars are not installed or it does not start.
    pub fn start() -> Self {
        Self::with("")
    }

    /// The same with further lines in its `server.properties`.
    ///
    /// # Panics
    /// As [`Kafka::start`].
    pub fn with(more: &str) -> Self {
        let dir = TempDir::with_prefix("palisade-kafka-").expect("a temporary directory");
        let data = dir.path().join("data");
        Self::set_up(dir, &data, more, Vec::new())
    }

    /// The same with its records below `data`, which stays, and further lines in its
    /// `server.properties`.
    ///
    /// # Panics
    /// As [`Kafka::start`].
    pub fn on(data: &Path, more: &str) -> Self {
        let dir = TempDir::with_prefix("palisade-kafka-").expect("a temporary directory");
        Self::set_up(dir, data, more, Vec::new())
    }

    /// A broker with every [`Listener`] beside the plain one. Its certificates are the authority's, for
    /// `localhost` and `127.0.0.1`; [`Kafka::USER`] signs in with PLAIN, SCRAM-SHA-256 and
    /// SCRAM-SHA-512.
    ///
    /// # Panics
    /// As [`Kafka::start`].
    pub fn secured(authority: &Authority) -> Self {
        let dir = TempDir::with_prefix("palisade-kafka-").expect("a temporary directory");
        let store = |name: &str, hosts: &[&str]| -> PathBuf {
            let path = dir.path().join(name);
            authority.issue(hosts).write_together(&path);
            path
        };
        let mut more = format!(
            "ssl.keystore.type=PEM\n\
             ssl.keystore.location={}\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={}\n\
             listener.name.mutual.ssl.client.auth=required\n\
             listener.name.misnamed.ssl.keystore.type=PEM\n\
             listener.name.misnamed.ssl.keystore.location={}\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n",
            store("server.pem", &["localhost", "127.0.0.1"]).display(),
            authority.certificate().display(),
            store("misnamed.pem", &["kafka.example"]).display(),
        );
        for listener in ["sasl_plaintext", "sasl_ssl"] {
            let modules = "org.apache.kafka.common.security";
            for mechanism in ["scram-sha-256", "scram-sha-512"] {
                let _ = writeln!(
                    more,
                    "listener.name.{listener}.{mechanism}.sasl.jaas.config=\
                     {modules}.scram.ScramLoginModule required;"
                );
            }
            let _ = writeln!(
                more,
                "listener.name.{listener}.plain.sasl.jaas.config=\
                 {modules}.plain.PlainLoginModule required user_{}=\"{}\";",
                Self::USER,
                Self::PASSWORD
            );
        }
        let secured = Listener::ALL.map(|listener| (listener, free_port()));
        let data = dir.path().join("data");
        Self::set_up(dir, &data, &more, secured.to_vec())
    }

    fn set_up(dir: TempDir, data: &Path, more: &str, secured: Vec<(Listener, u16)>) -> Self {
        let (port, controller) = (free_port(), free_port());
        let (mut places, mut protocols) = (String::new(), String::new());
        for (listener, port) in &secured {
            let (name, protocol) = listener.names();
            let _ = write!(places, ",{name}://127.0.0.1:{port}");
            let _ = write!(protocols, ",{name}:{protocol}");
        }
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{places}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}{places}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}\n\
             controller.listener.names=CONTROLLER\n\
             log.dirs={}\n\
             auto.create.topics.enable=false\n\
             num.network.threads=2\n\
             num.io.threads=2\n\
             background.threads=2\n\
             offsets.topic.num.partitions=4\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n\
             group.min.session.timeout.ms=1000\n\
             log.segment.bytes=67108864\n\
             {more}\n",
            data.display()
        );
        std::fs::write(dir.path().join("server.properties"), properties).expect("its settings");
        let mut kafka = Self { dir, port, secured, process: None };
        kafka.format();
        kafka.up();
        kafka
    }

    fn format(&self) {
        let mut command = self.java("kafka.tools.StorageTool");
        command.args(["format", "--standalone", "--cluster-id", CLUSTER, "--config"]);
        command.arg(self.dir.path().join("server.properties"));
        if !self.secured.is_empty() {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                let (user, password) = (Self::USER, Self::PASSWORD);
                command.arg("--add-scram");
                command.arg(format!("{mechanism}=[name={user},password={password}]"));
            }
        }
        let done = command.stdin(Stdio::null()).output().expect("java");
        assert!(
            done.status.success(),
            "Kafka's storage: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn java(&self, class: &str) -> Command {
        let jars = home().join("kafka");
        assert!(jars.is_dir(), "{}", missing(&jars));
        let mut command = Command::new("java");
        command
            // A test's broker: small, quick to start.
            .args(["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-cp"])
            .arg(jars.join("*"))
            .arg(class);
        command
    }

    /// Starts it again after [`Kafka::kill`] or [`Kafka::stop`], on the same port with the same data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn up(&mut self) {
        let mut command = self.java("kafka.Kafka");
        command.arg(self.dir.path().join("server.properties"));
        self.process = Some(Process::start(command, &self.log(), self.port));
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("kafka.log")
    }

    /// As a power cut for the process: SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().into_iter().for_each(Process::kill);
    }

    /// An orderly stop.
    pub fn stop(&mut self) {
        self.process.take().into_iter().for_each(|process| process.stop(Signal::TERM));
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port, on `127.0.0.1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port` of a listener of [`Kafka::secured`].
    ///
    /// # Panics
    /// When the broker was started without it.
    pub fn secured_address(&self, listener: Listener) -> String {
        let mut secured = self.secured.iter();
        let (_, port) = secured.find(|(one, _)| *one == listener).expect("a secured broker");
        format!("127.0.0.1:{port}")
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}
