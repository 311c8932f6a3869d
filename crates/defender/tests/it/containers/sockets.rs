use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_defender::containers::sockets::docker::{Event, event};
use palisade_defender::containers::sockets::{
    Socket, SocketError, SocketOutcome, SocketStatus, check,
};
use palisade_defender::containers::{Api, DigestKind, Facts, Settings, SocketSettings};
use palisade_model::UnixMillis;
use palisade_model::event::{ContainerId, Runtime};

use super::server::{Server, json, status};
use super::{Root, id};

const PATH: &str = "/run/docker.sock";

fn socket(root: &Root, path: &str, api: Api) -> Socket {
    let settings = Settings { ask_ms: 300, max_body: 4_096, max_event: 256, ..root.settings() };
    let one = SocketSettings { path: path.into(), api };
    Socket::new(&one, Arc::new(root.host()), &settings)
}

fn a() -> ContainerId {
    id('a').parse().expect("an id")
}

fn inspection(id: &str) -> String {
    format!(
        r#"{{"Id":"{id}","Name":"/web","Image":"sha256:{}","Config":{{"Image":"nginx:1.27","Labels":{{"tier":"front",
        "org.opencontainers.image.ref.name":"ubuntu"}}}},
        "State":{{"Running":true,"Pid":77,"StartedAt":"2024-05-06T07:08:09.5Z"}},
        "HostConfig":{{"Privileged":false}}}}"#,
        super::id('1')
    )
}

async fn ask(docker: &Socket) -> Result<Option<Facts>, SocketError> {
    docker.ask(&a()).await
}

#[tokio::test]
async fn docker_tells_who_a_container_is() {
    let root = Root::new();
    let server = Server::start(&root, PATH);
    let docker = socket(&root, PATH, Api::Docker);
    server.say("GET /version", json(r#"{"Version":"20.10.24","Components":[{"Name":"Engine"}]}"#));
    assert_eq!(docker.version().await.expect("a version"), "20.10.24");
    assert_eq!(ask(&docker).await.expect("an answer"), None, "not found");

    server.say(&format!("GET /containers/{}/json", id('a')), json(&inspection(&id('a'))));
    let one = ask(&docker).await.expect("an answer").expect("known");
    assert_eq!(
        (one.name.as_str(), one.image.as_str(), one.runtime),
        ("web", "nginx:1.27", Runtime::Docker)
    );
    assert_eq!(
        one.digest.map(|(kind, digest)| (kind, digest.to_string())),
        Some((DigestKind::Config, format!("sha256:{}", id('1'))))
    );
    assert_eq!((one.pid, one.privileged), (Some(77), Some(false)));
    assert_eq!(one.started, Some(UnixMillis(1_714_979_289_500)));

    let digests = format!(
        r#"{{"RepoDigests":["z/nginx@sha256:{0}","nginx@sha256:{1}","nginx@sha256:{2}"]}}"#,
        id('0'),
        id('3'),
        id('2')
    );
    server.say(&format!("GET /images/sha256:{}/json", id('1')), json(&digests));
    let one = ask(&docker).await.expect("an answer").expect("known");
    let (kind, digest) = one.digest.expect("a digest");
    assert_eq!((kind, digest.to_string()), (DigestKind::Manifest, format!("sha256:{}", id('2'))));

    let list = format!(
        r#"[{{"Id":"{}","Names":["/other/web","/web"],"Image":"nginx","ImageID":"sha256:{}","Labels":null}},{{"Id":"../etc"}}]"#,
        id('a'),
        id('1')
    );
    server.say("GET /containers/json", json(&list));
    let listed = docker.list().await.expect("a list");
    assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].pid), (1, "web", None));
}

