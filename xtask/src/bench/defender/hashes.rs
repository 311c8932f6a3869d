//! Five million known-bad hashes, by the defender crate's example `hashes_cost`.

use std::process::Command;

use anyhow::Context;

use super::Bench;
use crate::bench::table::{Table, Target};
use crate::command::{cargo, output, run};
use crate::{root, target};

const HASHES: &str = "5000000";

pub(super) fn measure(_bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let package = ["--package", "palisade-defender", "--example", "hashes_cost"];
    run(cargo().current_dir(root()).args(["build", "--release"]).args(package))?;
    let program = target().join("release/examples/hashes_cost");
    let printed = output(Command::new(&program).arg(HASHES))?;
    let of = |name: &str| {
        printed
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
            .with_context(|| format!("hashes_cost says no {name}: {printed}"))
    };
    let note = format!("{} hashes", of("hashes ")?);
    table.add("known-bad list: read", of("read_s ")?, "s", None, note);
    // What the list's documentation promises: 4 bytes a hash, and 256 KiB.
    let most = Some(Target::AtMost(20.0));
    let mib = of("bytes ")? / 1024.0 / 1024.0;
    table.add("known-bad list: memory", mib, "MiB", most, "");
    let most = Some(Target::AtMost(1.0));
    table.add("known-bad list: a hash that is not in it", of("absent_us ")?, "µs", most, "");
    table.add("known-bad list: a hash that is in it", of("present_us ")?, "µs", None, "");
    Ok(())
}
