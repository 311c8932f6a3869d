//! What every fuzz target calls: one unpacker, tight limits, a sink that reads everything; or one
//! analyser.

use std::io::{self, Read};

use palisade_analyzers::{ALL, MAX_FINDINGS, MAX_OBSERVABLES, MAX_PROPERTIES, samples};
use palisade_formats::unpack::{Child, Limits, Options, Problem, Sink, SinkError, unpack as open};
use palisade_model::{FileType, UnpackLimits};
use palisade_ports::engine::{ChildHead, Scan, ScanContext};

/// Opens `data` as `type_id`. Fails when the limits did not hold.
pub fn unpack(type_id: &str, data: &[u8]) {
    let limits = Limits {
        max_children: 100,
        max_child_bytes: 1 << 20,
        max_total_bytes: 4 << 20,
        max_ratio: 100,
        ratio_floor_bytes: 1 << 20,
        // Enough for every format: a legacy lz4 block takes 24 MiB.
        max_memory_bytes: 32 << 20,
        max_name_bytes: 256,
    };
    let options = Options { limits, passwords: vec!["infected".into(), "virus".into()] };
    let mut sink = Counting::default();
    assert!(open(data, type_id, &options, &mut sink), "no unpacker for {type_id}");
    assert!(sink.children <= limits.max_children);
    assert!(sink.bytes <= limits.max_total_bytes);
}

#[derive(Default)]
struct Counting {
    children: u32,
    bytes: u64,
}

impl Sink for Counting {
    fn child(&mut self, _: &Child, body: &mut dyn Read) -> Result<(), SinkError> {
        self.children += 1;
        self.bytes += io::copy(body, &mut io::sink()).map_err(|_| SinkError)?;
        Ok(())
    }

    fn problem(&mut self, _: Option<&str>, _: Problem, detail: &str) {
        assert!(detail.len() <= 200, "a detail is one short line");
    }
}

/// Examines `data` with an analyser, as the type that it is and as every type that the analyser reads.
/// Fails when its bounds did not hold.
pub fn analyze(name: &str, data: &[u8]) {
    let analyzer = ALL.iter().find(|analyzer| analyzer.name == name).expect("a known analyser");
    let detected = palisade_formats::filetype::detect(data).ty.id;
    // One of its types at a time keeps an execution short; the input picks which.
    let picked = data.last().map_or(0, |byte| usize::from(*byte)) % analyzer.types.len();
    for type_id in [detected, analyzer.types[picked]] {
        let context = ScanContext {
            command: None,
            name: "sample".to_owned(),
            file_type: FileType { id: type_id.to_owned(), ..FileType::default() },
            passwords: Vec::new(),
            limits: UnpackLimits::default(),
        };
        let opinion = analyzer.analyze_with(&samples::settings(), data, &context, &mut Discarding);
        assert!(opinion.findings.len() <= MAX_FINDINGS);
        assert!(opinion.observables.len() <= MAX_OBSERVABLES);
        assert!(opinion.properties.len() <= MAX_PROPERTIES + 1);
    }
}

/// Reads children and keeps none.
struct Discarding;

impl Scan for Discarding {
    fn should_stop(&mut self) -> bool {
        false
    }

    fn remaining_ms(&self) -> u64 {
        60_000
    }

    fn child(&mut self, _: &ChildHead, body: &mut dyn Read) -> io::Result<()> {
        io::copy(body, &mut io::sink()).map(drop)
    }
}
