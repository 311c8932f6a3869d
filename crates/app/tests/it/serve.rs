//! `palisade serve` over the wire.

use crate::support::{Server, eicar_mail, palisade, program, stdout};

#[test]
fn a_first_start_serves_scans_and_keeps_its_key() {
    let data = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(&program(), data.path(), "");
    let mode = std::os::unix::fs::MetadataExt::mode(
        &std::fs::metadata(data.path().join("admin-key")).expect("a key"),
    );
    assert_eq!(mode & 0o777, 0o600);

    let report = server.scan("mail.eml", &eicar_mail());
    assert_eq!(report["scan_results"]["scan_all_result_i"], 1, "{report}");
    let paths: Vec<&str> = report["tree"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| node["path"].as_str())
        .collect();
    assert!(paths.iter().any(|path| path.ends_with("invoice.zip/eicar.com")), "{paths:?}");

    let report = server.scan("hello.txt", b"hello, world\n");
    assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
    assert_eq!(report["process_info"]["result"], "Allowed");

    let (status, ready) = server.get("/readyz");
    assert_eq!(status, 200, "{ready}");
    assert!(ready.to_string().contains("jail.seccomp"), "{ready}");

    let key = server.key.clone();
    server.stop();
    let server = Server::start(&program(), data.path(), "");
    assert_eq!(server.key, key, "a second start makes no second key");
    let (status, again) =
        server.get(&format!("/hash/{}", report["file_info"]["sha256"].as_str().expect("a hash")));
    assert_eq!(status, 200, "{again}");
}

#[test]
fn keys_are_made_listed_and_taken_back_beside_a_running_server() {
    let data = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(&program(), data.path(), "");
    let directory = data.path().display().to_string();
    let output = palisade(&["keys", "--data", &directory, "create", "ci"]);
    assert!(output.status.success());
    let secret = stdout(&output).trim().to_owned();
    let listed = palisade(&["keys", "--data", &directory, "list", "--json"]);
    let keys: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let own = keys.as_array().and_then(|keys| keys.iter().find(|key| key["name"] == "ci"));
    let id = own.and_then(|key| key["id"].as_str()).expect("the key is listed").to_owned();

    let admin = std::mem::replace(&mut server.key, secret);
    let (status, answer) = server.get("/apikey/");
    assert_eq!(status, 200, "{answer}");
    let (status, _) = server.get("/admin/keys");
    assert_eq!(status, 403, "a user's key is no admin's");

    let output = palisade(&["keys", "--data", &directory, "revoke", &id]);
    assert!(output.status.success());
    crate::support::eventually(5, "the key is refused", || {
        (server.get("/apikey/").0 == 401).then_some(())
    });
    server.key = admin;
}

#[test]
fn a_change_of_rules_is_in_force_within_seconds_and_drops_no_scan() {
    let data = tempfile::tempdir().expect("a directory");
    let rules = data.path().join("rules");
    std::fs::create_dir(&rules).expect("a directory");
    let settings = format!("[yara]\nrules = [{:?}]\n", rules.display().to_string());
    let server = Server::start(&program(), data.path(), &settings);
    let sample = |n: u32| format!("a marker of ours {n}\n").into_bytes();
    assert_eq!(server.scan("a.txt", &sample(0))["scan_results"]["scan_all_result_i"], 0);

    let rule = "rule marker { meta: severity = \"suspicious\" strings: $a = \"marker of ours\" condition: $a }";
    std::fs::write(rules.join("ours.yar"), rule).expect("a rule");
    let mut number = 0;
    crate::support::eventually(20, "the new rule is in force", || {
        number += 1;
        let report = server.scan("a.txt", &sample(number));
        assert_eq!(report["partial"], false, "{report}");
        (report["scan_results"]["scan_all_result_i"] == 2).then_some(())
    });

    // A broken file beside it is told of and leaves the other working.
    std::fs::write(rules.join("broken.yar"), "rule x { condition: nonsense }").expect("a rule");
    crate::support::eventually(20, "the engine says what is wrong", || {
        let (_, engines) = server.get("/stat/engines");
        engines.to_string().contains("broken.yar").then_some(())
    });
    let report = server.scan("b.txt", &sample(u32::MAX));
    assert_eq!(report["scan_results"]["scan_all_result_i"], 2, "{report}");
}
