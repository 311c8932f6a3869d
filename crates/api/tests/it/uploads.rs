use std::sync::atomic::Ordering;
use std::time::Duration;

use palisade_api::ApiConfig;
use palisade_model::Priority;
use palisade_pipeline::artifacts::Digests;
use palisade_pipeline::gateway::GatewayConfig;

use crate::support::client::Request;
use crate::support::{Server, Setup, reports};

async fn settled(server: &Server) {
    for _ in 0..200 {
        if server.objects.open.load(Ordering::SeqCst) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("an upload was left behind");
}

fn kept(server: &Server) -> usize {
    server.objects.stored.lock().unwrap().len()
}

#[tokio::test]
async fn a_raw_body_is_stored_and_asked_for() {
    let server = Server::start().await;
    let bytes = vec![7; 300_000];
    let call = Request::post("/file")
        .header("filename", "r%C3%A9sum%C3%A9.pdf")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("rule", "multiscan")
        .header("archivepwd", "one")
        .header("archivepwd1", "two")
        .header("metadata", r#"{"a":1}"#)
        .header("priority", "batch")
        .header("global-timeout", "30")
        .header("engines", "yara,filetype")
        .header("user-agent", "tests/1")
        .body(&bytes);
    let response = server.call(call).await;
    let body = response.json();
    let hashes = Digests::of(&bytes);
    assert_eq!(response.status, 200);
    assert_eq!(body["sha256"], hashes.sha256.to_string());
    assert_eq!((&body["md5"], &body["sha1"]), (&hashes.md5.into(), &hashes.sha1.into()));
    assert_eq!(body["status"], "inqueue");
    assert_eq!(body["file_size"], 300_000);
    let request = server.request(body["data_id"].as_str().unwrap().parse().unwrap());
    assert_eq!(request.name, "résumé.pdf");
    assert_eq!(request.passwords, ["one", "two"]);
    assert_eq!(request.priority, Priority::Batch);
    assert_eq!(request.deadline.since(request.accepted), 30_000);
    assert_eq!(request.engines.unwrap().len(), 2);
    assert_eq!(request.user_agent.as_deref(), Some("tests/1"));
    assert_eq!(request.key.unwrap().to_string(), "010101010101");
    assert_eq!(server.objects.stored.lock().unwrap()[&hashes.sha256], bytes);
}

#[tokio::test]
async fn a_chunked_body_needs_no_length() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut bytes = Request::post("/v4/file").header("transfer-encoding", "chunked").head();
    bytes.extend_from_slice(b"\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    client.send(&bytes).await;
    let body = client.response(false).await.json();
    assert_eq!(body["sha256"], Digests::name_of(b"abcde").to_string());
}

#[tokio::test]
async fn names_in_raw_bytes_are_understood() {
    let server = Server::start().await;
    for (raw, name) in [(&b"r\xE9sum\xE9"[..], "résumé"), ("ünï".as_bytes(), "ünï")] {
        let response = server.call(Request::post("/file").header("filename", raw).body("x")).await;
        let id = response.json()["data_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(server.request(id).name, name);
    }
}

#[tokio::test]
async fn bad_headers_are_refused_before_the_body() {
    let server = Server::start().await;
    for (name, value, code) in [
        ("filename", "%FF", 400_901),
        ("rule", "nonsense", 400_906),
        ("engines", "nosuch", 400_907),
        ("metadata", "{", 400_901),
        ("callbackurl", "ftp://x/", 400_909),
        ("sandbox", "windows10", 501_000),
        ("batch", "nonsense", 404_901),
    ] {
        let response = server.call(Request::post("/file").header(name, value).body("x")).await;
        response.is_error(code);
    }
    assert_eq!(kept(&server), 0);
}

pub(crate) fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, bytes) in parts {
        body.extend_from_slice(b"--B\r\nContent-Disposition: form-data; ");
        body.extend_from_slice(disposition.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    body
}

pub(crate) fn multipart(body: &[u8]) -> Request {
    Request::post("/file").header("content-type", "multipart/form-data; boundary=B").body(body)
}

#[tokio::test]
async fn the_file_of_a_form_is_scanned() {
    let server = Server::start().await;
    let big: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    for (parts, name) in [
        (vec![("name=\"file\"; filename=\"a%22b.txt\"", &big[..])], "a\"b.txt"),
        (vec![("name=\"note\"", &b"hello"[..]), ("name=\"x\"; filename=\"x\"", &big)], "x"),
        (vec![("name=\"file\"", &big[..]), ("name=\"note\"", b"hello")], ""),
    ] {
        let response = server.call(multipart(&form(&parts))).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        assert_eq!(body["sha256"], Digests::name_of(&big).to_string());
        let request = server.request(body["data_id"].as_str().unwrap().parse().unwrap());
        assert_eq!(request.name, name);
    }
    let named = multipart(&form(&[("name=\"file\"; filename=\"part\"", b"x")]));
    let response = server.call(named.header("filename", "header")).await;
    let id = response.json()["data_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(server.request(id).name, "header");
}

#[tokio::test]
async fn forms_that_are_none_are_refused() {
    let server = Server::start().await;
    let two = [("name=\"a\"; filename=\"a\"", &b"x"[..]), ("name=\"b\"; filename=\"b\"", b"y")];
    let whole = form(&[("name=\"file\"; filename=\"a\"", b"some bytes")]);
    let many: Vec<_> = (0..150).map(|_| ("name=\"n\"", &b"v"[..])).collect();
    let mut endless = b"--B\r\nContent-Disposition: form-data; name=\"".to_vec();
    endless.resize(1 << 20, b'a');
    for (body, code) in [
        (form(&[]), 400_904),
        (form(&[("name=\"note\"", b"hello")]), 400_904),
        (form(&two), 400_904),
        (form(&many), 400_904),
        (endless, 400_904),
        (form(&[("name=\"file\"; filename=\"a\"", b"")]), 400_145),
        // Cut in the middle of the file: its boundary never comes.
        (whole[..whole.len() - 9].to_vec(), 400_905),
        (b"no form at all".to_vec(), 400_905),
    ] {
        server.call(multipart(&body)).await.is_error(code);
    }
    let no_boundary =
        Request::post("/file").header("content-type", "multipart/form-data").body("x");
    server.call(no_boundary).await.is_error(400_904);
    settled(&server).await;
}

#[tokio::test]
async fn nothing_to_scan_is_an_error() {
    let server = Server::start().await;
    for path in ["/file", "/file/sync"] {
        server.call(Request::post(path).body("")).await.is_error(400_145);
        server.call(Request::post(path)).await.is_error(400_145);
    }
    assert_eq!(kept(&server), 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused_early_and_late() {
    let gateway = GatewayConfig { max_upload_bytes: 1_000, ..GatewayConfig::default() };
    let server = Server::with(Setup { gateway, ..Setup::default() }).await;
    // By its length, before a byte of it was sent.
    let mut client = server.connect().await;
    let mut head = Request::post("/file").head();
    head.extend_from_slice(b"content-length: 999999999999\r\n\r\n");
    client.send(&head).await;
    let response = client.response(false).await;
    response.is_error(400_144);
    assert_eq!(response.header("connection"), Some("close"));
    // By what came, when no length was given.
    let mut client = server.connect().await;
    let mut bytes = Request::post("/file").header("transfer-encoding", "chunked").head();
    bytes.extend_from_slice(b"\r\n7d0\r\n");
    bytes.resize(bytes.len() + 2_000, b'a');
    bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    client.send(&bytes).await;
    client.response(false).await.is_error(400_144);
    // In a form.
    let file = vec![b'a'; 1_001];
    let body = form(&[("name=\"file\"; filename=\"a\"", &file)]);
    server.call(multipart(&body)).await.is_error(400_144);
    let body = form(&[("name=\"file\"; filename=\"a\"", &file[1..])]);
    assert_eq!(server.call(multipart(&body)).await.status, 200);
    settled(&server).await;
    assert_eq!(kept(&server), 1);
}

#[tokio::test]
async fn a_body_that_ends_early_leaves_nothing_behind() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut head = Request::post("/file").head();
    head.extend_from_slice(b"content-length: 1000\r\n\r\nonly this");
    client.send(&head).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    client.response(false).await.is_error(400_905);
    // The same from a client that is simply gone.
    let mut client = server.connect().await;
    client.send(&head).await;
    drop(client);
    settled(&server).await;
    assert_eq!(kept(&server), 0);
    assert!(server.log.payloads().is_empty());
}

#[tokio::test]
async fn a_body_that_stalls_or_trickles_is_given_up() {
    let api = ApiConfig { body_idle_ms: 150, min_body_rate: 1_000, ..ApiConfig::default() };
    let server = Server::with(Setup { api, ..Setup::default() }).await;
    let mut head = Request::post("/file").head();
    head.extend_from_slice(b"content-length: 100000\r\n\r\nx");
    let mut client = server.connect().await;
    client.send(&head).await;
    client.response(false).await.is_error(408_900);
    // A byte now and then, never idle for long.
    let mut client = server.connect().await;
    client.send(&head).await;
    let (mut read, mut write) = client.stream.into_split();
    let trickle = tokio::spawn(async move {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if tokio::io::AsyncWriteExt::write_all(&mut write, b"x").await.is_err() {
                return;
            }
        }
        panic!("trickled on for ever");
    });
    let mut answer = vec![0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut read, &mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    drop(read);
    trickle.abort();
    settled(&server).await;
}

#[tokio::test]
async fn admission_comes_before_the_body() {
    let server = Server::start().await;
    server.set_backlog(100_000);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut client = server.connect().await;
    let mut head = Request::post("/file").head();
    head.extend_from_slice(b"content-length: 1000000\r\n\r\n");
    client.send(&head).await;
    let response = client.response(false).await;
    response.is_error(503_000);
    assert_eq!(response.header("retry-after"), Some("2"));
    assert_eq!(response.header("connection"), Some("close"));
    // Look-ups are served.
    server.call(Request::get("/hash/00000000000000000000000000000000")).await.is_error(404_003);

    server.set_backlog(0);
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.objects.full.store(true, Ordering::SeqCst);
    let response = server.call(Request::post("/file").body("x")).await;
    response.is_error(503_000);
    assert_eq!(response.header("retry-after"), Some("30"));
    let metrics = server.metrics.expose();
    for kind in ["Backlog", "DiskFull"] {
        let line = format!("palisade_drops_total{{kind=\"{kind}\",place=\"gateway\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn expect_100_is_not_given_to_what_is_refused() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut head = Request::post("/file").key(None).header("expect", "100-continue").head();
    head.extend_from_slice(b"content-length: 1000000\r\n\r\n");
    client.send(&head).await;
    client.response(false).await.is_error(401_006);
    let mut client = server.connect().await;
    let mut head = Request::post("/file").header("expect", "100-continue").head();
    head.extend_from_slice(b"content-length: 3\r\n\r\n");
    client.send(&head).await;
    assert_eq!(client.head().await.status, 100);
    client.send(b"abc").await;
    assert_eq!(client.response(false).await.status, 200);
}

#[tokio::test]
async fn a_synchronous_upload_gives_the_result_or_a_way_to_it() {
    let api = ApiConfig { sync_timeout_ms: 400, ..ApiConfig::default() };
    let server = Server::with(Setup { api, ..Setup::default() }).await;
    let response = server.call(Request::post("/file/sync").body("slow")).await;
    response.is_error(408_000);
    let id = response.json()["data_id"].as_str().unwrap().to_owned();
    let open = server.call(Request::get(&format!("/file/{id}"))).await.json();
    assert_eq!(open["scan_results"]["scan_all_result_a"], "In Progress");

    let call = Request::post("/file/sync").header("filename", "n.txt").body("quick");
    let finish = async {
        let id = loop {
            let payloads = server.log.payloads();
            let quick = payloads.iter().find_map(|payload| {
                palisade_model::wire::decode::<palisade_model::Request>(payload)
                    .ok()
                    .filter(|request| request.name == "n.txt")
            });
            if let Some(request) = quick {
                break request.node.root;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        server.finish(id, |request| reports::clean(&request)).await;
    };
    let (response, ()) = tokio::join!(server.call(call), finish);
    let body = response.json();
    assert_eq!((response.status, &body["scan_results"]["scan_all_result_i"]), (200, &0.into()));
    assert_eq!(body["process_info"]["result"], "Allowed");
    assert_eq!(body["file_info"]["display_name"], "n.txt");
}

/// What the report cache answers is answered at once, under an id of its own.
#[tokio::test]
async fn bytes_that_were_scanned_are_answered_at_once() {
    let server = Server::start().await;
    let id = server.upload("mail.eml", b"hello").await;
    let request = server.request(id);
    let definitions = reports::definitions();
    let engines = ["filetype", "reputation", "unpack", "yara"].map(|name| name.parse().unwrap());
    let versions = engines.iter().map(|engine| (engine, definitions.version.as_str()));
    let sha256 = request.artifact.sha256();
    let key = palisade_model::cache_key(sha256, request.facets.unwrap(), versions);
    server.records.cache(key, reports::infected(&request));

    let call = Request::post("/file").header("filename", "mail.eml").body("hello");
    let again = server.call(call.clone()).await.json();
    assert_eq!(again["status"], "completed");
    assert_ne!(again["data_id"], id.to_string());
    let path = format!("/file/{}", again["data_id"].as_str().unwrap());
    let result = server.call(Request::get(&path)).await.json();
    assert_eq!((&result["cached"], &result["data_id"]), (&true.into(), &again["data_id"]));
    let child = result["tree"][2]["data_id"].as_str().unwrap();
    let child = server.call(Request::get(&format!("/file/{child}"))).await.json();
    assert_eq!(child["scan_results"]["scan_all_result_i"], 1);

    for header in ["rescan", "x-palisade-cache"] {
        let value = if header == "rescan" { "true" } else { "no" };
        let anew = server.call(call.clone().header(header, value)).await.json();
        assert_eq!(anew["status"], "inqueue", "{header}");
    }
    let other_name = Request::post("/file").header("filename", "mail.txt").body("hello");
    assert_eq!(server.call(other_name).await.json()["status"], "inqueue");
}
