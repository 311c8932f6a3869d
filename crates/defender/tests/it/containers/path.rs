use palisade_defender::containers::{CgroupPath, PathMatch, PathRules, Settings};
use palisade_model::event::Runtime;
use proptest::prelude::*;

use super::id;

fn parse(path: &str) -> CgroupPath {
    PathRules::new(&Settings::default()).parse(path)
}

fn found(path: &str) -> PathMatch {
    match parse(path) {
        CgroupPath::Container(found) => found,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn every_runtime_s_form_is_known() {
    let id = id('a');
    let pods = "kubepods.slice/kubepods-burstable.slice/\
                kubepods-burstable-pod0a1b2c3d_0000_1111_2222_0123456789ab.slice";
    let forms = [
        (format!("/docker/{id}"), Runtime::Docker),
        (format!("/system.slice/docker-{id}.scope"), Runtime::Docker),
        (format!("/my.slice/docker-{id}.scope"), Runtime::Docker),
        (format!("/moby/{id}"), Runtime::Docker),
        (format!("/system.slice:docker:{id}"), Runtime::Docker),
        (format!("/{id}"), Runtime::Unknown),
        (format!("/parent/{id}"), Runtime::Unknown),
        (
            format!("/kubepods/burstable/pod0a1b2c3d-0000-1111-2222-0123456789ab/{id}"),
            Runtime::Unknown,
        ),
        (format!("/{pods}/cri-containerd-{id}.scope"), Runtime::Containerd),
        (format!("/{pods}/crio-{id}.scope"), Runtime::CriO),
        (format!("/{pods}/docker-{id}.scope"), Runtime::Docker),
        (
            format!(
                "/system.slice/containerd.service/{}:cri-containerd:{id}",
                "kubepods-pod1.slice"
            ),
            Runtime::Containerd,
        ),
        (format!("/crio-{id}"), Runtime::CriO),
        (format!("/k8s.io/{id}"), Runtime::Containerd),
        (format!("/default/{id}"), Runtime::Containerd),
        (format!("/system.slice/nerdctl-{id}.scope"), Runtime::Containerd),
        (format!("/machine.slice/libpod-{id}.scope"), Runtime::Podman),
        (format!("/libpod_parent/libpod-{id}"), Runtime::Podman),
        (format!("/machine.slice/libpod-payload-{id}"), Runtime::Podman),
        (
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope"),
            Runtime::Podman,
        ),
    ];
    for (path, runtime) in forms {
        let found = found(&path);
        assert_eq!(
            (found.id.as_str(), found.runtime, found.own),
            (id.as_str(), runtime, true),
            "{path}"
        );
    }
}

#[test]
fn names_that_people_chose_are_known_where_the_runtime_shows() {
    assert_eq!(found("/default/web").id.as_str(), "web");
    assert_eq!(found("/system.slice/runc-web.scope").id.as_str(), "web");
    let step = found("/docker/buildkit/0123456789abcdefghijklmno");
    assert_eq!((step.id.as_str(), step.runtime), ("0123456789abcdefghijklmno", Runtime::Docker));
}

#[test]
fn pod_and_user_are_told() {
    let id = id('b');
    let uid = "0a1b2c3d-0000-1111-2222-0123456789ab";
    let slice = uid.replace('-', "_");
    let by_slice = found(&format!(
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{slice}.slice/crio-{id}.scope"
    ));
    assert_eq!(by_slice.pod_uid.as_deref(), Some(uid));
    let by_folder = found(&format!("/kubepods/besteffort/pod{uid}/{id}"));
    assert_eq!(by_folder.pod_uid.as_deref(), Some(uid));
    let rootless =
        found(&format!("/user.slice/user-1000.slice/user@1000.service/libpod-{id}.scope"));
    assert_eq!((rootless.user, rootless.pod_uid), (Some(1000), None));
}

#[test]
fn what_is_below_a_container_is_the_container() {
    let (outer, inner) = (id('1'), id('2'));
    let below = found(&format!("/docker/{outer}/init.scope"));
    assert_eq!((below.id.as_str(), below.own), (outer.as_str(), false));
    let nested = format!("/docker/{outer}/docker/{inner}");
    assert_eq!(found(&nested).id.as_str(), outer);
    let rules = PathRules::new(&Settings { nested: true, ..Settings::default() });
    let CgroupPath::Container(found) = rules.parse(&nested) else { panic!("no container") };
    assert_eq!((found.id.as_str(), found.own), (inner.as_str(), true));
}

#[test]
fn monitors_and_others_are_no_containers() {
    let id = id('c');
    for path in [
        format!("/machine.slice/libpod-conmon-{id}.scope"),
        format!("/kubepods.slice/crio-conmon-{id}.scope"),
        format!("/machine.slice/libpod-conmon-{id}.scope/below"),
    ] {
        assert_eq!(parse(&path), CgroupPath::Monitor, "{path}");
    }
    for path in [
        "/",
        "",
        "/system.slice/docker.service",
        "/docker",
        "/docker/buildkit",
        "/default",
        "/default/a.service",
        "/kubepods/besteffort",
        "/user.slice/user-1000.slice/session-1.scope",
        "/process_api/58455dfdd47c5ec7c6c90943db2aafb4",
        &format!("/docker-{}", &id[1..]),
        &format!("/docker/{}", id.to_uppercase()),
        &format!("/x/{}/{}", "default", "web"),
        "/default/..",
        "/default/.hidden",
    ] {
        assert_eq!(parse(path), CgroupPath::Other, "{path}");
    }
}

#[test]
fn a_path_beyond_the_kernel_s_limit_is_not_read() {
    let path = format!("/{}/docker/{}", "x/".repeat(3000), id('d'));
    assert_eq!(parse(&path), CgroupPath::Other);
    let deep = format!("/{}docker/{}", "x/".repeat(200), id('d'));
    assert_eq!(parse(&deep), CgroupPath::Other);
}

/// Pieces that hostile and honest paths are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("docker".to_owned()),
        Just("docker-".to_owned()),
        Just("libpod-conmon-".to_owned()),
        Just(".scope".to_owned()),
        Just("cri-containerd".to_owned()),
        Just(":".to_owned()),
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just("pod".to_owned()),
        Just("default".to_owned()),
        "[0-9a-f]{64}",
        "[0-9a-f]{63}",
        "\\PC{0,8}",
    ]
}

proptest! {
    #[test]
    fn any_path_is_read_and_an_id_is_always_one(pieces in prop::collection::vec(piece(), 0..12)) {
        let path = pieces.concat();
        for nested in [false, true] {
            let rules = PathRules::new(&Settings { nested, ..Settings::default() });
            if let CgroupPath::Container(found) = rules.parse(&path) {
                prop_assert!(path.contains(found.id.as_str()));
                prop_assert!(!found.id.as_str().contains('/') && !found.id.as_str().starts_with('.'));
            }
        }
    }

    #[test]
    fn nobody_leaves_a_container_by_going_deeper(pieces in prop::collection::vec(piece(), 0..8)) {
        let path = format!("/docker/{}/{}", id('e'), pieces.concat());
        let found = found(&path);
        prop_assert_eq!(found.id.as_str(), id('e'));
    }
}
