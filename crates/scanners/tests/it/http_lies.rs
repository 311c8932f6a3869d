//! HTTP servers that keep no contract; and TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use palisade_model::{Failure, Outcome, Verdict};
use palisade_ports::engine::ScanError;
use palisade_ports::records::EngineState;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{engine, outcome, scan_in, wait_for};

/// Answers each request with what `answer` gives for its head, and then closes.
async fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move { talk(stream, answer.as_ref()).await });
        }
    });
    port
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(impl Fn(&str) -> Vec<u8> + Sync),
) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    // The tests' bodies are three bytes long and end in `END`; `/info` has none.
    while !heard.ends_with(b"END") && !heard.ends_with(b"\r\n\r\n")
        || heard.starts_with(b"POST") && !heard.ends_with(b"END")
    {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => heard.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let _ = stream.write_all(&answer(&String::from_utf8_lossy(&heard))).await;
    let _ = stream.shutdown().await;
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const INFO: &str = r#"{"name":"liar","version":"1"}"#;

fn settings(port: u16) -> String {
    format!("[liar]\nkind = \"http\"\nurl = \"http://127.0.0.1:{port}\"\nmax_answer_bytes = 4096\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_against_the_contract_are_failures() {
    let failed = Some(Outcome::Failure(Failure::Failed));
    let not_scanned = Some(Outcome::Failure(Failure::NotScanned));
    let long = format!(r#"{{"verdict":"no-threat","reason":"{}"}}"#, "x".repeat(10_000));
    let deep =
        format!(r#"{{"verdict":"no-threat","findings":{}{}}}"#, "[".repeat(1500), "]".repeat(1500));
    let cases = [
        (http("200 OK", "", "not json"), failed, "cannot be read"),
        (http("200 OK", "", ""), failed, "cannot be read"),
        (http("200 OK", "", r#"{"verdict":"clean"}"#), failed, "no verdict of the contract"),
        (http("200 OK", "", &long), failed, "longer than 4096 bytes"),
        (http("200 OK", "", &deep), failed, "cannot be read"),
        (http("204 No Content", "", ""), failed, "204"),
        (http("302 Found", "Location: http://192.0.2.1/\r\n", ""), failed, "302"),
        (http("500 Oops", "", r#"{"reason":"it\nbroke"}"#), failed, "it broke"),
        (http("413 Large", "", ""), not_scanned, "413"),
        (http("422 No", "", r#"{"reason":"no such format"}"#), not_scanned, "no such format"),
    ];
    for (answer, expected, words) in cases {
        let port =
            serve(
                move |head| {
                    if head.starts_with("GET") { http("200 OK", "", INFO) } else { answer.clone() }
                },
            );
        let engine = engine(&settings(port.await));
        let said = scan_in(&engine, b"END", 3_000).await.unwrap();
        assert_eq!(said.outcome, expected, "{words}: {said:?}");
        assert!(said.reason.as_deref().unwrap_or_default().contains(words), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_are_no_opinions() {
    let cases: [&[u8]; 5] = [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"verdict\"",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    for answer in cases {
        let engine = engine(&settings(serve(|_| answer.to_vec()).await));
        let error = scan_in(&engine, b"END", 1_000).await.unwrap_err();
        assert!(matches!(error, ScanError::Unavailable(_)), "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(engine.health().state, EngineState::Down);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_answers_is_out_of_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = engine(&settings(listener.local_addr().unwrap().port()));
    let error = scan_in(&engine, b"END", 400).await.unwrap_err();
    assert!(matches!(error, ScanError::TimedOut), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_and_what_is_not() {
    let heads = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = heads.clone();
    let port = serve(move |head| {
        kept.lock().unwrap().push(head.to_ascii_lowercase());
        http("200 OK", "", r#"{"verdict":"unknown"}"#)
    })
    .await;
    for more in ["", "tell_name = true\ntoken = \"hush\"\n"] {
        let engine = engine(&format!("{}{more}", settings(port)));
        assert_eq!(outcome(&engine, b"END").await, Some(Outcome::Verdict(Verdict::Unknown)));
    }
    let heads = heads.lock().unwrap();
    let posts: Vec<_> = heads.iter().filter(|head| head.starts_with("post")).collect();
    assert!(!posts[0].contains("palisade-file-name") && !posts[0].contains("authorization"));
    assert!(posts[0].contains("content-length: 3\r\n"));
    assert!(posts[0].contains("palisade-file-type: text\r\n"));
    assert!(
        posts[0].contains("palisade-deadline-ms: 19")
            || posts[0].contains("palisade-deadline-ms: 20000")
    );
    assert!(posts[1].contains("palisade-file-name: n%c3%a4me.txt\r\n"), "{}", posts[1]);
    assert!(posts[1].contains("authorization: bearer hush\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_once_then_well() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let port = serve(move |head| {
        if head.starts_with("GET") {
            return http("200 OK", "", INFO);
        }
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => http("429 Busy", "Retry-After: 1\r\n", ""),
            _ => http("200 OK", "", r#"{"verdict":"no-threat"}"#),
        }
    })
    .await;
    let engine = engine(&settings(port));
    assert_eq!(outcome(&engine, b"END").await, Some(Outcome::Verdict(Verdict::NoThreat)));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    // One that is busy for longer than there is time.
    let port = serve(|_| http("503 Busy", "Retry-After: 9999999999999999999\r\n", "")).await;
    let engine = crate::support::engine(&settings(port));
    let error = scan_in(&engine, b"END", 1_000).await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_an_authority_of_the_house() {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                talk(stream, &|head: &str| match head.starts_with("GET") {
                    true => http("200 OK", "", INFO),
                    false => http("200 OK", "", r#"{"verdict":"no-threat"}"#),
                })
                .await;
            });
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, issued.cert.pem()).unwrap();
    let of = |host: &str, ca_file: &str| {
        engine(&format!("[tls]\nkind = \"http\"\nurl = \"https://{host}:{port}\"\n{ca_file}"))
    };
    let trusted = format!("ca_file = \"{}\"\n", ca.display());
    let good = of("localhost", &trusted);
    assert_eq!(outcome(&good, b"END").await, Some(Outcome::Verdict(Verdict::NoThreat)));
    wait_for(&good, EngineState::Up).await;
    // Not of the system's authorities; and of another name.
    for other in [of("localhost", ""), of("127.0.0.1", &trusted)] {
        let error = scan_in(&other, b"END", 2_000).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}
