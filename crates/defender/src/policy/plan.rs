//! What of a policy the kernel enforces by itself.

use palisade_sensor::{ExecRule, Plan, WriteRule};

use super::allowed::Allowed;
use super::effect::{Clause, Effect, Reason, Section};
use super::enforce::Enforce;
use super::lease::Leases;
use super::network_plan;
use super::pattern::is_plain;
use super::process::is_kernel_path;
use super::rule_set::RuleSet;

/// Executables that one container's plan lists at most: the kernel's map holds 16,384 for all.
pub const MAX_PLANNED_EXECUTABLES: usize = 2_048;

/// What the numbers in a plan stand for. They begin with 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleNumbers(Vec<Reason>);

impl RuleNumbers {
    /// What a refusal that came back with this number was for.
    pub fn get(&self, number: u32) -> Option<&Reason> {
        self.0.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Every number with what it stands for.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Reason)> {
        (1..).zip(&self.0)
    }

    pub(crate) fn number(&mut self, reason: Reason) -> u32 {
        let known = self.0.iter().position(|known| *known == reason);
        let index = known.unwrap_or_else(|| {
            self.0.push(reason);
            self.0.len() - 1
        });
        u32::try_from(index + 1).unwrap_or(u32::MAX)
    }
}

/// A plan with what it means and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Planned {
    /// For the sensor.
    pub plan: Plan,
    /// Its numbers.
    pub numbers: RuleNumbers,
    /// What the kernel cannot tell by itself and has to be asked in user space before a program runs.
    /// Not empty: the container needs fanotify.
    pub asked: Vec<Reason>,
    /// What is not refused, or not wholly: each with the reason why.
    pub gaps: Vec<Reason>,
}

impl Planned {
    pub(crate) fn gap(
        &mut self,
        section: Section,
        clause: Clause,
        entry: Option<&super::Entry>,
        text: impl Into<String>,
    ) {
        let gap = Reason::new(section, clause, entry, Effect::Alert, text);
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Whether it refuses nothing, in the kernel or when asked.
    pub fn is_empty(&self) -> bool {
        self.plan == Plan::default() && self.asked.is_empty()
    }
}

impl RuleSet {
    /// What the kernel is to refuse to a container of this rule. `model` is what the image's model knows
    /// while it is active. What the plan refuses, [`RuleSet::decide`] refuses too; the reverse is
    /// broken only by what [`Planned::asked`] and [`Planned::gaps`] state.
    pub fn plan(&self, model: Option<&Allowed>, leases: &Leases) -> Planned {
        let mut planned = Planned::default();
        if self.is_host() {
            return planned;
        }
        self.plan_deny(&mut planned);
        self.plan_unlisted(model, &mut planned);
        self.plan_origin(&mut planned);
        network_plan::add(&self.0.network, model, &self.0.dns, leases, &mut planned);
        self.plan_files(&mut planned);
        self.plan_kernel(&mut planned);
        self.state_rest(&mut planned);
        planned
    }

    fn plan_deny(&self, planned: &mut Planned) {
        let process = &self.0.process;
        if !process.deny_effect.refuses() {
            return;
        }
        for program in &process.deny.list {
            let text = format!("{} may not run", program.path);
            let effect = process.deny_effect;
            let entry = Some(&program.entry);
            let reason = Reason::new(Section::Process, Clause::Deny, entry, effect, text);
            if program.is_kernels() && planned.plan.exec.len() < MAX_PLANNED_EXECUTABLES {
                let rule = planned.numbers.number(reason);
                let path = program.path.clone();
                planned.plan.exec.push(ExecRule { path, allow: false, rule });
            } else {
                planned.asked.push(reason);
            }
        }
    }

