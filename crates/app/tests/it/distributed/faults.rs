//! Faults of a distributed installation.

use std::path::PathBuf;
use std::time::Duration;

use super::client::{all_are_whole, under_load};
use super::{Installation, alone, program};

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
