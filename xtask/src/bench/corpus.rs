//! The files that are scanned: a reproducible mix of what packages install on this machine.

mod class;
mod variant;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::random::Random;
pub(super) use class::Class;
use class::walk;

/// The largest file of the mix, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// The most files that one directory gives to a class: a package with a thousand icons is not the mix.
const MAX_OF_DIRECTORY: u32 = 4;

const SEED: u64 = 0x5041_4C49_5341_4445;

/// One file of the mix.
pub(super) struct Sample {
    pub(super) class: Class,
    /// Its own name, without the directory.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Sample {
    /// A file of the same format, size and content as far as engines look at it, that has bytes
    /// (and so hashes) of its own.
    pub(super) fn variant(&self, number: u32) -> Vec<u8> {
        variant::variant(&self.bytes, number)
    }
}

/// The mix.
pub(super) struct Corpus {
    pub(super) samples: Vec<Sample>,
}

/// What one class brought.
#[derive(Debug, serde::Serialize)]
pub(super) struct ClassSummary {
    pub(super) class: &'static str,
    pub(super) from: &'static str,
    pub(super) files: usize,
    pub(super) median_bytes: u64,
    pub(super) mean_bytes: u64,
    pub(super) total_bytes: u64,
}

impl Corpus {
    /// Collects it. A class of which this machine has too little is smaller.
    pub(super) fn collect() -> anyhow::Result<Self> {
        let mut random = Random::new(SEED);
        let mut samples = Vec::new();
        // Hard links and files that two classes want are taken once.
        let mut taken = HashSet::new();
        for class in Class::ALL {
            let mut paths: Vec<PathBuf> = Vec::new();
            for root in class.roots() {
                walk(Path::new(root), &mut |path| {
                    if class.wants_name(path) {
                        paths.push(path.to_owned());
                    }
                });
            }
            paths.sort_unstable();
            paths.dedup();
            random.shuffle(&mut paths);
            let mut left = class.share();
            let mut of_directory: HashMap<PathBuf, u32> = HashMap::new();
            for path in paths {
                if left == 0 {
                    break;
                }
                let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
                if !metadata.is_file() || metadata.len() == 0 || metadata.len() > MAX_BYTES {
                    continue;
                }
                let Ok(bytes) = fs::read(&path) else { continue };
                let directory = path.parent().unwrap_or(&path).to_owned();
                let given = of_directory.entry(directory).or_default();
                if *given >= MAX_OF_DIRECTORY && !class.is_flat(&path) {
                    continue;
                }
                if class.wants_content(&bytes) && taken.insert((metadata.dev(), metadata.ino())) {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    samples.push(Sample { class, name, bytes });
                    *given += 1;
                    left -= 1;
                }
            }
        }
        anyhow::ensure!(
            samples.len() >= 100,
            "only {} usable files are installed on this machine",
            samples.len()
        );
        random.shuffle(&mut samples);
        Ok(Self { samples })
    }

    /// Class by class, then all.
    pub(super) fn summary(&self) -> Vec<ClassSummary> {
        let mut rows: Vec<ClassSummary> =
            Class::ALL.iter().map(|class| self.sum(Some(*class))).collect();
        rows.push(self.sum(None));
        rows
    }

    fn sum(&self, class: Option<Class>) -> ClassSummary {
        let mut sizes: Vec<u64> = self
            .samples
            .iter()
            .filter(|sample| class.is_none_or(|class| sample.class == class))
            .map(|sample| sample.bytes.len() as u64)
            .collect();
        sizes.sort_unstable();
        let total = sizes.iter().sum::<u64>();
        ClassSummary {
            class: class.map_or("all", Class::name),
            from: class.map_or("", Class::from),
            files: sizes.len(),
            median_bytes: sizes.get(sizes.len() / 2).copied().unwrap_or_default(),
            mean_bytes: total / (sizes.len() as u64).max(1),
            total_bytes: total,
        }
    }

    /// Writes `copies` distinct variants of every file below `directory`, as a tree with one
    /// directory for each class and copy; gives files and bytes.
    pub(super) fn write_tree(&self, directory: &Path, copies: u32) -> anyhow::Result<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for copy in 0..copies {
            for (index, sample) in self.samples.iter().enumerate() {
                let folder = directory.join(format!("{}-{copy}", sample.class.name()));
                fs::create_dir_all(&folder)?;
                let number = u32::try_from(files).context("too many files")?;
                let path = folder.join(format!("{index:04}-{}", sample.name));
                let content = sample.variant(number);
                bytes += content.len() as u64;
                files += 1;
                fs::write(&path, content)
                    .with_context(|| format!("{} cannot be written", path.display()))?;
            }
        }
        Ok((files, bytes))
    }
}
