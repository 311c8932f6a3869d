//! A processor in use for long, as miners do it; busy services do as well.

use palisade_model::UnixMillis;
use palisade_model::event::IncidentSeverity;

use super::window::Quiet;
use super::{Counter, Look};

pub(super) static SUSTAINED: Counter = Counter {
    name: "Sustained processor use",
    description: "A container keeps a processor busy for a quarter of an hour without a break.",
    severity: IncidentSeverity::Informational,
    technique: "T1496",
};

#[derive(Debug, Clone, Default)]
pub(super) struct Use {
    since: Option<UnixMillis>,
    quiet: Quiet,
}

impl Use {
    pub(super) fn look(&mut self, busy_ns: u64, over_ns: u64, look: &mut Look<'_>) {
        let settings = &look.settings.processor;
        if !settings.enabled || over_ns == 0 {
            return;
        }
        let used = busy_ns as f64 / over_ns as f64;
        if used < settings.processors {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert(look.now.minus(over_ns / 1_000_000));
        let lasted = look.now.since(since);
        if lasted >= settings.sustained_ms && self.quiet.is_over(look.now, look.settings.quiet_ms) {
            self.quiet.begin(look.now);
            self.since = None;
            let minutes = lasted / 60_000;
            look.find(&SUSTAINED, format!("{used:.1} processors now, busy for {minutes} minutes"));
        }
    }
}
