//! Clocks that are minutes apart: a request ends by its deadline (law 3), and each machine has a clock of
//! its own.

use palisade_services::Shift;

use super::client::{all_are_whole, under_load};
use super::{Installation, alone, program};

#[test]
fn clocks_minutes_apart_lose_nothing() {
    let _alone = alone();
    let mut installation = Installation::start(&program());
    let shift = Shift::new();
    // Requests to S3 are signed with the time, and refused when it is a quarter of an hour away.
    let minutes = [7, -11, 3, -6, 13];
    for (node, minutes) in installation.nodes().into_iter().zip(minutes) {
        node.stop();
        shift.set(node, minutes * 60);
        node.up();
    }
    let client = installation.client();
    client.wait_until_ready();
    let load = || std::thread::sleep(std::time::Duration::from_secs(5));
    // Less than any two clocks are apart: whoever went by its own would be minutes too late, or would
    // wait for minutes.
    let ids = under_load(&client, 60, load);
    assert!(ids.len() > 20, "only {} requests were acknowledged", ids.len());
    all_are_whole(&client, &ids);
    for id in ids.iter().take(5) {
        let report = client.report(id);
        let total = report["scan_results"]["total_time"].as_u64().expect("milliseconds");
        assert!(total < 60_000, "it took {total} ms by the common clock: {report}");
    }
}
