use std::io;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::docker::{Docker, Image};
use crate::tool;

/// What a container is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Of which image.
    pub image: Image,
    /// Its name; a name is made up otherwise.
    pub name: Option<String>,
    /// Its command; the image's own when empty.
    pub args: Vec<String>,
    /// Added to the default ones, without `CAP_`.
    pub capabilities: Vec<String>,
    /// Beside the usual ones.
    pub mounts: Vec<Mount>,
    /// As `docker run --user` has it; the image's own otherwise.
    pub user: Option<String>,
    /// What it can reach.
    pub network: ContainerNetwork,
    /// Keys and values.
    pub labels: Vec<(String, String)>,
}

/// A mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// Memory, at a path in the container.
    Tmpfs(String),
    /// A folder of the host's, at a path in the container.
    Bind(String, String),
}

/// A container's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContainerNetwork {
    /// Its own loopback.
    #[default]
    None,
    /// An address of its own, which the host and other containers reach. Nothing beyond.
    Bridge,
    /// The host's.
    Host,
}

impl Options {
    /// The image's own command, no network, nothing added.
    pub fn of(image: Image) -> Self {
        Self {
            image,
            name: None,
            args: Vec::new(),
            capabilities: Vec::new(),
            mounts: Vec::new(),
            user: None,
            network: ContainerNetwork::None,
            labels: Vec::new(),
        }
    }

    /// The same with this command.
    pub fn run<T: AsRef<str>>(mut self, args: &[T]) -> Self {
        self.args = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        self
    }

    /// What it runs.
    pub(crate) fn command(&self) -> Vec<String> {
        if self.args.is_empty() {
            return self.image.command().iter().map(|&word| word.to_owned()).collect();
        }
        self.args.clone()
    }

    /// Whom that runs as.
    pub(crate) fn effective_user(&self) -> Option<&str> {
        // The image's own user is for the image's own command.
        let own = if self.args.is_empty() { self.image.user() } else { None };
        self.user.as_deref().or(own)
    }

    fn arguments(&self, image: &str) -> Vec<String> {
        let mut arguments = vec!["run".to_owned(), "--detach".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        if let Some(name) = &self.name {
            option("--name", name.clone());
        }
        for capability in &self.capabilities {
            option("--cap-add", capability.clone());
        }
        for mount in &self.mounts {
            match mount {
                Mount::Tmpfs(path) => option("--tmpfs", format!("{path}:exec")),
                Mount::Bind(from, to) => option("--volume", format!("{from}:{to}")),
            }
        }
        if let Some(user) = self.effective_user() {
            option("--user", user.to_owned());
        }
        let network = match self.network {
            ContainerNetwork::None => "none",
            ContainerNetwork::Bridge => "bridge",
            ContainerNetwork::Host => "host",
        };
        option("--network", network.to_owned());
        for (key, value) in &self.labels {
            option("--label", format!("{key}={value}"));
        }
        arguments.push(image.to_owned());
        arguments.extend(self.command());
        arguments
    }
}

/// A container that runs, or has run. Dropped, it is gone.
#[derive(Debug)]
pub struct Container<'a> {
    docker: &'a Docker,
    id: String,
}

impl<'a> Container<'a> {
    pub(super) fn start(docker: &'a Docker, options: &Options) -> io::Result<Self> {
        let image = docker.image(options.image)?;
        let mut command = docker.command();
        let id = tool::text(command.args(options.arguments(&image)))?;
        Ok(Self { docker, id })
    }

    /// Its id: 64 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its first process, in the host's numbers; 0 when it has ended.
    ///
    /// # Errors
    /// When the engine does not know it any more.
    pub fn pid(&self) -> io::Result<u32> {
        self.inspect("{{.State.Pid}}")?.parse().map_err(io::Error::other)
    }

    /// What `docker inspect --format` says.
    ///
    /// # Errors
    /// When the engine does not know it any more, or the template is none.
    pub fn inspect(&self, format: &str) -> io::Result<String> {
        tool::text(self.docker.command().args(["inspect", "--format", format, &self.id]))
    }

    /// Runs a program in it to its end.
    ///
    /// # Errors
    /// When the client cannot be run. A program that fails is no error.
    pub fn exec<T: AsRef<str>>(&self, arguments: &[T]) -> io::Result<Output> {
        self.exec_as(None, arguments)
    }

    /// The same as a user.
    ///
    /// # Errors
    /// As [`Container::exec`].
    pub fn exec_as<T: AsRef<str>>(
        &self,
        user: Option<&str>,
        arguments: &[T],
    ) -> io::Result<Output> {
        let mut command = self.docker.command();
        command.arg("exec");
        if let Some(user) = user {
            command.args(["--user", user]);
        }
        command.arg(&self.id).args(arguments.iter().map(AsRef::as_ref));
        command.stdin(Stdio::null()).output().map_err(|error| tool::cannot(&command, &error))
    }

    /// Waits for its end, and gives its exit code.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when it still runs after that time.
    pub fn wait(&self, patience: Duration) -> io::Result<i32> {
        let started = Instant::now();
        loop {
            let state = self.inspect("{{.State.Running}} {{.State.ExitCode}}")?;
            if let Some(code) = state.strip_prefix("false ") {
                return code.parse().map_err(io::Error::other);
            }
            if started.elapsed() > patience {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the container still runs"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it wrote to its standard output and standard error.
    ///
    /// # Errors
    /// When the engine does not know it any more.
    pub fn logs(&self) -> io::Result<String> {
        let mut command = self.docker.command();
        let logs = command.args(["logs", &self.id]).output()?;
        Ok(String::from_utf8_lossy(&[logs.stdout, logs.stderr].concat()).into_owned())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let mut remove: Command = self.docker.command();
        remove.args(["rm", "--force", "--volumes", &self.id]);
        let _ = remove.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
