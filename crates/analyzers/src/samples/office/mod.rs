//! Samples of the `office` analyser.

mod build;
mod links;
mod macros;
mod objects;
mod xlm;

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    [macros::cases(), xlm::cases(), links::cases(), objects::cases()].concat()
}

/// A case of this analyser.
const fn case(
    finding: &'static str,
    name: &'static str,
    sample: fn() -> Vec<u8>,
    near_miss: fn() -> Vec<u8>,
) -> Case {
    Case { analyzer: "office", finding, name, sample, near_miss }
}
