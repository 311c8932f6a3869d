use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use owo_colors::OwoColorize;
use palisade_model::{
    EngineEntry, Failure, NodeReport, Outcome, ProblemKind, Report, Severity, Verdict,
};

use super::{Summary, is_found, is_unscanned};
use crate::scan::Scanned;
use crate::text::{complain, printable, size};

/// Lines about one file; the JSON form has all.
const LINES: usize = 40;

/// What was found and what could not be scanned, a line each.
pub(in crate::scan) struct Table {
    out: BufWriter<Stdout>,
    color: bool,
    verbose: bool,
    quiet: bool,
}

impl Table {
    pub(super) fn new(verbose: bool, quiet: bool) -> Self {
        let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out: BufWriter::new(io::stdout()), color, verbose, quiet }
    }

    pub(super) fn show(&mut self, scanned: &Scanned) -> io::Result<()> {
        match scanned {
            Scanned::Unreadable { name, reason } => {
                self.line("ERROR", name, "", reason)?;
            }
            Scanned::Report(report) => {
                let lines = lines(report);
                let more = lines.len().saturating_sub(LINES);
                for line in lines.iter().take(LINES) {
                    let path = join(&report.request.name, &line.path);
                    self.line(line.word, &path, line.engine, &line.text)?;
                }
                if more > 0 {
                    let text = format!("and {more} more lines; --format json has them");
                    self.line("…", &report.request.name, "", &text)?;
                }
                if lines.is_empty() && self.verbose {
                    let node = report.root();
                    let what = node.and_then(|node| node.file_type.as_ref());
                    let what = what.map_or("", |what| what.description.as_str());
                    self.line("OK", &report.request.name, "", what)?;
                }
            }
        }
        // People watch.
        self.out.flush()
    }

    fn line(&mut self, word: &str, path: &str, engine: &str, text: &str) -> io::Result<()> {
        let padded = format!("{word:<11}");
        let word = match word {
            _ if !self.color => padded,
            "MALICIOUS" => padded.red().bold().to_string(),
            "SUSPICIOUS" => padded.yellow().bold().to_string(),
            "OK" => padded.green().to_string(),
            _ => padded.cyan().to_string(),
        };
        let (path, text) = (printable(path), printable(text));
        let colon = if text.is_empty() { "" } else { ": " };
        let engine = if engine.is_empty() { String::new() } else { format!(" [{engine}]") };
        writeln!(self.out, "{word} {path}{colon}{text}{engine}")
    }

    pub(super) fn finish(mut self, summary: &Summary) -> io::Result<()> {
        self.out.flush()?;
        if self.quiet {
            return Ok(());
        }
        let rate = if summary.seconds > 0.0 { summary.files as f64 / summary.seconds } else { 0.0 };
        complain(&format!(
            "{} file{} ({}), {} inside: {} malicious, {} suspicious, {} not scanned whole; \
             {:.1} s, {rate:.0} files/s",
            summary.files,
            if summary.files == 1 { "" } else { "s" },
            size(summary.bytes),
            summary.inside,
            summary.malicious,
            summary.suspicious,
            summary.unscanned,
            summary.seconds,
        ));
        Ok(())
    }
}

struct Line<'a> {
    word: &'static str,
    path: String,
    engine: &'a str,
    text: String,
}

fn join(name: &str, path: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{name} → {path}") }
}

/// Every finding and failure of a tree, gravest first.
fn lines(report: &Report) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    if !is_found(report) && !is_unscanned(report) {
        return lines;
    }
    for node in &report.nodes {
        for (engine, entry) in &node.engines {
            node_lines(node, engine.as_str(), entry, &mut lines);
        }
        for child in node.children.iter().filter(|child| child.left_out.is_some()) {
            let path = palisade_pipeline::runner::join_path(&node.path, &child.name);
            let text = "nested deeper than the limit, or it contains itself".to_owned();
            lines.push(Line { word: "NOT SCANNED", path, engine: "", text });
        }
    }
    lines.sort_by_key(|line| match line.word {
        "MALICIOUS" => 0,
        "SUSPICIOUS" => 1,
        _ => 2,
    });
    lines
}

fn node_lines<'a>(
    node: &NodeReport,
    engine: &'a str,
    entry: &EngineEntry,
    lines: &mut Vec<Line<'a>>,
) {
    let mut push = |word, text: String| {
        lines.push(Line { word, path: node.path.clone(), engine, text });
    };
    match entry {
        EngineEntry::NotApplicable(_) => {}
        EngineEntry::Down(reason) => push("NOT SCANNED", format!("the engine is down: {reason}")),
        EngineEntry::TimedOut => push("TIMED OUT", "no answer in time".to_owned()),
        EngineEntry::Done(result) => {
            for finding in &result.findings {
                let word = match finding.severity {
                    Severity::Info => continue,
                    Severity::Suspicious => "SUSPICIOUS",
                    Severity::Malicious => "MALICIOUS",
                };
                let text = match (&result.threat, result.findings.len()) {
                    (Some(threat), 1) => format!("{threat} ({})", finding.explanation),
                    _ => format!("{} ({})", finding.id, finding.explanation),
                };
                push(word, text);
            }
            if let (Outcome::Verdict(verdict), true) = (result.outcome, result.findings.is_empty())
                && verdict >= Verdict::Suspicious
            {
                let threat = result.threat.clone().unwrap_or_default();
                push(
                    if verdict == Verdict::Malicious { "MALICIOUS" } else { "SUSPICIOUS" },
                    threat,
                );
            }
            if let Outcome::Failure(failure) = result.outcome
                && result.problems.is_empty()
            {
                push(failure_word(failure), result.reason.clone().unwrap_or_default());
            }
            for problem in &result.problems {
                let name = if problem.name.is_empty() {
                    String::new()
                } else {
                    format!("{}: ", problem.name)
                };
                push(problem_word(problem.kind), format!("{name}{}", problem.detail));
            }
        }
    }
}

fn failure_word(failure: Failure) -> &'static str {
    match failure {
        Failure::Failed => "FAILED",
        Failure::TimedOut => "TIMED OUT",
        Failure::Encrypted => "ENCRYPTED",
        Failure::NotScanned => "NOT SCANNED",
        Failure::Cancelled => "CANCELLED",
    }
}

fn problem_word(problem: ProblemKind) -> &'static str {
    match problem {
        ProblemKind::EncryptedArchive | ProblemKind::EncryptedDocument => "ENCRYPTED",
        ProblemKind::TooDeep | ProblemKind::TooManyFiles | ProblemKind::TooLarge => "OVER LIMIT",
        ProblemKind::TimedOut => "TIMED OUT",
        ProblemKind::Truncated => "TRUNCATED",
        ProblemKind::Corrupt => "CORRUPT",
        ProblemKind::Unsupported => "UNSUPPORTED",
    }
}
