use std::os::unix::fs::symlink;
use std::path::Path;

use palisade_defender::containers::bundle::{Bundles, Read};
use palisade_defender::containers::{
    CgroupPath, DigestKind, Facts, Found, HostError, PathRules, Registry, Settings, Source,
};
use palisade_model::UnixMillis;
use palisade_model::event::{ContainerIdentity, Runtime};
use proptest::prelude::*;

use super::{Root, id};

/// What is read for the container of a path.
fn read(root: &Root, path: &str) -> Read {
    let (host, settings) = (root.host(), root.settings());
    let CgroupPath::Container(container) = PathRules::new(&settings).parse(path) else {
        panic!("{path} is no container")
    };
    Bundles::new(&host, &settings).read(&container)
}

/// What is known in the end.
fn identity(root: &Root, path: &str) -> (ContainerIdentity, bool) {
    let read = read(root, path);
    assert!(read.trouble.is_empty(), "{:?}", read.trouble);
    let mut registry = Registry::new(Settings::default(), 0);
    for facts in read.facts {
        let facts = Facts { cgroup: Some(7), ..facts };
        registry.learn(Found::Facts(Box::new(facts)), UnixMillis(1));
    }
    let container = registry.container(7).expect("something on disk");
    ((*container.identity).clone(), container.sandbox)
}

const PLAIN: &str = r#"{"ociVersion":"1.0.2","hostname":"box","process":{"capabilities":
    {"bounding":["CAP_CHOWN","CAP_KILL"]}},"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}]}}}"#;

fn privileged() -> String {
    let all: Vec<String> = (0..41).map(|number| format!("\"CAP_{number}\"")).collect();
    format!(
        r#"{{"process":{{"capabilities":{{"bounding":[{}]}}}},
            "linux":{{"resources":{{"devices":[{{"allow":true,"access":"rwm"}}]}}}}}}"#,
        all.join(",")
    )
}

#[test]
fn docker_is_named_from_its_own_files() {
    let (root, a) = (Root::new(), id('a'));
    let (image, pulled, other) = (id('1'), id('2'), id('0'));
    root.write(
        &format!("/run/containerd/io.containerd.runtime.v2.task/moby/{a}/config.json"),
        PLAIN,
    );
    root.write(
        &format!("/var/lib/docker/containers/{a}/config.v2.json"),
        &format!(
            r#"{{"ID":"{a}","Name":"/web","Image":"sha256:{image}","Driver":"overlay2",
                "Config":{{"Image":"nginx:1.27","Labels":{{"tier":"front"}}}},
                "State":{{"Running":false,"Pid":0,"StartedAt":"2024-01-01T00:00:00Z"}}}}"#
        ),
    );
    root.write(
        &format!("/var/lib/docker/containers/{a}/hostconfig.json"),
        r#"{"Privileged":true}"#,
    );
    let (one, sandbox) = identity(&root, &format!("/docker/{a}"));
    assert_eq!(
        (one.name.as_str(), one.image.as_str(), one.runtime),
        ("web", "nginx:1.27", Runtime::Docker)
    );
    assert_eq!((one.privileged, sandbox), (Some(true), false));
    assert_eq!(one.labels["tier"], "front");
    assert_eq!(one.image_digest.expect("the id").to_string(), format!("sha256:{image}"));
    assert_eq!(one.started, None, "the start of the run before");

    root.write(
        "/var/lib/docker/image/overlay2/repositories.json",
        &format!(
            r#"{{"Repositories":{{
                "mirror/nginx":{{"mirror/nginx@sha256:{other}":"sha256:{image}"}},
                "nginx":{{"nginx:1.27":"sha256:{image}","nginx@sha256:{pulled}":"sha256:{image}",
                          "nginx@sha256:{other}":"sha256:{pulled}"}}}}}}"#
        ),
    );
    let (one, _) = identity(&root, &format!("/docker/{a}"));
    assert_eq!(one.image_digest.expect("pulled").to_string(), format!("sha256:{pulled}"));
}

#[test]
fn a_file_about_another_container_says_nothing() {
    let (root, a, b) = (Root::new(), id('a'), id('b'));
    root.write(
        &format!("/var/lib/docker/containers/{a}/config.v2.json"),
        &format!(r#"{{"ID":"{b}","Name":"/web"}}"#),
    );
    assert!(read(&root, &format!("/docker/{a}")).facts.iter().all(|one| one.name.is_empty()));
}

#[test]
fn containerd_s_pods_are_named_by_annotations_and_pause_is_told() {
    let root = Root::new();
    let task = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
    let pods = "/kubepods/burstable/pod0a1b2c3d-0000-1111-2222-0123456789ab";
    let annotations = |kind: &str, more: &str| {
        format!(
            r#"{{"annotations":{{"io.kubernetes.cri.container-type":"{kind}",
            "io.kubernetes.cri.sandbox-name":"web-1","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-uid":"uid-1"{more}}}}}"#
        )
    };
    root.write(&format!("{task}/{}/config.json", id('a')), &annotations("sandbox", ""));
    root.write(
        &format!("{task}/{}/config.json", id('b')),
        &annotations(
            "container",
            r#","io.kubernetes.cri.container-name":"app","io.kubernetes.cri.image-name":"registry/app:2""#,
        ),
    );
    let (pause, sandbox) = identity(&root, &format!("{pods}/{}", id('a')));
    let place = pause.kubernetes.expect("a place");
    assert!(sandbox);
    assert_eq!(
        (place.namespace.as_str(), place.pod.as_str(), place.container.as_str()),
        ("shop", "web-1", "")
    );
    let (app, sandbox) = identity(&root, &format!("{pods}/{}", id('b')));
    let place = app.kubernetes.expect("a place");
    assert_eq!(
        (place.container.as_str(), place.pod_uid.as_str(), sandbox),
        ("app", "uid-1", false)
    );
    assert_eq!((app.image.as_str(), app.runtime), ("registry/app:2", Runtime::Containerd));
    assert_eq!(app.image_digest, None);
}

