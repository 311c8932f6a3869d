//! The static analysers (`palisade-analyzers`) as engines of the jail.

use palisade_analyzers::{ALL, AnalyzerSettings, StaticAnalyzer};
use palisade_jail::Loaded;
use palisade_model::{Definitions, encode_hex};
use palisade_ports::Analyzer;
use palisade_ports::engine::{Opinion, Scan, ScanContext};
use sha2::{Digest, Sha256};

use crate::filetype::NO_TIME;

/// The analyser of this name.
pub fn find(name: &str) -> Option<&'static StaticAnalyzer> {
    ALL.iter().find(|analyzer| analyzer.name == name)
}

/// The names of all analysers, in the order of a report.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|analyzer| analyzer.name)
}

/// The type ids that an analyser reads; none for an engine that is no analyser.
pub fn types(name: &str) -> &'static [&'static str] {
    find(name).map_or(&[], |analyzer| analyzer.types)
}

/// An analyser, loaded: with the certificates that the operator trusts.
struct Loading {
    analyzer: &'static StaticAnalyzer,
    settings: AnalyzerSettings,
    version: String,
}

/// Loads an analyser. Its definitions are PEM files of authorities whose code signatures are trusted.
///
/// # Errors
/// Definitions that are not text, or hold no certificate.
pub(crate) fn load(
    analyzer: &'static StaticAnalyzer,
    definitions: &[&[u8]],
) -> Result<Box<dyn Loaded>, String> {
    let mut settings = AnalyzerSettings::default();
    let mut hash = Sha256::new();
    for pem in definitions {
        let text = std::str::from_utf8(pem).map_err(|_| "a certificate file that is no PEM")?;
        if settings.add_pem_roots(text) == 0 {
            return Err("a certificate file without a certificate".to_owned());
        }
        hash.update(pem);
    }
    let mut version = env!("CARGO_PKG_VERSION").to_owned();
    if !definitions.is_empty() {
        // Other roots, other answers.
        version.push('-');
        version.push_str(encode_hex(&hash.finalize()).get(..12).unwrap_or_default());
    }
    Ok(Box::new(Loading { analyzer, settings, version }))
}

impl Loaded for Loading {
    fn definitions(&self) -> Definitions {
        Definitions { version: self.version.clone(), time: NO_TIME }
    }

    fn analyzer(&self) -> Box<dyn Analyzer + '_> {
        Box::new(Running(self))
    }
}

struct Running<'a>(&'a Loading);

impl Analyzer for Running<'_> {
    fn analyze(&mut self, bytes: &[u8], context: &ScanContext, scan: &mut dyn Scan) -> Opinion {
        self.0.analyzer.analyze_with(&self.0.settings, bytes, context, scan)
    }
}
