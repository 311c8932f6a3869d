//! Runs one program in a jail of its own, from the host's side.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::spec::{ArtifactForm, CommandEnd, CommandSpec, How, MESSAGE_BYTES, Said, Start};
use crate::Layers;
use crate::socket;

/// How long a helper may take to end once it is told to.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// How long output is waited for when the program has ended: somebody it left behind, where there is
/// no process namespace, may hold the pipes open.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);

/// The program that becomes the jail: normally this one, again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    /// The program.
    pub executable: PathBuf,
    /// The arguments with which it calls [`super::run_helper`].
    pub arguments: Vec<String>,
}

impl Default for Helper {
    fn default() -> Self {
        Self {
            executable: PathBuf::from("/proc/self/exe"),
            arguments: vec![super::ARGUMENT.to_owned()],
        }
    }
}

/// A program that did not run to an end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The jail could not be made, or broke; says nothing of the program.
    #[error("its jail: {0}")]
    Jail(String),
    /// The program cannot be executed.
    #[error("it cannot be executed: {0}")]
    NotExecuted(String),
}

fn jail(what: &str, error: &dyn std::fmt::Display) -> CommandError {
    CommandError::Jail(format!("{what}: {error}"))
}

/// Runs `spec` with this artifact, for at most `time`. When the future is dropped, the program and all
/// that it has started are killed.
///
/// # Errors
/// A jail that cannot be made; a program that cannot be executed.
pub async fn run(
    helper: &Helper,
    spec: &CommandSpec,
    artifact: Option<BorrowedFd<'_>>,
    time: Duration,
) -> Result<CommandEnd, CommandError> {
    let directory = Directory(directory_of(spec).map_err(|error| jail("chance", &error))?);
    let artifact_bytes = match artifact {
        Some(file) => rustix::fs::fstat(file).map_err(|error| jail("artifact", &error))?.st_size,
        None => 0,
    };
    let start = Start {
        spec: spec.clone(),
        directory: directory.0.clone(),
        artifact_bytes: u64::try_from(artifact_bytes).unwrap_or_default(),
    };
    let (control, mut child) = spawn(helper, &start, artifact)?;
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let limit = spec.limits.output_bytes;
    let (mut out, mut err) = (Captured::new(stdout, limit), Captured::new(stderr, limit));
    let mut heard = Heard::default();
    let how = {
        let mut told = std::pin::pin!(listen(control, &mut heard));
        let (mut reading_out, mut reading_err) =
            (std::pin::pin!(out.read()), std::pin::pin!(err.read()));
        let timer = tokio::time::sleep(time);
        let mut timer = std::pin::pin!(timer);
        let (mut out_done, mut err_done) = (false, false);
        let how = loop {
            tokio::select! {
                // What the program did in time counts, even when the clock has just run out.
                biased;
                within = &mut reading_out, if !out_done => {
                    out_done = true;
                    if !within { break Some(How::TooMuchOutput) }
                }
                within = &mut reading_err, if !err_done => {
                    err_done = true;
                    if !within { break Some(How::TooMuchOutput) }
                }
                () = &mut told => break None,
                () = &mut timer => break Some(How::TimedOut),
            }
        };
        if how.is_none() {
            let rest = async {
                let out = out_done || reading_out.await;
                let err = err_done || reading_err.await;
                out && err
            };
            match tokio::time::timeout(OUTPUT_TIMEOUT, rest).await {
                Ok(false) => Some(How::TooMuchOutput),
                Ok(true) | Err(_) => None,
            }
        } else {
            how
        }
        // The socket closes here: the helper kills what still runs.
    };
    end(&mut child).await;
    let how = match how {
        Some(how) => how,
        None => heard.end()?,
    };
    Ok(CommandEnd { how, stdout: out.bytes, stderr: err.bytes, layers: heard.layers })
}

/// A name that nobody else has.
fn directory_of(spec: &CommandSpec) -> io::Result<PathBuf> {
    let mut chance = [0; 8];
    rustix::rand::getrandom(&mut chance, rustix::rand::GetRandomFlags::empty())?;
    let name = format!("palisade-{:016x}", u64::from_ne_bytes(chance));
    Ok(match &spec.artifact {
        ArtifactForm::Shared { below, .. } => below.join(name),
        _ => std::env::temp_dir().join(name),
    })
}