#[test]
fn cri_o_is_named_by_its_annotations() {
    let (root, a, digest) = (Root::new(), id('a'), id('4'));
    root.write(
        &format!("/run/containers/storage/overlay-containers/{a}/userdata/config.json"),
        &format!(
            r#"{{"annotations":{{"io.container.manager":"cri-o","io.kubernetes.container.name":"app",
            "io.kubernetes.pod.name":"web-1","io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.uid":"u",
            "io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.Name":"k8s_app_web-1",
            "io.kubernetes.cri-o.ImageName":"quay.io/app@sha256:{digest}",
            "io.kubernetes.cri-o.Labels":"{{\"app\":\"web\"}}"}}}}"#
        ),
    );
    let (one, _) = identity(&root, &format!("/kubepods.slice/crio-{a}.scope"));
    assert_eq!((one.runtime, one.name.as_str()), (Runtime::CriO, "k8s_app_web-1"));
    assert_eq!(one.kubernetes.expect("a place").container, "app");
    assert_eq!(one.image_digest.expect("in the name").to_string(), format!("sha256:{digest}"));
    assert_eq!(one.labels["app"], "web");
}

#[test]
fn podman_is_named_by_its_storage_with_and_without_root() {
    let (root, a) = (Root::new(), id('a'));
    let (image, digest) = (id('5'), id('6'));
    root.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n");
    for storage in ["/var/lib/containers/storage", "/home/ann/.local/share/containers/storage"] {
        let config = format!("{storage}/overlay-containers/{a}/userdata/config.json");
        root.write(
            &config,
            r#"{"hostname":"aaaa","annotations":{"io.container.manager":"libpod"}}"#,
        );
        root.write(
            &format!("{storage}/overlay-containers/containers.json"),
            &format!(
                r#"[{{"id":"{}"}},{{"id":"{a}","names":["cheerful"],"image":"{image}",
                    "metadata":"{{\"image-name\":\"docker.io/library/redis:7\"}}"}}]"#,
                id('b')
            ),
        );
        root.write(
            &format!("{storage}/overlay-images/images.json"),
            &format!(r#"[{{"id":"{image}","digest":"sha256:{digest}"}}]"#),
        );
        let path = if storage.starts_with("/home") {
            format!("/user.slice/user-1000.slice/user@1000.service/libpod-{a}.scope")
        } else {
            format!("/machine.slice/libpod-{a}.scope/container")
        };
        let (one, _) = identity(&root, &path);
        assert_eq!((one.runtime, one.name.as_str()), (Runtime::Podman, "cheerful"), "{storage}");
        assert_eq!(one.image, "docker.io/library/redis:7");
        assert_eq!(one.image_digest.expect("a digest").to_string(), format!("sha256:{digest}"));
        std::fs::remove_dir_all(root.path(storage)).expect("removed");
    }
}

#[test]
fn plain_runc_is_found_through_its_state() {
    let root = Root::new();
    root.write(
        "/run/runc/web/state.json",
        r#"{"id":"web","init_process_pid":77,"created":"2024-05-06T07:08:09.5Z",
            "config":{"labels":["a=b","bundle=/srv/web"]}}"#,
    );
    root.write("/srv/web/config.json", PLAIN);
    let found = read(&root, "/system.slice/runc-web.scope");
    assert_eq!(found.facts.iter().find_map(|one| one.pid), Some(77));
    let (one, _) = identity(&root, "/system.slice/runc-web.scope");
    assert_eq!((one.name.as_str(), one.privileged), ("box", Some(false)));
    assert_eq!(one.started, Some(UnixMillis(1_714_979_289_500)));
}

#[test]
fn privileged_is_every_capability_and_every_device() {
    let (root, a) = (Root::new(), id('a'));
    let path = format!("/run/containerd/io.containerd.runtime.v2.task/default/{a}/config.json");
    for (text, expected) in [
        (privileged(), Some(true)),
        (PLAIN.to_owned(), Some(false)),
        (privileged().replace("\"allow\":true", "\"allow\":false"), Some(false)),
        (
            privileged()
                .replace("\"CAP_1\",", "")
                .replace("\"CAP_2\",", "")
                .replace("\"CAP_3\",", "")
                .replace("\"CAP_4\",", ""),
            Some(false),
        ),
        ("{}".to_owned(), None),
    ] {
        root.write(&path, &text);
        assert_eq!(identity(&root, &format!("/default/{a}")).0.privileged, expected, "{text}");
    }
}

