use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::ops::ControlFlow;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};

use palisade_model::event::{Runtime, readable};
use palisade_sensor::procfs;

use crate::containers::hierarchy::cgroup_id;
use crate::containers::{CgroupPath, Facts, Hierarchy, PathRules, Settings, Source};

/// Bytes read of a cgroup's list of processes: some 64 Ki of them.
const MAX_LIST: u64 = 512 << 10;
/// Bytes read of `/proc/PID/cgroup`.
const MAX_CGROUP: u64 = 64 << 10;

/// A cgroup that belongs to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Its id.
    pub id: u64,
    /// The one above.
    pub parent: u64,
    /// Path from the hierarchy's root, with a leading slash.
    pub path: String,
}

/// What a walk met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Cgroups that belong to containers, those above before those below.
    pub cgroups: Vec<Directory>,
    /// Directories looked at.
    pub looked_at: usize,
    /// A bound was reached: there may be more.
    pub cut: bool,
}

/// Walks a hierarchy for cgroups of containers that have a process. What goes away meanwhile is left out,
/// and so is what a runtime forgot to remove.
pub fn walk(hierarchy: &Hierarchy, rules: &PathRules, settings: &Settings) -> Walk {
    let mut met: Vec<Met> = Vec::new();
    let (looked_at, cut) = visit(hierarchy, settings, |directory, place| {
        if let CgroupPath::Container(found) = rules.parse(&directory.path) {
            let runs = !is_empty(place);
            met.push(Met { directory: directory.clone(), own: found.own, runs });
        }
        ControlFlow::Continue(())
    });
    let places: HashMap<u64, usize> =
        met.iter().enumerate().map(|(place, one)| (one.directory.id, place)).collect();
    let above = |one: &Met| places.get(&one.directory.parent).copied();
    // From the deepest up: a process below is a process of the container.
    for place in (0..met.len()).rev() {
        if met[place].runs
            && let Some(above) = above(&met[place])
        {
            met[above].runs = true;
        }
    }
    // And down again: a cgroup without a process in a container that runs is the container's.
    for place in 0..met.len() {
        if !met[place].own
            && let Some(above) = above(&met[place])
        {
            met[place].runs |= met[above].runs;
        }
    }
    let cgroups = met.into_iter().filter(|one| one.runs).map(|one| one.directory).collect();
    Walk { cgroups, looked_at, cut }
}

/// A cgroup on the way.
struct Met {
    directory: Directory,
    /// A container's own.
    own: bool,
    /// It has a process.
    runs: bool,
}

/// Whether a cgroup has no process, also none without a number here; those below do not count. Where that
/// cannot be told, it has one.
pub(super) fn is_empty(place: &Path) -> bool {
    match fs::File::open(place.join("cgroup.procs")) {
        Ok(mut list) => matches!(list.read(&mut [0]), Ok(0)),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// The directory of the cgroup with this id; `Ok(None)`: there is none. An error: a bound was reached
/// before it was found.
pub(super) fn locate(
    hierarchy: &Hierarchy,
    settings: &Settings,
    id: u64,
) -> Result<Option<(Directory, PathBuf)>, &'static str> {
    let mut found = None;
    let (_, cut) = visit(hierarchy, settings, |directory, place| {
        if directory.id != id {
            return ControlFlow::Continue(());
        }
        found = Some((directory.clone(), place.to_owned()));
        ControlFlow::Break(())
    });
    if cut && found.is_none() {
        return Err("the cgroup tree is larger than is walked (max_directories, max_depth)");
    }
    Ok(found)
}

/// The cgroup that this process is in. By looking: in a cgroup namespace of its own, its path there says
/// nothing.
pub fn own_cgroup(hierarchy: &Hierarchy, settings: &Settings) -> Option<u64> {
    let (own, mut found) = (std::process::id(), None);
    visit(hierarchy, settings, |directory, place| {
        if !processes(place).contains(&own) {
            return ControlFlow::Continue(());
        }
        found = Some(directory.id);
        ControlFlow::Break(())
    });
    found
}

/// Looks at every directory, each before those in it. Returns how many, and whether a bound was reached.
fn visit(
    hierarchy: &Hierarchy,
    settings: &Settings,
    mut look: impl FnMut(&Directory, &Path) -> ControlFlow<()>,
) -> (usize, bool) {
    let Some(id) = cgroup_id(&hierarchy.root) else { return (0, false) };
    let root = Directory { id, parent: 0, path: "/".to_owned() };
    let mut waiting = vec![(root, hierarchy.root.clone(), 0)];
    let (mut looked_at, mut cut) = (0, false);
    while let Some((above, place, depth)) = waiting.pop() {
        if depth >= settings.max_depth {
            cut = true;
            continue;
        }
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if looked_at >= settings.max_directories {
                return (looked_at, true);
            }
            looked_at += 1;
            let name = readable(entry.file_name().as_encoded_bytes());
            let path = format!("{}/{name}", above.path.trim_end_matches('/'));
            let directory = Directory { id: entry.ino(), parent: above.id, path };
            if look(&directory, &entry.path()).is_break() {
                return (looked_at, cut);
            }
            waiting.push((directory, entry.path(), depth + 1));
        }
    }
    (looked_at, cut)
}

