//! A set of paths that folds what it has too much of.

use std::collections::BTreeSet;
use std::ops::Bound as Range;

/// How a [`PrefixSet`] folds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Leaves directly in a directory, above which `directory/*` stands for them.
    pub(crate) leaves: usize,
    /// Directories directly in a directory, above which `directory/**` stands for all below.
    pub(crate) directories: usize,
    /// Directories of a path; below, `/**`.
    pub(crate) depth: usize,
    /// Directories that are never folded away: 1 keeps `/var`, 2 keeps `com/example`.
    pub(crate) floor: usize,
    /// Patterns.
    pub(crate) total: usize,
}

/// What an insertion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It was covered already.
    Known,
    /// It is covered now.
    Added,
    /// It is covered now; the set was folded to a lesser depth to stay in its bound.
    Folded,
    /// There is no room, and nothing that may be folded.
    Full,
}

/// Patterns of three forms: a path, `directory/*` (any leaf directly in it), `directory/**` (anything
/// below it). A path starts with `/`. Folding by leaves and directories depends only on which paths
/// were put in, not on their order: each fold is decided by a count that only grows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PrefixSet {
    patterns: BTreeSet<String>,
    /// A depth less than that of the limits, once the total was hit.
    depth: Option<usize>,
    full: bool,
}

impl PrefixSet {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(String::as_str)
    }

    /// Whether something was left out for want of room.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn set_full(&mut self) {
        self.full = true;
    }

    /// Whether `pattern` (a path, or a pattern of another set) is covered.
    pub(crate) fn covers(&self, pattern: &str) -> bool {
        if self.patterns.contains(pattern) {
            return true;
        }
        let Some((directory, leaf)) = pattern.rsplit_once('/') else {
            return false;
        };
        if leaf != "**" && self.has(directory, "/*") {
            return true;
        }
        let mut at = directory;
        loop {
            if self.has(at, "/**") {
                return true;
            }
            match at.rsplit_once('/') {
                Some((above, _)) => at = above,
                None => return false,
            }
        }
    }

    /// Whether something directly in this directory is known.
    pub(crate) fn has_in(&self, directory: &str) -> bool {
        let prefix = format!("{directory}/");
        let direct = self.below(&prefix).any(|pattern| {
            let rest = &pattern[prefix.len()..];
            !rest.contains('/')
        });
        direct || self.covers(&format!("{directory}/x"))
    }

    pub(crate) fn insert(&mut self, path: &str, limits: &Limits) -> Insertion {
        if self.covers(path) {
            return Insertion::Known;
        }
        let depth = self.depth.unwrap_or(limits.depth).max(limits.floor);
        let pattern = cut(path, depth);
        if self.covers(&pattern) {
            return Insertion::Known;
        }
        let mut outcome = Insertion::Added;
        self.put(pattern.clone());
        self.fold_around(&pattern, limits);
        while self.patterns.len() > limits.total {
            let deepest =
                self.patterns.iter().map(|pattern| directories(pattern)).max().unwrap_or(0);
            let depth = self.depth.unwrap_or(limits.depth).min(deepest);
            if depth <= limits.floor {
                // The greatest goes, so that what stays does not depend on the order either.
                self.patterns.pop_last();
                self.full = true;
                outcome = Insertion::Full;
                continue;
            }
            self.depth = Some(depth - 1);
            outcome = Insertion::Folded;
            for pattern in std::mem::take(&mut self.patterns) {
                let pattern = cut(&pattern, depth - 1);
                if !self.covers(&pattern) {
                    self.put(pattern);
                }
            }
        }
        outcome
    }

    fn has(&self, directory: &str, wildcard: &str) -> bool {
        self.patterns.contains(&format!("{directory}{wildcard}"))
    }

    /// Patterns that begin with `prefix`; they lie together in the order of the set.
    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.patterns
            .range::<str, _>((Range::Included(prefix), Range::Unbounded))
            .map(String::as_str)
            .take_while(move |pattern| pattern.starts_with(prefix))
    }

    /// Puts a pattern in, in the place of those that it covers.
    fn put(&mut self, pattern: String) {
        let all = |rest: &&str| rest.ends_with('/');
        let covered: Vec<String> = if let Some(prefix) = pattern.strip_suffix("**").filter(all) {
            self.below(prefix).map(str::to_owned).collect()
        } else if let Some(prefix) = pattern.strip_suffix('*').filter(all) {
            let direct =
                |other: &&str| !other[prefix.len()..].contains('/') && !other.ends_with("/**");
            self.below(prefix).filter(direct).map(str::to_owned).collect()
        } else {
            Vec::new()
        };
        for other in &covered {
            self.patterns.remove(other);
        }
        self.patterns.insert(pattern);
    }

    /// Folds the directory of a new pattern, and those above it, where they have too much.
    fn fold_around(&mut self, pattern: &str, limits: &Limits) {
        let Some((directory, _)) = pattern.rsplit_once('/') else {
            return;
        };
        let prefix = format!("{directory}/");
        let leaves = self.below(&prefix).filter(|other| {
            let rest = &other[prefix.len()..];
            !rest.contains('/') && rest != "*" && rest != "**"
        });
        if leaves.count() > limits.leaves && depth_of(directory) >= limits.floor {
            self.put(format!("{directory}/*"));
        }
        let mut at = directory;
        while let Some((above, _)) = at.rsplit_once('/') {
            if depth_of(above) < limits.floor {
                return;
            }
            let prefix = format!("{above}/");
            let mut count = 0;
            let mut last = None;
            for other in self.below(&prefix) {
                // Directories of one name lie together, because they have one prefix.
                let child = other[prefix.len()..].split_once('/').map(|(child, _)| child);
                if child.is_some() && child != last {
                    count += 1;
                    last = child;
                }
            }
            if count > limits.directories {
                self.put(format!("{above}/**"));
            }
            at = above;
        }
    }
}

