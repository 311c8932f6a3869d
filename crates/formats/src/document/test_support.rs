//! What the tests of every unpacker of this room share.

use std::io::Read;

use crate::unpack::{Child, Limits, Options, Problem, Sink, SinkError, Stop, Unpacking};

type Run = fn(&[u8], &mut Unpacking<'_>) -> Result<(), Stop>;

/// Keeps everything.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) children: Vec<(Child, Vec<u8>)>,
    pub(crate) problems: Vec<Problem>,
}

impl Collected {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.children.iter().map(|(child, _)| child.name.as_str()).collect()
    }

    /// The bytes of the child with this name.
    pub(crate) fn body(&self, name: &str) -> &[u8] {
        let found = self.children.iter().find(|(child, _)| child.name == name);
        found.map(|(_, body)| body.as_slice()).unwrap_or_else(|| panic!("{:?}", self.names()))
    }
}

impl Sink for Collected {
    fn child(&mut self, child: &Child, body: &mut dyn Read) -> Result<(), SinkError> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|_| SinkError)?;
        self.children.push((child.clone(), bytes));
        Ok(())
    }

    fn problem(&mut self, _: Option<&str>, problem: Problem, _: &str) {
        self.problems.push(problem);
    }
}

/// Everything that `run` finds in `input`.
pub(crate) fn collect(run: Run, input: &[u8]) -> Collected {
    collect_with(run, input, &Options::default())
}

pub(crate) fn collect_with(run: Run, input: &[u8], options: &Options) -> Collected {
    let mut collected = Collected::default();
    let _ = run(input, &mut Unpacking::new(input.len() as u64, options, &mut collected));
    collected
}

/// Cut short anywhere and changed anywhere, `run` neither panics nor hangs.
pub(crate) fn survives(run: Run, seed: &[u8]) {
    let limits = Limits { max_children: 64, max_total_bytes: 4 << 20, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let step = (seed.len() / 400).max(1);
    for end in (0..seed.len()).step_by(step) {
        collect_with(run, &seed[..end], &options);
    }
    let mut state = 0x9e37_79b9u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for _ in 0..400 {
        let mut bytes = seed.to_vec();
        for _ in 0..=next() % 4 {
            let at = next() as usize % bytes.len();
            bytes[at] = match next() % 3 {
                0 => 0xff,
                1 => 0,
                _ => next() as u8,
            };
        }
        collect_with(run, &bytes, &options);
    }
}
