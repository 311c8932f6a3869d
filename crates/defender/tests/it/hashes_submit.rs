//! Submission to a server that answers, is slow, or is hostile.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use palisade_defender::hashes::submit::{
    Candidate, Judged, Offered, SubmitError, SubmitSettings, Submitter, Verdict,
};
use palisade_defender::hashes::{KnownBad, ListSettings};
use palisade_model::event::FileRef;
use palisade_model::{Sha256, UnixMillis};
use sha2::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::incidents_stories::START;

/// What the server received.
#[derive(Debug, Clone, Default)]
struct Received {
    line: String,
    head: String,
    body: Vec<u8>,
}

/// What it does with a request: bytes to write as they are, and whether to leave the connection open.
type Reply = (Vec<u8>, bool);

type Script = dyn Fn(&Received, usize) -> Reply + Send + Sync;

struct Server {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    async fn start(
        script: impl Fn(&Received, usize) -> (Vec<u8>, bool) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (log, script): (_, Arc<Script>) = (received.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, log.clone(), script.clone()));
            }
        });
        Self { address, received }
    }

    fn lines(&self) -> Vec<String> {
        self.received.lock().unwrap().iter().map(|one| one.line.clone()).collect()
    }
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Vec<Received>>>, script: Arc<Script>) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 65_536];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let mut body = bytes.split_off(end);
    while body.len() < length {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => body.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let line = head.lines().next().unwrap_or("").trim_end_matches(" http/1.1").to_owned();
    let one = Received { line, head, body };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(one.clone());
        log.len()
    };
    let (answer, open) = script(&one, number);
    let _ = stream.write_all(&answer).await;
    if open {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

fn answer(status: &str, body: &str) -> Reply {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    (text.into_bytes(), false)
}

fn result(hash: &Sha256, code: i64, words: &str, threat: &str) -> String {
    format!(
        r#"{{"data_id":"d-1","file_info":{{"sha256":"{hash}","display_name":"x"}},
        "scan_results":{{"scan_all_result_i":{code},"scan_all_result_a":"{words}","scan_details":{{}}}},
        "threats":[{{"threat_found":"{threat}"}}]}}"#
    )
}

/// An ELF file's first bytes, and something of our own.
fn program(text: &str) -> Vec<u8> {
    [b"\x7fELF".as_slice(), text.as_bytes()].concat()
}

fn candidate(directory: &Path, bytes: &[u8]) -> Candidate<u32> {
    let path = directory.join(format!("program-{}", bytes.len()));
    File::create(&path).unwrap().write_all(bytes).unwrap();
    Candidate {
        hash: Sha256(sha2::Sha256::digest(bytes).into()),
        file: File::open(path).unwrap(),
        about: FileRef { upper: Some(true), ..FileRef::at("/tmp/näme x") },
        fileless: false,
        image: "app:1".to_owned(),
        context: 7,
    }
}

struct Setting {
    directory: tempfile::TempDir,
    known: Arc<KnownBad>,
    submitter: Submitter<u32>,
    results: mpsc::Receiver<Judged<u32>>,
}

fn setting(address: SocketAddr, change: impl FnOnce(&mut SubmitSettings)) -> Setting {
    let directory = tempfile::tempdir().unwrap();
    let list =
        ListSettings { directory: directory.path().join("state"), ..ListSettings::default() };
    let known = Arc::new(KnownBad::open(list).unwrap());
    let mut settings = SubmitSettings {
        url: format!("http://{address}/v4/"),
        request_timeout_ms: 2_000,
        poll_ms: 10,
        retry_ms: 10,
        deadline_ms: 10_000,
        ..SubmitSettings::default()
    };
    change(&mut settings);
    let (sender, results) = mpsc::channel(100);
    let submitter = Submitter::start(settings, known.clone(), sender).unwrap();
    Setting { directory, known, submitter, results }
}

