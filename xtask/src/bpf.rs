//! The sensor's BPF objects: committed, so that a build needs no clang.

use std::process::Command;

use crate::command::{run, say};
use crate::packages;

/// What the objects are built with.
pub(crate) const PACKAGES: [&str; 2] = ["clang-14", "llvm-14"];

/// Builds the objects into the tree.
pub(crate) fn build() -> anyhow::Result<()> {
    packages::ensure(&PACKAGES)?;
    let sensor = crate::root().join("crates/sensor");
    run(Command::new(sensor.join("bpf/build.sh")).arg(sensor.join("objects")))?;
    say("crates/sensor/objects is built anew: commit what changed");
    Ok(())
}
