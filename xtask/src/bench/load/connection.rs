//! One kept connection: sends a request, and for an upload asks for its report right after.

use std::net::{SocketAddr, TcpStream};

use serde::Deserialize;

use super::super::http::{Answer, Moved, Reader, get, read_some, write_some};
use super::Outcome;

/// Seconds of each long poll.
const WAIT: u32 = 60;

/// What came of driving a connection.
pub(super) enum Progress {
    /// Nothing to tell.
    Waits,
    /// The server closed it while nothing was asked.
    Closed,
    /// The job is at its end.
    Ended { due: f64, outcome: Outcome, usable: bool },
}

enum State {
    Idle,
    Asked { due: f64, awaits_report: bool },
    AwaitsReport { due: f64 },
}

pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    request: Vec<u8>,
    written: usize,
    reader: Reader,
}

/// The answer to an upload.
#[derive(Deserialize)]
struct Taken {
    data_id: String,
}

/// What is looked at of a result.
#[derive(Deserialize)]
struct Scanned {
    partial: bool,
    scan_results: ScanResults,
}

#[derive(Deserialize)]
struct ScanResults {
    scan_all_result_i: u16,
    progress_percentage: u8,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> std::io::Result<Self> {
        // Over loopback this does not wait: the kernel accepts into the listener's queue.
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            state: State::Idle,
            request: Vec::new(),
            written: 0,
            reader: Reader::default(),
        })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(super) fn begin(&mut self, due: f64, request: Vec<u8>, awaits_report: bool) {
        self.state = State::Asked { due, awaits_report };
        self.send(request);
    }

    fn send(&mut self, request: Vec<u8>) {
        self.request = request;
        self.written = 0;
    }

    /// Goes on as far as the kernel lets it.
    pub(super) fn drive(&mut self, key: &str, scratch: &mut [u8]) -> Progress {
        loop {
            let sent = write_some(&mut self.stream, &self.request, &mut self.written);
            // Also while the request is not out: an early answer is a refusal.
            let read = read_some(&mut self.stream, scratch, &mut self.reader);
            let due = match self.state {
                State::Idle => {
                    return if matches!(read, Ok(Moved::Waits)) && self.reader.is_empty() {
                        Progress::Waits
                    } else {
                        Progress::Closed
                    };
                }
                State::Asked { due, .. } | State::AwaitsReport { due } => due,
            };
            let answer = match self.reader.take() {
                Ok(Some(answer)) => answer,
                Ok(None) => match (sent, read) {
                    (_, Ok(Moved::Closed)) => return self.end(due, bad("closed"), false),
                    (Err(error), _) | (_, Err(error)) => {
                        return self.end(due, bad(&error.kind().to_string()), false);
                    }
                    _ => return Progress::Waits,
                },
                Err(error) => return self.end(due, bad(&error.to_string()), false),
            };
            let usable = answer.keeps && self.written == self.request.len();
            if answer.status == 503 {
                return self.end(due, Outcome::Refused, usable);
            }
            if answer.status != 200 {
                return self.end(due, bad(&format!("status {}", answer.status)), usable);
            }
            match self.state {
                State::Asked { awaits_report: true, .. } => {
                    let Ok(taken) = serde_json::from_slice::<Taken>(&answer.body) else {
                        return self.end(due, bad("an upload's answer without data_id"), usable);
                    };
                    self.state = State::AwaitsReport { due };
                    self.send(get(&format!("/file/{}?wait={WAIT}", taken.data_id), key));
                }
                State::AwaitsReport { .. } => return self.end(due, judge(&answer), usable),
                State::Asked { .. } | State::Idle => {
                    return self.end(due, Outcome::Good { code: None }, usable);
                }
            }
        }
    }

    fn end(&mut self, due: f64, outcome: Outcome, usable: bool) -> Progress {
        self.state = State::Idle;
        Progress::Ended { due, outcome, usable }
    }
}

fn bad(what: &str) -> Outcome {
    Outcome::Bad(what.to_owned())
}

fn judge(answer: &Answer) -> Outcome {
    match serde_json::from_slice::<Scanned>(&answer.body) {
        Ok(scanned) if scanned.scan_results.progress_percentage < 100 => bad("no report in time"),
        Ok(scanned) if scanned.partial => bad("a partial report"),
        Ok(scanned) => Outcome::Good { code: Some(scanned.scan_results.scan_all_result_i) },
        Err(error) => bad(&format!("a result that cannot be read: {error}")),
    }
}
