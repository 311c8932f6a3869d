//! What a call takes longer.

use std::time::Duration;

use anyhow::ensure;
use palisade_services::Image;

use super::Bench;
use super::act::{ACT, numbers};
use super::state::{State, Watching};
use crate::bench::stats::median;
use crate::bench::table::{Table, Target};

/// After a container's start: until it is known, and its programs are hashed.
const SETTLE: Duration = Duration::from_secs(2);

/// One act.
struct Act {
    name: &'static str,
    shown: &'static str,
    /// In one batch.
    count: u32,
    /// Milliseconds from one batch to the next: stays below the Defender's rate of 20,000 a second of a kind,
    /// beyond which events are counted only, which is cheaper.
    every_ms: u32,
    /// Kind of event that each act is; none where it is filtered.
    kind: Option<&'static str>,
    /// Microseconds that may be added.
    most: f64,
}

const ACTS: [Act; 3] = [
    Act {
        name: "open",
        shown: "open+close, filtered",
        count: 20_000,
        every_ms: 0,
        kind: None,
        most: 0.3,
    },
    Act {
        name: "exec",
        shown: "fork+exec+wait",
        count: 50,
        every_ms: 0,
        kind: Some("exec"),
        most: 50.0,
    },
    Act {
        name: "connect",
        shown: "connect",
        count: 500,
        every_ms: 50,
        kind: Some("connect"),
        most: 5.0,
    },
];

const BATCHES: u32 = 20;

/// Read by nobody else, and no name that rules look at.
const FILE: &str = "/bin/busybox";

pub(super) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let states = bench.states();
    // By act, then by state: medians of rounds, in microseconds.
    let mut medians = vec![vec![Vec::new(); states.len()]; ACTS.len()];
    let mut lost = 0.0;
    for _ in 0..bench.arguments.rounds {
        for (index, state) in states.iter().enumerate() {
            let watching = bench.enter(*state)?;
            let container = bench.docker.run(&bench.act.options(Image::Busybox))?;
            std::thread::sleep(SETTLE);
            for (act, medians) in ACTS.iter().zip(&mut medians) {
                let before = seen(&watching, act)?;
                let words = [ACT, "cost", act.name].map(str::to_owned).into_iter();
                let numbers_of =
                    [BATCHES, act.count, act.every_ms].map(|number| number.to_string());
                let words: Vec<String> = words.chain(numbers_of).chain([FILE.to_owned()]).collect();
                let output = container.exec(&words)?;
                let printed = String::from_utf8_lossy(&output.stdout);
                let times = numbers(&printed);
                ensure!(
                    output.status.success() && times.len() == BATCHES as usize,
                    "{}: {printed}{}",
                    act.name,
                    String::from_utf8_lossy(&output.stderr)
                );
                medians[index].push(median(&times) / 1e3);
                told(&watching, act, before)?;
            }
            if let Watching::Auditd(auditing) = &watching {
                lost = auditing.lost();
                for act in ACTS.iter().filter(|act| act.kind.is_some()) {
                    let recorded = auditing.recorded(act.name);
                    ensure!(recorded != Some(0), "auditd recorded no {}", act.name);
                }
            }
        }
    }
    for (act, medians) in ACTS.iter().zip(&medians) {
        rows(act, &states, medians, lost, table);
    }
    Ok(())
}

/// Events of its kind so far, and lost ones.
fn seen(watching: &Watching<'_>, act: &Act) -> anyhow::Result<f64> {
    let (Watching::Palisade(defender), Some(kind)) = (watching, act.kind) else { return Ok(0.0) };
    let label = format!("kind=\"{kind}\"");
    let metrics = defender.metrics()?;
    Ok(metrics.sum("events_total", &[&label]) + metrics.sum("lost_events_total", &[&label]))
}

/// What nobody watches costs nothing: makes sure that each act was seen.
fn told(watching: &Watching<'_>, act: &Act, before: f64) -> anyhow::Result<()> {
    let (Watching::Palisade(_), Some(_)) = (watching, act.kind) else { return Ok(()) };
    let wanted = f64::from(BATCHES * act.count);
    let mut told = 0.0;
    // What waits in queues is on its way.
    for _ in 0..50 {
        told = seen(watching, act)? - before;
        if told >= wanted {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("{}: of {wanted} acts only {told} were seen: the Defender is blind", act.name)
}

fn rows(act: &Act, states: &[State], medians: &[Vec<f64>], lost: f64, table: &mut Table) {
    let of = |state: State| {
        states.iter().position(|one| *one == state).and_then(|index| medians.get(index))
    };
    let Some(off) = of(State::Off) else { return };
    let listed =
        |times: &[f64]| times.iter().map(|time| format!("{time:.2}")).collect::<Vec<_>>().join(" ");
    // A round's differences: what drifts from round to round drops out.
    let added =
        |on: &[f64]| median(&on.iter().zip(off).map(|(on, off)| on - off).collect::<Vec<_>>());
    let name = act.shown;
    table.add(
        format!("{name}: without"),
        median(off),
        "µs",
        None,
        format!("rounds: {}", listed(off)),
    );
    if let Some(on) = of(State::Empty) {
        let note = format!(
            "at every call's end, in nobody's sensor: the kernel's part; rounds: {}",
            listed(on)
        );
        table.add(format!("{name}: added by an empty program"), added(on), "µs", None, note);
    }
    let Some(on) = of(State::Palisade) else { return };
    let most = Some(Target::AtMost(act.most));
    let ours = added(on);
    table.add(
        format!("{name}: added"),
        ours,
        "µs",
        most,
        format!("rounds with it: {}", listed(on)),
    );
    let Some(audited) = of(State::Auditd) else { return };
    let theirs = added(audited);
    let note = format!("rounds with it: {}; records it lost so far: {lost}", listed(audited));
    table.add(format!("{name}: added by auditd"), theirs, "µs", None, note);
    // Not their quotient: where auditd costs next to nothing, that says nothing.
    let beyond = Some(Target::AtMost(0.0));
    let note =
        format!("added, less half of what auditd adds; share of auditd's: {:.2}", ours / theirs);
    table.add(format!("{name}: beyond half of auditd's"), ours - theirs / 2.0, "µs", beyond, note);
}
