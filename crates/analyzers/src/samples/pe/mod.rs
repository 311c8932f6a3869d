//! Samples of the `pe` analyser.

mod behaviour;
mod capabilities;
mod headers;
mod managed;
mod packing;
mod signature;

use super::Case;
use super::build::pe::PeFile;
use super::programs;
use crate::program::Mark;

pub(super) use signature::root;

const fn case(finding: &'static str, sample: fn() -> Vec<u8>, near_miss: fn() -> Vec<u8>) -> Case {
    named(finding, "program.exe", sample, near_miss)
}

const fn named(
    finding: &'static str,
    name: &'static str,
    sample: fn() -> Vec<u8>,
    near_miss: fn() -> Vec<u8>,
) -> Case {
    Case { analyzer: "pe", finding, name, sample, near_miss }
}

fn plain() -> Vec<u8> {
    PeFile::default().bytes()
}

fn texts(marks: &[Mark]) -> Vec<String> {
    marks.iter().map(|mark| mark.text()).collect()
}

fn saying(marks: &[Mark]) -> Vec<u8> {
    PeFile::default().saying(&texts(marks)).bytes()
}

fn importing(names: &[&'static str]) -> Vec<u8> {
    PeFile::default().importing("KERNEL32.dll", names).bytes()
}

/// Every case.
pub(super) fn cases() -> Vec<Case> {
    [
        headers::cases(),
        packing::cases(),
        capabilities::cases(),
        behaviour::cases(),
        managed::cases(),
        signature::cases(),
        programs::cases::<Host>(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

struct Host;

impl programs::Host for Host {
    const ANALYZER: &'static str = "pe";

    fn holding(constants: &[u8]) -> Vec<u8> {
        PeFile { constants: constants.to_vec(), ..PeFile::default() }.bytes()
    }
}
