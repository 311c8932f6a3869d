//! containerd's services, answered by the test.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::http::{HeaderMap, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use palisade_defender::containers::sockets::{Socket, SocketError};
use palisade_defender::containers::{Api, DigestKind, Settings, SocketSettings};
use palisade_model::event::{ContainerId, Runtime};
use tokio::net::UnixListener;

use super::{Root, id};

const PATH: &str = "/run/containerd/containerd.sock";

/// Answers by `namespace/Service/Method`: the status, and the body with its frame.
type Answers = Arc<Mutex<BTreeMap<String, (&'static str, Vec<u8>)>>>;

/// A field with a length: text or message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    [bytes, content.to_vec()].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn label(key: &str, value: &str) -> Vec<u8> {
    field(2, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
}

fn serve(root: &Root) -> Answers {
    root.folder("/run/containerd");
    let listener = UnixListener::bind(root.path(PATH)).expect("a socket");
    let answers = Answers::default();
    let all = Arc::clone(&answers);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let all = Arc::clone(&all);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let namespace = request.headers().get("containerd-namespace");
                let namespace = namespace.map_or("", |name| name.to_str().unwrap()).to_owned();
                let method = request.uri().path().rsplit('.').next().unwrap().to_owned();
                // "/containerd.services.version.v1.Version/Version": what follows the version.
                let found = all.lock().unwrap().get(&format!("{namespace}/{method}")).cloned();
                async move {
                    let (status, body) = found.unwrap_or(("5", Vec::new()));
                    let mut trailers = HeaderMap::new();
                    if !status.is_empty() {
                        trailers.insert("grpc-status", HeaderValue::from_static(status));
                    }
                    let body = Full::new(Bytes::from(body))
                        .with_trailers(async move { Some(Ok::<_, Infallible>(trailers)) });
                    Ok::<_, Infallible>(Response::new(body))
                }
            });
            tokio::spawn(async move {
                let server = http2::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    answers
}

fn containerd(root: &Root) -> Socket {
    let settings = Settings { ask_ms: 500, max_body: 4_096, ..root.settings() };
    let one = SocketSettings { path: PATH.into(), api: Api::Containerd };
    Socket::new(&one, Arc::new(root.host()), &settings)
}

fn say(answers: &Answers, line: &str, message: &[u8]) {
    answers.lock().unwrap().insert(line.to_owned(), ("0", framed(message)));
}

fn a() -> ContainerId {
    id('a').parse().expect("an id")
}

#[tokio::test]
async fn containerd_tells_who_a_container_is() {
    let root = Root::new();
    let answers = serve(&root);
    let containerd = containerd(&root);
    say(&answers, "/Version/Version", &field(1, b"1.6.20"));
    assert_eq!(containerd.version().await.expect("a version"), "1.6.20");

    let spaces: Vec<u8> = ["other", "k8s.io", "bad\nname"]
        .iter()
        .flat_map(|name| field(1, &field(1, name.as_bytes())))
        .collect();
    say(&answers, "/Namespaces/List", &spaces);
    assert_eq!(containerd.ask(&a()).await.expect("an answer"), None, "in no namespace");

    let container = [
        field(1, id('a').as_bytes()),
        label("io.cri-containerd.kind", "container"),
        label("io.kubernetes.container.name", "app"),
        label("io.kubernetes.pod.name", "web-1"),
        label("io.kubernetes.pod.namespace", "shop"),
        field(3, b"registry/app:2"),
        // A field that is not read: the runtime.
        field(4, b"whatever"),
    ];
    say(&answers, "k8s.io/Containers/Get", &field(1, &container.concat()));
    let one = containerd.ask(&a()).await.expect("an answer").expect("known");
    assert_eq!(
        (one.name.as_str(), one.image.as_str(), one.runtime),
        ("app", "registry/app:2", Runtime::Containerd)
    );
    assert_eq!((one.digest, one.sandbox), (None, Some(false)));
    assert_eq!(one.kubernetes.expect("a place").pod, "web-1");

    let target =
        field(3, &[field(1, b"type"), field(2, format!("sha256:{}", id('7')).as_bytes())].concat());
    let image = [field(1, b"registry/app:2"), target].concat();
    say(&answers, "k8s.io/Images/Get", &field(1, &image));
    let one = containerd.ask(&a()).await.expect("an answer").expect("known");
    let (kind, digest) = one.digest.expect("a digest");
    assert_eq!((kind, digest.to_string()), (DigestKind::Manifest, format!("sha256:{}", id('7'))));
    assert!(!containerd.kill(&a()).await.expect("it has no such call"));
}

#[tokio::test]
async fn damaged_and_hostile_messages_are_errors() {
    let root = Root::new();
    let answers = serve(&root);
    let containerd = containerd(&root);
    say(&answers, "/Namespaces/List", &field(1, &field(1, b"default")));
    let another = field(1, &field(1, id('b').as_bytes()));
    let cut = &field(1, &field(1, id('a').as_bytes()))[..40];
    let cases: [(&str, Vec<u8>); 8] = [
        ("0", framed(&another)),
        ("0", framed(cut)),
        ("0", framed(b"")),
        ("0", framed(&[0xff; 64])),
        ("0", [framed(b""), vec![0; 9]].concat()),
        ("0", vec![1, 0, 0, 0, 0]),
        ("", framed(&field(1, &field(1, id('a').as_bytes())))),
        ("13", Vec::new()),
    ];
    for (status, body) in cases {
        let line = "default/Containers/Get".to_owned();
        answers.lock().unwrap().insert(line, (status, body.clone()));
        assert!(containerd.ask(&a()).await.is_err(), "{status} {body:?}");
    }
    say(&answers, "default/Containers/Get", &vec![0; 8_192]);
    assert!(matches!(containerd.ask(&a()).await, Err(SocketError::TooLarge(4_096))));
}
