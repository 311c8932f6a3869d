//! A tree of path prefixes for `pmatch`.
//!
//! A path matches if one of the prefixes has its first components: `/etc` matches `/etc/ssh` and
//! `/etc`, not `/etcetera`. Components may be patterns. Slashes at the ends and double ones do not
//! count, and neither does whether the path is absolute, as in Falco.

use std::collections::HashMap;

use crate::glob::Glob;

/// The prefixes, by component.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefixes {
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// A prefix ends here: whatever follows matches.
    end: bool,
    names: HashMap<Box<[u8]>, Node>,
    patterns: Vec<(Box<[u8]>, Glob, Node)>,
}

impl Prefixes {
    pub(crate) fn new<'p>(paths: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut prefixes = Prefixes::default();
        for path in paths {
            prefixes.root.insert(components(path));
        }
        prefixes
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        self.root.matches(components(path))
    }
}

impl Node {
    fn insert<'p>(&mut self, mut path: impl Iterator<Item = &'p [u8]>) {
        let mut node = self;
        loop {
            if node.end {
                return;
            }
            let Some(name) = path.next() else { break };
            if !name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
                node = node.names.entry(name.into()).or_default();
                continue;
            }
            let known = node.patterns.iter().position(|(text, ..)| text.as_ref() == name);
            let index = known.unwrap_or_else(|| {
                node.patterns.push((name.into(), Glob::new(name, false), Node::default()));
                node.patterns.len() - 1
            });
            node = &mut node.patterns[index].2;
        }
        *node = Node { end: true, ..Node::default() };
    }

    /// Goes down every branch that matches. The depth is that of the prefixes, not of the path.
    fn matches<'p>(&self, mut path: impl Iterator<Item = &'p [u8]> + Clone) -> bool {
        if self.end {
            return true;
        }
        let Some(name) = path.next() else { return false };
        if self.names.get(name).is_some_and(|node| node.matches(path.clone())) {
            return true;
        }
        self.patterns.iter().any(|(_, glob, node)| glob.matches(name) && node.matches(path.clone()))
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn prefixes_are_of_components() {
        let prefixes = Prefixes::new(
            ["/var/run", "/etc/", "/usr/lib", "/usr", "/home/*/.ssh"].map(str::as_bytes),
        );
        let check = |path: &str, expected: bool| {
            assert_eq!(prefixes.matches(path.as_bytes()), expected, "{path}");
        };
        check("/var/run/docker", true);
        check("/var/run", true);
        check("/var", false);
        check("/var/lib", false);
        check("/etcetera", false);
        check("//etc//passwd", true);
        check("/usr/share", true);
        check("/home/ann/.ssh/id", true);
        check("/home/ann/x", false);
        check("", false);
        check("/", false);
    }

    #[test]
    fn the_root_matches_every_path() {
        let prefixes = Prefixes::new([b"/".as_slice()]);
        assert!(prefixes.matches(b"/anything"));
    }
}
