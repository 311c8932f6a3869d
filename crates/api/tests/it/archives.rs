use palisade_model::{
    EngineEntry, Observable, ObservableKind, Policy, ProblemKind, Property, Tolerated,
};
use serde_json::json;

use crate::support::client::Request;
use crate::support::{Server, reports};

#[tokio::test]
async fn everything_inside_is_listed() {
    let server = Server::start().await;
    let id = server.upload("mail.eml", b"x").await;
    let path = format!("/archive/{id}");
    server.call(Request::get(&path)).await.is_error(409_905);
    server.finish(id, |request| reports::infected(&request)).await;
    let body = server.call(Request::get(&path)).await.json();
    assert_eq!(
        (&body["total"], &body["scan_results"]["scan_all_result_i"]),
        (&json!(3), &json!(1))
    );
    let files = body["extracted_files"].as_array().unwrap();
    let paths: Vec<_> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "mail.eml/attachment.zip",
            "mail.eml/attachment.zip/evil.com",
            "mail.eml/attachment.zip/readme.txt"
        ]
    );
    let results: Vec<_> = files.iter().map(|file| &file["process_info"]["result"]).collect();
    assert_eq!(json!(results), json!(["Blocked", "Blocked", "Allowed"]));
    assert_eq!(files[1]["parent_id"], files[0]["data_id"]);
    let page = server.call(Request::get(&format!("{path}?first=2&size=5"))).await.json();
    assert_eq!((&page["first"], page["extracted_files"].as_array().unwrap().len()), (&json!(2), 1));
    // What it says of a child is what the child's own result says.
    for file in files {
        let own = format!("/file/{}", file["data_id"].as_str().unwrap());
        let own = server.call(Request::get(&own)).await.json();
        assert_eq!(own["file_info"], file["file_info"]);
        assert_eq!(own["process_info"]["result"], file["process_info"]["result"]);
        let code = |result: &serde_json::Value| result["scan_results"]["scan_all_result_i"].clone();
        assert_eq!(code(&own), code(file));
    }
    let zip = files[0]["data_id"].as_str().unwrap();
    let zip = server.call(Request::get(&format!("/archive/{zip}"))).await.json();
    assert_eq!(zip["total"], 2);
    server.call(Request::get(&format!("/archive/{id}00000000000000ff"))).await.is_error(404_004);
    server.call(Request::get("/archive/nonsense")).await.is_error(404_004);
}

#[tokio::test]
async fn blocked_leaves_are_the_deepest() {
    let server = Server::start().await;
    let id = server.upload("mail.eml", b"x").await;
    server.finish(id, |request| reports::infected(&request)).await;
    let body = server.call(Request::get(&format!("/file/{id}/blocked-leaves"))).await.json();
    assert_eq!((&body["total"], &body["limit_reached"]), (&json!(1), &json!(false)));
    assert_eq!(body["details"][0]["path"], "mail.eml/attachment.zip/evil.com");
    assert_eq!(body["details"][0]["blocked_reasons"], json!(["Infected"]));
    let clean = server.upload("a.txt", b"y").await;
    server.finish(clean, |request| reports::clean(&request)).await;
    let body = server.call(Request::get(&format!("/file/{clean}/blocked-leaves"))).await.json();
    assert_eq!(body["details"], json!([]));
    let deep = server.upload("a.zip", b"z").await;
    server.finish(deep, |request| reports::left_out(&request)).await;
    let body = server.call(Request::get(&format!("/file/{deep}/blocked-leaves"))).await.json();
    assert_eq!(body["details"][0]["verdicts"], json!(["Exceeded Archive Depth"]));
    let wide = server.upload("w.zip", b"w").await;
    server
        .finish(wide, |request| {
            let mut report = reports::wide(&request, 150);
            for node in &mut report.nodes[1..] {
                node.engines[0].1 = EngineEntry::TimedOut;
            }
            report
        })
        .await;
    let body = server.call(Request::get(&format!("/file/{wide}/blocked-leaves"))).await.json();
    assert_eq!((&body["total"], &body["limit_reached"]), (&json!(100), &json!(true)));
}

#[tokio::test]
async fn a_result_is_exported_whole() {
    let server = Server::start().await;
    let id = server.upload("=mail,1.eml", b"x").await;
    server.finish(id, |request| reports::infected(&request)).await;
    let json = server.call(Request::get(&format!("/file/{id}/export"))).await;
    assert!(json.header("content-disposition").unwrap().contains(&format!("{id}.json")));
    assert_eq!(json.json()["tree_total"], 4);
    let csv = server.call(Request::get(&format!("/file/{id}/export?format=csv"))).await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = csv.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("\"'=mail,1.eml\","), "{}", lines[1]);
    assert!(lines[3].ends_with(",1,Infected,yara: Test_Rule"), "{}", lines[3]);
    server.call(Request::get(&format!("/file/{id}/export?format=pdf"))).await.is_error(400_902);
}

