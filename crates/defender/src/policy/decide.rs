//! What a policy says of an act.

use std::fmt;

use palisade_behaviour::{Deviation, NotComparable, Outcome};
use palisade_model::event::{
    Activity, Cause, Effect as Came, Event, IncidentSeverity, ModelSection, SocketAddress,
    Transport,
};
use serde::Serialize;

use crate::Finding;

use super::allowed::Allowed;
use super::detect;
use super::effect::{Clause, Effect, Entry, Fail, Reason, Section, gravest};
use super::lease::{Leases, Refusal};
use super::process::ExecQuestion;
use super::rule_set::RuleSet;

/// Something that was done, with all that is known of it.
#[derive(Debug, Clone)]
pub struct Act<'a> {
    /// The event.
    pub event: &'a Event,
    /// What deciders found in it.
    pub findings: Vec<Finding>,
    /// What the image's behaviour model said of it; `None` without a model.
    pub outcome: Option<&'a Outcome>,
    /// What that model knows, while it is active.
    pub model: Option<&'a Allowed>,
    /// Addresses that are refused to the container because of their names.
    pub leases: Option<&'a Leases>,
}

impl<'a> Act<'a> {
    /// An event of which nothing else is known.
    pub fn bare(event: &'a Event) -> Self {
        Self { event, findings: Vec::new(), outcome: None, model: None, leases: None }
    }
}

/// What is still to be done about an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Respond {
    /// Nothing: it may be, or it was refused, or it cannot be undone.
    Nothing,
    /// Its process is to be killed.
    Kill,
    /// Its container is to be stopped.
    Stop,
}

/// What the policy says of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The gravest effect of all that spoke; [`Effect::Disable`] when nothing did.
    pub effect: Effect,
    /// Whether the act may be.
    pub allowed: bool,
    /// What is still to be done.
    pub respond: Respond,
    /// It may not be, and it took place.
    pub missed: bool,
    /// What to raise.
    pub findings: Vec<Finding>,
    /// Why.
    pub why: Explanation,
}

/// May this run? The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecAnswer {
    /// It may.
    pub allow: bool,
    /// The gravest effect.
    pub effect: Effect,
    /// Why.
    pub why: Explanation,
}

/// Why something was decided: the rule of the policy and what of it spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The rule's name.
    pub rule: String,
    /// Its line; 0 for the default.
    pub line: u32,
    /// Whom the rule is for.
    pub matched: String,
    /// What spoke; the gravest first.
    pub reasons: Vec<Reason>,
    /// What the act is allowed by, when nothing spoke against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_by: Option<Reason>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "rule `{}`", self.rule)?;
        if self.line > 0 {
            write!(formatter, " (line {})", self.line)?;
        }
        write!(formatter, ", for {}", self.matched)?;
        for reason in self.reasons.iter().chain(&self.allowed_by) {
            write!(formatter, "\n  {reason}")?;
        }
        if self.reasons.is_empty() && self.allowed_by.is_none() {
            formatter.write_str("\n  nothing in it speaks of this")?;
        }
        Ok(())
    }
}

/// The policy's section for a model's.
fn section_of(section: ModelSection) -> Section {
    match section {
        ModelSection::Processes | ModelSection::Users => Section::Process,
        ModelSection::Files => Section::File,
        ModelSection::Listening | ModelSection::Outbound => Section::Network,
        ModelSection::Names => Section::Dns,
    }
}

