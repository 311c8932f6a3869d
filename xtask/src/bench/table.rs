//! Results, for people and as JSON.

use std::io::{self, Write};

use serde::Serialize;

/// What is promised of a value.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// One number.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) value: f64,
    pub(super) target: Option<Target>,
    /// Whether the target is reached.
    pub(super) ok: Option<bool>,
    /// What belongs beside the number.
    pub(super) note: String,
}

/// All of a run.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// Adds a number, and shows it at once: a run takes minutes.
    pub(super) fn add(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Option<Target>,
        note: impl Into<String>,
    ) {
        let ok = target.map(|target| match target {
            Target::AtMost(limit) => value <= limit,
            Target::AtLeast(limit) => value >= limit,
        });
        let row = Row { name: name.into(), unit, value, target, ok, note: note.into() };
        say(&format!("    {}", line(&row)));
        self.rows.push(row);
    }

    /// The whole table, as Markdown.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEAD}\n{RULE}\n");
        for row in &self.rows {
            text.push_str(&line(row));
            text.push('\n');
        }
        text
    }

    /// How many targets were missed.
    pub(super) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.ok == Some(false)).count()
    }
}

const HEAD: &str = "| measured                                       |    target |       value | unit   | verdict | beside it";
const RULE: &str = "|---|---:|---:|---|---|---";

fn line(row: &Row) -> String {
    let target = match row.target {
        None => String::new(),
        Some(Target::AtMost(limit)) => format!("≤ {limit}"),
        Some(Target::AtLeast(limit)) => format!("≥ {limit}"),
    };
    let verdict = match row.ok {
        None => "",
        Some(true) => "ok",
        Some(false) => "MISSED",
    };
    format!(
        "| {:<46} | {target:>9} | {:>11} | {:<6} | {verdict:<7} | {}",
        row.name,
        number(row.value),
        row.unit,
        row.note
    )
}

/// Four digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// A line for whoever waits. A closed output does not stop the measurement.
pub(super) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_decides_the_verdict() {
        let mut table = Table::default();
        table.add("low", 1.0, "s", Some(Target::AtMost(1.0)), "");
        table.add("high", 9.9, "/s", Some(Target::AtLeast(10.0)), "");
        table.add("free", 5.0, "", None, "");
        assert_eq!(table.missed(), 1);
        let text = table.text();
        assert!(text.contains("| MISSED  |") && text.contains("| ok      |"), "{text}");
    }
}
