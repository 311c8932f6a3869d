//! The worker: reads a job, runs its engines over the artifact, answers. Everything here runs with
//! hostile bytes in memory.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use palisade_ports::engine::{Analyzer, ChildHead, Scan};
use seccompiler::BpfProgram;

use crate::filter;
use crate::limits::WorkerLimits;
use crate::mapping::Mapping;
use crate::protocol::{DATA_BYTES, FrameKind, JOB_BYTES, JobMessage, OpinionMessage};
use crate::socket;
use crate::template::Engine;

/// The job socket, for the panic hook.
static LAST_WORDS: OnceLock<OwnedFd> = OnceLock::new();

/// The whole life of a worker after the fork. Returns the exit code.
pub(crate) fn run(
    jobs: OwnedFd,
    control: &OwnedFd,
    engines: &[Engine],
    limits: &WorkerLimits,
    program: &BpfProgram,
) -> i32 {
    // The template's end must be the worker's, also when the worker hangs: the template is the
    // parent and has one thread, so its death is what this signal means.
    // SAFETY: plain integers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: nothing uses the control socket in this process any more: `control` is only borrowed
    // from the template's frame, which this process never returns to, and neither is standard
    // input, which is the same socket.
    unsafe {
        libc::close(control.as_raw_fd());
        libc::close(libc::STDIN_FILENO);
    }
    if let Ok(copy) = jobs.try_clone() {
        let _ = LAST_WORDS.set(copy);
    }
    std::panic::set_hook(Box::new(|panic| {
        if let Some(socket) = LAST_WORDS.get() {
            let mut text = panic.to_string();
            text.truncate(text.floor_char_boundary(512));
            let frame = frame(FrameKind::LastWords, text.as_bytes());
            let _ = socket::send_all(socket, &frame, &[]);
        }
        std::process::abort();
    }));
    let mut analyzers: Vec<Box<dyn Analyzer + '_>> =
        engines.iter().map(|engine| engine.loaded.analyzer()).collect();
    if limits.apply().is_err() {
        return 3;
    }
    // Where the kernel has no seccomp, the template has said so and the host has decided.
    let _ = filter::apply(program);

    let mut worker = Worker { stream: UnixStream::from(jobs), output: Vec::new() };
    match worker.serve(&mut analyzers) {
        Ok(()) => 0,
        Err(_) => 4,
    }
}

struct Worker {
    stream: UnixStream,
    /// Frames not sent yet: small ones travel together.
    output: Vec<u8>,
}

/// Bytes of a job that are read in one call: of nearly every job, all.
const JOB_AT_ONCE: usize = 8 << 10;

/// Frames are sent when so many bytes wait.
const FLUSH_BYTES: usize = 128 << 10;

impl Worker {
    fn serve(&mut self, analyzers: &mut [Box<dyn Analyzer + '_>]) -> io::Result<()> {
        while let Some((mut job, artifact)) = self.next_job()? {
            let mapping = Mapping::new(&artifact)?;
            drop(artifact);
            let deadline = Instant::now() + Duration::from_millis(job.timeout_ms);
            for index in job.engines {
                let Some(analyzer) = analyzers.get_mut(index) else { continue };
                let started = Instant::now();
                let mut scan = JobScan { worker: self, deadline, broken: None };
                let opinion = analyzer.analyze(mapping.bytes(), &job.context, &mut scan);
                if let Some(error) = scan.broken {
                    return Err(error);
                }
                // Nobody needs to tell it again: the rest of this job's engines take it as told.
                if let Some(file_type) = &opinion.file_type
                    && job.context.file_type.id.is_empty()
                {
                    job.context.file_type = file_type.clone();
                }
                let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                let message = OpinionMessage { engine: index, opinion, micros };
                self.push(FrameKind::Opinion, &serde_json::to_vec(&message)?)?;
            }
            self.push(FrameKind::Done, &[])?;
            self.flush()?;
        }
        Ok(())
    }

    /// The next job. The host sends one at a time, so that what comes belongs to it.
    fn next_job(&mut self) -> io::Result<Option<(JobMessage, OwnedFd)>> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut packet = vec![0; JOB_AT_ONCE];
        let (mut have, descriptors) = socket::receive(self.stream.as_fd(), &mut packet)?;
        if have == 0 {
            return Ok(None);
        }
        while have < 4 {
            match self.stream.read(&mut packet[have..4])? {
                0 => return Ok(None),
                count => have += count,
            }
        }
        let length = u32::from_le_bytes([packet[0], packet[1], packet[2], packet[3]]) as usize;
        let end = length.saturating_add(4);
        let artifact = descriptors.into_iter().next();
        let (Some(artifact), true) = (artifact, length <= JOB_BYTES && have <= end) else {
            return Err(broken());
        };
        if end > have {
            packet.resize(end, 0);
            self.stream.read_exact(&mut packet[have..])?;
        }
        Ok(Some((serde_json::from_slice(&packet[4..end])?, artifact)))
    }

    fn push(&mut self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        push_frame(&mut self.output, kind, payload);
        if self.output.len() >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output)?;
        self.output.clear();
        // One large answer must not stay as memory for the rest of the worker's life.
        self.output.shrink_to(2 * FLUSH_BYTES);
        Ok(())
    }
}

fn push_frame(output: &mut Vec<u8>, kind: FrameKind, payload: &[u8]) {
    output.push(kind as u8);
    output.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    output.extend_from_slice(payload);
}

fn frame(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(payload.len() + 5);
    push_frame(&mut output, kind, payload);
    output
}

struct JobScan<'w> {
    worker: &'w mut Worker,
    deadline: Instant,
    /// The host is gone or takes no more.
    broken: Option<io::Error>,
}

impl JobScan<'_> {
    fn send(&mut self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        self.worker.push(kind, payload).inspect_err(|error| {
            self.broken = Some(io::Error::new(error.kind(), "the host is gone"));
        })
    }
}

impl Scan for JobScan<'_> {
    fn should_stop(&mut self) -> bool {
        self.broken.is_some() || Instant::now() >= self.deadline
    }

    fn remaining_ms(&self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }

    fn child(&mut self, head: &ChildHead, body: &mut dyn Read) -> io::Result<()> {
        self.send(FrameKind::ChildBegin, &serde_json::to_vec(head)?)?;
        let mut buffer = vec![0; DATA_BYTES];
        loop {
            let count = body.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            self.send(FrameKind::ChildData, &buffer[..count])?;
            if self.should_stop() {
                break;
            }
        }
        self.send(FrameKind::ChildEnd, &[])
    }
}