/// What a policy lets pass stays what it is, and nothing else passes with it.
#[tokio::test]
async fn a_policy_decides_what_passes() {
    let server = Server::start().await;
    let tolerant = |tolerate: &[Tolerated]| {
        Some(Policy { tolerate: tolerate.iter().copied().collect(), ..Policy::default() })
    };
    let locked = [Tolerated::EncryptedArchive];
    for (policy, corrupt, result) in [
        (tolerant(&locked), false, "Allowed"),
        (tolerant(&locked), true, "Blocked"),
        (tolerant(&[Tolerated::Unsupported]), false, "Blocked"),
        (None, false, "Blocked"),
    ] {
        let id = server.upload("a.zip", b"x").await;
        server
            .finish(id, |request| {
                let mut report = reports::encrypted(&request);
                report.request.policy = policy;
                if corrupt {
                    let EngineEntry::Done(result) = &mut report.nodes[0].engines[2].1 else {
                        panic!("no entry")
                    };
                    result.problems.push(palisade_model::Problem {
                        kind: ProblemKind::Corrupt,
                        name: String::new(),
                        detail: "it ends in the middle".to_owned(),
                    });
                }
                report
            })
            .await;
        let body = server.call(Request::get(&format!("/file/{id}"))).await.json();
        assert_eq!(body["process_info"]["result"], result, "{body}");
        assert_eq!(body["scan_results"]["scan_all_result_i"], 12, "it is what it is");
    }
    // A clean file of a type that is blocked, deep inside another.
    let id = server.upload("mail.eml", b"y").await;
    server
        .finish(id, |request| {
            let mut report = reports::wide(&request, 3);
            let block_types = ["txt".to_owned()].into();
            report.request.policy = Some(Policy { block_types, ..Policy::default() });
            report
        })
        .await;
    let body = server.call(Request::get(&format!("/file/{id}"))).await.json();
    assert_eq!(body["scan_results"]["scan_all_result_i"], 0);
    assert_eq!(body["process_info"]["blocked_reasons"], json!(["Blocked File Type"]));
    let archive = server.call(Request::get(&format!("/archive/{id}"))).await.json();
    assert_eq!(archive["extracted_files"][0]["process_info"]["result"], "Blocked");
}

#[tokio::test]
async fn observables_properties_and_signers_are_shown() {
    let server = Server::start().await;
    let id = server.upload("tool.exe", b"x").await;
    let hash = server.request(id).artifact.sha256();
    let peinfo = format!("/hash/{hash}/peinfo");
    server.call(Request::get(&peinfo)).await.is_error(404_003);
    let property = |name: &str, value: &str| Property { name: name.into(), value: value.into() };
    server
        .finish(id, |request| {
            let mut report = reports::clean(&request);
            let (_, entry) = report.nodes[0].engines[2].clone();
            let EngineEntry::Done(mut result) = entry else { panic!("no entry") };
            result.observables = vec![
                Observable {
                    kind: ObservableKind::Url,
                    value: format!("http://a.example/{}", "x".repeat(5_000)),
                    context: "resource".into(),
                };
                300
            ];
            result.properties = vec![
                property("signer", "Example Ltd"),
                property("signer-serial", "0a0b"),
                property("signer-chain", "Example Ltd < Example CA < Example Root"),
                property("signature-digest", "SHA-256 00ff"),
                property("imphash", "0123456789abcdef0123456789abcdef"),
                property("imported-libraries", "kernel32.dll user32.dll"),
                property("packer", "one"),
                property("packer", "two"),
            ];
            report.nodes[0].engines.push(("pe".parse().unwrap(), EngineEntry::Done(result)));
            report
        })
        .await;
    let body = server.call(Request::get(&format!("/file/{id}"))).await.json();
    let signer = &body["file_info"]["signer_infos"][0];
    assert_eq!(
        *signer,
        json!({
            "vendor_name": "Example Ltd", "issuer": "Example CA", "serial_number": "0a0b",
            "digest_algorithm": "SHA-256"
        })
    );
    let pe = &body["scan_results"]["scan_details"]["pe"];
    assert_eq!(pe["properties"]["packer"], json!(["one", "two"]));
    let observables = pe["observables"].as_array().unwrap();
    assert_eq!((observables.len(), &observables[0]["kind"]), (200, &json!("url")));
    assert_eq!(observables[0]["value"].as_str().unwrap().len(), 2_048);
    let info = server.call(Request::get(&peinfo)).await.json();
    assert_eq!(info["imphash"], "0123456789abcdef0123456789abcdef");
    assert_eq!(info["imported_dlls"][1]["name"], "user32.dll");
    assert!(info["not_filled"].as_array().unwrap().contains(&json!("section_headers")));
    let text = server.upload("a.txt", b"z").await;
    server.finish(text, |request| reports::clean(&request)).await;
    let hash = server.request(text).artifact.sha256();
    server.call(Request::get(&format!("/hash/{hash}/peinfo"))).await.is_error(404_904);
}