fn deviations(outcome: Option<&Outcome>, section: Section) -> impl Iterator<Item = &Deviation> {
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
    /// What holds of an act. Pure: the same act gives the same decision.
    pub fn decide(&self, act: Act<'_>) -> Decision {
        let mut reasons = self.reasons(&act);
        let mut findings = self.raise(&act, &reasons);
        for mut finding in act.findings {
            let Some(reason) = self.judge_finding(&mut finding, &reasons) else {
                findings.push(finding);
                continue;
            };
            if reason.effect > Effect::Disable {
                findings.push(finding);
            }
            reasons.push(reason);
        }
        let event = act.event;
        if event.effect == Came::Refused && !gravest(&reasons).refuses() {
            let text = "the kernel refused it, by a plan that is not this policy's any more";
            let section = section_of_event(&event.activity);
            reasons.push(Reason::new(section, Clause::Effect, None, Effect::Prevent, text));
        }
        // Nothing is refused on the host, whatever the settings say of detections and hashes.
        if self.is_host() {
            for reason in &mut reasons {
                reason.effect = reason.effect.min(Effect::Alert);
            }
        }
        let effect = gravest(&reasons);
        let respond = respond(effect, event, &reasons);
        Decision {
            effect,
            allowed: !effect.refuses(),
            respond,
            missed: effect.refuses() && event.effect == Came::Seen && event.succeeded(),
            findings,
            why: self.explanation(reasons, || self.allowed_by(event)),
        }
    }

    /// Whether a program may run, asked before it does. The time taken depends on the number of
    /// patterns of the rule only.
    pub fn decide_exec(&self, question: &ExecQuestion<'_>, model: Option<&Allowed>) -> ExecAnswer {
        let rule = self.0.as_ref();
        let reasons = rule.process.judge(question, model, None, rule.fail);
        let effect = gravest(&reasons);
        ExecAnswer {
            allow: !effect.refuses(),
            effect,
            why: self.explanation(reasons, || self.exec_allowed_by(question)),
        }
    }

    /// The answer when none came in time.
    pub fn late(&self) -> ExecAnswer {
        let process = &self.0.process;
        let refuses = [process.effect, process.deny_effect, process.drift, process.known_bad];
        let closed = self.0.fail == Fail::Closed && refuses.iter().any(|effect| effect.refuses());
        let effect = if closed { Effect::Prevent } else { Effect::Alert };
        let text = if closed {
            "no answer in time, and the policy says `fail = \"closed\"`"
        } else {
            "no answer in time: the program runs"
        };
        let reason = Reason::new(Section::Process, Clause::Effect, None, effect, text);
        ExecAnswer { allow: !closed, effect, why: self.explanation(vec![reason], || None) }
    }

    /// Addresses to refuse because of a name server's answer; see [`Leases::add`]. `known` says whether
    /// the image's model has the name.
    pub fn refusals(&self, event: &Event, model: Option<&Allowed>) -> Option<Refusal> {
        let Activity::DnsAnswer { name, .. } = &event.activity else { return None };
        let known = model.and_then(|model| model.knows_name(name));
        self.0.dns.refusals(event, &self.0.network, known.map(|known| !known))
    }

    fn explanation(
        &self,
        mut reasons: Vec<Reason>,
        allowed_by: impl FnOnce() -> Option<Reason>,
    ) -> Explanation {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.effect));
        Explanation {
            rule: self.name().to_owned(),
            line: self.line(),
            matched: self.matches(),
            allowed_by: if reasons.is_empty() { allowed_by() } else { None },
            reasons,
        }
    }

    fn reasons(&self, act: &Act<'_>) -> Vec<Reason> {
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

    /// What is raised because of the sections: the model's deviations where a section minds them, and
    /// what the policy itself forbids.
    fn raise(&self, act: &Act<'_>, reasons: &[Reason]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let image = act.event.container.as_ref().and_then(|container| container.image_digest);
        for reason in reasons {
            let raised = act.findings.iter().any(|finding| {
                matches!(&finding.cause, Cause::Deviation { section, .. }
                    if section_of(*section) == reason.section)
            });
            let mut departures = deviations(act.outcome, reason.section).peekable();
            if reason.clause == Clause::Effect && (raised || departures.peek().is_some()) {
                if let (false, Some(image)) = (raised, image) {
                    findings.extend(departures.map(|one| deviation_finding(one, image)));
                    continue;
                }
                if raised {
                    continue;
                }
            }
            findings.push(self.policy_finding(reason));
        }
        findings
    }

    fn policy_finding(&self, reason: &Reason) -> Finding {
        let forbidden = reason.effect.refuses();
        let what = match reason.section {
            Section::Process => "Program",
            Section::File => "File access",
            Section::Network => "Connection or listener",
            Section::Dns => "Name or its address",
            Section::Kernel => "Kernel feature",
            Section::Detect => "Act",
        };
        Finding {
            cause: Cause::Policy { name: self.name().to_owned() },
            title: format!(
                "{what} {}",
                if forbidden { "forbidden by policy" } else { "against policy" }
            ),
            detail: reason.to_string(),
            severity: if forbidden { IncidentSeverity::High } else { IncidentSeverity::Medium },
            techniques: Vec::new(),
        }
    }

    /// What becomes of a decider's finding; `None` for what no policy turns off.
    fn judge_finding(&self, finding: &mut Finding, reasons: &[Reason]) -> Option<Reason> {
        match &finding.cause {
            Cause::Rule { .. } => Some(detect::judge(&self.0.detect, self.0.detections, finding)),
            Cause::Malware { hash, name } => {
                let text = format!("{name} ({hash})");
                let effect = self.0.process.known_bad;
                Some(Reason::new(Section::Process, Clause::KnownBad, None, effect, text))
            }
            Cause::Deviation { section, .. } => {
                let section = section_of(*section);
                let minded =
                    |reason: &&Reason| reason.section == section && reason.clause == Clause::Effect;
                match reasons.iter().find(minded) {
                    Some(reason) => Some(reason.clone()),
                    None => Some(Reason::new(
                        section,
                        Clause::Allow,
                        None,
                        Effect::Disable,
                        format!("the section lets it be: {}", finding.detail),
                    )),
                }
            }
            Cause::Policy { .. } | Cause::PreventionLost | Cause::Blind => None,
        }
    }

    fn exec_allowed_by(&self, question: &ExecQuestion<'_>) -> Option<Reason> {
        let entry = self.0.process.allows(question)?;
        let text = "listed";
        Some(Reason::new(Section::Process, Clause::Allow, Some(entry), Effect::Disable, text))
    }

    fn allowed_by(&self, event: &Event) -> Option<Reason> {
        let rule = self.0.as_ref();
        let by = |section, entry: Option<&Entry>| {
            entry.map(|entry| {
                Reason::new(section, Clause::Allow, Some(entry), Effect::Disable, "listed")
            })
        };
        match &event.activity {
            Activity::Exec { .. } => self.exec_allowed_by(&question(event)),
            Activity::Connect { transport, remote: SocketAddress::Inet(end), .. }
            | Activity::Send { transport, remote: SocketAddress::Inet(end), .. } => {
                by(Section::Network, rule.network.allows(*transport, end.ip(), end.port()))
            }
            Activity::Listen { transport, local: SocketAddress::Inet(end) }
            | Activity::Bind { transport, local: SocketAddress::Inet(end) } => {
                by(Section::Network, rule.network.listens(*transport, end.port()))
            }
            Activity::DnsQuestion { name, .. } => by(Section::Dns, rule.dns.allows(name)),
            activity => {
                by(Section::File, activity.file().and_then(|file| rule.file.allows(&file.path)))
            }
        }
    }
}

