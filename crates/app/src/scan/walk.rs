//! Finds what is to be scanned.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use super::progress::Progress;
use crate::cli::ScanArguments;

/// Something to scan.
pub(super) enum Source {
    File { path: PathBuf, size: u64 },
    StandardInput { name: String },
    Unreadable { name: String, reason: String },
}

/// Sends every source, in the order of the directories. Ends early when `stop` is set or nobody
/// receives.
pub(super) fn walk(
    arguments: &ScanArguments,
    progress: &Progress,
    stop: &AtomicBool,
    to_scan: &SyncSender<Source>,
) {
    let mut walk = Walk { arguments, progress, stop, to_scan, seen: HashSet::new() };
    for path in &arguments.paths {
        let going = if path.as_os_str() == "-" {
            walk.send(Source::StandardInput { name: arguments.stdin_name.clone() })
        } else {
            walk.tree(path)
        };
        if going.is_none() {
            break;
        }
    }
    progress.all_found();
}

struct Walk<'a> {
    arguments: &'a ScanArguments,
    progress: &'a Progress,
    stop: &'a AtomicBool,
    to_scan: &'a SyncSender<Source>,
    /// Directories entered, when links are followed: a loop is entered once.
    seen: HashSet<(u64, u64)>,
}

impl Walk<'_> {
    /// `None`: end.
    fn send(&self, source: Source) -> Option<()> {
        let size = match &source {
            Source::File { size, .. } => *size,
            _ => 0,
        };
        self.progress.found(size);
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.to_scan.send(source).ok()
    }

    fn unreadable(&self, path: &Path, error: &std::io::Error) -> Option<()> {
        let name = path.display().to_string();
        self.send(Source::Unreadable { name, reason: error.to_string() })
    }

    fn tree(&mut self, root: &Path) -> Option<()> {
        // What was named is followed, as every tool does.
        let metadata = match std::fs::metadata(root) {
            Ok(metadata) => metadata,
            Err(error) => return self.unreadable(root, &error),
        };
        if metadata.is_file() {
            return self.send(Source::File { path: root.to_owned(), size: metadata.len() });
        }
        if !metadata.is_dir() {
            let reason = "neither a file nor a directory".to_owned();
            return self.send(Source::Unreadable { name: root.display().to_string(), reason });
        }
        let device = metadata.dev();
        let mut waiting = vec![root.to_owned()];
        while let Some(directory) = waiting.pop() {
            let entries = match std::fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) => {
                    self.unreadable(&directory, &error)?;
                    continue;
                }
            };
            let mut below = Vec::new();
            for entry in entries {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.unreadable(&directory, &error)?;
                        break;
                    }
                };
                let name = entry.file_name();
                if self
                    .arguments
                    .exclude
                    .iter()
                    .any(|pattern| matches_name(pattern.as_bytes(), name.as_encoded_bytes()))
                {
                    continue;
                }
                self.entry(&entry, device, &mut below)?;
            }
            below.sort_unstable_by(|a, b| b.cmp(a));
            waiting.append(&mut below);
        }
        Some(())
    }

    fn entry(
        &mut self,
        entry: &std::fs::DirEntry,
        device: u64,
        below: &mut Vec<PathBuf>,
    ) -> Option<()> {
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return self.unreadable(&path, &error),
        };
        if kind.is_symlink() && !self.arguments.follow {
            return Some(());
        }
        // Sockets, pipes and devices hold no file; a link is one only where it leads.
        if !kind.is_file() && !kind.is_dir() && !kind.is_symlink() {
            return Some(());
        }
        let metadata = if kind.is_symlink() { std::fs::metadata(&path) } else { entry.metadata() };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) => return self.unreadable(&path, &error),
        };
        if metadata.is_dir() {
            let same = !self.arguments.one_file_system || metadata.dev() == device;
            let first =
                !self.arguments.follow || self.seen.insert((metadata.dev(), metadata.ino()));
            if same && first {
                below.push(path);
            }
        } else if metadata.is_file() {
            self.send(Source::File { path, size: metadata.len() })?;
        }
        Some(())
    }
}

/// Whether a name matches a pattern in which `*` stands for any run of bytes. Linear in the name
/// for each star.
fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((star_p, star_n)) = star {
            p = star_p + 1;
            n = star_n + 1;
            star = Some((star_p, star_n + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches_name;

    #[test]
    fn a_star_stands_for_anything() {
        let yes =
            |pattern: &str, name: &str| assert!(matches_name(pattern.as_bytes(), name.as_bytes()));
        let no =
            |pattern: &str, name: &str| assert!(!matches_name(pattern.as_bytes(), name.as_bytes()));
        yes("*.o", "a.o");
        yes("*", "");
        yes("a*b*c", "aXbYbZc");
        yes(".git", ".git");
        no("*.o", "a.oo");
        no(".git", ".gitignore");
        no("a*b", "a");
    }
}