impl Setting {
    async fn verdict(&mut self, bytes: &[u8]) -> Judged<u32> {
        let candidate = candidate(self.directory.path(), bytes);
        assert_eq!(self.submitter.offer(candidate, START), Offered::Queued);
        tokio::time::timeout(Duration::from_secs(20), self.results.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn an_unknown_file_is_sent_and_what_is_malicious_is_on_the_list_at_once() {
    let bytes = program(&"x".repeat(300_000));
    let hash = Sha256(sha2::Sha256::digest(&bytes).into());
    let server = Server::start(move |request, number| match number {
        1 => answer("404 Not Found", r#"{"error":{"code":404003}}"#),
        2 => answer("200 OK", r#"{"data_id":"d-1"}"#),
        3 | 4 => answer("200 OK", &result(&hash, 255, "In Progress", "")),
        _ => {
            assert!(request.line.starts_with("get /v4/file/d-1?wait="), "{}", request.line);
            answer("200 OK", &result(&hash, 1, "Infected", "Test.Family"))
        }
    })
    .await;
    let secrets = tempfile::tempdir().unwrap();
    let key = secrets.path().join("key");
    std::fs::write(&key, " the-key \n").unwrap();
    let mut here = setting(server.address, |settings| settings.api_key_file = Some(key));
    let judged = here.verdict(&bytes).await;
    assert_eq!(judged.verdict, Verdict::Malicious("Test.Family".to_owned()));
    assert_eq!((judged.sent, judged.context, judged.hash), (true, 7, hash));
    assert_eq!(here.known.find(&hash).as_deref(), Some("Test.Family"));
    let received = server.received.lock().unwrap().clone();
    assert_eq!(received[0].line, format!("get /v4/hash/{hash}"));
    assert!(received.iter().all(|one| one.head.contains("apikey: the-key\r\n")), "{received:?}");
    assert_eq!((received[1].line.as_str(), received[1].body.len()), ("post /v4/file", bytes.len()));
    assert!(received[1].body == bytes);
    assert!(received[1].head.contains("filename: n%c3%a4me%20x\r\n"), "{}", received[1].head);
    assert_eq!(received.len(), 5);
    // The same is not asked for again.
    let again = candidate(here.directory.path(), &bytes);
    assert_eq!(here.submitter.offer(again, START), Offered::Known);
    assert_eq!((here.submitter.counters().sent, here.submitter.counters().malicious), (1, 1));
}

#[tokio::test]
async fn a_hash_that_the_server_knows_is_not_sent() {
    for (code, expected) in [
        (0, Verdict::Clean),
        (7, Verdict::Clean),
        (1, Verdict::Malicious("T".to_owned())),
        (8, Verdict::Malicious("T".to_owned())),
        (2, Verdict::Suspicious("T".to_owned())),
        (40, Verdict::Unknown("40 words".to_owned())),
        (3, Verdict::Unknown("3 words".to_owned())),
    ] {
        let bytes = program("known");
        let hash = Sha256(sha2::Sha256::digest(&bytes).into());
        let server =
            Server::start(move |_, _| answer("200 OK", &result(&hash, code, "words", "T"))).await;
        let mut here = setting(server.address, |_| {});
        let judged = here.verdict(&bytes).await;
        assert_eq!((judged.verdict, judged.sent), (expected, false));
        assert_eq!(server.lines().len(), 1);
        assert_eq!(here.known.find(&hash).is_some(), matches!(code, 1 | 8));
    }
}

#[tokio::test]
async fn hostile_answers_give_no_verdict_and_no_harm() {
    let other = Sha256([9; 32]);
    let infinite = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let cases: Vec<(&str, Reply, &str)> = vec![
        ("of another file", answer("200 OK", &result(&other, 1, "Infected", "x")), "another file"),
        (
            "without a hash",
            answer("200 OK", r#"{"scan_results":{"scan_all_result_i":1}}"#),
            "another file",
        ),
        ("not JSON", answer("200 OK", "<html>"), "not a result"),
        ("deep", answer("200 OK", &"[".repeat(500_000)), "not a result"),
        ("huge", answer("200 OK", &" ".repeat(2 << 20)), "longer than"),
        (
            "a lie of its length",
            (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}".to_vec(), false),
            "cannot be reached",
        ),
        (
            "endless head",
            ([b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(100_000)].concat(), false),
            "cannot be reached",
        ),
        ("never ending", (infinite, true), "did not answer in time"),
        ("silent", (Vec::new(), true), "did not answer in time"),
        ("a redirect", answer("302 Found\r\nlocation: http://192.0.2.1/", ""), "302"),
        ("refused", answer("401 Unauthorized", ""), "401"),
        ("broken", answer("503 Service Unavailable", ""), "503"),
    ];
    for (what, reply, expected) in cases {
        let server = Server::start(move |_, _| reply.clone()).await;
        let mut here = setting(server.address, |settings| {
            settings.request_timeout_ms = 300;
            settings.attempts = 2;
        });
        let judged = here.verdict(&program(what)).await;
        let Verdict::Failed(why) = &judged.verdict else { panic!("{what}: {judged:?}") };
        assert!(why.contains(expected), "{what}: {why}");
        assert_eq!(here.known.loaded().added, 0);
        assert_eq!(here.submitter.counters().failed, 1);
    }
}

#[tokio::test]
async fn an_id_is_not_a_way_to_another_place() {
    for id in ["", "../../admin/keys", "a b", "a?x=1", "a\\r\\nx: y", &"a".repeat(200)] {
        let reply = format!(r#"{{"data_id":"{id}"}}"#);
        let server = Server::start(move |_, number| match number {
            1 => answer("404 Not Found", ""),
            _ => answer("200 OK", &reply),
        })
        .await;
        let mut here = setting(server.address, |_| {});
        let judged = here.verdict(&program("id")).await;
        let Verdict::Failed(why) = &judged.verdict else { panic!("{judged:?}") };
        assert!(why.contains("data_id"), "{why}");
        assert_eq!(server.lines().len(), 2);
    }
}

#[tokio::test]
async fn a_server_that_fails_at_first_is_asked_again_and_one_that_never_ends_given_up() {
    let bytes = program("again");
    let hash = Sha256(sha2::Sha256::digest(&bytes).into());
    let server = Server::start(move |_, number| match number {
        1 => answer("429 Too Many Requests", ""),
        2 => (Vec::new(), false),
        _ => answer("200 OK", &result(&hash, 0, "No Threat Detected", "")),
    })
    .await;
    let mut here = setting(server.address, |_| {});
    assert_eq!(here.verdict(&bytes).await.verdict, Verdict::Clean);
    assert_eq!(server.lines().len(), 3);

    let server = Server::start(move |_, number| match number {
        1 => answer("404 Not Found", ""),
        2 => answer("200 OK", r#"{"data_id":"d-1"}"#),
        _ => answer("200 OK", &result(&hash, 255, "In Progress", "")),
    })
    .await;
    let mut here = setting(server.address, |settings| settings.deadline_ms = 500);
    let judged = here.verdict(&bytes).await;
    let Verdict::Failed(why) = &judged.verdict else { panic!("{judged:?}") };
    assert!(why.contains("in time") && judged.sent, "{judged:?}");
}

#[tokio::test]
async fn only_what_the_rules_allow_is_taken() {
    let server = Server::start(|_, _| (Vec::new(), true)).await;
    let here = setting(server.address, |settings| {
        settings.max_bytes = 1_000;
        settings.per_day = 3;
        settings.opt_out_images = vec!["private/*".to_owned()];
    });
    let directory = here.directory.path();
    let offer = |candidate, now: u64| here.submitter.offer(candidate, UnixMillis(now));
    let of = |bytes: &[u8]| candidate(directory, bytes);
    let day = 86_400_000;
    assert_eq!(offer(of(b"#!/bin/sh\n"), day), Offered::NotElf);
    assert_eq!(offer(of(b"x"), day), Offered::NotElf);
    assert_eq!(offer(of(b""), day), Offered::Size);
    assert_eq!(offer(of(&program(&"x".repeat(1_000))), day), Offered::Size);
    let image = Candidate { about: FileRef::at("/bin/x"), ..of(&program("a")) };
    assert_eq!(offer(image, day), Offered::OfImage);
    let private = Candidate { image: "private/x:1".to_owned(), ..of(&program("a")) };
    assert_eq!(offer(private, day), Offered::OptedOut);
    let memory = Candidate { about: FileRef::at("memfd:x"), fileless: true, ..of(&program("a")) };
    assert_eq!(offer(memory, day), Offered::Queued);
    assert_eq!(offer(of(&program("a")), day), Offered::Known);
    assert_eq!(offer(of(&program("bb")), day), Offered::Queued);
    assert_eq!(offer(of(&program("ccc")), day), Offered::Queued);
    assert_eq!(offer(of(&program("dddd")), day), Offered::DayUsedUp);
    assert_eq!(offer(of(&program("dddd")), day - 1), Offered::DayUsedUp);
    assert_eq!(offer(of(&program("dddd")), 2 * day), Offered::Queued);
    assert_eq!(here.submitter.counters().day_used_up, 2);
}

#[tokio::test]
async fn the_queue_is_bounded_while_the_server_hangs() {
    let server = Server::start(|_, _| (Vec::new(), true)).await;
    let here = setting(server.address, |settings| {
        settings.max_queue = 2;
        settings.workers = 1;
    });
    let mut busy = 0;
    for number in 1..20 {
        let bytes = program(&"x".repeat(number));
        let offered = here.submitter.offer(candidate(here.directory.path(), &bytes), START);
        busy += u32::from(offered == Offered::Busy);
        tokio::task::yield_now().await;
    }
    assert!(busy >= 16, "{busy}");
    assert_eq!(here.submitter.counters().busy, u64::from(busy));
}

#[tokio::test]
async fn files_and_the_key_never_go_unencrypted_to_another_machine() {
    let start = |url: &str| {
        let directory = tempfile::tempdir().unwrap();
        let list =
            ListSettings { directory: directory.path().to_owned(), ..ListSettings::default() };
        let known = Arc::new(KnownBad::open(list).unwrap());
        let settings = SubmitSettings { url: url.to_owned(), ..SubmitSettings::default() };
        Submitter::<()>::start(settings, known, mpsc::channel(1).0).err()
    };
    for good in ["http://localhost:8008", "http://[::1]:8008/v4", "https://scan.example"] {
        assert_eq!(start(good), None, "{good}");
    }
    for plain in
        ["http://192.0.2.1:8008", "http://localhost.example/", "http://127.0.0.1@scan.example/"]
    {
        assert!(matches!(start(plain), Some(SubmitError::Plain(_))), "{plain}");
    }
    for wrong in ["", "scan.example", "ftp://localhost", "http://localhost/?x"] {
        assert!(matches!(start(wrong), Some(SubmitError::Url(_))), "{wrong}");
    }
}
