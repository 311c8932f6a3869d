//! What the sections of a rule say of an act.

use palisade_behaviour::{Deviation, NotComparable, Outcome};
use palisade_model::event::{
    Activity, Event, IncidentSeverity, ModelSection, SocketAddress, Transport,
};

use super::HashVerdict;
use super::allowed::Allowed;
use super::cidr::Network;
use super::decide::Act;
use super::effect::{Clause, Effect, Reason, Section};
use super::process::ExecQuestion;
use super::rule_set::RuleSet;

/// The policy's section for a model's.
pub(crate) fn section_of(section: ModelSection) -> Section {
    match section {
        ModelSection::Processes | ModelSection::Users => Section::Process,
        ModelSection::Files => Section::File,
        ModelSection::Listening | ModelSection::Outbound => Section::Network,
        ModelSection::Names => Section::Dns,
    }
}

pub(crate) fn deviations(
    outcome: Option<&Outcome>,
    section: Section,
) -> impl Iterator<Item = &Deviation> {
    let all = match outcome {
        Some(Outcome::Deviation(all)) => all.as_slice(),
        _ => &[],
    };
    all.iter().filter(move |deviation| section_of(deviation.section) == section)
}

/// Whether the model says that the act departs; `None` when it was not asked or could not compare what
/// did not take place.
fn departs(outcome: Option<&Outcome>, section: Section) -> Option<bool> {
    match outcome? {
        Outcome::Deviation(_) => Some(deviations(outcome, section).next().is_some()),
        Outcome::Known | Outcome::Learned(_) => Some(false),
        Outcome::NotComparable(
            NotComparable::Failed | NotComparable::NotModelled | NotComparable::Archived,
        ) => None,
        Outcome::NotComparable(NotComparable::NotLearned(_) | NotComparable::Bound(_)) => {
            Some(false)
        }
    }
}

impl RuleSet {
    /// Everything in the rule's sections that speaks of the act.
    pub(crate) fn judge(&self, act: &Act<'_>) -> Vec<Reason> {
        let rule = self.0.as_ref();
        let event = act.event;
        let says = |section| departs(act.outcome, section);
        let mut reasons = match &event.activity {
            Activity::Exec { .. } => {
                let question = question(event);
                rule.process.judge(&question, act.model, says(Section::Process), rule.fail)
            }
            Activity::Identity { .. } => self.judge_user(act),
            Activity::Connect { transport, remote: SocketAddress::Inet(end), .. }
            | Activity::Send { transport, remote: SocketAddress::Inet(end), .. } => {
                let says = says(Section::Network);
                let network = &rule.network;
                network.judge_connect(*transport, end.ip(), end.port(), act.model, says)
            }
            Activity::Listen { transport, local: SocketAddress::Inet(end) }
            | Activity::Bind { transport, local: SocketAddress::Inet(end) } => {
                let says = says(Section::Network);
                rule.network.judge_listen(*transport, end.port(), act.model, says)
            }
            Activity::RawSocket { family, socket_type, protocol }
                if is_past_hooks(*family, *socket_type, *protocol) =>
            {
                self.judge_socket(act)
            }
            Activity::DnsQuestion { name, .. } => {
                let by_list = || act.model.and_then(|model| model.knows_name(name)).map(|k| !k);
                rule.dns.judge(name, says(Section::Dns).or_else(by_list))
            }
            activity => self.judge_files(activity, says(Section::File)),
        };
        reasons.extend(self.leased(act));
        reasons.extend(rule.kernel.judge(&event.activity));
        // A TCP port that is only told of is told of when it is listened on.
        if matches!(event.activity, Activity::Bind { transport: Transport::Tcp, .. }) {
            reasons.retain(|reason| reason.clause != Clause::Effect || reason.effect.refuses());
        }
        self.soften(act, &mut reasons);
        reasons
    }

    /// A deviation of low severity joins the model by itself: it is told of, and never stops anything.
    /// Only what the kernel's list of addresses and ports refuses it refuses without asking how grave.
    fn soften(&self, act: &Act<'_>, reasons: &mut [Reason]) {
        for reason in reasons.iter_mut().filter(|reason| reason.clause == Clause::Effect) {
            let learned = match reason.section {
                Section::Process => self.0.process.learned,
                Section::File => self.0.file.learned,
                Section::Network => self.0.network.learned,
                Section::Dns => self.0.dns.learned,
                Section::Kernel | Section::Detect => false,
            };
            let grave = deviations(act.outcome, reason.section).map(|one| one.severity).max();
            if learned && grave.is_some_and(|grave| grave <= IncidentSeverity::Low) {
                let most = match reason.section {
                    Section::Network => Effect::Prevent,
                    _ => Effect::Alert,
                };
                reason.effect = reason.effect.min(most);
            }
        }
    }

