use std::time::{Duration, Instant};

use crate::support::client::Request;
use crate::support::{Server, reports};

#[tokio::test]
async fn a_result_goes_from_open_to_finished() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    server.records.set_progress(id, 1, 3);
    for prefix in ["", "/v4"] {
        let body = server.call(Request::get(&format!("{prefix}/file/{id}"))).await.json();
        assert_eq!(body["scan_results"]["scan_all_result_i"], 255);
        assert_eq!(body["scan_results"]["scan_all_result_a"], "In Progress");
        assert_eq!(body["scan_results"]["progress_percentage"], 33);
        assert_eq!(body["process_info"]["result"], "Processing");
        assert!(body.get("extracted_files").is_none());
    }
    server.finish(id, |request| reports::infected(&request)).await;
    // Twice: the second comes from the kept rendering.
    for _ in 0..2 {
        let body = server.call(Request::get(&format!("/file/{id}"))).await.json();
        assert_eq!(body["scan_results"]["scan_all_result_a"], "Infected");
        assert_eq!(body["process_info"]["result"], "Blocked");
        assert_eq!(body["tree_total"], 4);
    }
}

#[tokio::test]
async fn a_child_is_asked_for_by_its_own_id() {
    let server = Server::start().await;
    let id = server.upload("mail.eml", b"hello").await;
    server.finish(id, |request| reports::infected(&request)).await;
    let whole = server.call(Request::get(&format!("/file/{id}"))).await.json();
    let zip = &whole["extracted_files"]["files_in_archive"][0];
    let zip = zip["data_id"].as_str().unwrap();
    let zip = server.call(Request::get(&format!("/file/{zip}"))).await.json();
    assert_eq!(zip["file_info"]["display_name"], "attachment.zip");
    let evil = &zip["extracted_files"]["files_in_archive"][0];
    assert_eq!((&evil["display_name"], &evil["detected_by"]), (&"evil.com".into(), &1.into()));
    let evil = server
        .call(Request::get(&format!("/file/{}", evil["data_id"].as_str().unwrap())))
        .await
        .json();
    assert_eq!(evil["scan_results"]["scan_details"]["yara"]["threat_found"], "Test_Rule");
    assert_eq!(evil["yara"]["verdict"], 1);
    // A child that this tree does not have.
    server.call(Request::get(&format!("/file/{id}00000000000000ff"))).await.is_error(404_004);
}

#[tokio::test]
async fn unknown_ids_are_404004() {
    let server = Server::start().await;
    for id in ["0123456789abcdef0123456789abcdef", "nonsense", "%FF", "a%2Fb%20c", "%00"] {
        server.call(Request::get(&format!("/file/{id}"))).await.is_error(404_004);
        let stream = Request::get(&format!("/file/{id}")).header("accept", "text/event-stream");
        server.call(stream).await.is_error(404_004);
    }
}

#[tokio::test]
async fn a_long_poll_ends_with_the_report_or_its_time() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    let started = Instant::now();
    let body = server.call(Request::get(&format!("/file/{id}?wait=1"))).await.json();
    assert_eq!(body["scan_results"]["scan_all_result_i"], 255);
    assert!(started.elapsed() >= Duration::from_millis(950));

    let started = Instant::now();
    let finish = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.finish(id, |request| reports::clean(&request)).await;
    };
    let (response, ()) =
        tokio::join!(server.call(Request::get(&format!("/file/{id}?wait=30"))), finish);
    assert_eq!(response.json()["scan_results"]["scan_all_result_i"], 0);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    for query in ["wait=soon", "wait=-1", "first=x", "size=1.5"] {
        let call = Request::get(&format!("/file/{id}?{query}"));
        server.call(call).await.is_error(400_902);
    }
}

#[tokio::test]
async fn pages_are_asked_for() {
    let server = Server::start().await;
    let id = server.upload("a.zip", b"hello").await;
    server.finish(id, |request| reports::wide(&request, 50)).await;
    let call = Request::get(&format!("/file/{id}?first=48&size=10"));
    let body = server.call(call).await.json();
    let files = &body["extracted_files"];
    assert_eq!(files["files_in_archive"].as_array().unwrap().len(), 2);
    assert_eq!(files["total"], 50);
    assert_eq!(body["tree"].as_array().unwrap().len(), 3);
    // The first page is untouched by it.
    let body = server.call(Request::get(&format!("/file/{id}"))).await.json();
    assert_eq!(body["tree"].as_array().unwrap().len(), 51);
}

#[tokio::test]
async fn events_tell_of_progress_and_end_with_the_result() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    let mut client = server.connect().await;
    let mut call =
        Request::get(&format!("/file/{id}")).header("accept", "text/event-stream").head();
    call.extend_from_slice(b"\r\n");
    client.send(&call).await;
    let head = client.head().await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let first = String::from_utf8(client.until(b"\n\n").await).unwrap();
    assert!(first.contains("event: progress"), "{first}");
    assert!(first.contains("\"progress_percentage\":0"), "{first}");
    server.records.set_progress(id, 1, 2);
    let second = String::from_utf8(client.until(b"\n\n").await).unwrap();
    assert!(second.contains("\"progress_percentage\":50"), "{second}");
    server.finish(id, |request| reports::clean(&request)).await;
    let last = String::from_utf8(client.until(b"\n\n").await).unwrap();
    assert!(last.contains("event: result"), "{last}");
    let data = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let result: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(result["scan_results"]["scan_all_result_i"], 0);
    // The end of the chunked body: nothing follows.
    client.until(b"\r\n0\r\n\r\n").await;

    // Of a scan that is done, the result comes at once.
    let mut client = server.connect().await;
    client.send(&call).await;
    let only = String::from_utf8(client.until(b"\r\n0\r\n\r\n").await).unwrap();
    assert!(only.contains("event: result") && !only.contains("event: progress"), "{only}");
}

#[tokio::test]
async fn a_report_made_anew_replaces_the_kept_rendering() {
    let server = Server::start().await;
    let id = server.upload("a.txt", b"hello").await;
    server.finish(id, |request| reports::partial(&request)).await;
    let path = format!("/file/{id}");
    assert_eq!(server.call(Request::get(&path)).await.json()["partial"], true);
    server
        .finish(id, |request| {
            let mut report = reports::clean(&request);
            report.finished = report.finished.plus(5_000);
            report
        })
        .await;
    assert_eq!(server.call(Request::get(&path)).await.json()["partial"], false);
}
