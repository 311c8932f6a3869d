//! Results as people and programs read them.

mod sarif;
mod table;

use std::io::{self, BufWriter, Stdout, Write};

use palisade_model::{Report, RequestSummary, Verdict};

use super::Scanned;
use crate::cli::Format;
use sarif::Sarif;
use table::Table;

/// Sums of a run.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Artifacts inside files.
    pub(super) inside: u64,
    pub(super) malicious: u64,
    pub(super) suspicious: u64,
    /// Files of which something could not be scanned.
    pub(super) unscanned: u64,
    pub(super) seconds: f64,
}

impl Summary {
    pub(super) fn count(&mut self, scanned: &Scanned) {
        self.files += 1;
        match scanned {
            Scanned::Unreadable { .. } => self.unscanned += 1,
            Scanned::Report(report) => {
                self.bytes += report.request.artifact.size;
                self.inside += u64::from(report.unpacked.files);
                match report.verdict.verdict {
                    Verdict::Malicious => self.malicious += 1,
                    Verdict::Suspicious => self.suspicious += 1,
                    Verdict::NoThreat | Verdict::Unknown => {}
                }
                self.unscanned += u64::from(is_unscanned(report));
            }
        }
    }

    /// What was found outweighs what could not be scanned.
    pub(super) fn exit_code(&self) -> u8 {
        if self.malicious + self.suspicious > 0 {
            1
        } else if self.unscanned > 0 {
            2
        } else {
            0
        }
    }
}

/// Whether anything was found in a file.
pub(super) fn is_found(report: &Report) -> bool {
    report.verdict.verdict >= Verdict::Suspicious
}

/// Whether something in a file could not be scanned.
fn is_unscanned(report: &Report) -> bool {
    report.partial || report.verdict.failure.is_some() || report.verdict.problem.is_some()
}

/// The writer of one format.
pub(super) enum Output {
    Table(Table),
    Json { out: BufWriter<Stdout>, first: bool },
    Jsonl(BufWriter<Stdout>),
    Sarif(Sarif),
}

impl Output {
    pub(super) fn new(format: Format, verbose: bool, quiet: bool) -> io::Result<Self> {
        let mut out = BufWriter::new(io::stdout());
        Ok(match format {
            Format::Table => Self::Table(Table::new(verbose, quiet)),
            Format::Json => {
                out.write_all(b"[")?;
                Self::Json { out, first: true }
            }
            Format::Jsonl => Self::Jsonl(out),
            Format::Sarif => Self::Sarif(Sarif::default()),
        })
    }

    pub(super) fn show(&mut self, scanned: &Scanned) -> io::Result<()> {
        match self {
            Self::Table(table) => table.show(scanned),
            Self::Json { out, first } => {
                out.write_all(if *first { b"\n" } else { b",\n" })?;
                *first = false;
                serde_json::to_writer(out, &json(scanned)).map_err(io::Error::from)
            }
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, &json(scanned))?;
                out.write_all(b"\n")?;
                // A line is for whoever reads along.
                out.flush()
            }
            Self::Sarif(sarif) => {
                sarif.add(scanned);
                Ok(())
            }
        }
    }

    pub(super) fn finish(self, summary: &Summary) -> io::Result<()> {
        match self {
            Self::Table(table) => table.finish(summary),
            Self::Json { mut out, .. } => {
                out.write_all(b"\n]\n")?;
                out.flush()
            }
            Self::Jsonl(mut out) => out.flush(),
            Self::Sarif(sarif) => {
                let mut out = BufWriter::new(io::stdout());
                serde_json::to_writer_pretty(&mut out, &sarif.document())?;
                out.write_all(b"\n")?;
                out.flush()
            }
        }
    }
}

/// A result in the form of the HTTP API; a file that could not be read at all as its error.
fn json(scanned: &Scanned) -> serde_json::Value {
    let rendered = match scanned {
        Scanned::Report(report) => {
            let summary = RequestSummary::of(&report.request);
            palisade_api::v4::render_report(report, report.request.node, &summary)
                .and_then(|result| serde_json::to_value(result).ok())
        }
        Scanned::Unreadable { name, reason } => Some(serde_json::json!({
            "file_info": { "display_name": name },
            "error": reason,
        })),
    };
    rendered.unwrap_or_default()
}
