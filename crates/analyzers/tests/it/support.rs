use std::io::{self, Read};

use palisade_analyzers::samples::settings;
use palisade_analyzers::{ALL, StaticAnalyzer};
use palisade_model::{FileType, UnpackLimits};
use palisade_ports::engine::{ChildHead, Opinion, Scan, ScanContext};

/// A scan with time enough, which keeps the children.
#[derive(Default)]
pub(crate) struct Patient {
    pub(crate) children: Vec<(String, Vec<u8>)>,
}

impl Scan for Patient {
    fn should_stop(&mut self) -> bool {
        false
    }

    fn remaining_ms(&self) -> u64 {
        60_000
    }

    fn child(&mut self, head: &ChildHead, body: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        self.children.push((head.name.clone(), bytes));
        Ok(())
    }
}

pub(crate) fn analyzer(name: &str) -> &'static StaticAnalyzer {
    ALL.iter().find(|analyzer| analyzer.name == name).expect("a known analyser")
}

/// What an analyser says of bytes under this name, and the children it gave.
pub(crate) fn examine(
    analyzer: &StaticAnalyzer,
    name: &str,
    bytes: &[u8],
) -> (Opinion, Vec<(String, Vec<u8>)>) {
    let context = ScanContext {
        command: None,
        name: name.to_owned(),
        file_type: FileType::default(),
        passwords: Vec::new(),
        limits: UnpackLimits::default(),
    };
    let mut scan = Patient::default();
    let opinion = analyzer.analyze_with(&settings(), bytes, &context, &mut scan);
    (opinion, scan.children)
}

pub(crate) fn has(opinion: &Opinion, finding: &str) -> bool {
    opinion.findings.iter().any(|known| known.id == finding)
}
