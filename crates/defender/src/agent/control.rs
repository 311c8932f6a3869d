//! How others ask a running agent about its models: a socket of root's, one JSON object a line each way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

use super::now;
use crate::models::{ModelCommand, ModelReply, Settings, Store};

/// Bytes of a request at most: an imported model is in it.
const MAX_REQUEST: u64 = 32 << 20;
/// The time that the decider has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer's form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reply {
    Done(ModelReply),
    Error(String),
}

/// A question with the place for its answer.
pub(super) struct Question {
    pub(super) command: ModelCommand,
    pub(super) answer: oneshot::Sender<Result<ModelReply, String>>,
}

fn path(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// Listens, for as long as the runtime lives.
///
/// # Errors
///
/// When the socket cannot be made.
pub(super) fn listen(state: &Path) -> std::io::Result<mpsc::Receiver<Question>> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = path(state);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let (questions, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One at a time: people ask, not programs.
            let _ = tokio::time::timeout(2 * PATIENCE, serve(stream, &questions)).await;
        }
    });
    Ok(receiver)
}

async fn serve(
    stream: tokio::net::UnixStream,
    questions: &mpsc::Sender<Question>,
) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = Vec::new();
    tokio::io::BufReader::new(reading.take(MAX_REQUEST)).read_until(b'\n', &mut line).await?;
    let reply = match serde_json::from_slice(&line) {
        Ok(command) => {
            let (answer, waiting) = oneshot::channel();
            let asked = questions.send(Question { command, answer }).await;
            match tokio::time::timeout(PATIENCE, waiting).await {
                Ok(Ok(Ok(reply))) if asked.is_ok() => Reply::Done(reply),
                Ok(Ok(Err(error))) => Reply::Error(error),
                _ => Reply::Error("the Defender does not answer".to_owned()),
            }
        }
        Err(error) => Reply::Error(format!("not understood: {error}")),
    };
    let mut bytes = serde_json::to_vec(&reply)?;
    bytes.push(b'\n');
    writing.write_all(&bytes).await
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CommandFailed(String);

/// Carries out a command: by the agent that runs with this state directory, else on its files.
///
/// # Errors
///
/// What is wrong, in words.
pub fn command(
    state: &Path,
    settings: &Settings,
    command: &ModelCommand,
) -> Result<ModelReply, CommandFailed> {
    let failed = |error: &dyn std::fmt::Display| CommandFailed(error.to_string());
    if let Ok(stream) = UnixStream::connect(path(state)) {
        return ask(stream, command).map_err(|error| failed(&error))?.map_err(CommandFailed);
    }
    // To look must not make anything, and nothing was learned where there is nothing.
    if !state.is_dir() && !matches!(command, ModelCommand::Import { .. }) {
        let why = format!(
            "there is no state directory {}: no Defender has run with it (--state)",
            state.display()
        );
        return Err(CommandFailed(why));
    }
    let store =
        Store::open(state.join("models"), settings.clone()).map_err(|error| failed(&error))?;
    store.command(command, now()).map_err(|error| failed(&error))
}

fn ask(
    mut stream: UnixStream,
    command: &ModelCommand,
) -> std::io::Result<Result<ModelReply, String>> {
    stream.set_read_timeout(Some(2 * PATIENCE))?;
    let mut bytes = serde_json::to_vec(command)?;
    bytes.push(b'\n');
    stream.write_all(&bytes)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(match serde_json::from_str(&line)? {
        Reply::Done(reply) => Ok(reply),
        Reply::Error(error) => Err(error),
    })
}
