//! Faults, injected into a real server: workers that misbehave, processes that are killed, a disk
//! that is full. After each, every acknowledged request has exactly one report.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_services::SmallDisk;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Server, eventually, palisade, program, stdout};

/// The program with a yara engine that misbehaves on request (`examples/faulty.rs`).
fn faulty() -> PathBuf {
    let release = program().parent().expect("a directory").to_owned();
    let path = release.join("examples").join("faulty");
    assert!(path.exists(), "{} is built with the tests", path.display());
    path
}

fn yara(report: &Value) -> &Value {
    &report["scan_results"]["scan_details"]["yara"]
}

/// A scan time that a hang takes whole; and little memory, so that eating it takes none.
const SHORT: &str =
    "[engine_host]\nscan_timeout_ms = 6000\n[jail.limits]\nmemory_bytes = 268435456\n";

#[test]
fn a_misdeed_in_the_jail_costs_one_result_and_nothing_else() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start(&faulty(), data.path(), SHORT);
    // What kills its worker three times is a dead letter; what takes its time is not.
    let deadly = [
        "memory", "fork", "thread", "socket", "listen", "open", "write", "list", "signal", "panic",
        "abort", "exit", "overflow", "flood",
    ];
    let slow = ["hang", "sleep"];
    let mut ids = Vec::new();
    for word in deadly.iter().chain(&slow) {
        let body = format!("PALISADE-FAULT {word}\n");
        ids.push((*word, server.upload(&format!("{word}.txt"), body.as_bytes())));
    }
    let clean = server.scan("clean.txt", b"a clean file between them\n");
    assert_eq!(clean["scan_results"]["scan_all_result_i"], 0, "{clean}");

    for (word, id) in &ids {
        let report = server.report(id);
        assert_ne!(report["scan_results"]["scan_all_result_i"], 0, "{word}: {report}");
        assert_eq!(report["process_info"]["result"], "Blocked", "{word}");
        assert_eq!(report["partial"], true, "{word}");
        let reason = yara(&report)["reason"].as_str().unwrap_or_default();
        assert_ne!(reason, "", "{word}: {}", yara(&report));
        for other in ["filetype", "reputation"] {
            let details = &report["scan_results"]["scan_details"][other];
            assert_eq!(
                details["scan_result_i"].as_u64().map(|i| i == 3),
                Some(false),
                "{word}: {details}"
            );
        }
    }
    assert!(!Path::new("/tmp/palisade-fault").exists(), "a worker wrote a file");

    let directory = data.path().display().to_string();
    let output = palisade(&["dead-letters", "--data", &directory, "list", "--json"]);
    let letters: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    for (word, id) in ids.iter().filter(|(word, _)| deadly.contains(word)) {
        let letter = letters
            .iter()
            .find(|letter| letter["id"].as_str().is_some_and(|text| text.starts_with(id)))
            .unwrap_or_else(|| panic!("{word} has no dead letter: {letters:#?}"));
        assert_eq!(letter["attempts"], 3, "{word}: {letter}");
    }
    assert_eq!(letters.len(), deadly.len(), "{letters:#?}");

    // The filter, not luck: what is forbidden dies of SIGSYS.
    for word in ["socket", "open", "fork", "thread"] {
        let (_, id) = ids.iter().find(|(known, _)| known == &word).expect("it was sent");
        let reason = yara(&server.report(id))["reason"].to_string();
        assert!(reason.contains("SIGSYS"), "{word}: {reason}");
    }
}

#[test]
fn a_dead_letter_is_shown_and_tried_again() {
    let data = tempfile::tempdir().expect("a directory");
    let directory = data.path().display().to_string();
    let mut server = Server::start(&faulty(), data.path(), SHORT);
    let id = server.upload("bad.txt", b"PALISADE-FAULT abort\n");
    assert_eq!(server.report(&id)["partial"], true);
    let output = palisade(&["dead-letters", "--data", &directory, "list"]);
    let text = stdout(&output);
    let letter = text.lines().nth(1).and_then(|line| line.split(' ').next()).expect("a letter");
    let shown = palisade(&["dead-letters", "--data", &directory, "show", letter]);
    assert!(stdout(&shown).contains("killed its worker 3 times"), "{}", stdout(&shown));

    // A program that has been mended: the real one, on the same data.
    server.stop();
    let server = Server::start(&program(), data.path(), SHORT);
    let output = palisade(&["dead-letters", "--data", &directory, "retry", letter]);
    assert!(output.status.success(), "{}", crate::support::stderr(&output));
    let report = eventually(30, "the request is whole now", || {
        let report = server.report(&id);
        (report["partial"] == false).then_some(report)
    });
    assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
    let output = palisade(&["dead-letters", "--data", &directory, "list"]);
    assert!(stdout(&output).contains("no dead letters"), "{}", stdout(&output));
}

