//! Which capabilities are needed, and for what. Never `--privileged`.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
    set_capabilities,
};

/// When a capability is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Until everything is set up; dropped then.
    SetUp,
    /// As long as the Defender runs.
    Always,
}

/// A capability with its reason.
#[derive(Debug, Clone, Copy)]
pub struct Needed {
    /// As capabilities(7) has it, without `CAP_`.
    pub name: &'static str,
    /// Until when.
    pub when: When,
    /// What for.
    pub reason: &'static str,
    /// What is missing without it.
    pub without: &'static str,
    set: CapabilitySet,
    /// The capability that allows all of this too (capabilities(7)).
    within: Option<(&'static str, CapabilitySet)>,
}

/// Whether a process has a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It has.
    Itself,
    /// It has one that includes it: container runtimes from before Linux 5.8 know no other.
    Within(&'static str),
    /// It has not.
    Missing,
}

/// What `BPF` and `PERFMON` were taken out of, and what allows the same still.
const ADMIN: Option<(&str, CapabilitySet)> = Some(("SYS_ADMIN", CapabilitySet::SYS_ADMIN));

/// All of them.
pub const NEEDED: &[Needed] = &[
    Needed {
        name: "BPF",
        when: When::Always,
        reason: "loads the sensor's programs; later changes their maps (containers, plans)",
        without: "nothing is seen as it happens; /proc is looked at",
        set: CapabilitySet::BPF,
        within: ADMIN,
    },
    Needed {
        name: "PERFMON",
        when: When::SetUp,
        reason: "attaches programs to tracepoints and reads kernel memory in them",
        without: "nothing is seen as it happens; /proc is looked at",
        set: CapabilitySet::PERFMON,
        within: ADMIN,
    },
    Needed {
        name: "NET_ADMIN",
        when: When::SetUp,
        reason: "attaches the cgroup programs that see and refuse connections and see DNS",
        without: "connections cannot be refused, and DNS is not seen",
        set: CapabilitySet::NET_ADMIN,
        within: None,
    },
    Needed {
        name: "SYS_ADMIN",
        when: When::Always,
        reason: "fanotify permission events, whose marks follow the containers",
        without: "rules with patterns, parents, users or hashes are enforced by a kill after exec's start",
        set: CapabilitySet::SYS_ADMIN,
        within: None,
    },
    Needed {
        name: "SYS_PTRACE",
        when: When::Always,
        reason: "reads /proc of other processes: root, exe, arguments",
        without: "executables are not hashed; processes from before the start have no names",
        set: CapabilitySet::SYS_PTRACE,
        within: None,
    },
    Needed {
        name: "DAC_READ_SEARCH",
        when: When::Always,
        reason: "reads executables and runtime files that root's own permissions do not cover",
        without: "some executables are not hashed",
        set: CapabilitySet::DAC_READ_SEARCH,
        within: None,
    },
    Needed {
        name: "KILL",
        when: When::Always,
        reason: "stops processes and containers that policy blocks",
        without: "`block` fails where the runtime's socket cannot be reached",
        set: CapabilitySet::KILL,
        within: None,
    },
];

/// Those of [`NEEDED`], and whether this process has them.
pub fn held() -> Vec<(&'static Needed, Held)> {
    let effective = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
    NEEDED.iter().map(|needed| (needed, needed.of(effective))).collect()
}

impl Needed {
    fn of(&self, effective: CapabilitySet) -> Held {
        match self.within {
            _ if effective.contains(self.set) => Held::Itself,
            Some((name, wider)) if effective.contains(wider) => Held::Within(name),
            _ => Held::Missing,
        }
    }
}

/// Gives up everything that is not needed any more. Every thread started later has as little; so this comes
/// before the first one. Returns the names of what is kept.
///
/// # Errors
///
/// When the kernel refuses; no capability is given up then.
pub fn drop_after_set_up() -> std::io::Result<Vec<&'static str>> {
    let held = capabilities(None)?;
    // Or root would have everything again after its next exec.
    rustix::thread::set_no_new_privs(true)?;
    let kept: Vec<&Needed> = NEEDED
        .iter()
        .filter(|needed| needed.when == When::Always && held.permitted.contains(needed.set))
        .collect();
    // What exec would give back to root. Without CAP_SETPCAP it stays: then the runtime's bounds hold.
    for needed in NEEDED.iter().filter(|needed| needed.when == When::SetUp) {
        let _ = remove_capability_from_bounding_set(needed.set);
    }
    let set = kept.iter().fold(CapabilitySet::empty(), |set, needed| set | needed.set);
    set_capabilities(
        None,
        CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() },
    )?;
    Ok(kept.iter().map(|needed| needed.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_runtimes_capabilities_are_enough() {
        let found = |effective: CapabilitySet| {
            let of = |name| NEEDED.iter().find(|one| one.name == name).map(|one| one.of(effective));
            ["BPF", "PERFMON", "NET_ADMIN", "KILL"].map(|name| of(name).expect("is needed"))
        };
        let (missing, admin) = (Held::Missing, Held::Within("SYS_ADMIN"));
        assert_eq!(found(CapabilitySet::empty()), [missing; 4]);
        assert_eq!(found(CapabilitySet::BPF), [Held::Itself, missing, missing, missing]);
        let older = CapabilitySet::SYS_ADMIN | CapabilitySet::KILL;
        assert_eq!(found(older), [admin, admin, missing, Held::Itself]);
        let both = CapabilitySet::SYS_ADMIN | CapabilitySet::BPF;
        assert_eq!(found(both), [Held::Itself, admin, missing, missing]);
    }
}
