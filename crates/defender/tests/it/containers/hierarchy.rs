use palisade_defender::containers::{
    CgroupKey, Hierarchy, HierarchyError, PathRules, Settings, strangers, walk,
};
use proptest::prelude::*;

use super::{Root, id, inode};

const V1: &str = "12:pids:/x\n6:cpuacct,memory:/x\n1:name=systemd:/\n";

impl Root {
    /// A line of mountinfo for a directory of this root.
    fn mount(&self, path: &str, kind: &str, options: &str) -> String {
        self.folder(path);
        let point = self.path(path);
        format!(
            "31 23 0:28 / {} rw,relatime shared:1 - {kind} {kind} rw,{options}\n",
            point.display()
        )
    }

    fn find(&self, mounts: &str, cgroups: &str) -> Result<Hierarchy, HierarchyError> {
        Hierarchy::from_mounts(mounts, cgroups, &self.host(), &self.settings())
    }

    fn hybrid(&self) -> (String, String) {
        let mounts = self.mount("/sys/fs/cgroup/memory", "cgroup", "memory,cpuacct")
            + &self.mount("/sys/fs/cgroup/pids", "cgroup", "pids")
            + &self.mount("/sys/fs/cgroup/unified", "cgroup2", "");
        (mounts, format!("{V1}0::/\n"))
    }
}

#[test]
fn v2_alone_is_the_key() {
    let root = Root::new();
    let mounts = root.mount("/sys/fs/cgroup", "cgroup2", "nsdelegate");
    let found = root.find(&mounts, "0::/x\n").expect("a hierarchy");
    assert_eq!((found.key, found.number, found.certain), (CgroupKey::Unified, 0, true));
    assert_eq!(found.root, root.path("/sys/fs/cgroup"));
    assert!(!found.whole, "not the root of a kernel's hierarchy");
}

#[test]
fn v1_alone_is_keyed_by_memory_or_pids_under_the_kernel_s_number() {
    let root = Root::new();
    let pids = root.mount("/sys/fs/cgroup/pids", "cgroup", "pids");
    let found = root.find(&pids, V1).expect("a hierarchy");
    assert_eq!((found.key, found.number, found.certain), (CgroupKey::Pids, 12, true));
    let both = pids + &root.mount("/sys/fs/cgroup/memory", "cgroup", "memory,cpuacct");
    let found = root.find(&both, V1).expect("a hierarchy");
    assert_eq!((found.key, found.number, found.certain), (CgroupKey::Memory, 6, false));
}

#[test]
fn on_a_hybrid_host_it_is_where_the_containers_are() {
    let root = Root::new();
    let (mounts, cgroups) = root.hybrid();
    let none = root.find(&mounts, &cgroups).expect("a hierarchy");
    assert_eq!((none.key, none.certain), (CgroupKey::Unified, false));
    root.cgroup(&format!("/sys/fs/cgroup/pids/docker/{}", id('a')));
    let old = root.find(&mounts, &cgroups).expect("a hierarchy");
    assert_eq!((old.key, old.number, old.certain), (CgroupKey::Pids, 12, true));
    let left = format!("/sys/fs/cgroup/unified/docker/{}", id('a'));
    root.folder(&left);
    let old = root.find(&mounts, &cgroups).expect("a hierarchy");
    assert_eq!(old.key, CgroupKey::Pids, "nothing runs in the other");
    root.cgroup(&left);
    let new = root.find(&mounts, &cgroups).expect("a hierarchy");
    assert_eq!((new.key, new.certain), (CgroupKey::Unified, true));
    let forced = Settings { cgroup: Some(CgroupKey::Memory), ..root.settings() };
    let found = Hierarchy::from_mounts(&mounts, &cgroups, &root.host(), &forced);
    assert_eq!(found.expect("a hierarchy").key, CgroupKey::Memory);
}

#[test]
fn the_host_s_mount_is_preferred_to_our_own() {
    let (root, other) = (Root::new(), Root::new());
    let mounts =
        other.mount("/sys/fs/cgroup", "cgroup2", "") + &root.mount("/sys/fs/cgroup", "cgroup2", "");
    let found = root.find(&mounts, "0::/\n").expect("a hierarchy");
    assert_eq!(found.root, root.path("/sys/fs/cgroup"));
}

#[test]
fn without_a_hierarchy_it_is_said() {
    let root = Root::new();
    assert!(matches!(root.find("", ""), Err(HierarchyError::None)));
    assert!(matches!(root.find("nonsense - cgroup2\n - \n", "::"), Err(HierarchyError::None)));
}

#[test]
fn spaces_in_a_mount_point_are_unescaped() {
    let root = Root::new();
    root.folder("/a b/cgroup");
    let escaped = root.path("/a b/cgroup").display().to_string().replace(' ', "\\040");
    let line = format!("31 23 0:28 / {escaped} rw - cgroup2 cgroup2 rw\n");
    let found = root.find(&line, "0::/\n").expect("a hierarchy");
    assert_eq!(found.root, root.path("/a b/cgroup"));
}