#[tokio::test]
async fn podman_is_known_by_its_own_word() {
    let root = Root::new();
    let server = Server::start(&root, PATH);
    let docker = socket(&root, PATH, Api::Docker);
    server.say(
        "GET /version",
        json(r#"{"Version":"4.3.1","Components":[{"Name":"Podman Engine"}]}"#),
    );
    docker.version().await.expect("a version");
    server.say(&format!("GET /containers/{}/json", id('a')), json(&inspection(&id('a'))));
    assert_eq!(ask(&docker).await.expect("an answer").expect("known").runtime, Runtime::Podman);
    server.say(&format!("POST /containers/{}/stop?t=0", id('a')), status(204, ""));
    assert!(docker.kill(&a()).await.expect("an answer"));
}

#[tokio::test]
async fn hostile_answers_are_errors_in_time() {
    let root = Root::new();
    let server = Server::start(&root, PATH);
    let docker = socket(&root, PATH, Api::Docker);
    let line = format!("GET /containers/{}/json", id('a'));
    let endless = [
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        b"fff\r\n".to_vec(),
        vec![b' '; 0xfff],
        b"\r\nfff\r\n".to_vec(),
        vec![b' '; 0xfff],
        b"\r\nHANG".to_vec(),
    ]
    .concat();
    let heads = format!("HTTP/1.1 200 X\r\n{}\r\n", "A: b\r\n".repeat(1_000)).into_bytes();
    let long = format!("HTTP/1.1 200 X\r\nA: {}\r\n\r\n", "b".repeat(64 << 10)).into_bytes();
    type Expected = fn(&SocketError) -> bool;
    let cases: Vec<(Vec<u8>, Expected)> = vec![
        (b"HANG".to_vec(), |error| matches!(error, SocketError::Late(_))),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{\"IHANG".to_vec(), |error| {
            matches!(error, SocketError::Late(_))
        }),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{\"I".to_vec(), |error| {
            matches!(error, SocketError::Unreadable(_))
        }),
        (b"HTTP/1.1 200 X\r\nContent-Length: 99999999\r\n\r\nHANG".to_vec(), |error| {
            matches!(error, SocketError::TooLarge(4_096))
        }),
        (endless, |error| matches!(error, SocketError::TooLarge(4_096))),
        (heads, |error| matches!(error, SocketError::Unreadable(_))),
        (long, |error| matches!(error, SocketError::Unreadable(_))),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), |error| matches!(error, SocketError::Unreadable(_))),
        (Vec::new(), |error| matches!(error, SocketError::Unreadable(_))),
        (status(500, "no"), |error| matches!(error, SocketError::Status(500))),
        (json("[[[["), |error| matches!(error, SocketError::Unreadable(_))),
        (json(&"[".repeat(4_000)), |error| matches!(error, SocketError::Unreadable(_))),
        (json(r#"{"Id":7}"#), |error| matches!(error, SocketError::Unreadable(_))),
        (json(&inspection(&id('b'))), |error| matches!(error, SocketError::Unreadable(_))),
    ];
    for (answer, expected) in cases {
        let shown = String::from_utf8_lossy(&answer).chars().take(60).collect::<String>();
        server.say(&line, answer);
        let began = Instant::now();
        let error = ask(&docker).await.expect_err(&shown);
        assert!(expected(&error), "{shown:?}: {}", error.explained());
        assert!(began.elapsed() < Duration::from_secs(2), "{shown:?}");
    }
}

#[tokio::test]
async fn only_a_whole_id_is_asked_for_or_killed() {
    let root = Root::new();
    let server = Server::start(&root, PATH);
    let docker = socket(&root, PATH, Api::Docker);
    for short in ["web", "aaaaaaaaaaaa"] {
        let short: ContainerId = short.parse().expect("an id");
        assert_eq!(docker.ask(&short).await.expect("nothing asked"), None);
        assert!(!docker.kill(&short).await.expect("nothing asked"));
    }
    assert!(server.asked.lock().unwrap().is_empty());
    let line = format!("POST /containers/{}/kill?signal=SIGKILL", id('a'));
    assert!(!docker.kill(&a()).await.expect("not found"));
    server.say(&line, status(204, ""));
    assert!(docker.kill(&a()).await.expect("killed"));
    server.say(&line, status(500, ""));
    assert!(matches!(docker.kill(&a()).await, Err(SocketError::Status(500))));
}

#[tokio::test]
async fn events_come_line_by_line_and_a_line_has_an_end() {
    let root = Root::new();
    let server = Server::start(&root, PATH);
    let docker = socket(&root, PATH, Api::Docker);
    let stream = |text: &str, end: &str| {
        format!(
            "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n{end}",
            text.len()
        )
        .into_bytes()
    };
    let path = "GET /events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22rename%22%2C%22destroy%22%5D%7D";
    server.say(path, stream("{\"a\":1}\n{\"b\":2}\n{\"c\"", "0\r\n\r\n"));
    let mut lines = docker.watch().await.expect("a stream").expect("events");
    assert_eq!(lines.next().await.expect("a line").expect("one").as_ref(), b"{\"a\":1}");
    assert_eq!(lines.next().await.expect("a line").expect("one").as_ref(), b"{\"b\":2}");
    assert!(lines.next().await.expect("the end").is_none(), "half a line is none");

    server.say(path, stream(&"x".repeat(300), "HANG"));
    let mut lines = docker.watch().await.expect("a stream").expect("events");
    assert!(matches!(lines.next().await, Err(SocketError::TooLarge(256))));
    server.say(path, b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\"".to_vec());
    let mut lines = docker.watch().await.expect("a stream").expect("events");
    assert!(lines.next().await.is_err(), "cut in a chunk");
    server.say(path, status(403, ""));
    assert!(matches!(docker.watch().await, Err(SocketError::Status(403))));
}

#[test]
fn an_event_is_read_in_every_dialect() {
    let docker =
        format!(r#"{{"Type":"container","Action":"start","Actor":{{"ID":"{}"}}}}"#, id('a'));
    assert_eq!(event(docker.as_bytes()), Some(Event::Changed(a())));
    let old = format!(r#"{{"status":"destroy","id":"{}"}}"#, id('a'));
    assert_eq!(event(old.as_bytes()), Some(Event::Removed(a())));
    for other in [
        format!(r#"{{"Action":"exec_start: sh","Actor":{{"ID":"{}"}}}}"#, id('a')),
        r#"{"Action":"start","Actor":{"ID":"../../x"}}"#.to_owned(),
        "{}".to_owned(),
        "\u{0}".to_owned(),
    ] {
        assert_eq!(event(other.as_bytes()), None, "{other}");
    }
}

#[tokio::test]
async fn cri_o_tells_who_a_container_is() {
    let root = Root::new();
    let server = Server::start(&root, "/run/crio/crio.sock");
    let crio = socket(&root, "/run/crio/crio.sock", Api::CriO);
    server.say("GET /info", json(r#"{"storage_driver":"overlay","cgroup_driver":"systemd"}"#));
    assert!(crio.version().await.expect("an answer").contains("systemd"));
    assert_eq!(crio.ask(&a()).await.expect("an answer"), None);
    server.say(
        &format!("GET /containers/{}", id('a')),
        json(&format!(
            r#"{{"name":"k8s_app_web-1","pid":77,"image":"quay.io/app:1","image_ref":"quay.io/app@sha256:{}",
            "created_time":1714979289500000000,"labels":{{"app":"web"}},"sandbox":"{}",
            "crio_annotations":{{"io.kubernetes.pod.name":"web-1","io.kubernetes.pod.namespace":"shop",
            "io.kubernetes.container.name":"app"}}}}"#,
            id('4'), id('5')
        )),
    );
    let one = crio.ask(&a()).await.expect("an answer").expect("known");
    assert_eq!(
        (one.name.as_str(), one.image.as_str(), one.pid),
        ("k8s_app_web-1", "quay.io/app:1", Some(77))
    );
    assert_eq!(one.digest.expect("a digest").0, DigestKind::Manifest);
    assert_eq!(one.kubernetes.expect("a place").pod, "web-1");
    assert_eq!((one.started, one.sandbox), (Some(UnixMillis(1_714_979_289_500)), None));
    assert!(!crio.kill(&a()).await.expect("it cannot"));
}

#[tokio::test]
async fn a_containerd_that_speaks_something_else_is_an_error() {
    let root = Root::new();
    let _server = Server::start(&root, "/run/containerd/containerd.sock");
    let containerd = socket(&root, "/run/containerd/containerd.sock", Api::Containerd);
    assert!(containerd.version().await.is_err());
    assert!(containerd.ask(&a()).await.is_err());
}

#[tokio::test]
async fn the_check_says_what_is_there_and_what_its_lack_costs() {
    let root = Root::new();
    let server = Server::start(&root, PATH);
    server.say("GET /version", json(r#"{"Version":"20.10.24"}"#));
    root.write("/run/podman/podman.sock", "not a socket");
    root.folder("/var");
    std::os::unix::fs::symlink("/run", root.path("/var/run")).expect("a link");
    let _hanging = Server::start(&root, "/run/crio/crio.sock");
    // Only our own tree may have a containerd: not asked for here.
    let mut settings = Settings { ask_ms: 300, ..root.settings() };
    settings.sockets.retain(|one| one.api != Api::Containerd);
    settings.sockets.push(SocketSettings { path: "/run/none.sock".into(), api: Api::Containerd });
    let statuses = check(&settings, &Arc::new(root.host())).await;
    let outcomes: Vec<&SocketOutcome> = statuses.iter().map(|one| &one.outcome).collect();
    assert!(
        matches!(
            outcomes[..],
            [
                SocketOutcome::Answers(_),
                SocketOutcome::Same,
                SocketOutcome::Absent,
                SocketOutcome::Failed(_),
                SocketOutcome::Absent
            ]
        ),
        "{outcomes:?}"
    );
    assert_eq!(statuses[0].to_string(), "/run/docker.sock (docker): answers, version 20.10.24");
    let SocketStatus { path, .. } = &statuses[3];
    let shown = statuses[3].to_string();
    assert!(shown.starts_with(&format!("{} (cri-o): failed: ", path.display())), "{shown}");
    assert!(shown.ends_with(statuses[3].cost()), "{shown}");
}