#[test]
fn bad_files_are_said_and_nothing_else_happens() {
    let (root, a) = (Root::new(), id('a'));
    let path = format!("/run/containerd/io.containerd.runtime.v2.task/moby/{a}/config.json");
    let deep = "[".repeat(100_000);
    let huge = format!("{{\"hostname\":\"{}\"}}", "x".repeat(1 << 20));
    for text in ["", "{", "null", "7", r#"{"annotations":7}"#, &deep, &huge] {
        root.write(&path, text);
        let read = read(&root, &format!("/docker/{a}"));
        assert_eq!(read.trouble.len(), 1, "{:.20}", text);
        assert!(read.facts.is_empty());
    }
    // A pipe does not hold us, a directory is not read.
    std::fs::remove_file(root.path(&path)).expect("removed");
    let pipe = std::process::Command::new("mkfifo").arg(root.path(&path)).status().expect("mkfifo");
    assert!(pipe.success());
    assert_eq!(read(&root, &format!("/docker/{a}")).trouble.len(), 1);
    let host = root.host();
    assert!(matches!(host.read(Path::new(&path), 10), Err(HostError::NotAFile(_))));
    assert!(matches!(host.read(Path::new("/run"), 10), Err(HostError::NotAFile(_))));
}

#[test]
fn text_of_a_runtime_is_bounded_and_readable() {
    let (root, a) = (Root::new(), id('a'));
    let labels: Vec<String> = (0..200).map(|n| format!("\"key{n:03}\":\"v\"")).collect();
    root.write(
        &format!("/var/lib/docker/containers/{a}/config.v2.json"),
        &format!(
            r#"{{"ID":"{a}","Name":"/a\u001b[2J{}","Config":{{"Labels":{{"long":"{}",{}}}}}}}"#,
            "é".repeat(2000),
            "x".repeat(5000),
            labels.join(",")
        ),
    );
    let read = read(&root, &format!("/docker/{a}"));
    let facts = &read.facts[0];
    assert!(facts.name.len() <= 1_024 && facts.name.starts_with("a\\x1b[2J"), "{}", facts.name);
    assert_eq!((facts.labels.len(), facts.labels_left_out), (128, 73));
}

#[test]
fn no_link_and_no_path_leads_out_of_the_host() {
    let (root, outside) = (Root::new(), Root::new());
    outside.write("/secret", "outside");
    root.write("/etc/inside", "inside");
    root.folder("/links");
    symlink(outside.path("/secret"), root.path("/links/out")).expect("a link");
    symlink("/etc/inside", root.path("/links/absolute")).expect("a link");
    symlink("../../../../../../../../etc/inside", root.path("/links/up")).expect("a link");
    symlink("/proc/self/root", root.path("/links/magic")).expect("a link");
    symlink("/links/loop", root.path("/links/loop")).expect("a link");
    let host = root.host();
    let text = |path: &str| {
        host.read(Path::new(path), 100).map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    assert!(matches!(text("/links/out"), Err(HostError::Absent(_))));
    assert!(matches!(text("/links/magic/etc/passwd"), Err(HostError::Absent(_))));
    assert!(matches!(text("/links/loop"), Err(HostError::Io { .. })));
    assert_eq!(text("/links/absolute").expect("inside"), "inside");
    assert_eq!(text("/links/up").expect("inside"), "inside");
    assert_eq!(text("/../../etc/inside").expect("inside"), "inside");
    assert!(matches!(
        host.read(Path::new("/etc/inside"), 5),
        Err(HostError::TooLarge { limit: 5, .. })
    ));
    assert_eq!(host.read(Path::new("/etc/inside"), 6).expect("all").len(), 6);
    assert_eq!(host.names(Path::new("/etc"), 10).expect("names"), ["inside"]);
    assert_eq!(host.names(Path::new("/links"), 2).expect("names").len(), 2);
}

#[test]
fn sources_are_weighed() {
    assert!(Source::Path < Source::Disk && Source::Disk < Source::Runtime);
    assert!(DigestKind::Config < DigestKind::Manifest);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_in_any_file_are_read(text in "\\PC{0,200}", kind in 0..4_usize) {
        let (root, a) = (Root::new(), id('a'));
        let path = [
            format!("/run/containerd/io.containerd.runtime.v2.task/moby/{a}/config.json"),
            format!("/var/lib/docker/containers/{a}/config.v2.json"),
            format!("/run/runc/{a}/state.json"),
            "/var/lib/containers/storage/overlay-containers/containers.json".to_owned(),
        ];
        root.write(&path[kind], &text);
        let read = read(&root, &format!("/{a}"));
        prop_assert!(read.facts.len() + read.trouble.len() <= 1);
    }
}
