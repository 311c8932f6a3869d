//! What of an act is raised.

use palisade_behaviour::Deviation;
use palisade_model::event::{Cause, ImageDigest, IncidentSeverity};

use crate::Finding;

use super::decide::Act;
use super::detect;
use super::effect::{Clause, Effect, Reason, Section};
use super::judge::{deviations, section_of};
use super::rule_set::RuleSet;

impl RuleSet {
    /// What is raised because of the sections: the model's deviations where a section minds them, and
    /// what the policy itself forbids.
    pub(crate) fn raise(&self, act: &Act<'_>, reasons: &[Reason]) -> Vec<Finding> {
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
    pub(crate) fn judge_finding(
        &self,
        finding: &mut Finding,
        reasons: &[Reason],
    ) -> Option<Reason> {
        match &finding.cause {
            Cause::Rule { .. } => Some(detect::judge(&self.0.detect, self.0.detections, finding)),
            Cause::Malware { hash, name } => {
                let text = format!("{name} ({hash})");
                let effect = self.0.process.malware;
                Some(Reason::new(Section::Process, Clause::Malware, None, effect, text))
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
}

fn deviation_finding(deviation: &Deviation, image: ImageDigest) -> Finding {
    Finding {
        cause: Cause::Deviation { image, section: deviation.section },
        title: "The container did what its image does not do".to_owned(),
        detail: format!("{}: {}", deviation.fact, deviation.what),
        severity: deviation.severity,
        techniques: Vec::new(),
    }
}
