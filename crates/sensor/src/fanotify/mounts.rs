//! Which mounts of a container are asked about, and how: the container's own file systems as a whole,
//! those that it shares with the host by its own mount alone.

use std::collections::{HashMap, HashSet};

/// Mounts of one container that are marked. Further ones are counted.
pub(super) const MAX_MARKED: usize = 256;

/// How much one mark covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The file system, wherever and by whomever it is mounted.
    Filesystem,
    /// This very mount: what others have mounted of the same file system is not asked about.
    Mount,
}

/// One mark to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where it is mounted, in the container.
    pub(super) point: Vec<u8>,
    /// The kernel's number of the mount: what is found there is another one if somebody is faster.
    pub(super) mount: u64,
    pub(super) scope: Scope,
}

/// Everything to be marked for one mount namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) marks: Vec<Mark>,
    /// Mounts beyond [`MAX_MARKED`].
    pub(super) beyond: usize,
    /// Mounts that somebody serves: a server that hangs, or is hostile, would have us wait for ever.
    pub(super) served: usize,
}

/// A line of `/proc/PID/mountinfo` (proc(5)).
#[derive(Debug)]
struct Line<'a> {
    mount: u64,
    above: u64,
    device: &'a str,
    point: Vec<u8>,
    runs: bool,
    kind: &'a str,
}

/// File systems of the kernel's own: nobody can put a program into one.
const WITHOUT_PROGRAMS: [&str; 23] = [
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "mqueue",
    "securityfs",
    "debugfs",
    "tracefs",
    "bpf",
    "pstore",
    "configfs",
    "efivarfs",
    "fusectl",
    "binfmt_misc",
    "nsfs",
    "hugetlbfs",
    "autofs",
    "rpc_pipefs",
    "selinuxfs",
    "resctrl",
    "smackfs",
    "sockfs",
];

/// File systems that somebody serves: who looks at one waits for its server.
const SERVED: [&str; 10] =
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "coda", "lustre", "gfs2"];

fn is_served(kind: &str) -> bool {
    kind == "fuse" || kind == "fuseblk" || kind.starts_with("fuse.") || SERVED.contains(&kind)
}

/// Devices of the file systems that a mount namespace has.
pub(super) fn devices(mountinfo: &str) -> HashSet<&str> {
    mountinfo.lines().filter_map(line).map(|line| line.device).collect()
}

/// What to mark in the container of this `mountinfo`. `hosts`: devices in the host's mount namespace;
/// `None` where they are not known, and any may be.
pub(super) fn wanted(mountinfo: &str, hosts: Option<&HashSet<&str>>) -> Wanted {
    let lines: Vec<Line<'_>> = mountinfo.lines().filter_map(line).collect();
    let by_mount: HashMap<u64, &Line<'_>> = lines.iter().map(|line| (line.mount, line)).collect();
    let shared = |line: &Line<'_>| hosts.is_none_or(|hosts| hosts.contains(line.device));
    // Without its root there is no container: whoever serves that is trusted with it.
    let served = |line: &Line<'_>| is_served(line.kind) && line.point != b"/";
    let mut wanted = Wanted::default();
    let mut whole = HashSet::new();
    for line in &lines {
        if !line.runs || WITHOUT_PROGRAMS.contains(&line.kind) {
            continue;
        }
        if served(line) || is_below(line, &by_mount, served) {
            wanted.served += 1;
            continue;
        }
        // The host shows a container's overlay among its own mounts too, and runs nothing of it.
        let own_root = line.point == b"/" && line.kind == "overlay";
        let scope = match shared(line) && !own_root {
            true => Scope::Mount,
            false if !whole.insert(line.device) => continue,
            false => Scope::Filesystem,
        };
        if wanted.marks.len() >= MAX_MARKED {
            wanted.beyond += 1;
            continue;
        }
        wanted.marks.push(Mark { point: line.point.clone(), mount: line.mount, scope });
    }
    wanted
}

/// Whether one of the mounts that it is mounted on is such a one.
fn is_below(
    line: &Line<'_>,
    by_mount: &HashMap<u64, &Line<'_>>,
    such: impl Fn(&Line<'_>) -> bool,
) -> bool {
    // A mount cannot be above itself, but a text can say so.
    let mut above = line.above;
    for _ in 0..by_mount.len() {
        let Some(next) = by_mount.get(&above) else { return false };
        if such(next) {
            return true;
        }
        above = next.above;
    }
    false
}

fn line(text: &str) -> Option<Line<'_>> {
    let (left, right) = text.split_once(" - ")?;
    let mut fields = left.split(' ');
    let mount = fields.next()?.parse().ok()?;
    let above = fields.next()?.parse().ok()?;
    let device = fields.next()?;
    let point = unescape(fields.nth(1)?);
    let runs = !fields.next()?.split(',').any(|option| option == "noexec");
    Some(Line { mount, above, device, point, runs, kind: right.split(' ').next()? })
}

