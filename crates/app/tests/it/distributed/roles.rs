//! What a distributed installation does when nothing goes wrong, and what it says of wrong settings.

use serde_json::Value;

use super::client::Client;
use super::{Installation, alone, program};
use crate::support::{eicar_mail, palisade, stderr, stdout};

#[test]
fn a_file_goes_through_every_process() {
    let _alone = alone();
    let installation = Installation::start(&program());
    let client = installation.client();
    let id = client.upload("invoice.eml", 60, &eicar_mail()).expect("an id");
    let report = client.report(&id);
    assert_eq!(report["scan_results"]["scan_all_result_a"], "Infected", "{report}");
    let infected = |node: &&Value| node["scan_all_result_a"] == "Infected";
    let tree = report["tree"].as_array().expect("a tree");
    let deepest = tree.iter().filter(infected).filter_map(|node| node["path"].as_str());
    assert_eq!(
        deepest.max_by_key(|path| path.len()),
        Some("invoice.eml/invoice.zip/eicar.com"),
        "{report}"
    );

    // Roles without the gateway answer for their health, and for nothing else.
    let engine = Client::new(installation.unpack.address(), String::new());
    assert_eq!(engine.get("/livez").map(|(status, _)| status), Some(200));
    assert_eq!(engine.get("/readyz").map(|(status, _)| status), Some(200));
    assert_eq!(engine.get(&format!("/file/{id}")).map(|(status, _)| status), Some(404));

    // The same bytes again are answered from the records, by any gateway.
    let mut installation = installation;
    let second = installation.cluster.serve("gateway");
    let other = Client::new(second.address(), installation.cluster.key(&installation.gateway));
    other.wait_until_ready();
    let again = other.upload("again.eml", 60, &eicar_mail()).expect("an id");
    let report = other.report(&again);
    assert_eq!(report["scan_results"]["scan_all_result_a"], "Infected", "{report}");

    let settings = installation.cluster.settings().display().to_string();
    let keys = palisade(&["keys", "--config", &settings, "list"]);
    assert!(stdout(&keys).contains("admin"), "{}{}", stdout(&keys), stderr(&keys));
}

#[test]
fn topics_are_made_and_kept_by_the_settings() {
    let _alone = alone();
    let cluster = palisade_services::Cluster::start(&program(), "");
    let settings = cluster.settings().display().to_string();
    let topics = |what: &str| palisade(&["topics", "--config", &settings, what]);
    let plan = topics("plan");
    assert_eq!(plan.status.code(), Some(1), "something is to be done: {}", stderr(&plan));
    assert!(stdout(&plan).contains("to do: create with 4 partitions"), "{}", stdout(&plan));
    let applied = topics("apply");
    assert_eq!(applied.status.code(), Some(0), "{}{}", stdout(&applied), stderr(&applied));
    assert!(stdout(&applied).contains("palisade.commands.yara.batch"), "{}", stdout(&applied));
    let again = topics("plan");
    assert_eq!(again.status.code(), Some(0), "{}", stdout(&again));

    let text = std::fs::read_to_string(&settings).expect("settings");
    let more = text.replace("partitions = 4", "partitions = 6\nretention_hours = 2");
    std::fs::write(&settings, &more).expect("settings");
    let plan = topics("plan");
    assert!(stdout(&plan).contains("partitions 4 → 6"), "{}", stdout(&plan));
    assert!(stdout(&plan).contains("retention.ms 86400000 → 7200000"), "{}", stdout(&plan));
    assert_eq!(topics("apply").status.code(), Some(0));
    assert_eq!(topics("plan").status.code(), Some(0));

    let fewer = more.replace("partitions = 6", "partitions = 3");
    std::fs::write(&settings, fewer).expect("settings");
    let refused = topics("apply");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).contains("REFUSED: it has 6 partitions"), "{}", stdout(&refused));
}

#[test]
fn settings_that_cannot_work_say_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data").display().to_string();
    let check = |settings: &str, arguments: &[&str], expected: &str| {
        let path = directory.path().join("palisade.toml");
        std::fs::write(&path, settings).expect("settings");
        let path = path.display().to_string();
        let output = palisade(&[arguments, &["--config", &path, "--data", &data]].concat());
        assert_eq!(output.status.code(), Some(2), "{settings}");
        assert!(stderr(&output).contains(expected), "{settings}: {}", stderr(&output));
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    check("", &["engine", "yara"], "set storage = \"distributed\"");
    check("roles = [\"gateway\"]", &serve, "must have all roles");
    check("storage = \"distributed\"", &serve, "kafka.bootstrap is empty");
    let kafka = "storage = \"distributed\"\n[kafka]\nbootstrap = [\"127.0.0.1:1\"]\n";
    check(kafka, &serve, "s3.bucket is empty");
    check(&format!("{kafka}[s3]\nbucket = \"a\"\n"), &serve, "postgres.url is empty");
    check(kafka, &["engine", "filetype"], "--roles extractor");
}