#[test]
fn a_request_ends_by_its_deadline_whatever_its_engines_do() {
    let data = tempfile::tempdir().expect("a directory");
    let server = Server::start(&faulty(), data.path(), "");
    let headers = [("filename", "slow.txt"), ("global-timeout", "1")];
    let (status, answer) = server.post("/file", &headers, b"PALISADE-FAULT hang\n");
    assert_eq!(status, 200, "{answer}");
    let report = server.report(answer["data_id"].as_str().expect("a data_id"));
    assert_eq!(report["partial"], true, "{report}");
    assert_ne!(report["scan_results"]["scan_all_result_i"], 0);
    assert_eq!(yara(&report)["state"], "timed-out", "{}", yara(&report));
}

/// Uploads until told to stop; every acknowledged id with the number in its body.
fn load(server: &Mutex<Server>, stop: &AtomicBool, acknowledged: &Mutex<Vec<String>>, lane: usize) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let (url, key) = {
            let server = server.lock().expect("no panic");
            (server.url("/file"), server.key.clone())
        };
        let body = format!("lane {lane} number {number}\n");
        let sent = ureq::post(&url)
            .header("apikey", &key)
            .header("filename", &format!("{lane}-{number}.txt"))
            .send(body.as_bytes());
        match sent {
            Ok(mut response) => {
                let answer: Value = response.body_mut().read_json().unwrap_or_default();
                if let Some(id) = answer["data_id"].as_str() {
                    acknowledged.lock().expect("no panic").push(id.to_owned());
                }
            }
            // It is down at the moment.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Runs load against a server while `fault` acts on it.
fn under_load(
    program: &Path,
    data: &Path,
    fault: impl FnOnce(&Mutex<Server>),
) -> (Server, Vec<String>) {
    let server = Mutex::new(Server::start(program, data, ""));
    let stop = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for lane in 0..4 {
            let (server, stop, acknowledged) = (&server, &stop, &acknowledged);
            scope.spawn(move || load(server, stop, acknowledged, lane));
        }
        fault(&server);
        stop.store(true, Ordering::Relaxed);
    });
    let server = server.into_inner().expect("no panic");
    (server, acknowledged.into_inner().expect("no panic"))
}

#[test]
fn killing_the_server_loses_no_acknowledged_request() {
    let data = tempfile::tempdir().expect("a directory");
    let (server, ids) = under_load(&program(), data.path(), |server| {
        for round in 0..5 {
            std::thread::sleep(Duration::from_millis(300 + 130 * round));
            let mut server = server.lock().expect("no panic");
            server.kill();
            *server = Server::start(&program(), data.path(), "");
        }
        std::thread::sleep(Duration::from_millis(300));
    });
    assert!(ids.len() > 50, "only {} requests were acknowledged", ids.len());
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id was given twice");
    for id in &ids {
        let report = server.report(id);
        assert_eq!(report["partial"], false, "{report}");
        assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
        // The same answer when asked again: there is one report, and it stays.
        let again = server.report(id);
        assert_eq!(again["process_info"], report["process_info"]);
    }
}

/// Every process below a server, with its kind.
fn jail_processes(server: i32) -> Vec<(i32, bool)> {
    let children = |pid: i32| -> Vec<i32> {
        std::fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| {
                text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()
            })
            .collect()
    };
    let mut found = Vec::new();
    for template in children(server) {
        found.push((template, true));
        found.extend(children(template).into_iter().map(|worker| (worker, false)));
    }
    found
}

#[test]
fn killing_workers_and_templates_stalls_nothing() {
    let data = tempfile::tempdir().expect("a directory");
    let (server, ids) = under_load(&program(), data.path(), |server| {
        let pid = server.lock().expect("no panic").pid();
        for round in 0..30 {
            std::thread::sleep(Duration::from_millis(60));
            let processes = jail_processes(pid);
            // Workers every time, a template now and then.
            let victim = processes
                .iter()
                .filter(|(_, template)| *template == (round % 6 == 5))
                .nth(round % 3)
                .or(processes.first());
            if let Some(pid) = victim.and_then(|(pid, _)| Pid::from_raw(*pid)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    });
    assert!(ids.len() > 50, "only {} requests were acknowledged", ids.len());
    for id in &ids {
        let report = server.report(id);
        let result = &report["scan_results"]["scan_all_result_i"];
        let failed = report["partial"] == true;
        assert!(result == 0 || failed, "neither clean nor said to be partial: {report}");
    }
    let report = server.scan("after.txt", b"after all that\n");
    assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
}

#[test]
fn a_full_disk_is_said_and_passes() {
    let Some(disk) = SmallDisk::mount("96m") else { return };
    let data = disk.path().join("data");
    let server = Server::start(&program(), &data, "");
    let mut ids = vec![server.upload("before.txt", b"before\n")];
    server.report(&ids[0]);

    disk.fill();
    let large: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let (status, answer) = server.post("/file", &[("filename", "large.bin")], &large);
    assert_eq!(status, 503, "{answer}");
    assert!(answer.to_string().contains("no space"), "{answer}");

    disk.free();
    let id = eventually(60, "uploads are taken again", || {
        let (status, answer) = server.post("/file", &[("filename", "large.bin")], &large);
        (status == 200).then(|| answer["data_id"].as_str().expect("a data_id").to_owned())
    });
    ids.push(id);
    for id in &ids {
        let report = server.report(id);
        assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
    }
    let left: Vec<_> = std::fs::read_dir(data.join("objects/tmp"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
