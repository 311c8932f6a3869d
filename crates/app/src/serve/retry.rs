//! Tries dead letters again: the letter's request is scanned from the beginning, under its own id.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use palisade_api::{DeadLetterRetry, RetryError};
use palisade_model::{Command, DeadLetter, NodeId, Progress, Request, RequestSummary, wire};
use palisade_pipeline::Ports;
use palisade_ports::PortError;
use palisade_ports::log::{Append, Durability, Topic};
use palisade_ports::records::RequestState;

use super::ADDRESS_FILE;
use super::admin_key;

/// The server's own retry.
pub(super) struct Retry {
    ports: Ports,
}

impl Retry {
    pub(super) fn new(ports: Ports) -> Self {
        Self { ports }
    }
}

#[async_trait]
impl DeadLetterRetry for Retry {
    async fn retry(&self, letter: DeadLetter) -> Result<(), RetryError> {
        let command: Command = wire::decode(letter.payload.as_bytes()).map_err(|error| {
            RetryError::Port(PortError::Corrupt { what: "the dead letter", source: error.into() })
        })?;
        let root = command.request.node.root;
        let records = &self.ports.records;
        let now = self.ports.clock.now();
        // The root's request: the letter may be of a file deep inside it.
        let request = match records.request(root).await? {
            Some(RequestState::Finished { report, .. }) => report.request.clone(),
            // Still at work: its report will tell, and can be tried again then.
            Some(RequestState::Open { .. }) => return Ok(()),
            None => return Err(RetryError::Unknown),
        };
        let allowed_ms = request.deadline.since(request.accepted);
        let request = Request {
            node: NodeId::root(root),
            accepted: now,
            deadline: now.plus(allowed_ms),
            ..request
        };
        // Reopened before it is on the log: a report made in between would not be stored. If the
        // process dies here, the janitor ends the request, and the letter can be tried again.
        records.settle(root).await?;
        records.reopen(root).await?;
        records.open_request(RequestSummary::of(&request), Progress::default()).await?;
        let append = Append {
            topic: Topic::Requests(request.priority),
            key: root.as_bytes().to_vec().into(),
            payload: wire::encode(&request).into(),
        };
        self.ports.log.append(vec![append], Durability::Machine).await?;
        records.remove_dead_letter(&letter.id).await?;
        Ok(())
    }
}

/// Asks the running server of a data directory to try a letter again.
pub(crate) fn retry_beside(data: &Path, id: &str) -> anyhow::Result<()> {
    let read = |file: &str| {
        std::fs::read_to_string(data.join(file)).map(|text| text.trim().to_owned()).with_context(
            || format!("{} has no {file}: was a server started on it?", data.display()),
        )
    };
    let address = read(ADDRESS_FILE)?;
    let key = read(admin_key::FILE)?;
    let mut stream = TcpStream::connect(&address).with_context(|| {
        format!("no server answers on {address}; start it: a letter is tried by the server")
    })?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    if !id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_')) {
        bail!("`{id}` is not a dead letter's id; see `dead-letters list`");
    }
    write!(
        stream,
        "POST /admin/dead-letters/{id}/retry HTTP/1.1\r\nHost: {address}\r\napikey: {key}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        bail!("the server answered {status}: {body}");
    }
    Ok(())
}
