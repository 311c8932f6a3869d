//! One job on one worker: what is sent, and what comes back.

use std::io;
use std::time::{Duration, Instant};

use palisade_ports::engine::{ChildHead, ChildSink, NoChildren};

use super::frames::{Frames, Socket, broken};
use super::pool::Job;
use super::process::{WorkerHandle, is_timeout};
use crate::protocol::{FrameKind, JobMessage, OPINION_BYTES, OpinionMessage};
use crate::socket;

/// How long the host waits for a worker beyond the time that the worker was told: for its last
/// frames to travel.
const GRACE: Duration = Duration::from_millis(500);

/// Why a job did not end by itself.
pub(super) enum JobEnd {
    /// The worker was dead before.
    NotBegun,
    Died {
        last_words: Option<String>,
    },
    Lied(String),
    TimedOut,
    Sink(io::Error),
}

/// What became of a job.
pub(super) struct Run {
    pub(super) answers: Vec<OpinionMessage>,
    /// `None` when it ended by itself.
    pub(super) end: Option<JobEnd>,
}

/// Runs a job on a worker. Blocks.
pub(super) fn run(
    worker: &mut WorkerHandle,
    job: &Job,
    engines: &[usize],
    deadline: Instant,
    answer_bytes: u64,
    children: &mut dyn ChildSink,
) -> Run {
    let mut answers = Vec::new();
    if let Err(end) = send(worker, job, engines, deadline) {
        return Run { answers, end: Some(end) };
    }
    let socket = Socket::new(worker, deadline + GRACE);
    let mut frames = Frames::new(socket, answer_bytes);
    let end = read_answers(&mut frames, engines, &mut answers, children);
    Run { answers, end: end.err() }
}

/// As [`run`], of a job that gives no children, without blocking a thread.
pub(super) async fn run_async(
    worker: &mut WorkerHandle,
    job: &Job,
    engines: &[usize],
    deadline: Instant,
    answer_bytes: u64,
) -> Run {
    let mut answers = Vec::new();
    if let Err(end) = send(worker, job, engines, deadline) {
        return Run { answers, end: Some(end) };
    }
    let answer = whole_answer(worker, answer_bytes);
    let end = match tokio::time::timeout_at((deadline + GRACE).into(), answer).await {
        Err(_) => Err(JobEnd::TimedOut),
        Ok(Err(_)) => Err(JobEnd::Died { last_words: None }),
        Ok(Ok(bytes)) => {
            let mut frames = Frames::new(&*bytes, answer_bytes);
            read_answers(&mut frames, engines, &mut answers, &mut NoChildren)
        }
    };
    Run { answers, end: end.err() }
}

/// The frames of an answer up to the last one, or as far as they came; they are judged when they are
/// read.
async fn whole_answer(worker: &mut WorkerHandle, limit: u64) -> io::Result<Vec<u8>> {
    let mut answer = Vec::with_capacity(4 << 10);
    let mut seen = 0;
    loop {
        while let Some((kind, end)) = frame_at(&answer, seen) {
            let last = !matches!(kind, Some(FrameKind::Opinion));
            if last || end as u64 > limit {
                return Ok(answer);
            }
            seen = end;
        }
        if worker.read_more(&mut answer).await? == 0 {
            return Ok(answer);
        }
    }
}

/// The kind and the end of the frame at `start`, once it is there to its end.
fn frame_at(answer: &[u8], start: usize) -> Option<(Option<FrameKind>, usize)> {
    let head = answer.get(start..start + 5)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let (kind, end) = (FrameKind::from_byte(head[0]), start + 5 + length);
    // One that is too large is not waited for.
    (answer.len() >= end || length > OPINION_BYTES).then_some((kind, end))
}

fn send(
    worker: &WorkerHandle,
    job: &Job,
    engines: &[usize],
    deadline: Instant,
) -> Result<(), JobEnd> {
    let left = deadline.saturating_duration_since(Instant::now());
    let message = JobMessage {
        engines: engines.to_vec(),
        context: job.context.clone(),
        timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1),
    };
    send_job(worker, &message, job, deadline + GRACE).map_err(|error| match error.kind() {
        _ if is_timeout(&error) => JobEnd::TimedOut,
        io::ErrorKind::BrokenPipe => JobEnd::NotBegun,
        _ => JobEnd::Died { last_words: None },
    })
}

fn send_job(
    worker: &WorkerHandle,
    message: &JobMessage,
    job: &Job,
    deadline: Instant,
) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let mut packet = Vec::with_capacity(body.len() + 4);
    packet.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    packet.extend_from_slice(&body);
    if packet.len() > 64 << 10 {
        // A job that does not fit the socket's buffer waits for the worker to read: not for ever.
        let left = deadline.saturating_duration_since(Instant::now());
        worker.stream.set_write_timeout(Some(left.max(Duration::from_millis(1))))?;
    }
    socket::send_all(&worker.stream, &packet, &[job.artifact.file()])
}

fn read_answers(
    frames: &mut Frames<impl io::Read>,
    engines: &[usize],
    answers: &mut Vec<OpinionMessage>,
    children: &mut dyn ChildSink,
) -> Result<(), JobEnd> {
    let mut in_child = false;
    loop {
        let (kind, payload) = frames.next().map_err(|error| match error.kind() {
            _ if is_timeout(&error) => JobEnd::TimedOut,
            io::ErrorKind::InvalidData => JobEnd::Lied(error.to_string()),
            _ => JobEnd::Died { last_words: None },
        })?;
        let lied = |error: io::Error| JobEnd::Lied(error.to_string());
        match (kind, in_child) {
            (FrameKind::ChildBegin, false) => {
                let head: ChildHead =
                    serde_json::from_slice(payload).map_err(|e| lied(e.into()))?;
                children.begin(head).map_err(JobEnd::Sink)?;
                in_child = true;
            }
            (FrameKind::ChildData, true) => children.data(payload).map_err(JobEnd::Sink)?,
            (FrameKind::ChildEnd, true) => {
                children.end().map_err(JobEnd::Sink)?;
                in_child = false;
            }
            (FrameKind::Opinion, false) => {
                if payload.len() > OPINION_BYTES {
                    return Err(lied(broken("an opinion is too large")));
                }
                let answer: OpinionMessage =
                    serde_json::from_slice(payload).map_err(|e| lied(e.into()))?;
                let repeated = answers.iter().any(|known| known.engine == answer.engine);
                if repeated || !engines.contains(&answer.engine) {
                    return Err(lied(broken("an answer of an engine that was not asked")));
                }
                answers.push(answer);
            }
            (FrameKind::Done, false) if answers.len() == engines.len() => return Ok(()),
            (FrameKind::LastWords, _) => {
                let words = String::from_utf8_lossy(payload).into_owned();
                return Err(JobEnd::Died { last_words: Some(words) });
            }
            _ => return Err(lied(broken("a frame out of order"))),
        }
    }
}