fn deviation_finding(deviation: &Deviation, image: palisade_model::event::ImageDigest) -> Finding {
    Finding {
        cause: Cause::Deviation { image, section: deviation.section },
        title: "The container did what its image does not do".to_owned(),
        detail: format!("{}: {}", deviation.fact, deviation.what),
        severity: deviation.severity,
        techniques: Vec::new(),
    }
}

fn question(event: &Event) -> ExecQuestion<'_> {
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
        hash: super::HashVerdict::Unknown,
    }
}

fn section_of_event(activity: &Activity) -> Section {
    match activity {
        Activity::Exec { .. } => Section::Process,
        Activity::Connect { .. }
        | Activity::Send { .. }
        | Activity::Bind { .. }
        | Activity::Listen { .. } => Section::Network,
        Activity::Mount { .. }
        | Activity::Ptrace { .. }
        | Activity::Memory { .. }
        | Activity::Bpf { .. }
        | Activity::Module { .. } => Section::Kernel,
        _ => Section::File,
    }
}

/// A connection, write or question that took place is not undone by a kill, and its process may be the
/// service itself: only programs and what detection rules were promoted for are killed.
fn respond(effect: Effect, event: &Event, reasons: &[Reason]) -> Respond {
    match effect {
        Effect::Block if event.container.is_some() => Respond::Stop,
        Effect::Disable | Effect::Alert => Respond::Nothing,
        Effect::Prevent | Effect::Block if event.effect != Came::Seen => Respond::Nothing,
        Effect::Prevent | Effect::Block => {
            let kills = |reason: &Reason| {
                let found = matches!(reason.clause, Clause::Detection | Clause::KnownBad);
                reason.effect.refuses() && (found || reason.section == Section::Process)
            };
            if reasons.iter().any(kills) { Respond::Kill } else { Respond::Nothing }
        }
    }
}
