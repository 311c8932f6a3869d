//! What the sections of a rule say of an act.

use palisade_behaviour::{Deviation, NotComparable, Outcome};
use palisade_model::event::{
    Activity, Event, IncidentSeverity, ModelSection, SocketAddress, Transport,
};

use super::HashVerdict;
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
