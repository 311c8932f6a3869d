use std::ops::RangeInclusive;

/// A set of ports: sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn all() -> Self {
        Self(vec![0..=u16::MAX])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_all(&self) -> bool {
        self.0 == [0..=u16::MAX]
    }

    pub(crate) fn ranges(&self) -> &[RangeInclusive<u16>] {
        &self.0
    }

    pub(crate) fn contains(&self, port: u16) -> bool {
        let after = self.0.partition_point(|range| *range.end() < port);
        self.0.get(after).is_some_and(|range| range.contains(&port))
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).cloned().collect()
    }

    pub(crate) fn complement(&self) -> Self {
        let mut gaps = Vec::new();
        let mut next = Some(0_u16);
        for range in &self.0 {
            if let Some(from) = next.filter(|from| from < range.start()) {
                gaps.push(from..=range.start() - 1);
            }
            next = range.end().checked_add(1);
        }
        gaps.extend(next.map(|from| from..=u16::MAX));
        Self(gaps)
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        self.complement().union(&other.complement()).complement()
    }

    /// At most `count` ranges: the smallest are left out. Says whether any was.
    pub(crate) fn shrink(mut self, count: usize) -> (Self, bool) {
        let over = self.0.len() > count;
        if over {
            self.0.sort_by_key(|range| std::cmp::Reverse(range.end() - range.start()));
            self.0.truncate(count);
            self.0.sort_by_key(|range| *range.start());
        }
        (self, over)
    }
}

impl FromIterator<RangeInclusive<u16>> for Ports {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(ranges: I) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        sorted.sort_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<u16>> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => merged.push(range),
            }
        }
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_ports_are_sets() {
        let set: Ports = [80..=80, 443..=443, 81..=90, 65_535..=65_535].into_iter().collect();
        assert_eq!(set.ranges(), [80..=90, 443..=443, 65_535..=65_535]);
        assert_eq!(set.complement().ranges(), [0..=79, 91..=442, 444..=65_534]);
        assert_eq!(set.complement().complement(), set);
        assert!(Ports::none().complement().is_all() && Ports::all().complement().is_empty());
        let low: Ports = std::iter::once(0..=100).collect();
        assert_eq!(set.intersection(&low).ranges(), std::slice::from_ref(&(80..=90)));
        for (port, inside) in [(0, false), (80, true), (90, true), (91, false), (65_535, true)] {
            assert_eq!(set.contains(port), inside, "{port}");
        }
        let (few, cut) = set.shrink(1);
        assert!(cut && few.ranges() == [80..=90]);
    }
}
