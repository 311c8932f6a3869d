//! The capability ladder: what this machine lets us use, found by trying.

use std::fmt;

use palisade_model::event::Rung;

use crate::SensorError;

/// One thing that was tried.
#[derive(Debug)]
pub struct Step {
    /// Where it stands.
    pub rung: Rung,
    /// What was tried: a program of `bpf/`, or a kernel interface.
    pub name: &'static str,
    /// `None`: loaded and attached.
    pub missing: Option<SensorError>,
    /// What its absence costs, for an operator to read.
    pub cost: &'static str,
}

impl Step {
    /// It is in use.
    pub fn works(&self) -> bool {
        self.missing.is_none()
    }
}

/// Everything that was tried, lowest rung first.
#[derive(Debug, Default)]
pub struct Ladder {
    steps: Vec<Step>,
}

impl Ladder {
    /// Notes one attempt.
    pub fn note(&mut self, rung: Rung, name: &'static str, outcome: Result<(), SensorError>) {
        self.steps.push(Step { rung, name, missing: outcome.err(), cost: cost(name) });
    }

    /// All of them.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The highest rung of which something works.
    pub fn best(&self) -> Rung {
        self.steps
            .iter()
            .filter(|step| step.works())
            .map(|step| step.rung)
            .max()
            .unwrap_or(Rung::Snapshot)
    }

    /// Whether this works.
    pub fn has(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name == name && step.works())
    }
}

/// One line for each attempt: what `palisade defend --check` prints. Those that are missing for one reason, and
/// cost the same, are named together.
impl fmt::Display for Ladder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told: Vec<(Rung, String, &str)> = Vec::new();
        for step in &self.steps {
            let (rung, name) = (step.rung.number(), step.name);
            let Some(like) = alike(step) else {
                writeln!(out, "rung {rung}  {name:<24} in use")?;
                continue;
            };
            if told.contains(&like) {
                continue;
            }
            writeln!(out, "rung {rung}  {name:<24} missing: {}. Without it: {}", like.1, like.2)?;
            let others = self.steps.iter().filter(|other| alike(other).as_ref() == Some(&like));
            let others: Vec<&str> = others.skip(1).map(|other| other.name).collect();
            if !others.is_empty() {
                writeln!(out, "        and for the same reason {}", others.join(", "))?;
            }
            told.push(like);
        }
        Ok(())
    }
}

/// What those that are told together have in common: the rung, the reason without the name, the cost.
fn alike(step: &Step) -> Option<(Rung, String, &'static str)> {
    let reason = reason(step.missing.as_ref()?).replace(step.name, "it");
    Some((step.rung, reason, step.cost))
}

/// In one line. The verifier's log has thousands: its end says what it minds.
fn reason(error: &SensorError) -> String {
    use std::error::Error as _;
    const MOST: usize = 240;
    let Some(source) = error.source() else { return error.to_string() };
    let text = source.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter(|line| {
            !["verification time", "stack depth", "processed "]
                .iter()
                .any(|start| line.starts_with(start))
        })
        .collect();
    let short = match lines.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [.., before, last] => format!("{before}; {last}"),
    };
    // What aya puts before the verifier's log, which is empty where another refuses.
    let short = short.trim_end_matches("Verifier output:").trim_end();
    let cut: String = short.trim_end_matches('.').chars().take(MOST).collect();
    format!("{error} ({cut})")
}

/// What is lost without it.
fn cost(name: &str) -> &'static str {
    match name {
        "process__fork" => "ancestry comes from /proc and misses what ends at once",
        "process__exec" => {
            "programs are seen by the process connector: late, by number, arguments from /proc"
        }
        "process__exit" => "processes end unnoticed until /proc is read again",
        "syscall__exit" => "no file, network or security event",
        "file__open" => "no file is seen being opened or made",
        "syscall__plain" => "no rename, unlink, mount, setns, ptrace, module or BPF event",
        "network__call" => "no connection, listener or raw socket is seen",
        "network__ring" => "connections through io_uring have no result",
        "security__signal" => "signals to other processes are not seen",
        "io_uring__request" | "io_uring__entry" => "operations of io_uring are not seen",
        "containers__created" | "containers__removed" | "containers__joined" => {
            "containers are found by polling, up to a second late"
        }
        "sequence__follow" => "system calls are not followed: incidents have no score of them",
        "guard__exec" => "an exec is refused by fanotify only: not for memory files",
        "iterator__task" | "iterator__file" => {
            "what exists at start is read from /proc, slower and with races"
        }
        "cgroup__connect4" | "cgroup__connect6" => {
            "connections cannot be refused, and failed ones are told from user memory"
        }
        "cgroup__bind4" | "cgroup__bind6" => "listeners cannot be refused",
        "cgroup__sendmsg4" | "cgroup__sendmsg6" => {
            "datagrams cannot be refused, and sendmsg destinations are not seen"
        }
        "cgroup__socket" => "raw, ping and SCTP sockets send past what is refused",
        "cgroup__egress" | "cgroup__ingress" => "DNS is not seen",
        "fanotify" => "an exec cannot be refused before it starts; it is killed instead",
        "connector" => "/proc is looked at every second; what lives shorter is not seen",
        "lsm__socket" => "packet sockets send past what is refused",
        name if name.starts_with("lsm__") => {
            "writes, mounts, ptrace, BPF and modules are seen but cannot be refused"
        }
        _ => "not known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SensorErrorKind;

    fn refused(name: &str, why: &str) -> Result<(), SensorError> {
        let error = SensorError::new(SensorErrorKind::Refused, format!("{name} was refused"));
        Err(error.with(format!("{why}. Verifier output:")))
    }

    #[test]
    fn what_is_missing_for_one_reason_is_told_once() {
        let mut ladder = Ladder::default();
        ladder.note(Rung::Tracepoint, "process__exec", Ok(()));
        ladder.note(Rung::Lsm, "lsm__exec", refused("lsm__exec", "not permitted"));
        ladder.note(Rung::Lsm, "lsm__socket", refused("lsm__socket", "not permitted"));
        ladder.note(Rung::Lsm, "lsm__open", refused("lsm__open", "not permitted"));
        ladder.note(Rung::Lsm, "lsm__bpf", refused("lsm__bpf", "invalid argument"));
        let text = ladder.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[0], "rung 3  process__exec            in use");
        let first = "rung 5  lsm__exec                missing: it was refused (not permitted). Without it: writes,";
        assert!(lines[1].starts_with(first), "{text}");
        assert_eq!(lines[2], "        and for the same reason lsm__open");
        assert!(lines[3].contains("lsm__socket") && lines[3].contains("packet sockets"), "{text}");
        assert!(lines[4].contains("lsm__bpf") && lines[4].contains("invalid argument"), "{text}");
    }
}
