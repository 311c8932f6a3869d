//! A network that is cut between roles.

use std::time::Duration;

use palisade_services::Network;

use super::client::{all_are_whole, under_load};
use super::{Installation, alone, program};

fn sleep(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// Two of each role but the gateway, one of them on the other end of a cable. Cut off, it does not know:
/// its connections stay open, and it goes on with what it has.
#[test]
fn a_cut_between_roles_loses_nothing() {
    let _alone = alone();
    let mut installation = Installation::start(&program());
    let network = Network::of(&installation.cluster);
    let cluster = &mut installation.cluster;
    let _far = [
        cluster.serve_in(&network, "extractor"),
        cluster.serve_in(&network, "aggregator"),
        cluster.engine_in(&network, &["unpack", "yara", "reputation"]),
    ];
    let client = installation.client();
    let ids = under_load(&client, 240, || {
        sleep(3);
        network.cut();
        // Longer than the session of a member, and than any request to a server.
        sleep(25);
        network.mend();
        sleep(5);
        // Shorter than a session.
        network.cut();
        sleep(2);
        network.mend();
        sleep(3);
    });
    assert!(ids.len() > 40, "only {} requests were acknowledged", ids.len());
    all_are_whole(&client, &ids);
}
