//! Files as the model has them.

use palisade_model::event::{FileIdentity, FileKind, FileRef, readable};

use crate::abi;

/// A file that the kernel described.
pub(super) fn of(file: &abi::File) -> FileRef {
    FileRef {
        path: name(&file.path),
        identity: (file.inode != 0).then(|| FileIdentity {
            dev: device(file.device),
            inode: file.inode,
            ctime_ns: file.changed_ns,
            size: file.size,
        }),
        kind: FileKind::from_mode(file.mode),
        mode: u16::try_from(file.mode & 0o7777).ok(),
        owner: Some(file.uid),
        upper: (file.filesystem == OVERLAYFS).then_some(file.upper_layer),
        deleted: file.path.unlinked && !file.path.pseudo,
    }
}

/// `OVERLAYFS_SUPER_MAGIC` (include/uapi/linux/magic.h).
const OVERLAYFS: u32 = 0x794c_7630;

/// The kernel's `major << 20 | minor` as stat(2) gives it.
fn device(kernel: u32) -> u64 {
    libc::makedev(kernel >> 20, kernel & 0xf_ffff)
}

/// Stands before a path of which a part is missing. A whole one begins with a slash, so that no rule takes the
/// one for the other: where `/usr/bin/x` may be what is left of `/tmp/…/usr/bin/x`, it is `…/usr/bin/x`.
const CUT: &str = "…";

fn marked(cut: bool, path: String) -> String {
    if cut { format!("{CUT}{path}") } else { path }
}

/// What is no path has the name that `/proc/PID/exe` shows, without its leading slash.
pub(super) fn name(path: &abi::Path) -> String {
    if path.pseudo {
        readable(path.bytes.strip_prefix(b"/").unwrap_or(&path.bytes))
    } else {
        marked(path.cut, readable(&path.bytes))
    }
}

/// A name that a system call was given, from the directory that it starts at. `.` and `..` are worked out
/// by text: a symbolic link among the parts is not followed.
pub(super) fn named(base: &abi::Path, given: &[u8]) -> String {
    let mut parts: Vec<&[u8]> = Vec::new();
    let absolute = given.first() == Some(&b'/');
    let bases: &[u8] = if absolute { b"" } else { &base.bytes };
    let (given, cut) = match given.strip_suffix(b"\0") {
        Some(given) => (given, true),
        None => (given, !absolute && base.cut),
    };
    for part in bases.split(|byte| *byte == b'/').chain(given.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut whole = Vec::with_capacity(bases.len() + given.len() + 2);
    for part in parts {
        whole.push(b'/');
        whole.extend_from_slice(part);
    }
    if whole.is_empty() {
        whole.push(b'/');
    }
    marked(cut, readable(&whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_start_at_their_directory() {
        let base = abi::Path { bytes: b"/srv/data".to_vec(), ..abi::Path::default() };
        for (given, whole) in [
            ("a", "/srv/data/a"),
            ("./a/../b", "/srv/data/b"),
            ("../../../x", "/x"),
            ("/etc//passwd", "/etc/passwd"),
            ("..", "/srv"),
            ("../..", "/"),
        ] {
            assert_eq!(named(&base, given.as_bytes()), whole);
        }
    }

    #[test]
    fn a_cut_path_is_never_a_whole_one() {
        let deep = abi::Path { bytes: b"/usr/bin".to_vec(), cut: true, ..abi::Path::default() };
        assert_eq!(name(&deep), "…/usr/bin");
        assert_eq!(named(&deep, b"sh"), "…/usr/bin/sh");
        assert_eq!(named(&deep, b"/bin/sh"), "/bin/sh");
        assert_eq!(named(&abi::Path::default(), b"/etc/../etc/x\0"), "…/etc/x");
    }

    #[test]
    fn a_device_is_the_one_of_stat() {
        assert_eq!(device(8 << 20 | 1), 0x801);
    }
}
