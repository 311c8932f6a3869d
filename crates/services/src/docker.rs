//! A Docker engine, images without a registry, containers.

mod container;
mod daemon;
mod image;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

pub use container::{Container, ContainerNetwork, Mount, Options};
pub use daemon::{Bridge, Daemon};
pub use image::Image;

use crate::{Shared, home, tool};

/// Where the machine's own engine listens.
const MACHINE: &str = "/run/docker.sock";

/// The machine's own Docker engine if one answers, else one of our own, which ends when the last handle
/// is dropped. Needs root, and Debian's `docker.io`.
#[derive(Debug)]
pub struct Docker {
    /// `None`: the machine's.
    daemon: Option<Daemon>,
    images: Mutex<BTreeMap<Image, String>>,
    /// Images of programs of ours, by name.
    programs: Mutex<BTreeMap<String, String>>,
}

impl Docker {
    /// The one of this process, started if none runs.
    ///
    /// # Errors
    /// When no engine can run here: the message has its log's end.
    pub fn shared() -> io::Result<Arc<Self>> {
        static SHARED: Shared<Docker> = Shared::new();
        SHARED.try_get(Self::start)
    }

    fn start() -> io::Result<Self> {
        let daemon = if machine_answers() {
            None
        } else {
            std::fs::create_dir_all(home())?;
            Some(Daemon::start(&home(), Bridge::Own)?)
        };
        Ok(Self { daemon, images: Mutex::default(), programs: Mutex::default() })
    }

    /// The engine's socket.
    pub fn socket(&self) -> PathBuf {
        self.daemon.as_ref().map_or_else(|| MACHINE.into(), Daemon::socket)
    }

    /// Where the engine keeps its data.
    ///
    /// # Errors
    /// When it does not say.
    pub fn data(&self) -> io::Result<PathBuf> {
        let mut ask = self.command();
        tool::text(ask.args(["info", "--format", "{{.DockerRootDir}}"])).map(PathBuf::from)
    }

    /// Where its containerd keeps what runs: `/run/containerd` of the machine's.
    pub fn runtime(&self) -> PathBuf {
        self.daemon.as_ref().map_or_else(|| "/run/containerd".into(), Daemon::runtime)
    }

    /// Whether it can be asked for this capability, without `CAP_`: each knows those of its day.
    ///
    /// # Errors
    /// When an image for the question cannot be made.
    pub fn knows_capability(&self, name: &str) -> io::Result<bool> {
        let image = self.image(Image::Debian)?;
        let mut create = self.command();
        create.args(["create", "--cap-add", name, &image, "/none"]);
        let Ok(made) = tool::text(&mut create) else { return Ok(false) };
        tool::output(self.command().args(["rm", &made])).map(|_| true)
    }

    /// The client of this engine.
    pub fn command(&self) -> Command {
        match &self.daemon {
            Some(daemon) => daemon.docker(),
            None => {
                let mut command = Command::new(daemon::CLIENT);
                command.env("DOCKER_HOST", format!("unix://{MACHINE}"));
                command.env_remove("DOCKER_CONTEXT");
                command
            }
        }
    }

    /// A reference of this image, which is made if it is not there. Each has a digest of its own.
    ///
    /// # Errors
    /// When its files cannot be made, or the engine refuses them.
    pub fn image(&self, image: Image) -> io::Result<String> {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reference) = images.get(&image) {
            return Ok(reference.clone());
        }
        let archive = image.archive()?;
        // Of a base that several images share: each is a change of its command only.
        let base = reference("base", &archive, "");
        if !self.has(&base)? {
            tool::output(self.command().arg("import").arg(&archive).arg(&base))?;
        }
        let command = serde_json::to_string(image.command()).map_err(io::Error::other)?;
        let own = reference(image.name(), &archive, &command);
        if !self.has(&own)? {
            let made = tool::text(self.command().args(["create", &base, "/none"]))?;
            let mut commit = self.command();
            commit.args(["commit", "--change", &format!("CMD {command}")]);
            if let Some(user) = image.user() {
                commit.args(["--change", &format!("USER {user}")]);
            }
            let committed = tool::output(commit.args([&made, &own]));
            let _ = tool::output(self.command().args(["rm", &made]));
            committed?;
            settle();
        }
        images.insert(image, own.clone());
        Ok(own)
    }

    /// The image `palisade-test/<name>:own` of a program of ours: in `/usr/local/bin`, on the Debian that
    /// the others are made of, with these instructions of a recipe (`ENTRYPOINT …`). Made once for a name.
    ///
    /// # Errors
    /// As [`Docker::image`].
    pub fn program(&self, name: &str, program: &Path, changes: &[&str]) -> io::Result<String> {
        let base = self.image(Image::Debian)?;
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reference) = programs.get(name) {
            return Ok(reference.clone());
        }
        let reference = format!("palisade-test/{name}:own");
        // Of an earlier build, which nobody needs any more.
        let _ = tool::output(self.command().args(["rmi", &reference]));
        let made = tool::text(self.command().args(["create", &base, "/none"]))?;
        let mut copy = self.command();
        let copied =
            tool::output(copy.arg("cp").arg(program).arg(format!("{made}:/usr/local/bin/")));
        let mut commit = self.command();
        commit.arg("commit").args(changes.iter().flat_map(|change| ["--change", change]));
        let committed = copied.and_then(|_| tool::output(commit.args([&made, &reference])));
        let _ = tool::output(self.command().args(["rm", &made]));
        committed?;
        settle();
        programs.insert(name.to_owned(), reference.clone());
        Ok(reference)
    }

    fn has(&self, reference: &str) -> io::Result<bool> {
        let mut inspect = self.command();
        inspect.args(["image", "inspect", reference]).stdin(Stdio::null());
        Ok(inspect.output().map_err(|error| tool::cannot(&inspect, &error))?.status.success())
    }

    /// Starts a container in the background.
    ///
    /// # Errors
    /// When the engine refuses: the message is its own.
    pub fn run(&self, options: &Options) -> io::Result<Container<'_>> {
        Container::start(self, options)
    }
}

/// Hundreds of megabytes were written: who writes a line next should not wait for them.
fn settle() {
    rustix::fs::sync();
}

/// A name that says what is in it: `palisade-test/nginx:0123456789abcdef`.
fn reference(name: &str, archive: &Path, command: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (archive.file_name(), command).hash(&mut hasher);
    format!("palisade-test/{name}:{:016x}", hasher.finish())
}

fn machine_answers() -> bool {
    let mut ask = Command::new(daemon::CLIENT);
    ask.env("DOCKER_HOST", format!("unix://{MACHINE}")).args(["info", "--format", "{{.ID}}"]);
    UnixStream::connect(MACHINE).is_ok() && tool::output(&mut ask).is_ok()
}