    /// A socket whose traffic the kernel cannot be asked about: refused wherever some traffic is.
    fn judge_socket(&self, act: &Act<'_>) -> Vec<Reason> {
        let (network, dns) = (&self.0.network, &self.0.dns);
        let reason = |section, clause, entry, effect| {
            let text = "such a socket sends past everything that is refused";
            Reason::new(section, clause, entry, effect, text)
        };
        let outbound = |model: &Allowed| model.outbound(Transport::Tcp, &Network::V4).is_some();
        let listens = |model: &Allowed| model.listening(Transport::Tcp).is_some();
        let listed = match network.learned {
            true => act.model.is_some_and(|model| outbound(model) || listens(model)),
            false => network.allow.is_some() || network.listen.is_some(),
        };
        let mut reasons = Vec::new();
        let denied = network.deny.first().map(|denied| (Clause::Deny, &denied.entry));
        let unheard = network.listen_deny.first().map(|denied| (Clause::ListenDeny, &denied.entry));
        if let Some((clause, entry)) = denied.or(unheard)
            && network.deny_effect.refuses()
        {
            reasons.push(reason(Section::Network, clause, Some(entry), network.deny_effect));
        }
        if listed && network.effect.refuses() {
            reasons.push(reason(Section::Network, Clause::Effect, None, network.effect));
        }
        let effect = dns.deny_effect.max(dns.effect);
        if act.leases.is_some_and(|leases| !leases.is_empty()) && effect.refuses() {
            reasons.push(reason(Section::Dns, Clause::Answer, None, effect));
        }
        reasons
    }

    fn judge_user(&self, act: &Act<'_>) -> Vec<Reason> {
        let process = &self.0.process;
        let departs = process.learned && deviations(act.outcome, Section::Process).next().is_some();
        if !departs || process.effect == Effect::Disable {
            return Vec::new();
        }
        let text = "the image's programs are not normally this user";
        vec![Reason::new(Section::Process, Clause::Effect, None, process.effect, text)]
    }

    fn judge_files(&self, activity: &Activity, departs: Option<bool>) -> Vec<Reason> {
        let file_section = &self.0.file;
        let write = |path: &str| file_section.judge_write(path, departs);
        match activity {
            Activity::Open { file, flags } => {
                let mut reasons = Vec::new();
                if flags.writes() || flags.truncates() {
                    reasons = write(&file.path);
                }
                if flags.reads() {
                    reasons.extend(file_section.judge_read(&file.path));
                }
                reasons
            }
            Activity::Create { file, .. }
            | Activity::Unlink { file }
            | Activity::Mode { file, .. }
            | Activity::Owner { file, .. }
            | Activity::Times { file, .. }
            | Activity::Truncate { file, .. } => write(&file.path),
            Activity::Rename { from, to, .. } => {
                let mut reasons = write(&from.path);
                for reason in write(to) {
                    if !reasons.iter().any(|known| known.clause == reason.clause) {
                        reasons.push(reason);
                    }
                }
                reasons
            }
            Activity::Link { link, .. } => write(link),
            _ => Vec::new(),
        }
    }

    fn leased(&self, act: &Act<'_>) -> Option<Reason> {
        let (Activity::Connect { remote, .. } | Activity::Send { remote, .. }) =
            &act.event.activity
        else {
            return None;
        };
        let address = remote.endpoint()?.ip();
        let entry = act.leases?.get(address)?;
        let effect = self.0.dns.deny_effect.max(self.0.dns.effect);
        let text = format!("{address} was the answer for a name that is refused");
        effect
            .refuses()
            .then(|| Reason::new(Section::Dns, Clause::Answer, Some(entry), effect, text))
    }
}

/// As `socket__is_asked_about` of the sensor's `net.h` has it, by its opposite.
fn is_past_hooks(family: u16, socket_type: u16, protocol: u16) -> bool {
    const UNIX: u16 = 1;
    const INET: u16 = 2;
    const INET6: u16 = 10;
    const KEY: u16 = 15;
    const NETLINK: u16 = 16;
    const ALG: u16 = 38;
    // TCP and MPTCP on streams, UDP on datagrams.
    let usual = matches!((socket_type, protocol), (1, 0 | 6 | 262) | (2, 0 | 17));
    match family {
        UNIX | KEY | NETLINK | ALG => false,
        INET | INET6 => !usual,
        _ => true,
    }
}

/// What would have been asked before this exec.
pub(crate) fn question(event: &Event) -> ExecQuestion<'_> {
    let process = event.process.as_ref();
    let parent = process.ancestors.parent();
    ExecQuestion {
        path: process.path(),
        parent: parent.map(
            |parent| {
                if parent.cgroup == process.cgroup { parent.path.as_str() } else { "" }
            },
        ),
        user: Some(process.credentials.euid),
        upper: process.executable.file.upper,
        fileless: process.executable.fileless,
        auxiliary: false,
        hash: HashVerdict::Unknown,
    }
}