    fn plan_unlisted(&self, model: Option<&Allowed>, planned: &mut Planned) {
        let process = &self.0.process;
        let listing = match process.learned {
            true => model.is_some_and(Allowed::lists_executables),
            false => process.allow.is_some(),
        };
        if !process.effect.refuses() || !listing {
            return;
        }
        let text = "not among the programs that may run";
        let effect = process.effect;
        let reason = Reason::new(Section::Process, Clause::Effect, None, effect, text);
        let allow = process.allow.iter().flat_map(|allow| &allow.list);
        let exact = allow.clone().all(super::process::Program::is_kernels);
        let known = match (process.learned, model.and_then(Allowed::exact_executables)) {
            (false, _) => Some(Vec::new()),
            (true, Some(known)) => Some(known.iter().collect()),
            (true, None) => None,
        };
        let known = known.filter(|known: &Vec<&String>| {
            let all = known.len() + allow.clone().count() + planned.plan.exec.len();
            exact && all <= MAX_PLANNED_EXECUTABLES && known.iter().all(|path| is_kernel_path(path))
        });
        let Some(known) = known else {
            planned.asked.push(reason);
            return;
        };
        let listed = Reason::new(Section::Process, Clause::Allow, None, Effect::Disable, "listed");
        let rule = planned.numbers.number(listed);
        for path in allow.map(|program| &program.path).chain(known) {
            planned.plan.exec.push(ExecRule { path: path.clone(), allow: true, rule });
        }
        planned.plan.exec_unlisted = Some(planned.numbers.number(reason));
    }

    /// Where a program comes from, and its bytes.
    fn plan_origin(&self, planned: &mut Planned) {
        let process = &self.0.process;
        let reason =
            |clause, effect, text: &str| Reason::new(Section::Process, clause, None, effect, text);
        if process.drift.refuses() {
            let text = "the program did not come with the image";
            let drift = reason(Clause::Drift, process.drift, text);
            if process.drift_allow.list.is_empty() {
                planned.plan.exec_upper = Some(planned.numbers.number(drift));
            } else {
                planned.asked.push(drift);
            }
        }
        if process.fileless.refuses() {
            let text = "the program has no file";
            let number = planned.numbers.number(reason(Clause::Fileless, process.fileless, text));
            planned.plan.exec_memory = Some(number);
        }
        if process.malware.refuses() {
            let text = "programs are hashed before they run";
            planned.asked.push(reason(Clause::Malware, process.malware, text));
        }
    }

    fn plan_files(&self, planned: &mut Planned) {
        let file = &self.0.file;
        if file.deny_effect.refuses() {
            for (entry, path) in &file.deny.list {
                let below = path.strip_suffix("/**").filter(|directory| !directory.is_empty());
                let place = below.unwrap_or(path);
                if !is_plain(place) {
                    let text =
                        "the kernel knows files and directories by path, not by pattern: told of";
                    planned.gap(Section::File, Clause::Deny, Some(entry), text);
                    continue;
                }
                if below.is_some() {
                    let text =
                        "the kernel refuses what is directly in the directory; deeper is told of";
                    planned.gap(Section::File, Clause::Deny, Some(entry), text);
                }
                let text = format!("{path} may not be changed");
                let effect = file.deny_effect;
                let reason = Reason::new(Section::File, Clause::Deny, Some(entry), effect, text);
                let rule = planned.numbers.number(reason);
                planned.plan.write.push(WriteRule { path: place.to_owned(), rule });
            }
            for (entry, _) in &file.read_deny.list {
                let text = "no rung refuses reading: told of";
                planned.gap(Section::File, Clause::ReadDeny, Some(entry), text);
            }
        }
        if file.effect.refuses() && (file.learned || file.allow.is_some()) {
            let text = "the kernel has no list of what may be written: what departs is told of";
            planned.gap(Section::File, Clause::Effect, None, text);
        }
    }

    fn plan_kernel(&self, planned: &mut Planned) {
        let kernel = self.0.kernel;
        let mut number = |clause, effect: Effect, text: &str| {
            let reason = Reason::new(Section::Kernel, clause, None, effect, text);
            effect.refuses().then(|| planned.numbers.number(reason))
        };
        let mount = number(Clause::Mount, kernel.mount, "the mount tree may not be changed");
        let ptrace = number(Clause::Ptrace, kernel.ptrace, "others may not be traced");
        let bpf = number(Clause::Bpf, kernel.bpf, "BPF may not be used");
        let module = number(Clause::Module, kernel.module, "modules may not be loaded");
        let plan = &mut planned.plan;
        (plan.mount, plan.ptrace, plan.bpf, plan.module) = (mount, ptrace, bpf, module);
    }

