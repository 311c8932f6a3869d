//! Whose mounts are looked at for marks, and when: at the first program in them, and after something was
//! mounted.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use palisade_model::event::ContainerId;

/// Mount namespaces of one container that are known to be marked; beyond, they are looked at again.
const MAX_NAMESPACES: usize = 64;
/// Mount namespaces of one container that wait to be looked at. Further ones are, at their next program.
const MAX_DUE: usize = 16;
/// Between two looks at one container: it can mount as often as it likes.
const PAUSE: Duration = Duration::from_millis(200);

/// Mounts to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) container: ContainerId,
    /// A process that is in them.
    pub(super) tgid: u32,
    /// Their namespace; 0 where it is not known.
    pub(super) namespace: u32,
}

#[derive(Debug, Default)]
struct Looks {
    marked: HashSet<u32>,
    due: Vec<(u32, u32)>,
    last: Option<Instant>,
}

impl Looks {
    fn add(&mut self, tgid: u32, namespace: u32) {
        self.due.retain(|(_, known)| *known != namespace);
        if self.due.len() < MAX_DUE {
            self.due.push((tgid, namespace));
        }
    }
}

/// Containers whose programs are asked about.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<ContainerId, Looks>);

impl Marks {
    /// From now on. True where it was not so before.
    pub(super) fn want(&mut self, container: &ContainerId) -> bool {
        let new = !self.0.contains_key(container);
        self.0.entry(container.clone()).or_default();
        new
    }

    /// No more.
    pub(super) fn forget(&mut self, container: &ContainerId) {
        self.0.remove(container);
    }

    /// A process of a container that runs already. Its mounts may not be complete yet: they are looked at
    /// again when a program starts in them.
    pub(super) fn found(&mut self, container: &ContainerId, tgid: u32) {
        if let Some(looks) = self.0.get_mut(container) {
            looks.add(tgid, 0);
        }
    }

    /// A program was started in these mounts.
    pub(super) fn ran(&mut self, container: &ContainerId, tgid: u32, namespace: u32) {
        let looks = self.0.get_mut(container);
        if let Some(looks) = looks.filter(|looks| !looks.marked.contains(&namespace)) {
            looks.add(tgid, namespace);
        }
    }

    /// Something was mounted in them, or they are new.
    pub(super) fn changed(&mut self, container: &ContainerId, tgid: u32, namespace: u32) {
        if let Some(looks) = self.0.get_mut(container) {
            looks.marked.remove(&namespace);
            looks.add(tgid, namespace);
        }
    }

    /// What is to be looked at now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Look> {
        let mut all = Vec::new();
        for (container, looks) in &mut self.0 {
            let rests = looks.last.is_some_and(|last| now.duration_since(last) < PAUSE);
            if looks.due.is_empty() || rests {
                continue;
            }
            looks.last = Some(now);
            all.extend(looks.due.drain(..).map(|(tgid, namespace)| Look {
                container: container.clone(),
                tgid,
                namespace,
            }));
        }
        all
    }

    /// They were looked at, and marked.
    pub(super) fn marked(&mut self, look: &Look) {
        let looks = self.0.get_mut(&look.container).filter(|_| look.namespace != 0);
        if let Some(looks) = looks {
            if looks.marked.len() >= MAX_NAMESPACES {
                looks.marked.clear();
            }
            looks.marked.insert(look.namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_looked_at_once_and_again_when_they_change() {
        let id: ContainerId = "a".repeat(64).parse().expect("an id");
        let mut marks = Marks::default();
        let mut now = Instant::now();
        marks.ran(&id, 1, 7);
        assert!(marks.due(now).is_empty(), "nobody asks for it");
        assert!(marks.want(&id) && !marks.want(&id));
        marks.ran(&id, 1, 7);
        let look = Look { container: id.clone(), tgid: 1, namespace: 7 };
        assert_eq!(marks.due(now), std::slice::from_ref(&look));
        marks.marked(&look);
        now += PAUSE;
        marks.ran(&id, 2, 7);
        assert!(marks.due(now).is_empty(), "they are marked");

        // However often it mounts, it is looked at once in a while, and never forgotten.
        marks.changed(&id, 3, 7);
        assert_eq!(marks.due(now).len(), 1);
        marks.changed(&id, 4, 7);
        marks.changed(&id, 5, 7);
        marks.changed(&id, 6, 8);
        assert!(marks.due(now).is_empty());
        now += PAUSE;
        let tgids: Vec<u32> = marks.due(now).iter().map(|look| look.tgid).collect();
        assert_eq!(tgids, [5, 6]);
        (100..200).for_each(|namespace| marks.changed(&id, 9, namespace));
        now += PAUSE;
        assert_eq!(marks.due(now).len(), MAX_DUE);
        marks.forget(&id);
        marks.changed(&id, 4, 7);
        assert!(marks.due(now + PAUSE).is_empty());
    }
}
