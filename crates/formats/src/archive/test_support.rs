//! What every format's tests need: a sink that collects, and the two loops that no unpacker may
//! fail (every prefix, thousands of mutations).

use std::io::Read;

use crate::unpack::{Child, Limits, Options, Problem, Sink, SinkError, Stop, Unpacking};

/// The signature of an unpacker.
pub(crate) type Unpack = fn(&[u8], &mut Unpacking<'_>) -> Result<(), Stop>;

/// All that an unpacker said.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) children: Vec<(Child, Vec<u8>)>,
    pub(crate) problems: Vec<(Option<String>, Problem, String)>,
}

impl Collected {
    /// Names and bytes.
    pub(crate) fn files(&self) -> Vec<(&str, &[u8])> {
        self.children.iter().map(|(child, bytes)| (&*child.name, &**bytes)).collect()
    }

    /// Problems without their details.
    pub(crate) fn problems(&self) -> Vec<(Option<&str>, Problem)> {
        self.problems.iter().map(|(name, problem, _)| (name.as_deref(), *problem)).collect()
    }

    /// Whether this problem was stated of anything.
    pub(crate) fn has(&self, problem: Problem) -> bool {
        self.problems.iter().any(|(_, stated, _)| *stated == problem)
    }

    /// Fails unless exactly these files came out and nothing was wrong.
    #[track_caller]
    pub(crate) fn assert_clean(&self, files: &[(&str, &[u8])]) {
        assert_eq!(self.problems, []);
        // Names and lengths first: a failure then says something that a person can read.
        let outline = |files: &[(&str, &[u8])]| -> Vec<(String, usize)> {
            files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.len())).collect()
        };
        assert_eq!(outline(&self.files()), outline(files));
        assert!(self.files() == files, "same names and lengths, other bytes");
    }
}

impl Sink for Collected {
    fn child(&mut self, child: &Child, body: &mut dyn Read) -> Result<(), SinkError> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).expect("the meter turns errors into problems");
        self.children.push((child.clone(), bytes));
        Ok(())
    }

    fn problem(&mut self, name: Option<&str>, problem: Problem, detail: &str) {
        self.problems.push((name.map(str::to_owned), problem, detail.to_owned()));
    }
}

/// Runs `unpack` with default options.
pub(crate) fn collect(unpack: Unpack, input: &[u8]) -> Collected {
    collect_with(unpack, input, &Options::default())
}

/// Runs `unpack` with these passwords.
pub(crate) fn collect_with_passwords(
    unpack: Unpack,
    input: &[u8],
    passwords: &[&str],
) -> Collected {
    let passwords = passwords.iter().map(|&password| password.to_owned()).collect();
    collect_with(unpack, input, &Options { passwords, ..Options::default() })
}

/// Runs `unpack` with these options.
pub(crate) fn collect_with(unpack: Unpack, input: &[u8], options: &Options) -> Collected {
    let mut sink = Collected::default();
    let mut unpacking = Unpacking::new(input.len() as u64, options, &mut sink);
    let _ = unpack(input, &mut unpacking);
    sink
}

/// Limits so tight that a mutation which finds a bomb shows.
pub(crate) fn tight() -> Limits {
    Limits {
        max_children: 200,
        max_child_bytes: 1 << 20,
        max_total_bytes: 4 << 20,
        max_ratio: 1_000,
        ratio_floor_bytes: 1 << 20,
        max_memory_bytes: 2 << 20,
        max_name_bytes: 4_096,
    }
}

/// Every prefix of `sample`, then thousands of deterministic mutations of it: none may panic, hang
/// or get past the limits.
#[track_caller]
pub(crate) fn assert_survives(sample: &[u8], unpack: Unpack) {
    let rounds = (4_000_000 / sample.len().max(1)).clamp(300, 1_500);
    assert_survives_within(sample, unpack, tight(), rounds);
}

/// As [`assert_survives`], with other limits and as many mutations as stated.
#[track_caller]
pub(crate) fn assert_survives_within(sample: &[u8], unpack: Unpack, limits: Limits, rounds: usize) {
    let options = Options { limits, passwords: vec!["infected".to_owned(), "virus".to_owned()] };
    let run = |input: &[u8]| {
        let collected = collect_with(unpack, input, &options);
        let total: u64 = collected.children.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        assert!(total <= options.limits.max_total_bytes);
        assert!(collected.children.len() <= options.limits.max_children as usize);
    };
    // Large samples: all short prefixes, then enough steps to hit every structure.
    let step = (sample.len() / 2_000).max(1);
    for length in (0..sample.len().min(600)).chain((0..sample.len()).step_by(step)) {
        run(&sample[..length]);
    }
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for _ in 0..rounds {
        let mut mutated = sample.to_vec();
        for _ in 0..=random.below(4) {
            random.mutate(&mut mutated);
        }
        run(&mutated);
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn mutate(&mut self, data: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let at = self.below(data.len());
        match self.below(6) {
            0 => data[at] ^= 1 << self.below(8),
            1 => data[at] = self.next() as u8,
            2 => data[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][self.below(6)],
            3 => {
                // A lie in a size, count or offset.
                let value = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0xffff_fffe, 0x8000_0000];
                let value: u32 = value[self.below(6)];
                let end = (at + 4).min(data.len());
                data[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
            }
            4 => {
                let end = (at + 1 + self.below(16)).min(data.len());
                data.drain(at..end);
            }
            _ => {
                let end = (at + 1 + self.below(64)).min(data.len());
                let piece = data[at..end].to_vec();
                let to = self.below(data.len());
                data.splice(to..to, piece);
            }
        }
    }
}
