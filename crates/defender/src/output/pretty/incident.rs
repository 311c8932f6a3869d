//! An incident as a block of lines.

use std::collections::BTreeSet;

use palisade_model::event::{
    Cause, Incident, IncidentSeverity, Kind, ModelSection, Process, ProcessKey, Record, Response,
};

use super::paint::{Line, Tone};
use super::{Pretty, clock, process, words};
use crate::output::Phase;

/// Lines of evidence that are shown.
const EVIDENCE: usize = 8;

/// Levels of the tree that are drawn deeper than the one before.
const DEPTH: usize = 16;

impl Pretty {
    pub(super) fn incident(&self, incident: &Incident, phase: Phase) -> String {
        let mut block = vec![self.headline(incident)];
        let phase = match phase {
            Phase::Created => "new",
            Phase::Updated => "goes on",
            Phase::Closed => "closed",
        };
        let (from, until, count) = (clock(incident.first), clock(incident.last), incident.count);
        let plural = if count == 1 { "" } else { "s" };
        let about = format!("{} {phase}, {from} to {until}, {count} event{plural}", incident.id);
        block.push(self.entry("incident", Tone::Dim, &about));
        block.push(self.entry("where", Tone::Plain, &place(incident)));
        for cause in &incident.causes {
            block.push(self.entry("because", Tone::Plain, &because(cause)));
        }
        if !incident.attack.is_empty() {
            let attack: Vec<_> = incident.attack.iter().map(|one| one.as_str()).collect();
            block.push(self.entry("ATT&CK", Tone::Plain, &attack.join(" ")));
        }
        if let Some(score) = incident.sequences {
            let text = format!(
                "{} of the last {} different sequences of system calls are strange to the image",
                score.mismatches, score.of
            );
            block.push(self.entry("calls", Tone::Plain, &text));
        }
        block.extend(self.tree(incident));
        block.extend(self.evidence(incident));
        block.extend(self.done(incident));
        block.join("\n")
    }

    fn headline(&self, incident: &Incident) -> String {
        let (word, tone) = match incident.severity {
            IncidentSeverity::Critical => ("CRITICAL", Tone::Alarm),
            IncidentSeverity::High => ("HIGH", Tone::Alarm),
            IncidentSeverity::Medium => ("MEDIUM", Tone::Warning),
            IncidentSeverity::Low => ("LOW", Tone::Strong),
            IncidentSeverity::Informational => ("NOTE", Tone::Strong),
        };
        let mut line = self.line();
        line.add(tone, "━━ ");
        line.add(tone, word);
        line.add(Tone::Strong, &format!(" {} ", incident.title));
        line.rule(tone);
        line.end()
    }

    fn entry(&self, label: &str, tone: Tone, text: &str) -> String {
        let mut line = self.line();
        line.column(Tone::Plain, "", 1);
        line.column(Tone::Dim, label, 9);
        line.add(tone, text);
        line.end()
    }

    fn indented(&self) -> Line {
        let mut line = self.line();
        line.column(Tone::Plain, "", 3);
        line
    }

    /// The processes, each below its parent. What they say of their parents is theirs: a ring is drawn
    /// once and left.
    fn tree(&self, incident: &Incident) -> Vec<String> {
        let processes = &incident.tree;
        let known: BTreeSet<_> = processes.iter().map(|process| process.key).collect();
        let is_root = |process: &&Process| process.parent().is_none_or(|p| !known.contains(&p));
        let mut lines = vec![self.entry("processes", Tone::Plain, "")];
        let mut drawn = BTreeSet::new();
        // Those of a ring come last, as roots of their own.
        for root in processes.iter().filter(is_root).chain(processes) {
            if drawn.contains(&root.key) {
                continue;
            }
            let above: Vec<_> =
                root.ancestors.iter().take(4).map(|one| one.name.as_str()).collect();
            if !above.is_empty() {
                let mut line = self.indented();
                line.add(Tone::Dim, &format!("under {}", above.join(" ← ")));
                lines.push(line.end());
            }
            self.branch(processes, root, &mut drawn, &mut lines);
        }
        lines
    }

