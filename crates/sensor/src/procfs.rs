//! Rung 0: processes as `/proc` tells them. Snapshots: what lives shorter than a round is not seen.

use std::fs;
use std::io::Read as _;
use std::path::Path;

/// A process as `/proc` tells it. Fields that could not be read are empty: it can end at any moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Process.
    pub tgid: u32,
    /// Its parent.
    pub parent: u32,
    /// ns since boot, only as exact as the clock tick (10 ms): matches a kernel record's start only after
    /// both are divided by it.
    pub start_ns: u64,
    /// comm.
    pub name: Vec<u8>,
    /// Arguments, user memory: the process can have changed them. At most [`MAX_ARGUMENT_BYTES`] of them.
    pub arguments: Vec<Vec<u8>>,
    /// There were more.
    pub arguments_cut: bool,
    /// Executable, with ` (deleted)` when it is.
    pub executable: Vec<u8>,
    /// Lines of `/proc/PID/cgroup`.
    pub cgroups: Vec<String>,
    /// Real, effective, saved user.
    pub uids: [u32; 3],
    /// Effective capabilities.
    pub capabilities: u64,
    /// Number in its own PID namespace.
    pub inner_tgid: u32,
}

/// No file of `/proc` is read beyond this many bytes.
const LIMIT: u64 = 64 * 1024;
/// Bytes of arguments that are kept, as many as the kernel side gives.
pub const MAX_ARGUMENT_BYTES: u64 = 4_095;
/// `USER_HZ`: 100 on every architecture that we build for.
const TICK_NS: u64 = 10_000_000;

/// Every process under `root` (`/proc`, or the host's as mounted into our container).
pub fn processes(root: &Path) -> impl Iterator<Item = Snapshot> {
    let root = root.to_owned();
    fs::read_dir(&root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(move |tgid| process(&root, tgid))
}

/// One process; `None` when it is gone.
pub fn process(root: &Path, tgid: u32) -> Option<Snapshot> {
    let mut snapshot = without_arguments(root, tgid)?;
    let cmdline = root.join(tgid.to_string()).join("cmdline");
    let mut bytes = read(&cmdline, MAX_ARGUMENT_BYTES + 1).unwrap_or_default();
    let most = usize::try_from(MAX_ARGUMENT_BYTES).unwrap_or(usize::MAX);
    snapshot.arguments_cut = bytes.len() > most;
    bytes.truncate(most);
    snapshot.arguments = split(&bytes);
    Some(snapshot)
}

/// The same without its arguments. These are the process's own memory, which it can make slow to read: who
/// must not wait for a hostile process asks in this way.
pub fn without_arguments(root: &Path, tgid: u32) -> Option<Snapshot> {
    let folder = root.join(tgid.to_string());
    let mut snapshot = Snapshot { tgid, ..Snapshot::default() };
    stat(&read(&folder.join("stat"), LIMIT)?, &mut snapshot)?;
    status(&read(&folder.join("status"), LIMIT).unwrap_or_default(), &mut snapshot);
    snapshot.executable = fs::read_link(folder.join("exe"))
        .map(|path| path.into_os_string().into_encoded_bytes())
        .unwrap_or_default();
    let cgroups = read(&folder.join("cgroup"), LIMIT).unwrap_or_default();
    snapshot.cgroups = String::from_utf8_lossy(&cgroups).lines().map(str::to_owned).collect();
    Some(snapshot)
}

/// The number of a process's namespace of this kind (`mnt`, `pid`, …); `None` when it has ended or may not be
/// looked at.
pub fn namespace(root: &Path, process: &str, kind: &str) -> Option<u64> {
    let link = fs::read_link(root.join(process).join("ns").join(kind)).ok()?;
    let (_, number) = link.to_str()?.split_once(":[")?;
    number.strip_suffix(']')?.parse().ok()
}

/// The number of the host's: that of its first process. Not even root may look at every first process; then
/// that of the kernel's own threads, and our own where there are none.
pub fn host_namespace(root: &Path, kind: &str) -> Option<u64> {
    let kernel = || {
        let stat = read(&root.join(KERNEL).join("stat"), LIMIT)?;
        is_kernel_thread(&stat).then(|| namespace(root, KERNEL, kind)).flatten()
    };
    namespace(root, "1", kind).or_else(kernel).or_else(|| namespace(root, "self", kind))
}

/// The host's mounts as the kernel side compares them; 0 where they are not known.
pub(crate) fn host_mounts(root: &Path) -> u32 {
    host_namespace(root, "mnt").and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

/// The parent of all kernel threads, where the process numbers are the host's.
const KERNEL: &str = "2";

/// By its flags, as `/proc/PID/stat` has them behind the name (proc(5)).
fn is_kernel_thread(stat: &[u8]) -> bool {
    /// `PF_KTHREAD` (include/linux/sched.h).
    const KERNEL_THREAD: u32 = 0x0020_0000;
    let text = String::from_utf8_lossy(stat);
    let rest = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let flags = rest.split_ascii_whitespace().nth(6).and_then(|flags| flags.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & KERNEL_THREAD != 0)
}

fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        Vec::new()
    } else {
        bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    }
}

