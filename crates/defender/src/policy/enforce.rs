use std::fmt;

use palisade_sensor::ladder::Ladder;
use serde::Serialize;

/// What the rungs in use can refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Enforce {
    /// A program is refused, or killed before its first instruction, by the kernel's lists.
    pub exec: bool,
    /// It is refused before the old program is gone (fanotify, BPF-LSM).
    pub exec_before: bool,
    /// We are asked before a program runs (fanotify): patterns, parents, users and hashes hold.
    pub exec_asked: bool,
    /// connect(2) fails.
    pub connect: bool,
    /// bind(2) fails.
    pub bind: bool,
    /// Datagrams without a connection fail.
    pub send: bool,
    /// Sockets of the internet that send past these hooks (raw, ping, SCTP, ...) are not made.
    pub sockets: bool,
    /// Nor packet sockets, and others beyond the internet.
    pub packets: bool,
    /// Changes of files fail.
    pub write: bool,
    /// mount(2) fails.
    pub mount: bool,
    /// ptrace(2) fails.
    pub ptrace: bool,
    /// bpf(2) fails.
    pub bpf: bool,
    /// Modules are not loaded.
    pub module: bool,
    /// Answers of name servers are seen.
    pub dns: bool,
}

impl Enforce {
    /// Every rung works.
    pub fn all() -> Self {
        Self {
            exec: true,
            exec_before: true,
            exec_asked: true,
            connect: true,
            bind: true,
            send: true,
            sockets: true,
            packets: true,
            write: true,
            mount: true,
            ptrace: true,
            bpf: true,
            module: true,
            dns: true,
        }
    }

    /// What the attempts at start have found.
    pub fn from_ladder(ladder: &Ladder) -> Self {
        let both = |one, other| ladder.has(one) && ladder.has(other);
        let lsm = ladder.has("lsm__exec");
        let asked = ladder.has("fanotify");
        Self {
            exec: lsm || ladder.has("guard__exec"),
            exec_before: lsm || asked,
            exec_asked: asked,
            connect: both("cgroup__connect4", "cgroup__connect6") || ladder.has("lsm__connect"),
            bind: both("cgroup__bind4", "cgroup__bind6") || ladder.has("lsm__bind"),
            send: both("cgroup__sendmsg4", "cgroup__sendmsg6"),
            sockets: ladder.has("cgroup__socket") || ladder.has("lsm__socket"),
            packets: ladder.has("lsm__socket"),
            write: both("lsm__open", "lsm__rename")
                && both("lsm__unlink", "lsm__create")
                && both("lsm__link", "lsm__truncate"),
            mount: ladder.has("lsm__mount"),
            ptrace: ladder.has("lsm__ptrace"),
            bpf: ladder.has("lsm__bpf"),
            module: ladder.has("lsm__module_file"),
            dns: both("cgroup__egress", "cgroup__ingress"),
        }
    }

    /// The same once fanotify is given up: nobody is asked, and of what refuses before the old program is
    /// gone, BPF-LSM is left.
    pub fn without_fanotify(ladder: &Ladder) -> Self {
        let exec_before = ladder.has("lsm__exec");
        Self { exec_before, exec_asked: false, ..Self::from_ladder(ladder) }
    }

    fn parts(&self) -> [(&'static str, bool); 14] {
        [
            ("exec", self.exec),
            ("exec_before", self.exec_before),
            ("exec_asked", self.exec_asked),
            ("connect", self.connect),
            ("bind", self.bind),
            ("send", self.send),
            ("sockets", self.sockets),
            ("packets", self.packets),
            ("write", self.write),
            ("mount", self.mount),
            ("ptrace", self.ptrace),
            ("bpf", self.bpf),
            ("module", self.module),
            ("dns", self.dns),
        ]
    }
}

impl fmt::Display for Enforce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |wanted| {
            let names: Vec<_> = self
                .parts()
                .iter()
                .filter(|(_, has)| *has == wanted)
                .map(|(name, _)| *name)
                .collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        write!(formatter, "can refuse: {}; cannot: {}", list(true), list(false))
    }
}