#[test]
fn the_walk_meets_containers_and_what_is_in_them_parents_first() {
    let root = Root::new();
    let mounts = root.mount("/sys/fs/cgroup", "cgroup2", "");
    let own = root.folder(&format!("/sys/fs/cgroup/docker/{}", id('a')));
    let inner = root.folder(&format!("/sys/fs/cgroup/docker/{}/init.scope", id('a')));
    root.folder("/sys/fs/cgroup/system.slice/ssh.service");
    root.write(&format!("/sys/fs/cgroup/docker/{}/cgroup.procs", id('a')), "0\n12\n");
    let hierarchy = root.find(&mounts, "0::/\n").expect("a hierarchy");
    let settings = root.settings();
    // What a runtime forgot to remove, and a container all of whose processes are further down.
    root.folder(&format!("/sys/fs/cgroup/docker/{}", id('b')));
    let deep = root.folder(&format!("/sys/fs/cgroup/x.slice/docker-{}.scope", id('c')));
    let deeper = root.cgroup(&format!("/sys/fs/cgroup/x.slice/docker-{}.scope/y", id('c')));
    let found = walk(&hierarchy, &PathRules::new(&settings), &settings);
    let got: Vec<_> = found.cgroups.iter().map(|one| (one.id, one.parent)).collect();
    let docker = inode(&root.path("/sys/fs/cgroup/docker"));
    let slice = inode(&root.path("/sys/fs/cgroup/x.slice"));
    let mut sorted = got.clone();
    sorted.sort_unstable();
    let mut expected = vec![(own, docker), (inner, own), (deep, slice), (deeper, deep)];
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    let place = |id| got.iter().position(|one| one.0 == id);
    assert!(place(own) < place(inner) && place(deep) < place(deeper));
    assert_eq!((found.looked_at, found.cut), (9, false));
    assert!(found.cgroups.iter().any(|one| one.path == format!("/docker/{}", id('a'))));
    let place = root.path(&format!("/sys/fs/cgroup/docker/{}", id('a')));
    assert_eq!(palisade_defender::containers::processes(&place), [12]);

    for bounded in [
        Settings { max_directories: 2, ..root.settings() },
        Settings { max_depth: 2, ..root.settings() },
    ] {
        let found = walk(&hierarchy, &PathRules::new(&bounded), &bounded);
        assert!(found.cut && found.looked_at <= 9);
    }
}

/// A process in a made-up `/proc`.
fn process(root: &Root, pid: u32, namespace: u32, cgroup: &str) {
    use std::os::unix::fs::symlink;
    root.write(&format!("/proc/{pid}/cgroup"), &format!("5:cpu:/\n0::{cgroup}\n"));
    root.folder(&format!("/proc/{pid}/ns"));
    for kind in ["pid", "mnt"] {
        let link = root.path(&format!("/proc/{pid}/ns/{kind}"));
        symlink(format!("{kind}:[{namespace}]"), link).expect("a link");
    }
}

#[test]
fn namespaces_tell_containers_that_no_path_tells() {
    let root = Root::new();
    let mounts = root.mount("/sys/fs/cgroup", "cgroup2", "");
    let hierarchy = root.find(&mounts, "0::/\n").expect("a hierarchy");
    let box_ = root.folder("/sys/fs/cgroup/custom/box");
    for folder in ["mixed", "two", "host"] {
        root.folder(&format!("/sys/fs/cgroup/{folder}"));
    }
    process(&root, 1, 100, "/");
    process(&root, 2, 100, "/host");
    process(&root, 10, 200, "/custom/box");
    process(&root, 11, 200, "/custom/box");
    process(&root, 20, 300, "/mixed");
    process(&root, 21, 100, "/mixed");
    process(&root, 30, 400, "/two");
    process(&root, 31, 500, "/two");
    process(&root, 40, 600, "/");
    process(&root, 50, 700, &format!("/docker/{}", id('a')));
    process(&root, 60, 800, "/../../escape");
    let settings = root.settings();
    let found = strangers(&root.path("/proc"), &hierarchy, &PathRules::new(&settings), &settings);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].id.as_str(), format!("cgroup-{box_}"));
    assert_eq!((found[0].cgroup, found[0].name.as_str()), (Some(box_), "box"));
    assert!(matches!(found[0].pid, Some(10 | 11)));
}

proptest! {
    #[test]
    fn any_mounts_are_read(mounts in "[ -~\\n\\\\]{0,300}", cgroups in "[0-9a-z:/,\\n]{0,100}") {
        let root = Root::new();
        let _ = root.find(&mounts, &cgroups);
    }
}

#[test]
fn this_machine_has_one() {
    let host = palisade_defender::containers::Host::open("/".as_ref()).expect("a root");
    if let Ok(found) = Hierarchy::find(&host, &Settings::default()) {
        assert!(found.root.is_dir());
        assert_eq!(found.number == 0, found.key == CgroupKey::Unified);
    }
}