/// comm is in parentheses and can hold any of them: the last one closes it (proc(5)).
fn stat(bytes: &[u8], snapshot: &mut Snapshot) -> Option<()> {
    let open = bytes.iter().position(|byte| *byte == b'(')?;
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    snapshot.name = bytes.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    snapshot.parent = fields.get(1)?.parse().ok()?;
    snapshot.start_ns = fields.get(19)?.parse::<u64>().ok()?.saturating_mul(TICK_NS);
    Some(())
}

fn status(bytes: &[u8], snapshot: &mut Snapshot) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let mut numbers = value.split_ascii_whitespace();
        match key {
            "Uid" => {
                for (to, number) in snapshot.uids.iter_mut().zip(numbers) {
                    *to = number.parse().unwrap_or(0);
                }
            }
            "CapEff" => {
                let hex = numbers.next().unwrap_or("0");
                snapshot.capabilities = u64::from_str_radix(hex, 16).unwrap_or(0);
            }
            "NStgid" => {
                snapshot.inner_tgid =
                    numbers.next_back().and_then(|one| one.parse().ok()).unwrap_or(0)
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let mut snapshot = Snapshot::default();
        let line = b"7 (a) b (c)) S 3 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1234 0 0";
        assert_eq!(stat(line, &mut snapshot), Some(()));
        assert_eq!(snapshot.name, b"a) b (c)");
        assert_eq!((snapshot.parent, snapshot.start_ns), (3, 12_340_000_000));
    }

    #[test]
    fn the_host_is_told_by_its_first_process_or_by_the_kernels_or_by_us() {
        let proc = tempfile::tempdir().expect("a folder");
        let with = |process: &str, namespace: u64, stat: &str| {
            let folder = proc.path().join(process);
            fs::create_dir_all(folder.join("ns")).expect("made");
            fs::write(folder.join("stat"), stat).expect("written");
            let link = folder.join("ns").join("mnt");
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(format!("mnt:[{namespace}]"), link).expect("a link");
        };
        let host = || host_namespace(proc.path(), "mnt");
        assert_eq!(host(), None);
        with("self", 7, "");
        assert_eq!(host(), Some(7));
        // The second process of a container is no kernel thread, whatever it is called.
        with("2", 8, "2 (kthreadd) S 0 0 0 0 -1 4194304 0 0");
        assert_eq!(host(), Some(7));
        with("2", 8, "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0");
        assert_eq!(host(), Some(8));
        with("1", 9, "");
        assert_eq!(host(), Some(9));
    }

    #[test]
    fn we_see_ourselves() {
        let own = process(Path::new("/proc"), std::process::id()).expect("we exist");
        assert!(!own.executable.is_empty() && !own.arguments.is_empty());
    }
}
