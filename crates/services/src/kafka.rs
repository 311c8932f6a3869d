use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::Process;
use crate::{free_port, home, missing};

/// Any 16 bytes, as base64 for URLs.
const CLUSTER: &str = "cGFsaXNhZGUtdGVzdHMtMA";

/// One Apache Kafka broker in KRaft mode: broker and controller in one process.
#[derive(Debug)]
pub struct Kafka {
    dir: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Kafka {
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
        let (port, controller) = (free_port(), free_port());
        let data = dir.path().join("data");
        let properties = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
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
        let mut kafka = Self { dir, port, process: None };
        kafka.format();
        kafka.up();
        kafka
    }

    fn format(&self) {
        let mut command = self.java("kafka.tools.StorageTool");
        command.args(["format", "--standalone", "--cluster-id", CLUSTER, "--config"]);
        command.arg(self.dir.path().join("server.properties"));
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

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}