    fn branch(
        &self,
        processes: &[Process],
        root: &Process,
        drawn: &mut BTreeSet<ProcessKey>,
        lines: &mut Vec<String>,
    ) {
        let mut waiting = vec![(root, String::new(), true)];
        while let Some((one, indent, last)) = waiting.pop() {
            if !drawn.insert(one.key) {
                continue;
            }
            let mut line = self.indented();
            line.add(Tone::Dim, &format!("{indent}{} ", if last { "└─" } else { "├─" }));
            line.add(Tone::Process, &process(one));
            line.add(Tone::Plain, &format!(" {}", words::command_line(&one.args)));
            lines.push(line.end());
            let deeper = match indent.chars().count() / 3 {
                depth if depth >= DEPTH => indent,
                _ => format!("{indent}{}", if last { "   " } else { "│  " }),
            };
            let children = processes
                .iter()
                .filter(|child| child.parent() == Some(one.key) && !drawn.contains(&child.key));
            let children: Vec<_> = children.collect();
            // Taken from the end: the first is drawn first.
            for (place, child) in children.into_iter().rev().enumerate() {
                waiting.push((child, deeper.clone(), place == 0));
            }
        }
    }

    fn evidence(&self, incident: &Incident) -> Vec<String> {
        let mut lines = vec![self.entry("seen", Tone::Plain, "")];
        let shown = telling(&incident.evidence);
        let more = incident.evidence.len().saturating_sub(shown.len()) as u64 + incident.left_out();
        if more > 0 {
            let mut line = self.indented();
            line.add(Tone::Dim, &format!("… {more} more"));
            lines.push(line.end());
        }
        for record in &shown {
            let mut line = self.indented();
            match record {
                Record::Event(event) => {
                    let (verb, object) = words::act(event);
                    line.column(Tone::Dim, &clock(event.time), 12);
                    line.column(Tone::Plain, &process(&event.process), self.settings.columns().1);
                    line.add(super::tone(event.kind()), verb);
                    line.add(Tone::Plain, &format!(" {object}"));
                }
                Record::Blind(blind) => {
                    line.column(Tone::Dim, &clock(blind.until), 12);
                    line.add(Tone::Warning, &words::blind(blind));
                }
            }
            lines.push(line.end());
        }
        lines
    }

    fn done(&self, incident: &Incident) -> Vec<String> {
        if incident.responses.is_empty() {
            return vec![self.entry("done", Tone::Dim, "nothing: it was only seen")];
        }
        let entry = |response: &Response| match response {
            Response::Prevented { process } => {
                let text = format!("process {} was stopped", process.tgid());
                self.entry("done", Tone::Strong, &text)
            }
            Response::ContainerStopped => {
                self.entry("done", Tone::Strong, "the container was stopped")
            }
            Response::Failed { reason } => self.entry("NOT DONE", Tone::Alarm, reason),
        };
        incident.responses.iter().map(entry).collect()
    }
}

/// The last of what says more than the tree does.
fn telling(evidence: &[Record]) -> Vec<&Record> {
    let mut shown: Vec<&Record> = evidence.iter().filter(|record| !is_drawn(record)).collect();
    if shown.is_empty() {
        shown = evidence.iter().collect();
    }
    shown.split_off(shown.len().saturating_sub(EVIDENCE))
}

/// That processes begin and end is what the tree is made of.
fn is_drawn(record: &Record) -> bool {
    matches!(record, Record::Event(event) if matches!(event.kind(), Kind::Fork | Kind::Exit))
}

fn place(incident: &Incident) -> String {
    let Some(container) = &incident.container else {
        return format!("host {}", incident.host);
    };
    let mut text = format!("container {} on {}", container.shown(), incident.host);
    if !container.image.is_empty() {
        text.push_str(&format!(", image {}", container.image));
    }
    if let Some(kubernetes) = &container.kubernetes {
        text.push_str(&format!(", pod {}/{}", kubernetes.namespace, kubernetes.pod));
    }
    text
}

fn because(cause: &Cause) -> String {
    match cause {
        Cause::Rule { name } => format!("rule: {name}"),
        Cause::Policy { name } => format!("policy: {name}"),
        Cause::Malware { name, .. } => format!("known malware: {name}"),
        Cause::PreventionLost => "prevention did not hold: the canary ran".to_owned(),
        Cause::Blind => "the sensor was blind longer than is tolerated".to_owned(),
        Cause::Deviation { section, .. } => {
            let what = match section {
                ModelSection::Processes => "runs",
                ModelSection::Files => "writes",
                ModelSection::Listening => "listens on",
                ModelSection::Outbound => "connects to",
                ModelSection::Names => "asks for",
                ModelSection::Users => "runs as",
            };
            format!("not in what its image {what}")
        }
    }
}