/// Spaces, tabs, line ends and backslashes are written `\ooo`.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 4).filter(|_| byte == b'\\');
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) => {
                plain.push(code);
                at += 4;
            }
            None => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
60 27 0:50 / /var/lib/docker/overlay2/one/merged rw - overlay overlay rw
61 27 0:51 / /var/lib/docker/containers/one/mounts/shm rw,noexec - tmpfs shm rw
62 27 0:60 / /var/lib/kubelet/pods/one/nfs rw - nfs4 server:/share rw";

    const CONTAINER: &str = "\
600 500 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/l
601 600 0:52 / /proc rw,nosuid,nodev,noexec - proc proc rw
602 600 0:53 / /dev rw,nosuid - tmpfs tmpfs rw,mode=755
603 602 0:51 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw
604 600 254:0 /srv/with\\040space /data\\040one rw - ext4 /dev/vda rw
605 600 254:0 /etc/hosts /etc/hosts rw - ext4 /dev/vda rw
606 600 0:54 / /tmp rw - tmpfs tmpfs rw
607 600 0:54 /below /var/tmp rw - tmpfs tmpfs rw
608 600 0:60 / /share rw - nfs4 server:/share rw
609 600 0:70 / /own rw - fuse.sshfs somebody rw
610 609 0:71 / /own/below rw - tmpfs tmpfs rw";

    fn marked(wanted: &Wanted) -> Vec<(String, Scope)> {
        let text = |mark: &Mark| String::from_utf8_lossy(&mark.point).into_owned();
        wanted.marks.iter().map(|mark| (text(mark), mark.scope)).collect()
    }

    #[test]
    fn own_file_systems_are_marked_whole_and_shared_ones_by_their_mount() {
        let hosts = devices(HOST);
        let wanted = wanted(CONTAINER, Some(&hosts));
        let expected = [
            ("/", Scope::Filesystem),
            ("/dev", Scope::Filesystem),
            ("/data one", Scope::Mount),
            ("/etc/hosts", Scope::Mount),
            ("/tmp", Scope::Filesystem),
        ];
        assert_eq!(marked(&wanted), expected.map(|(point, scope)| (point.to_owned(), scope)));
        assert_eq!(wanted.marks[2].mount, 604);
        // What somebody serves, and what is reached through it.
        assert_eq!((wanted.served, wanted.beyond), (3, 0));
        let root = "600 500 0:90 / / rw - fuse.fuse-overlayfs fuse-overlayfs rw";
        let wanted_of_root = super::wanted(root, Some(&hosts));
        assert_eq!(marked(&wanted_of_root), [("/".to_owned(), Scope::Filesystem)]);
    }

    #[test]
    fn a_root_on_the_hosts_own_file_system_never_makes_the_host_ask() {
        let text = "600 500 254:0 /var/lib/docker/vfs/dir/one / rw - ext4 /dev/vda rw";
        let hosts = devices(HOST);
        assert_eq!(marked(&wanted(text, Some(&hosts))), [("/".to_owned(), Scope::Mount)]);
        assert_eq!(marked(&wanted(text, None)), [("/".to_owned(), Scope::Mount)]);
        let own = text.replace("254:0", "253:7");
        assert_eq!(marked(&wanted(&own, Some(&hosts))), [("/".to_owned(), Scope::Filesystem)]);
    }

    #[test]
    fn a_bound_and_a_text_that_lies_are_withstood() {
        let many: String = (0..MAX_MARKED as u64 + 5)
            .map(|at| format!("{} 1 254:0 /{at} /{at} rw - ext4 /dev/vda rw\n", at + 10))
            .collect();
        let wanted_of_many = wanted(&many, None);
        assert_eq!((wanted_of_many.marks.len(), wanted_of_many.beyond), (MAX_MARKED, 5));
        let circle = "1 2 0:1 / /a rw - tmpfs t rw\n2 1 0:2 / /b rw - tmpfs t rw\nnonsense - - -";
        assert_eq!(wanted(circle, None).marks.len(), 2);
    }
}
