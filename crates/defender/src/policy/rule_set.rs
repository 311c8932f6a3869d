use std::sync::Arc;

use super::detect::Detection;
use super::dns::DnsSection;
use super::effect::{Effect, Fail};
use super::file::FileSection;
use super::kernel::KernelSection;
use super::matching::Match;
use super::network::NetworkSection;
use super::process::Processes;

/// What holds for a container: a rule of the policy, compiled. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RuleSet(pub(crate) Arc<Compiled>);

#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) matching: Match,
    pub(crate) fail: Fail,
    pub(crate) detections: Effect,
    pub(crate) process: Processes,
    pub(crate) file: FileSection,
    pub(crate) network: NetworkSection,
    pub(crate) dns: DnsSection,
    pub(crate) kernel: KernelSection,
    pub(crate) detect: Vec<Detection>,
}

impl RuleSet {
    /// What holds where no rule is for a container: alerts only, save what the settings say.
    pub(crate) fn rest(fail: Fail, detections: Effect, malware: Effect, host: bool) -> Self {
        let limit = |effect: Effect| if host { effect.min(Effect::Alert) } else { effect };
        Self(Arc::new(Compiled {
            name: if host { "default (host)" } else { "default" }.to_owned(),
            line: 0,
            matching: Match::anything(host),
            fail,
            detections: limit(detections),
            process: Processes::new(limit(malware)),
            file: FileSection::default(),
            network: NetworkSection::default(),
            dns: DnsSection::default(),
            kernel: KernelSection::off(),
            detect: Vec::new(),
        }))
    }

    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The rule's line in the file; 0 for the default.
    pub fn line(&self) -> u32 {
        self.0.line
    }

    /// Whom it is for, in one line.
    pub fn matches(&self) -> String {
        self.0.matching.shown()
    }

    /// Whether it is for the host, whose acts are only told of.
    pub fn is_host(&self) -> bool {
        self.0.matching.host
    }

    /// The gravest effect that anything in it can have.
    pub fn gravest(&self) -> Effect {
        let rule = self.0.as_ref();
        let kernel = rule.kernel;
        let sections = [
            rule.detections,
            rule.process.effect,
            rule.process.deny_effect,
            rule.process.drift,
            rule.process.fileless,
            rule.process.malware,
            rule.file.effect,
            rule.file.deny_effect,
            rule.network.effect,
            rule.network.deny_effect,
            rule.dns.effect,
            rule.dns.deny_effect,
            kernel.mount,
            kernel.ptrace,
            kernel.bpf,
            kernel.module,
        ];
        let detect = rule.detect.iter().map(|detection| detection.effect);
        sections.into_iter().chain(detect).max().unwrap_or_default()
    }
}
