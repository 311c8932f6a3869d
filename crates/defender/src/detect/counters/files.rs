//! Many files removed, or rewritten, by one process.

use std::hash::BuildHasher as _;

use palisade_model::event::{Activity, Event, FileKind, FileRef, IncidentSeverity, ProcessKey};

use super::window::{Quiet, Rate, Recent, Table};
use super::{Counter, Look};

pub(super) static DELETION: Counter = Counter {
    name: "Mass deletion of files",
    description: "One process removes hundreds of files in many directories within a minute; temporary \
                  and cache directories do not count.",
    severity: IncidentSeverity::Medium,
    technique: "T1485",
};
pub(super) static REWRITING: Counter = Counter {
    name: "Mass rewriting of files",
    description: "One process gives many files in many directories another extension, or writes over \
                  hundreds of them in place, within a minute.",
    severity: IncidentSeverity::High,
    technique: "T1486",
};

/// The counts of one container.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    processes: Table<ProcessKey, Acts>,
    deletion_quiet: Quiet,
    rewriting_quiet: Quiet,
}

/// The counts of one process.
#[derive(Debug, Clone, Default)]
struct Acts {
    removed: Rate,
    removed_from: Recent<u64>,
    written: Recent<u64>,
    written_in: Recent<u64>,
    /// Names that were made with a further extension: `a.doc.x` for `a.doc`, by the hash of `a.doc`.
    extended: Recent<u64>,
    renamed: Rate,
    renamed_in: Recent<u64>,
}

impl Files {
    pub(super) fn look(&mut self, event: &Event, look: &mut Look<'_>) {
        if !event.succeeded() {
            return;
        }
        match &event.activity {
            Activity::Unlink { file } => {
                self.removed(event, file, look);
                self.replaced(event, file, look);
            }
            Activity::Rename { from, to, .. } if another_extension(&from.path, to, look) => {
                self.renamed(event, to, from.directory(), look);
            }
            Activity::Create { file, .. } => self.created(event, file, look),
            Activity::Open { file, flags } if flags.writes() => self.written(event, file, look),
            Activity::Truncate { file, .. } => self.written(event, file, look),
            _ => {}
        }
    }

    fn acts(&mut self, event: &Event, look: &mut Look<'_>) -> &mut Acts {
        self.processes.at(&event.process.key, look.now, look.settings.processes, look.pushed_out)
    }

    fn removed(&mut self, event: &Event, file: &FileRef, look: &mut Look<'_>) {
        let settings = &look.settings.deletion;
        if !settings.enabled
            || file.kind == FileKind::Directory
            || below(&file.path, &settings.ignored)
            || !self.deletion_quiet.is_over(look.now, look.settings.quiet_ms)
        {
            return;
        }
        let directory = look.hasher.hash_one(file.directory());
        let acts = self.acts(event, look);
        let count = acts.removed.note(look.now, settings.window_ms);
        let broad =
            acts.removed_from.note(directory, look.now, settings.window_ms, settings.directories);
        if broad && count >= settings.files {
            acts.removed.clear();
            acts.removed_from.clear();
            self.deletion_quiet.begin(look.now);
            let (directories, seconds) = (settings.directories, settings.window_ms / 1_000);
            let (by, last) = (&event.process.name, &file.path);
            let detail = format!(
                "{count} files in at least {directories} directories within {seconds} s, by {by}, \
                 the last {last}"
            );
            look.find(&DELETION, detail);
        }
    }

    fn written(&mut self, event: &Event, file: &FileRef, look: &mut Look<'_>) {
        let settings = &look.settings.rewriting;
        if !self.counts(&file.path, look) || file.kind != FileKind::Regular {
            return;
        }
        let one = look.hasher.hash_one(&file.path);
        let directory = look.hasher.hash_one(file.directory());
        let acts = self.acts(event, look);
        let many = acts.written.note(one, look.now, settings.window_ms, settings.written);
        let broad =
            acts.written_in.note(directory, look.now, settings.window_ms, settings.directories);
        if many && broad {
            acts.written.clear();
            acts.written_in.clear();
            self.tell(event, settings.written, "written over in place", &file.path, look);
        }
    }

    /// A file `x.y` where `x` may be removed next: encrypted beside the original.
    fn created(&mut self, event: &Event, file: &FileRef, look: &mut Look<'_>) {
        let settings = &look.settings.rewriting;
        if file.kind != FileKind::Regular || !self.counts(&file.path, look) {
            return;
        }
        let Some((stem, extension)) = file.path.rsplit_once('.') else { return };
        if stem.ends_with('/') || extension.contains('/') || usual(extension, look) {
            return;
        }
        let one = look.hasher.hash_one(stem);
        // Of those that are waited for, the newest are kept.
        let most = settings.renamed.saturating_mul(4);
        let acts = self.acts(event, look);
        if acts.extended.note(one, look.now, settings.window_ms, most) {
            acts.extended.clear();
        }
    }

    fn replaced(&mut self, event: &Event, file: &FileRef, look: &mut Look<'_>) {
        if !self.counts(&file.path, look) {
            return;
        }
        let one = look.hasher.hash_one(&file.path);
        if self.acts(event, look).extended.take(&one) {
            self.renamed(event, &file.path, file.directory(), look);
        }
    }

    fn renamed(&mut self, event: &Event, path: &str, directory: &str, look: &mut Look<'_>) {
        let settings = &look.settings.rewriting;
        if !self.counts(path, look) {
            return;
        }
        let directory = look.hasher.hash_one(directory);
        let acts = self.acts(event, look);
        let count = acts.renamed.note(look.now, settings.window_ms);
        let broad =
            acts.renamed_in.note(directory, look.now, settings.window_ms, settings.directories);
        if broad && count >= settings.renamed {
            acts.renamed.clear();
            acts.renamed_in.clear();
            self.tell(event, count, "given another extension", path, look);
        }
    }

    fn counts(&self, path: &str, look: &Look<'_>) -> bool {
        let settings = &look.settings.rewriting;
        settings.enabled
            && !below(path, &settings.ignored)
            && self.rewriting_quiet.is_over(look.now, look.settings.quiet_ms)
    }

    fn tell(&mut self, event: &Event, count: usize, how: &str, last: &str, look: &mut Look<'_>) {
        self.rewriting_quiet.begin(look.now);
        let settings = &look.settings.rewriting;
        let detail = format!(
            "{count} files in at least {} directories {how} within {} s, by {}, the last {last}",
            settings.directories,
            settings.window_ms / 1_000,
            event.process.name
        );
        look.find(&REWRITING, detail);
    }
}

fn below(path: &str, directories: &[String]) -> bool {
    directories.iter().any(|directory| path.starts_with(directory.as_str()))
}

/// Whether a file got an extension more or another one, and none that files get in ordinary life.
fn another_extension(from: &str, to: &str, look: &Look<'_>) -> bool {
    let (from, to) = (last(from), last(to));
    let Some((stem, extension)) = to.rsplit_once('.') else { return false };
    let kept = from.rsplit_once('.').map_or(from, |(stem, _)| stem);
    (stem == from || stem == kept) && to != from && !stem.is_empty() && !usual(extension, look)
}

/// Numbers are those of rotated logs.
fn usual(extension: &str, look: &Look<'_>) -> bool {
    extension.bytes().all(|byte| byte.is_ascii_digit())
        || look.settings.rewriting.usual_extensions.iter().any(|own| own == extension)
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