/// Processes of a cgroup, not of those below, in our own process numbers. Processes that have none here
/// are listed as 0 by the kernel and left out: then we do not share the host's process numbers.
pub fn processes(directory: &Path) -> Vec<u32> {
    let text = read(&directory.join("cgroup.procs"), MAX_LIST).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|&pid| pid != 0).collect()
}

/// Containers that no path tells: cgroups all of whose processes live in one process namespace and one
/// mount namespace that are not the host's. `known` tells cgroups that belong to a container already.
pub fn strangers(
    proc: &Path,
    hierarchy: &Hierarchy,
    rules: &PathRules,
    settings: &Settings,
) -> Vec<Facts> {
    let host = |kind: &str| procfs::host_namespace(proc, kind);
    let (Some(host_processes), Some(host_mounts)) = (host("pid"), host("mnt")) else {
        return Vec::new();
    };
    // For each cgroup the one pair of namespaces that its processes have; `None`: several, or the host's.
    let mut cgroups: BTreeMap<String, Option<(Namespaces, u32)>> = BTreeMap::new();
    let processes = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.take(settings.max_processes) {
        let folder = proc.join(pid.to_string());
        // A kernel thread or a process that ended has no namespaces to see; a cgroup in which one process
        // cannot be read is judged by the others.
        let Some(own) = namespaces(proc, pid) else { continue };
        let Some(text) = read(&folder.join("cgroup"), MAX_CGROUP) else { continue };
        let Some(path) = hierarchy.path_of(&text) else { continue };
        let foreign = own.process != host_processes && own.mount != host_mounts;
        let fits = foreign.then_some((own, pid));
        cgroups
            .entry(path.to_owned())
            .and_modify(|known| {
                let same = known.as_ref().map(|(one, _)| one) == fits.as_ref().map(|(one, _)| one);
                if !same {
                    *known = None;
                }
            })
            .or_insert(fits);
    }
    cgroups
        .into_iter()
        .filter(|(path, _)| path != "/" && matches!(rules.parse(path), CgroupPath::Other))
        .filter_map(|(path, found)| {
            let (_, pid) = found?;
            let cgroup = cgroup_id(&hierarchy.directory(&path)?)?;
            let id = format!("cgroup-{cgroup}").parse().ok()?;
            let mut facts = Facts::new(id, Source::Path, Runtime::Unknown);
            facts.name = readable(path.rsplit('/').next().unwrap_or_default().as_bytes());
            facts.cgroup = Some(cgroup);
            facts.pid = Some(pid);
            Some(facts)
        })
        .collect()
}

/// A process's namespaces, by the kernel's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Namespaces {
    process: u64,
    mount: u64,
}

fn namespaces(proc: &Path, pid: u32) -> Option<Namespaces> {
    let number = |kind: &str| procfs::namespace(proc, &pid.to_string(), kind);
    Some(Namespaces { process: number("pid")?, mount: number("mnt")? })
}

/// The cgroup of a process in the key hierarchy, and its path.
pub(super) fn cgroup_of(proc: &Path, hierarchy: &Hierarchy, pid: u32) -> Option<(u64, String)> {
    let text = read(&proc.join(pid.to_string()).join("cgroup"), MAX_CGROUP)?;
    let path = hierarchy.path_of(&text)?;
    let id = cgroup_id(&hierarchy.directory(path)?)?;
    Some((id, path.to_owned()))
}

fn read(path: &Path, limit: u64) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