/// Directories of a pattern: 2 of `/a/b/c`, `/a/b/*` and `/a/b/**`.
fn directories(pattern: &str) -> usize {
    pattern.matches('/').count().saturating_sub(1)
}

/// Directories of a directory: 2 of `/a/b`.
fn depth_of(directory: &str) -> usize {
    directory.matches('/').count()
}

/// The pattern itself, or its first `depth` directories and all below.
fn cut(pattern: &str, depth: usize) -> String {
    if directories(pattern) <= depth {
        return pattern.to_owned();
    }
    match pattern.match_indices('/').nth(depth) {
        Some((end, _)) => format!("{}/**", &pattern[..end]),
        None => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { leaves: 2, directories: 2, depth: 4, floor: 1, total: 100 };

    fn set(paths: &[&str], limits: &Limits) -> PrefixSet {
        let mut set = PrefixSet::default();
        for path in paths {
            set.insert(path, limits);
        }
        set
    }

    fn list(set: &PrefixSet) -> Vec<&str> {
        set.iter().collect()
    }

    #[test]
    fn folds_what_is_too_much_whatever_the_order() {
        let mut paths = vec![
            "/a/1",
            "/a/2",
            "/a/3",
            "/b/x/1",
            "/b/y/1",
            "/b/y-z/1",
            "/b/q",
            "/c/1",
            "/d/e/f/g/h/i",
        ];
        let expected = ["/a/*", "/b/**", "/c/1", "/d/e/f/g/**"];
        assert_eq!(list(&set(&paths, &LIMITS)), expected);
        paths.reverse();
        assert_eq!(list(&set(&paths, &LIMITS)), expected);
        paths.rotate_left(4);
        assert_eq!(list(&set(&paths, &LIMITS)), expected);
    }

    #[test]
    fn knows_what_it_covers() {
        let set = set(&["/a/*", "/b/**", "/c/d"], &LIMITS);
        for covered in ["/a/x", "/b/x", "/b/x/y", "/b/*", "/b/x/**", "/c/d", "/a/*"] {
            assert!(set.covers(covered), "{covered}");
        }
        for other in ["/a", "/a/x/y", "/a/**", "/b", "/bb/x", "/c/e", "/c/d/e", "/", "", "x", "/**"]
        {
            assert!(!set.covers(other), "{other}");
        }
        assert!(set.has_in("/a") && set.has_in("/b/z") && set.has_in("/c") && !set.has_in("/d"));
    }

    #[test]
    fn the_root_is_never_folded() {
        let names: Vec<String> = (0..20).map(|number| format!("/d{number}/x")).collect();
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(set(&paths, &LIMITS).iter().count(), 20);
    }

    #[test]
    fn a_full_set_folds_and_then_says_so() {
        let limits = Limits { total: 4, ..LIMITS };
        let mut set = set(&["/a/b/c/1", "/a/d/c/1", "/e/f/g/1", "/e/h/i/1"], &limits);
        assert_eq!(set.insert("/j/k/l/1", &limits), Insertion::Folded);
        assert!(set.iter().count() <= 4 && !set.is_full());
        for number in 0..10 {
            set.insert(&format!("/z{number}/1"), &limits);
        }
        assert!(set.is_full());
        assert_eq!(set.iter().count(), 4);
    }
}
