//! Static analysers: what programs, documents, scripts and mail show without being run. One folder
//! each, and one line in [`ALL`].
//!
//! An analyser reads bytes into an [`Examination`] and notes findings there. Every finding that it can
//! note stands in its list of [`FindingKind`]s, which is what the documentation is made from and what
//! the tests go through: each kind has a harmless sample that shows it and a near miss that does not.
//!
//! Invariants: no I/O, no clock, no threads, no `unsafe`, no global state. Malformed input is an
//! observation, never a panic. Verdicts are conservative: a finding is `Suspicious` when legitimate
//! files rarely have it, and `Malicious` only when there is no innocent explanation.

mod address;
mod elf;
mod examination;
mod kind;
mod mail;
mod markup;
pub mod observables;
pub mod office;
mod packed_file;
pub mod pdf;
mod pe;
mod program;
#[cfg(any(test, feature = "samples"))]
#[doc(hidden)]
pub mod samples;
mod script;
mod settings;
mod xml;

pub use examination::{
    Examination, MAX_EVIDENCE, MAX_FINDINGS, MAX_OBSERVABLE_BYTES, MAX_OBSERVABLES, MAX_PROBLEMS,
    MAX_PROPERTIES, MAX_TEXT_BYTES, Noted,
};
pub use kind::FindingKind;
pub use settings::AnalyzerSettings;

use palisade_ports::engine::{Opinion, Scan, ScanContext};

/// One static analyser.
#[derive(Debug, Clone, Copy)]
pub struct StaticAnalyzer {
    /// Its name: of the engine, its topic, its entry in reports.
    pub name: &'static str,
    /// For people, one line.
    pub description: &'static str,
    /// The type ids (`palisade_formats::filetype`) that it reads.
    pub types: &'static [&'static str],
    /// Every finding that it can note.
    pub kinds: &'static [FindingKind],
    /// Whether it hands out children (decoded layers, macro source).
    pub gives_children: bool,
    /// Reads the artifact and notes what it sees.
    pub examine: fn(&mut Examination<'_>),
}

impl StaticAnalyzer {
    /// Whether it reads artifacts of this type.
    pub fn reads(&self, type_id: &str) -> bool {
        self.types.contains(&type_id)
    }

    /// Looks at an artifact with the default settings.
    pub fn analyze(&self, bytes: &[u8], context: &ScanContext, scan: &mut dyn Scan) -> Opinion {
        self.analyze_with(&settings::DEFAULT, bytes, context, scan)
    }

    /// Looks at an artifact. The type is detected when the context does not tell it; an artifact of
    /// another type gives an empty opinion.
    pub fn analyze_with(
        &self,
        settings: &AnalyzerSettings,
        bytes: &[u8],
        context: &ScanContext,
        scan: &mut dyn Scan,
    ) -> Opinion {
        let told = context.file_type.id.as_str();
        let type_id =
            if told.is_empty() { palisade_formats::filetype::detect(bytes).ty.id } else { told };
        if !self.reads(type_id) {
            return Opinion::default();
        }
        let mut examination = Examination::new(self, bytes, type_id, context, scan).with(settings);
        (self.examine)(&mut examination);
        examination.opinion()
    }
}

/// Every analyser.
pub const ALL: &[StaticAnalyzer] = &[
    elf::ANALYZER,
    pe::ANALYZER,
    office::ANALYZER,
    pdf::ANALYZER,
    script::ANALYZER,
    mail::ANALYZER,
];
