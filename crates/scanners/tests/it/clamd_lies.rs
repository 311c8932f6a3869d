//! A server that speaks the protocol badly.

use std::path::Path;
use std::time::Duration;

use palisade_ports::engine::ScanError;
use palisade_ports::records::EngineState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::support::{engine, scan_in, wait_for};

/// How it lies when it is asked to scan. To `VERSION` and `PING` it answers well.
#[derive(Clone, Copy)]
enum Lie {
    Silence,
    CloseAtOnce,
    CloseAfterBytes,
    Half,
    Garbage,
    Endless,
    OtherNumber,
    Twice,
    Verdictless,
}

async fn serve(path: &Path, lie: Lie) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, lie));
        }
    });
}

async fn talk(mut stream: UnixStream, lie: Lie) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        heard.extend_from_slice(&buffer[..count]);
        let has = |word: &[u8]| heard.windows(word.len()).any(|window| window == word);
        if has(b"zVERSION\0") {
            let _ = stream.write_all(b"ClamAV 1.0.0/1/Sun Nov 10 12:00:00 2024\0").await;
            return;
        }
        if has(b"zPING\0") {
            let _ = stream.write_all(b"PONG\0").await;
            return;
        }
        if !has(b"zINSTREAM\0") {
            continue;
        }
        if matches!(lie, Lie::CloseAtOnce) {
            return;
        }
        // The stream ends with a chunk of length 0.
        if !heard.ends_with(&[0; 4]) {
            continue;
        }
        let reply: &[u8] = match lie {
            Lie::Silence => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return;
            }
            Lie::CloseAtOnce | Lie::CloseAfterBytes => return,
            Lie::Half => b"1: stream: Som",
            Lie::Garbage => b"\xff\xfe\0",
            Lie::OtherNumber => b"2: stream: OK\0",
            Lie::Twice => b"1: stream: OK\x002: stream: OK\x00",
            Lie::Verdictless => b"1: stream: FINE\0",
            Lie::Endless => {
                while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
                return;
            }
        };
        let _ = stream.write_all(reply).await;
        if matches!(lie, Lie::Half) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_are_failures_and_never_clean() {
    let directory = tempfile::tempdir().unwrap();
    let lies = [
        (Lie::Silence, "not done in time"),
        (Lie::CloseAtOnce, "clamd"),
        (Lie::CloseAfterBytes, "gave no reply"),
        (Lie::Half, "half a reply"),
        (Lie::Garbage, "cannot be read"),
        (Lie::Endless, "more than 8192 bytes"),
        (Lie::OtherNumber, "another request"),
        (Lie::Twice, "more than one reply"),
        (Lie::Verdictless, "FINE"),
    ];
    for (number, (lie, words)) in lies.into_iter().enumerate() {
        let path = directory.path().join(number.to_string());
        serve(&path, lie).await;
        let engine = engine(&format!(
            "[lying]\nkind = \"clamd\"\naddress = \"unix:{}\"\nmethod = \"instream\"\n",
            path.display()
        ));
        wait_for(&engine, EngineState::Up).await;
        assert_eq!(engine.definitions().version, "ClamAV 1.0.0/1");
        // Again and again: no lie may leave something behind that a later scan believes.
        for _ in 0..3 {
            let error = scan_in(&engine, b"some bytes", 500).await.unwrap_err();
            assert!(error.to_string().contains(words), "{words}: {error}");
            assert!(!matches!(error, ScanError::WorkerDied(_)), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_ends_with_the_artifact_is_a_strike() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let gone = path.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = Vec::new();
            let mut buffer = [0; 4096];
            while !heard.ends_with(&[0; 4]) && !heard.ends_with(b"zVERSION\0") {
                match stream.read(&mut buffer).await {
                    Ok(count) if count > 0 => heard.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            if heard.ends_with(&[0; 4]) {
                // The whole artifact is there: now it "crashes", and its socket is gone.
                std::fs::remove_file(&gone).unwrap();
                return;
            }
        }
    });
    let engine = engine(&format!(
        "[dying]\nkind = \"clamd\"\naddress = \"unix:{}\"\nmethod = \"instream\"\n",
        path.display()
    ));
    let error = scan_in(&engine, b"some bytes", 5_000).await.unwrap_err();
    assert!(matches!(error, ScanError::WorkerDied(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    let engine = engine("[absent]\nkind = \"clamd\"\naddress = \"unix:/nonexistent/clamd.sock\"\n");
    for _ in 0..5 {
        let said = scan_in(&engine, b"x", 300).await;
        assert!(matches!(said, Err(ScanError::Unavailable(_))), "{said:?}");
    }
    assert_eq!(engine.health().state, EngineState::Down);
    let nothing = engine
        .scan(
            &crate::support::command(engine.as_ref(), &crate::support::artifact(b""), "x"),
            None,
            100,
            Box::new(palisade_ports::engine::NoChildren),
        )
        .await;
    assert!(nothing.0.is_err());
}
