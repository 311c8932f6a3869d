//! Killing what a scanner leaves behind, where there is no process namespace that does it.

use std::fs;
use std::io;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

/// Rounds of killing. Each kills all that it finds; what forks meanwhile is found by the next.
const ROUNDS: usize = 200;

/// Processes that one round looks at.
const MAX_PROCESSES: usize = 4_096;

/// Between two rounds.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

/// Orphans below this process become its children (prctl(2), `PR_SET_CHILD_SUBREAPER`): nothing below
/// it can get away from [`kill_the_rest`].
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Kills every process below this one.
pub(super) fn kill_the_rest() {
    for _ in 0..ROUNDS {
        for process in descendants() {
            let _ = kill_process(process, Signal::KILL);
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// All processes below this one, as `/proc` has them now.
fn descendants() -> Vec<Pid> {
    let mut found = vec![getpid()];
    let mut next = 0;
    while let Some(parent) = found.get(next).filter(|_| found.len() < MAX_PROCESSES) {
        next += 1;
        // Each thread has children of its own (proc(5)).
        let tasks = fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero()));
        let lists = tasks.into_iter().flatten().flatten();
        let lists = lists.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        for list in lists.collect::<Vec<_>>() {
            let children = list.split_whitespace().filter_map(|word| word.parse().ok());
            found.extend(children.filter_map(Pid::from_raw));
        }
    }
    found.split_off(1)
}
