//! One host of an engine, then two.

use std::cell::Cell;

use super::super::Bench;
use super::super::corpus::Class;
use super::super::load::Arrival;
use super::super::server::Server;
use super::super::table::{Table, Target, say};
use super::{Goals, Service};

/// Requests at once: more than two hosts take.
const AT_ONCE: usize = 16;

/// An engine that takes its time without taking a processor, as a scanner behind a licence for one
/// scan at a time does: what two hosts add shows on a machine of any size.
const SLOW: &str = "engines = [\"slow\"]\n\
    scanners.slow = { kind = \"command\", program = \"/bin/sh\", \
    arguments = [\"-c\", \"sleep 0.1\", \"scan\", \"{file}\"], \
    exit_codes = { 0 = \"clean\" }, concurrency = 1 }";

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    say("an engine that scans one file in 0.1 s, on one host and on two");
    let server = Server::distributed(&bench.binary, SLOW, &[("one host", &["slow"])])?;
    let mut service =
        Service { bench, server, variants: Cell::new(0), goals: Goals::distributed() };
    let one = rate(&service, "one host of a slow engine", table)?;
    service.server.add_host("another host", &["slow"]);
    let two = rate(&service, "two hosts of a slow engine", table)?;
    let goal = Some(Target::AtLeast(1.8));
    table.add("distributed, two hosts beside one", two / one, "x", goal, "");
    Ok(())
}

fn rate(service: &Service<'_>, name: &str, table: &mut Table) -> anyhow::Result<f64> {
    let seconds = (service.bench.seconds / 2.0).max(10.0);
    let class = Some(Class::Images);
    // Java compiles, and a group that has a new member shares its partitions out.
    service.scans(Arrival::Closed(AT_ONCE), seconds, class)?;
    let (run, observed) = service.scans(Arrival::Closed(AT_ONCE), seconds, class)?;
    let note = format!("{AT_ONCE} at a time; {} {}", observed.line(&run), run.complaint());
    table.add(format!("distributed, {name}"), run.rate(), "/s", None, note);
    Ok(run.rate())
}