/// A directory that may have been made, and then goes.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    // Mostly it is not there: it is made only where nothing can be mounted.
    if path.symlink_metadata().is_ok()
        && let Err(error) = std::fs::remove_dir_all(path)
    {
        tracing::warn!(path = %path.display(), %error, "a scanner's directory stays behind");
    }
}

fn spawn(
    helper: &Helper,
    start: &Start,
    artifact: Option<BorrowedFd<'_>>,
) -> Result<(StdUnixStream, Child), CommandError> {
    let body = serde_json::to_vec(start).map_err(|error| jail("message", &error))?;
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    if body.len() > MESSAGE_BYTES {
        return Err(CommandError::Jail("its settings are too long".to_owned()));
    }
    let (control, theirs) = StdUnixStream::pair().map_err(|error| jail("socket", &error))?;
    let child = Command::new(&helper.executable)
        .args(&helper.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Dropped, it is not killed: its socket closes, and then it kills what it keeps, all of it, and
        // ends. Killed, it could not.
        .kill_on_drop(false)
        .spawn()
        .map_err(|error| jail(&helper.executable.display().to_string(), &error))?;
    let mut message = length.to_le_bytes().to_vec();
    message.extend(body);
    let descriptors: Vec<BorrowedFd<'_>> = artifact.into_iter().collect();
    // It fits into the socket's buffer: nobody is waited for.
    socket::send_all(&control, &message, &descriptors).map_err(|error| jail("socket", &error))?;
    Ok((control, child))
}

/// Waits for the helper's end, which comes by itself once its socket is closed; it took the scanner
/// along. Should it not come, both are killed.
async fn end(child: &mut Child) {
    if tokio::time::timeout(END_TIMEOUT, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// Output up to its bound.
struct Captured<R> {
    reader: Option<R>,
    limit: usize,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Captured<R> {
    fn new(reader: Option<R>, limit: usize) -> Self {
        Self { reader, limit, bytes: Vec::new() }
    }

    /// Reads to the end; false when the bound was met before.
    async fn read(&mut self) -> bool {
        let Some(reader) = &mut self.reader else { return true };
        let most = (self.limit as u64).saturating_add(1);
        let _ = reader.take(most).read_to_end(&mut self.bytes).await;
        let within = self.bytes.len() <= self.limit;
        self.bytes.truncate(self.limit);
        within
    }
}

/// What the helper's side said.
#[derive(Default)]
struct Heard {
    layers: Layers,
    last: Option<Said>,
}

impl Heard {
    fn end(&mut self) -> Result<How, CommandError> {
        match self.last.take() {
            Some(Said::Exited(code)) => Ok(How::Exited(code)),
            Some(Said::Signalled(signal)) => Ok(How::Signalled(signal)),
            Some(Said::NotExecuted(why)) => Err(CommandError::NotExecuted(why)),
            Some(Said::Broken(why)) => Err(CommandError::Jail(why)),
            Some(Said::Walls(_)) | None => {
                Err(CommandError::Jail("the helper ended without a word".to_owned()))
            }
        }
    }
}

/// Listens until the program has ended or the helper has.
async fn listen(control: StdUnixStream, heard: &mut Heard) {
    let stream = control.set_nonblocking(true).and_then(|()| UnixStream::from_std(control));
    let Ok(stream) = stream else { return };
    let mut lines = BufReader::new(stream.take(MESSAGE_BYTES as u64));
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line).await {
            Ok(count) if count > 0 => {}
            _ => return,
        }
        match serde_json::from_slice(&line) {
            Ok(Said::Walls(layers)) => heard.layers = layers,
            // The first reason is the cause of those that follow.
            Ok(said @ (Said::NotExecuted(_) | Said::Broken(_))) => {
                heard.last = Some(said);
                return;
            }
            Ok(said) => {
                heard.last = Some(said);
                return;
            }
            Err(_) => return,
        }
    }
}
