//! What every fuzz target calls: one unpacker, tight limits, a sink that reads everything.

use std::io::{self, Read};

use palisade_formats::unpack::{Child, Limits, Options, Problem, Sink, SinkError, unpack as open};

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
