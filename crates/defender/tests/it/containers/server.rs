//! A runtime's socket that answers whatever the test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::Root;

/// Answers to `METHOD path`.
pub(super) type Answers = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

pub(super) struct Server {
    pub(super) answers: Answers,
    /// What was asked, in order.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A whole answer.
pub(super) fn json(text: &str) -> Vec<u8> {
    status(200, text)
}

pub(super) fn status(code: u16, text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

impl Server {
    /// Listens at a path of the root. An answer that ends in `HANG` is cut there and the connection kept;
    /// what has no answer is not found.
    pub(super) fn start(root: &Root, path: &str) -> Self {
        let path = root.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        let listener = UnixListener::bind(path).expect("a socket");
        let (answers, asked) = (Answers::default(), Arc::new(Mutex::new(Vec::new())));
        let (all, log) = (Arc::clone(&answers), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (all, log) = (Arc::clone(&all), Arc::clone(&log));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                        let mut some = [0; 1024];
                        match stream.read(&mut some).await {
                            Ok(count @ 1..) => head.extend_from_slice(&some[..count]),
                            _ => return,
                        }
                    }
                    let text = String::from_utf8_lossy(&head);
                    let mut words = text.split(' ');
                    let line = format!("{} {}", words.next().unwrap(), words.next().unwrap());
                    log.lock().unwrap().push(line.clone());
                    let answer = all.lock().unwrap().get(&line).cloned();
                    let answer = answer.unwrap_or_else(|| status(404, "{}"));
                    match answer.strip_suffix(b"HANG") {
                        None => stream.write_all(&answer).await.unwrap_or_default(),
                        Some(part) => {
                            stream.write_all(part).await.unwrap_or_default();
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        Self { answers, asked, task }
    }

    pub(super) fn say(&self, line: &str, answer: Vec<u8>) {
        self.answers.lock().unwrap().insert(line.to_owned(), answer);
    }

    pub(super) fn was_asked(&self, line: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|one| *one == line).count()
    }
}
