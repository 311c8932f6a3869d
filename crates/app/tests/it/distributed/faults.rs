//! Faults of a distributed installation.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::client::{all_are_whole, body, under_load};
use super::{Installation, alone, program};
use crate::support::eventually;

/// Seconds that a request has: longer than any fault.
const PATIENT: u32 = 300;

fn sleep(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

#[test]
fn killing_any_process_loses_nothing() {
    let _alone = alone();
    let mut installation = Installation::start(&program());
    let client = installation.client();
    let ids = under_load(&client, PATIENT, || {
        sleep(1.0);
        for node in installation.nodes() {
            node.kill();
            sleep(0.5);
            node.up();
            sleep(1.5);
        }
    });
    assert!(ids.len() > 40, "only {} requests were acknowledged", ids.len());
    all_are_whole(&client, &ids);
}

#[test]
fn servers_that_go_away_for_a_minute_come_back() {
    let _alone = alone();
    let mut installation = Installation::start(&program());
    let client = installation.client();
    let ids = under_load(&client, PATIENT, || {
        sleep(1.0);
        let servers = &mut installation.cluster.servers;
        servers.kafka.kill();
        sleep(60.0);
        servers.kafka.up();
        sleep(5.0);
        servers.s3.kill();
        sleep(60.0);
        servers.s3.up();
        sleep(5.0);
        servers.postgres.kill();
        sleep(60.0);
        servers.postgres.up();
        sleep(5.0);
    });
    assert!(ids.len() > 40, "only {} requests were acknowledged", ids.len());
    all_are_whole(&client, &ids);
    let id = client.upload("after.txt", 60, b"after all that\n").expect("an id");
    assert_eq!(client.report(&id)["scan_results"]["scan_all_result_i"], 0);
}

/// The program with a yara engine that takes its time when told to (`examples/faulty.rs`).
fn faulty() -> PathBuf {
    let release = program().parent().expect("a directory").to_owned();
    release.join("examples").join("faulty")
}

#[test]
fn a_rebalance_in_the_middle_of_slow_scans_stalls_nothing() {
    let _alone = alone();
    let mut installation = Installation::start(&faulty());
    let client = installation.client();
    let send = |number: usize| {
        let body = format!("PALISADE-FAULT slow\nnumber {number}\n");
        client.upload(&format!("{number}.txt"), PATIENT, body.as_bytes()).expect("an id")
    };
    let mut ids: Vec<String> = (0..40).map(send).collect();
    let mut second = installation.cluster.engine(&["yara"]);
    ids.extend((40..60).map(send));
    let mut third = installation.cluster.engine(&["yara"]);
    sleep(1.0);
    second.stop();
    sleep(1.0);
    third.kill();
    for id in &ids {
        let report = client.report(id);
        assert_eq!(report["partial"], false, "{report}");
        assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
    }
}

#[test]
fn a_topic_that_fills_up_is_said_and_passes() {
    let _alone = alone();
    let installation = Installation::start_with(&program(), "gateway = { max_waiting = 10 }");
    let client = installation.client();
    // Nobody reads requests; its place in the group goes, and it does not know.
    installation.extractor.signal(Signal::STOP);
    let mut ids = Vec::new();
    let refused = (0..2_000).find_map(|number| {
        let (status, answer) =
            client.answer_to_upload(&format!("{number}.zip"), PATIENT, &body(9, number))?;
        match answer["data_id"].as_str() {
            Some(id) => ids.push(id.to_owned()),
            None => return Some((status, answer)),
        }
        None
    });
    let (status, answer) = refused.expect("an upload is refused before 2,000 wait");
    assert_eq!(status, 503, "{answer}");
    assert!(ids.len() > 10, "{} were taken, and 10 may wait", ids.len());
    // Longer than the session of a member.
    sleep(8.0);
    installation.extractor.signal(Signal::CONT);
    all_are_whole(&client, &ids);
    // What waits is measured a few times a second.
    let id = eventually(30, "an upload is taken again", || {
        client.upload("after.txt", 60, b"after all that\n")
    });
    assert_eq!(client.report(&id)["scan_results"]["scan_all_result_i"], 0);
}