    fn state_rest(&self, planned: &mut Planned) {
        let rule = self.0.as_ref();
        if rule.dns.deny_effect.refuses() && !rule.dns.deny.is_empty()
            || rule.dns.effect.refuses() && (rule.dns.learned || rule.dns.allow.is_some())
        {
            let text = "the question itself leaves; the addresses of its answer are refused once the \
                        answer was seen, so that a connection made at once may get through";
            planned.gap(Section::Dns, Clause::Deny, None, text);
        }
        let promoted = rule.detect.iter().any(|detection| detection.effect.refuses());
        if promoted || rule.detections.refuses() {
            let text = "what a detection rule finds has happened: its process is killed afterwards";
            planned.gap(Section::Detect, Clause::Detection, None, text);
        }
    }

    /// The same for a container of which programs run among the host's mounts, in words; `None` where no
    /// program is to be refused. The kernel's lists spare such programs: a runtime's own, on its way into the
    /// container, is among them too.
    pub fn unenforced_among_hosts(&self, planned: &Planned) -> Option<String> {
        (planned.plan.refuses_programs() || !planned.asked.is_empty()).then(|| {
            "process: programs of it run among the host's mounts: what may not run is not refused there; it \
             is killed once seen"
                .to_owned()
        })
    }

    /// What the rule wants refused and the rungs in use cannot refuse, in words.
    pub fn unenforced(&self, planned: &Planned, enforce: &Enforce) -> Vec<String> {
        let plan = &planned.plan;
        let execs = plan.refuses_programs();
        let toward =
            |direction| plan.net.iter().any(|rule| rule.direction == direction && !rule.allow);
        use palisade_sensor::Direction::{Bind, Connect, Send};
        let network = plan.net_unlisted.is_some() || plan.net.iter().any(|rule| !rule.allow);
        let asked = !planned.asked.is_empty();
        let told = "is told of and not refused: the rung that could is missing";
        [
            (execs && !enforce.exec, format!("process: what may not run {told}; it is killed once seen")),
            (
                execs && enforce.exec && !enforce.exec_before,
                "process: what may not run is killed before its first instruction, not refused: \
                 execve does not fail, its caller is gone"
                    .to_owned(),
            ),
            (
                asked && !enforce.exec_asked,
                "process: patterns, parents, users and hashes are looked at once the program runs, and \
                 it is killed then: fanotify is missing"
                    .to_owned(),
            ),
            (toward(Connect) && !enforce.connect, format!("network: a connection {told}")),
            (toward(Send) && !enforce.send, format!("network: a datagram {told}")),
            (toward(Bind) && !enforce.bind, format!("network: a listener {told}")),
            (
                network && !enforce.sockets,
                "network: raw, ping, SCTP, DCCP and UDP-Lite sockets send past what is refused; raw ones \
                 need CAP_NET_RAW"
                    .to_owned(),
            ),
            (
                network && !enforce.packets,
                "network: packet sockets (AF_PACKET, AF_XDP) send past what is refused, and are told of: \
                 BPF-LSM is missing; a container without CAP_NET_RAW cannot make them"
                    .to_owned(),
            ),
            (!plan.write.is_empty() && !enforce.write, format!("file: a change {told}")),
            (plan.mount.is_some() && !enforce.mount, format!("kernel: a mount {told}")),
            (plan.ptrace.is_some() && !enforce.ptrace, format!("kernel: ptrace {told}")),
            (plan.bpf.is_some() && !enforce.bpf, format!("kernel: BPF {told}")),
            (plan.module.is_some() && !enforce.module, format!("kernel: a module {told}")),
            (
                (self.0.dns.effect.refuses() || self.0.dns.deny_effect.refuses()) && !enforce.dns,
                "dns: answers are not seen, so that no address is refused because of its name".to_owned(),
            ),
        ]
        .into_iter()
        .filter_map(|(missing, text)| missing.then_some(text))
        .collect()
    }
}
