//! What a policy says of an act.

use std::fmt;

use palisade_behaviour::Outcome;
use palisade_model::event::{Activity, Effect as Came, Event, SocketAddress};
use serde::Serialize;

use crate::Finding;

use super::allowed::Allowed;
use super::effect::{Clause, Effect, Entry, Fail, Reason, Section, gravest};
use super::judge::question;
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
    /// What was answered when the program waited: it is the decision, and is not made anew by what is known
    /// by now.
    pub answered: Option<&'a ExecAnswer>,
}

impl<'a> Act<'a> {
    /// An event of which nothing else is known.
    pub fn bare(event: &'a Event) -> Self {
        let (outcome, model, leases, answered) = (None, None, None, None);
        Self { event, findings: Vec::new(), outcome, model, leases, answered }
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

impl RuleSet {
    /// What holds of an act. Pure: the same act gives the same decision.
    pub fn decide(&self, act: Act<'_>) -> Decision {
        let mut reasons = match act.answered {
            Some(answer) => answer.why.reasons.clone(),
            None => self.judge(&act),
        };
        let mut findings = self.raise(&act, &reasons);
        for mut finding in act.findings {
            let Some(reason) = self.judge_finding(&mut finding, &reasons) else {
                findings.push(finding);
                continue;
            };
            if reason.effect > Effect::Disable {
                findings.push(finding);
            }
            // A deviation's reason is the section's, which has spoken already.
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let event = act.event;
        if event.effect == Came::Refused && !gravest(&reasons).refuses() {
            let text = "the kernel refused it, by a plan that is not this policy's any more";
            let section = section_of_event(&event.activity);
            reasons.push(Reason::new(section, Clause::Effect, None, Effect::Prevent, text));
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
        let refuses = [process.effect, process.deny_effect, process.drift, process.malware];
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

fn section_of_event(activity: &Activity) -> Section {
    match activity {
        Activity::Exec { .. } => Section::Process,
        Activity::Connect { .. }
        | Activity::Send { .. }
        | Activity::Bind { .. }
        | Activity::Listen { .. }
        | Activity::RawSocket { .. } => Section::Network,
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
                let found = matches!(reason.clause, Clause::Detection | Clause::Malware);
                reason.effect.refuses() && (found || reason.section == Section::Process)
            };
            if reasons.iter().any(kills) { Respond::Kill } else { Respond::Nothing }
        }
    }
}
