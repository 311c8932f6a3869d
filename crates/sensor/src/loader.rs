//! Loads and attaches the BPF programs, each by itself, with aya.

use std::fs::File;
use std::path::Path;

use aya::maps::lpm_trie::Key as LpmKey;
use aya::maps::{
    Array, HashMap as BpfHashMap, LpmTrie, MapData, MapError, PerCpuArray, PerCpuHashMap,
    PerCpuValues, ProgramArray, RingBuf,
};
use aya::programs::links::CgroupAttachMode;
use aya::programs::{
    BtfTracePoint, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, Iter, Lsm, Program,
    RawTracePoint,
};
use aya::{Btf, Ebpf, EbpfLoader};
use palisade_model::event::Rung;

use zerocopy::IntoBytes as _;

use crate::enforce::{self, Entries, NetPlace, path_key};
use crate::ladder::Ladder;
use crate::layout::{
    ExecKey, ExecPathKey, ExecVerdict, LeafKey, LossKey, NetVerdict, Settings, SyscallShape, Watch,
};
use crate::plan::Plan;
use crate::syscalls;
use crate::{SensorError, SensorErrorKind};

#[cfg(target_arch = "x86_64")]
mod objects {
    pub(super) static SENSOR: &[u8] = aya::include_bytes_aligned!("../objects/sensor_x86_64.o");
    pub(super) static SENSOR_RAW: &[u8] =
        aya::include_bytes_aligned!("../objects/sensor_raw_x86_64.o");
    pub(super) static LSM: &[u8] = aya::include_bytes_aligned!("../objects/lsm_x86_64.o");
}

#[cfg(target_arch = "aarch64")]
mod objects {
    pub(super) static SENSOR: &[u8] = aya::include_bytes_aligned!("../objects/sensor_aarch64.o");
    pub(super) static SENSOR_RAW: &[u8] =
        aya::include_bytes_aligned!("../objects/sensor_raw_aarch64.o");
    pub(super) static LSM: &[u8] = aya::include_bytes_aligned!("../objects/lsm_aarch64.o");
}

/// Program and tracepoint.
const TRACEPOINTS: &[(&str, &str)] = &[
    ("process__fork", "sched_process_fork"),
    ("process__exec", "sched_process_exec"),
    ("process__exit", "sched_process_exit"),
    ("security__signal", "signal_generate"),
    ("containers__created", "cgroup_mkdir"),
    ("containers__removed", "cgroup_rmdir"),
    ("containers__joined", "cgroup_attach_task"),
];

/// Whichever of the two this kernel has.
const IO_URING: &[(&str, &str)] =
    &[("io_uring__request", "io_uring_submit_req"), ("io_uring__entry", "io_uring_submit_sqe")];

const ADDRESS_HOOKS: &[&str] = &[
    "cgroup__connect4",
    "cgroup__connect6",
    "cgroup__bind4",
    "cgroup__bind6",
    "cgroup__sendmsg4",
    "cgroup__sendmsg6",
];

/// Asked when a socket of the internet is made.
const SOCKET_HOOK: &str = "cgroup__socket";

/// Program and hook. `path_*` first; the `inode_*` ones only where those are missing.
const LSM_HOOKS: &[(&str, &str)] = &[
    ("lsm__exec", "bprm_check_security"),
    ("lsm__open", "file_open"),
    ("lsm__unlink", "path_unlink"),
    ("lsm__rename", "path_rename"),
    ("lsm__link", "path_link"),
    ("lsm__create", "path_mknod"),
    ("lsm__make_directory", "path_mkdir"),
    ("lsm__symlink", "path_symlink"),
    ("lsm__remove_directory", "path_rmdir"),
    ("lsm__truncate", "path_truncate"),
    ("lsm__mode", "path_chmod"),
    ("lsm__owner", "path_chown"),
    ("lsm__connect", "socket_connect"),
    ("lsm__bind", "socket_bind"),
    ("lsm__socket", "socket_create"),
    ("lsm__mount", "sb_mount"),
    ("lsm__move_mount", "move_mount"),
    ("lsm__ptrace", "ptrace_access_check"),
    ("lsm__bpf", "bpf"),
    ("lsm__module_request", "kernel_module_request"),
    ("lsm__module_file", "kernel_read_file"),
    ("lsm__module_data", "kernel_load_data"),
];

/// Instead of `path_*` on kernels without `CONFIG_SECURITY_PATH`.
const LSM_FALLBACK: &[(&str, &str, &str)] = &[
    ("lsm__unlink", "lsm__inode_unlink", "inode_unlink"),
    ("lsm__rename", "lsm__inode_rename", "inode_rename"),
    ("lsm__create", "lsm__inode_create", "inode_create"),
];

/// What the loader needs to know.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// Ring buffer, bytes; a power of two and a multiple of the page size. Default 8 MiB.
    pub ring_bytes: u32,
    /// Root of the unified hierarchy; `None` on hosts without cgroup v2: no cgroup programs then.
    pub cgroup_root: Option<std::path::PathBuf>,
    /// Attach the killer at exec.
    pub prevent: bool,
    /// The kernel runs 32-bit programs.
    pub compat: bool,
    /// Leaf names whose opening for reading is reported, at most 31 bytes each.
    pub sensitive: Vec<String>,
    /// Losses that are told apart by cgroup, kind and reason between two looks.
    pub losses: u32,
    /// Sequences of system calls are told.
    pub sequences: bool,
}

/// Loaded programs. Dropping it detaches everything.
pub struct Loaded {
    sensor: Ebpf,
    lsm: Option<Ebpf>,
    hash_key: [u64; 2],
    /// A program array is emptied when its last descriptor is closed, whatever still uses it.
    _tables: Vec<ProgramArray<MapData>>,
}

/// The attach type of tracepoints on this kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Typed,
    Raw,
}

impl Loaded {
    /// Tries everything, best first, and notes each outcome.
    ///
    /// Settings and watched cgroups are to be written before: programs run from the moment that they are
    /// attached, and with empty maps they report nothing.
    ///
    /// # Errors
    ///
    /// When not even the object can be loaded: no BTF, no `CAP_BPF`, kernel before 5.8.
    pub fn load(
        config: &LoaderConfig,
        settings: &Settings,
        ladder: &mut Ladder,
    ) -> Result<Self, SensorError> {
        let btf = Btf::from_sys_fs().map_err(|error| {
            SensorError::new(SensorErrorKind::Unsupported, "the kernel has no BTF").with(error)
        })?;
        let (mut sensor, form) = load_sensor(config, &btf)?;
        write_settings(&mut sensor, settings)?;
        write_sensitive(&mut sensor, &config.sensitive)?;
        attach_tracepoints(&mut sensor, &btf, form, config, ladder);
        let hooks = attach_cgroup(&mut sensor, config, ladder);
        let _tables = attach_syscalls(&mut sensor, &btf, form, config, hooks, ladder);
        let lsm = load_lsm(config, settings, &btf, ladder);
        Ok(Self { sensor, lsm, hash_key: settings.hash_key, _tables })
    }

    /// The rings to read: the sensor's, and BPF-LSM's where it is in use.
    ///
    /// # Errors
    ///
    /// When they were taken already.
    pub fn take_rings(&mut self) -> Result<Vec<RingBuf<MapData>>, SensorError> {
        [Some(&mut self.sensor), self.lsm.as_mut()]
            .into_iter()
            .flatten()
            .map(|object| {
                let map = object.take_map("events").ok_or_else(|| broken("events"))?;
                RingBuf::try_from(map).map_err(|error| broken("events").with(error))
            })
            .collect()
    }

    /// Watches a container's cgroups and refuses what the plan says, in every object. New entries come first,
    /// then the switch, and old entries go last: at no moment less is refused than by both plans.
    ///
    /// # Errors
    ///
    /// When a map is full or cannot hold the plan.
    pub(crate) fn enforce(
        &mut self,
        cgroups: &[u64],
        watch: Watch,
        before: &Plan,
        plan: &Plan,
    ) -> Result<(), SensorError> {
        let old = Entries::of(before, self.hash_key)?;
        let new = if before == plan { old.clone() } else { Entries::of(plan, self.hash_key)? };
        let flags = watch.flags;
        let outcome = self.put(cgroups, Watch { flags: flags | new.flags, ..watch }, &old, &new);
        if outcome.is_err() {
            // What there was room for must not stay: nobody would ever take it away. The old entries take
            // no more room than they had.
            let _ = self.put(cgroups, Watch { flags: flags | old.flags, ..watch }, &new, &old);
        }
        outcome
    }

    /// Watches further cgroups of a container whose plan is in the kernel already.
    ///
    /// # Errors
    ///
    /// When the map is full.
    pub(crate) fn join(
        &mut self,
        cgroups: &[u64],
        watch: Watch,
        plan: &Plan,
    ) -> Result<(), SensorError> {
        let watch = Watch { flags: watch.flags | enforce::flags(plan), ..watch };
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            watch_all(object, cgroups, watch)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        cgroups: &[u64],
        watch: Watch,
        old: &Entries,
        new: &Entries,
    ) -> Result<(), SensorError> {
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            let mut exec: PathVerdicts<'_> = hash_map(object, "exec_path_verdicts")?;
            for (hash, verdict) in &new.exec {
                let key = path_key(watch.id, *hash);
                exec.insert(key, verdict, 0).map_err(|error| full("exec_path_verdicts", error))?;
            }
            let mut net = net_map(object)?;
            for (place, verdict) in &new.net {
                net.insert(&lpm_key(*place, watch.id), verdict, 0)
                    .map_err(|error| full("net_verdicts", error))?;
            }
            if let Some(mut change) = changes(object)? {
                for (hash, verdict) in &new.change {
                    change
                        .insert(path_key(watch.id, *hash), verdict, 0)
                        .map_err(|error| full(CHANGES, error))?;
                }
            }
            watch_all(object, cgroups, watch)?;
            remove(object, watch.id, old, new)?;
        }
        Ok(())
    }

    /// Removes what is held for a cgroup that is gone; `before`: the plan, of a container's own.
    ///
    /// # Errors
    ///
    /// When the plan cannot be read again.
    pub(crate) fn forget(&mut self, cgroup: u64, before: &Plan) -> Result<(), SensorError> {
        let old = Entries::of(before, self.hash_key)?;
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            let mut watched: BpfHashMap<_, u64, Watch> = hash_map(object, "watched")?;
            let _ = watched.remove(&cgroup);
            remove(object, cgroup, &old, &Entries::default())?;
        }
        Ok(())
    }

    /// Refuses one file in one container, and tells it as a canary.
    ///
    /// # Errors
    ///
    /// When the map is full.
    pub(crate) fn canary(
        &mut self,
        cgroup: u64,
        device: u64,
        inode: u64,
    ) -> Result<(), SensorError> {
        let key = ExecKey { cgroup, inode, device: kernel_device(device) };
        let verdict = ExecVerdict { effect: enforce::CANARY, rule: 0, changed: 0 };
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            let mut map: BpfHashMap<_, ExecKey, ExecVerdict> = hash_map(object, "exec_verdicts")?;
            map.insert(key, verdict, 0).map_err(|error| full("exec_verdicts", error))?;
        }
        Ok(())
    }

    /// Takes a canary away again.
    pub(crate) fn forget_canary(&mut self, cgroup: u64, device: u64, inode: u64) {
        let key = ExecKey { cgroup, inode, device: kernel_device(device) };
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            if let Ok(mut map) = hash_map::<ExecKey, ExecVerdict>(object, "exec_verdicts") {
                let _ = map.remove(&key);
            }
        }
    }

    /// Says what holds for all.
    ///
    /// # Errors
    ///
    /// When a map cannot be written.
    pub(crate) fn settle(&mut self, settings: &Settings) -> Result<(), SensorError> {
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            write_settings(object, settings)?;
        }
        Ok(())
    }

    /// What was lost since the last call: the interval and the count, by kind, reason and cgroup.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    pub fn take_losses(&mut self) -> Result<Vec<Loss>, SensorError> {
        let mut losses = Vec::new();
        for object in [Some(&mut self.sensor), self.lsm.as_mut()].into_iter().flatten() {
            losses.extend(losses_of(object)?);
        }
        Ok(losses)
    }

    /// Everything that existed when the sensor started, as records of [`crate::abi`].
    ///
    /// # Errors
    ///
    /// When the iterator is not loaded or fails.
    pub fn snapshot(&mut self, program: &'static str) -> Result<File, SensorError> {
        let iterator: &mut Iter = self
            .sensor
            .program_mut(program)
            .ok_or_else(|| broken(program))?
            .try_into()
            .map_err(|error| broken(program).with(error))?;
        let id = iterator.attach().map_err(|error| refused(program).with(error))?;
        let link = iterator.take_link(id).map_err(|error| refused(program).with(error))?;
        link.into_file().map_err(|error| refused(program).with(error))
    }
}

/// Events that were lost: a blind interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Where.
    pub cgroup: u64,
    /// Of which kind.
    pub kind: u16,
    /// 1 ring full, 2 over the rate, 3 no build space, 4 too large, 5 a cgroup made inside a container that
    /// found no room among the watched ones; 0 not known, as then is `cgroup`: too many kinds of losses.
    pub reason: u16,
    /// How many.
    pub count: u64,
    /// From, ns since boot.
    pub first_ns: u64,
    /// To.
    pub last_ns: u64,
}

fn watch_all(object: &mut Ebpf, cgroups: &[u64], watch: Watch) -> Result<(), SensorError> {
    let mut watched: BpfHashMap<_, u64, Watch> = hash_map(object, "watched")?;
    for cgroup in cgroups {
        watched.insert(cgroup, watch, 0).map_err(|error| full("watched", error))?;
    }
    Ok(())
}

fn losses_of(object: &mut Ebpf) -> Result<Vec<Loss>, SensorError> {
    let map = object.map_mut("losses").ok_or_else(|| broken("losses"))?;
    let mut map: PerCpuHashMap<_, LossKey, crate::layout::Loss> =
        PerCpuHashMap::try_from(map).map_err(|error| broken("losses").with(error))?;
    let keys: Vec<_> = map.keys().filter_map(Result::ok).collect();
    let mut losses = Vec::with_capacity(keys.len());
    for key in keys {
        let Ok(each) = map.get(&key, 0) else { continue };
        let loss = sum(&key, &each);
        // Between reading and removing a few more can be counted and forgotten: the sequence
        // numbers of the records still show them.
        let _ = map.remove(&key);
        losses.extend(loss);
    }
    losses.extend(losses_by_kind(object)?);
    Ok(losses)
}

/// What the map of losses had no room for: of which cgroup is not known, nor for which reason.
fn losses_by_kind(object: &mut Ebpf) -> Result<Vec<Loss>, SensorError> {
    let name = "losses_by_kind";
    let map = object.map_mut(name).ok_or_else(|| broken(name))?;
    let mut map: PerCpuArray<_, crate::layout::Loss> =
        PerCpuArray::try_from(map).map_err(|error| broken(name).with(error))?;
    let mut losses = Vec::new();
    for kind in 0..map.len() {
        let each = map.get(&kind, 0).map_err(|error| broken(name).with(error))?;
        let number = u16::try_from(kind).unwrap_or(u16::MAX);
        let key = LossKey { cgroup: 0, kind: number, reason: 0, pad: 0 };
        let Some(loss) = sum(&key, &each) else { continue };
        let none = vec![crate::layout::Loss { count: 0, first: 0, last: 0 }; each.len()];
        let none = PerCpuValues::try_from(none).map_err(|error| SensorError::os(name, error))?;
        map.set(kind, none, 0).map_err(|error| broken(name).with(error))?;
        losses.push(loss);
    }
    Ok(losses)
}

/// Over all processors; `None`: nothing.
fn sum(key: &LossKey, each: &[crate::layout::Loss]) -> Option<Loss> {
    let counted = || each.iter().filter(|one| one.count > 0);
    Some(Loss {
        cgroup: key.cgroup,
        kind: key.kind,
        reason: key.reason,
        count: counted().map(|one| one.count).sum(),
        first_ns: counted().map(|one| one.first).min()?,
        last_ns: counted().map(|one| one.last).max()?,
    })
}

/// stat(2)'s device as the kernel has it: `major << 20 | minor`.
fn kernel_device(device: u64) -> u64 {
    u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device))
}

fn hash_map<'a, K: aya::Pod, V: aya::Pod>(
    object: &'a mut Ebpf,
    name: &str,
) -> Result<BpfHashMap<&'a mut MapData, K, V>, SensorError> {
    let map = object.map_mut(name).ok_or_else(|| broken(name))?;
    BpfHashMap::try_from(map).map_err(|error| broken(name).with(error))
}

fn net_map(object: &mut Ebpf) -> Result<LpmTrie<&mut MapData, [u8; 28], NetVerdict>, SensorError> {
    let name = "net_verdicts";
    let map = object.map_mut(name).ok_or_else(|| broken(name))?;
    LpmTrie::try_from(map).map_err(|error| broken(name).with(error))
}

/// aya keeps the prefix length beside the rest of the key.
fn lpm_key(place: NetPlace, container: u64) -> LpmKey<[u8; 28]> {
    let key = place.key(container);
    let mut data = [0; 28];
    let bytes = key.as_bytes();
    data.copy_from_slice(bytes.get(4..32).unwrap_or(&[0; 28]));
    LpmKey::new(key.prefix, data)
}

/// Paths that may not be changed: BPF-LSM's object alone has them.
const CHANGES: &str = "change_path_verdicts";

type PathVerdicts<'a> = BpfHashMap<&'a mut MapData, ExecPathKey, ExecVerdict>;

fn changes(object: &mut Ebpf) -> Result<Option<PathVerdicts<'_>>, SensorError> {
    if object.map(CHANGES).is_none() {
        return Ok(None);
    }
    hash_map(object, CHANGES).map(Some)
}

/// Takes away what the old entries have and the new ones do not.
fn remove(
    object: &mut Ebpf,
    container: u64,
    old: &Entries,
    new: &Entries,
) -> Result<(), SensorError> {
    // What is not there any more need not be removed.
    let mut map: PathVerdicts<'_> = hash_map(object, "exec_path_verdicts")?;
    for hash in old.exec.keys().filter(|hash| !new.exec.contains_key(*hash)) {
        let _ = map.remove(&path_key(container, *hash));
    }
    let mut map = net_map(object)?;
    for place in old.net.keys().filter(|place| !new.net.contains_key(place)) {
        let _ = map.remove(&lpm_key(*place, container));
    }
    if let Some(mut map) = changes(object)? {
        for hash in old.change.keys().filter(|hash| !new.change.contains_key(*hash)) {
            let _ = map.remove(&path_key(container, *hash));
        }
    }
    Ok(())
}

fn full(name: &str, error: MapError) -> SensorError {
    SensorError::new(SensorErrorKind::Io, format!("the map {name} takes no more")).with(error)
}

fn broken(name: &str) -> SensorError {
    SensorError::new(SensorErrorKind::Object, format!("the object has no usable {name}"))
}

fn refused(name: &str) -> SensorError {
    SensorError::new(SensorErrorKind::Refused, format!("{name} was refused"))
}

/// Sequences of all containers that are remembered as told.
const SEQUENCES_TOLD: u32 = 65_536;
/// `TRACES` of `bpf/sequence.bpf.c`.
const TRACES: u32 = 16_384;

fn open_object(bytes: &[u8], btf: &Btf, config: &LoaderConfig) -> Result<Ebpf, SensorError> {
    let compat = u32::from(config.compat);
    let starts = sensitive_starts(&config.sensitive);
    let (told, traces) = if config.sequences { (SEQUENCES_TOLD, TRACES) } else { (1, 1) };
    EbpfLoader::new()
        .btf(Some(btf))
        .map_max_entries("sequences_told", told)
        .map_max_entries("traces", traces)
        .map_max_entries("events", config.ring_bytes)
        .map_max_entries("losses", config.losses)
        .override_global("compat_syscalls", &compat, false)
        .override_global("sensitive_starts", &starts, false)
        .load(bytes)
        .map_err(|error| {
            SensorError::new(SensorErrorKind::Refused, "the maps could not be made").with(error)
        })
}

/// A Bloom filter of the names' first eight bytes: `name__may_be_sensitive` of `bpf/file.bpf.c`.
fn sensitive_starts(names: &[String]) -> [u64; 16] {
    let mut starts = [0_u64; 16];
    for name in names {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        let place = u64::from_le_bytes(bytes).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        if let Some(word) = starts.get_mut((place >> 6) as usize) {
            *word |= 1 << (place & 63);
        }
    }
    starts
}

/// tp_btf if programs load with it, else raw tracepoints. Those of system calls need the most of helpers (one of
/// 5.11), those that tell who acts the most of the kernel's types.
fn load_sensor(config: &LoaderConfig, btf: &Btf) -> Result<(Ebpf, Form), SensorError> {
    let mut sensor = open_object(objects::SENSOR, btf, config)?;
    let needed = [("syscall__exit", "sys_exit"), ("process__fork", "sched_process_fork")];
    let mut load = |(name, point)| load_tracepoint(&mut sensor, btf, Form::Typed, name, point);
    if needed.into_iter().all(|program| load(program).is_ok()) {
        return Ok((sensor, Form::Typed));
    }
    drop(sensor);
    Ok((open_object(objects::SENSOR_RAW, btf, config)?, Form::Raw))
}

fn write_settings(object: &mut Ebpf, settings: &Settings) -> Result<(), SensorError> {
    let map = object.map_mut("settings").ok_or_else(|| broken("settings"))?;
    let mut map: Array<_, Settings> =
        Array::try_from(map).map_err(|error| broken("settings").with(error))?;
    map.set(0, settings, 0).map_err(|error| broken("settings").with(error))
}

fn write_sensitive(object: &mut Ebpf, names: &[String]) -> Result<(), SensorError> {
    let mut map: BpfHashMap<_, LeafKey, u32> = hash_map(object, "sensitive_names")?;
    for name in names {
        let mut key = LeafKey { name: [0; 32] };
        // The kernel side compares with a NUL at the end.
        let Some(place) = key.name.get_mut(..name.len()).filter(|place| place.len() < 32) else {
            return Err(SensorError::new(
                SensorErrorKind::Unsupported,
                format!("the sensitive name `{name}` has more than 31 bytes"),
            ));
        };
        place.copy_from_slice(name.as_bytes());
        map.insert(key, 1, 0).map_err(|error| full("sensitive_names", error))?;
    }
    Ok(())
}

/// Loads once; a program that is loaded already stays so.
fn load_tracepoint(
    object: &mut Ebpf,
    btf: &Btf,
    form: Form,
    name: &str,
    point: &str,
) -> Result<(), SensorError> {
    let program = object.program_mut(name).ok_or_else(|| broken(name))?;
    if program.fd().is_ok() {
        return Ok(());
    }
    let outcome = match form {
        Form::Typed => {
            let program: &mut BtfTracePoint =
                program.try_into().map_err(|error| broken(name).with(error))?;
            program.load(point, btf)
        }
        Form::Raw => {
            let program: &mut RawTracePoint =
                program.try_into().map_err(|error| broken(name).with(error))?;
            program.load()
        }
    };
    outcome.map_err(|error| refused(name).with(error))
}

fn attach_tracepoint(
    object: &mut Ebpf,
    btf: &Btf,
    form: Form,
    name: &str,
    point: &str,
) -> Result<(), SensorError> {
    load_tracepoint(object, btf, form, name, point)?;
    let program = object.program_mut(name).ok_or_else(|| broken(name))?;
    let outcome = match program {
        Program::BtfTracePoint(program) => program.attach().map(|_| ()),
        Program::RawTracePoint(program) => program.attach(point).map(|_| ()),
        _ => return Err(broken(name)),
    };
    outcome.map_err(|error| refused(name).with(error))
}

fn attach_tracepoints(
    object: &mut Ebpf,
    btf: &Btf,
    form: Form,
    config: &LoaderConfig,
    ladder: &mut Ladder,
) {
    for (name, point) in TRACEPOINTS {
        ladder.note(Rung::Tracepoint, name, attach_tracepoint(object, btf, form, name, point));
    }
    for (name, point) in IO_URING {
        let outcome = attach_tracepoint(object, btf, form, name, point);
        let found = outcome.is_ok();
        ladder.note(Rung::Tracepoint, name, outcome);
        if found {
            break;
        }
    }
    if config.prevent {
        let outcome = attach_tracepoint(object, btf, form, "guard__exec", "sched_process_exec");
        ladder.note(Rung::Tracepoint, "guard__exec", outcome);
    }
    if config.sequences {
        let outcome = attach_tracepoint(object, btf, form, "sequence__follow", "sys_exit");
        ladder.note(Rung::Tracepoint, "sequence__follow", outcome);
    }
    if form == Form::Typed {
        for (name, kind) in [("iterator__task", "task"), ("iterator__file", "task_file")] {
            ladder.note(Rung::Tracepoint, name, load_iterator(object, btf, name, kind));
        }
    }
}

fn load_iterator(object: &mut Ebpf, btf: &Btf, name: &str, kind: &str) -> Result<(), SensorError> {
    let program: &mut Iter = object
        .program_mut(name)
        .ok_or_else(|| broken(name))?
        .try_into()
        .map_err(|error| broken(name).with(error))?;
    program.load(kind, btf).map_err(|error| refused(name).with(error))
}

/// True when connect, bind and send are all hooked.
fn attach_cgroup(object: &mut Ebpf, config: &LoaderConfig, ladder: &mut Ladder) -> bool {
    let root = match &config.cgroup_root {
        Some(root) => open_root(root),
        None => Err(SensorError::new(SensorErrorKind::Unsupported, "this host has no cgroup v2")),
    };
    let Ok(root) = root else {
        for name in ADDRESS_HOOKS.iter().chain([&SOCKET_HOOK]) {
            ladder.note(Rung::Tracepoint, name, Err(refused(name)));
        }
        return false;
    };
    let mut all = true;
    for name in ADDRESS_HOOKS {
        let outcome = attach_address_hook(object, &root, name);
        all &= outcome.is_ok();
        ladder.note(Rung::Tracepoint, name, outcome);
    }
    ladder.note(Rung::Tracepoint, SOCKET_HOOK, attach_socket_hook(object, &root));
    for (name, way) in [
        ("cgroup__egress", CgroupSkbAttachType::Egress),
        ("cgroup__ingress", CgroupSkbAttachType::Ingress),
    ] {
        ladder.note(Rung::Tracepoint, name, attach_packets(object, &root, name, way));
    }
    all
}

fn open_root(path: &Path) -> Result<File, SensorError> {
    File::open(path)
        .map_err(|error| SensorError::os(format!("{} cannot be opened", path.display()), error))
}

/// By a link, which always stands beside other tools' programs (any refusal stands) and takes no flags:
/// `Single` is what aya calls none.
fn attach_address_hook(object: &mut Ebpf, root: &File, name: &str) -> Result<(), SensorError> {
    let program: &mut CgroupSockAddr = object
        .program_mut(name)
        .ok_or_else(|| broken(name))?
        .try_into()
        .map_err(|error| broken(name).with(error))?;
    program.load().map_err(|error| refused(name).with(error))?;
    program.attach(root, CgroupAttachMode::Single).map_err(|error| refused(name).with(error))?;
    Ok(())
}

fn attach_socket_hook(object: &mut Ebpf, root: &File) -> Result<(), SensorError> {
    let name = SOCKET_HOOK;
    let program: &mut CgroupSock = object
        .program_mut(name)
        .ok_or_else(|| broken(name))?
        .try_into()
        .map_err(|error| broken(name).with(error))?;
    program.load().map_err(|error| refused(name).with(error))?;
    program.attach(root, CgroupAttachMode::Single).map_err(|error| refused(name).with(error))?;
    Ok(())
}

fn attach_packets(
    object: &mut Ebpf,
    root: &File,
    name: &str,
    way: CgroupSkbAttachType,
) -> Result<(), SensorError> {
    let program: &mut CgroupSkb = object
        .program_mut(name)
        .ok_or_else(|| broken(name))?
        .try_into()
        .map_err(|error| broken(name).with(error))?;
    program.load().map_err(|error| refused(name).with(error))?;
    program
        .attach(root, way, CgroupAttachMode::Single)
        .map_err(|error| refused(name).with(error))?;
    Ok(())
}

/// Fills the tables first and attaches the dispatcher last.
fn attach_syscalls(
    object: &mut Ebpf,
    btf: &Btf,
    form: Form,
    config: &LoaderConfig,
    hooks: bool,
    ladder: &mut Ladder,
) -> Vec<ProgramArray<MapData>> {
    for program in syscalls::Program::ALL {
        let outcome = load_tracepoint(object, btf, form, program.name(), "sys_exit");
        ladder.note(Rung::Tracepoint, program.name(), outcome);
    }
    let mut tables = Vec::new();
    let mut outcome =
        fill(object, "native", syscalls::native(hooks)).map(|table| tables.push(table));
    if outcome.is_ok() && config.compat {
        outcome = fill(object, "compat", syscalls::compat(hooks)).map(|table| tables.push(table));
    }
    let outcome =
        outcome.and_then(|()| attach_tracepoint(object, btf, form, "syscall__exit", "sys_exit"));
    ladder.note(Rung::Tracepoint, "syscall__exit", outcome);
    tables
}

/// Calls whose program did not load are left out: an empty slot costs nothing.
fn fill(
    object: &mut Ebpf,
    table: &str,
    entries: impl Iterator<Item = syscalls::Entry>,
) -> Result<ProgramArray<MapData>, SensorError> {
    let (shapes, programs) = (format!("{table}_shapes"), format!("{table}_programs"));
    let entries: Vec<_> = entries.collect();
    let map = object.map_mut(&shapes).ok_or_else(|| broken(&shapes))?;
    let mut map: Array<_, SyscallShape> =
        Array::try_from(map).map_err(|error| broken(&shapes).with(error))?;
    for entry in &entries {
        map.set(number(entry)?, entry.shape, 0).map_err(|error| broken(&shapes).with(error))?;
    }
    let map = object.take_map(&programs).ok_or_else(|| broken(&programs))?;
    let mut map = ProgramArray::try_from(map).map_err(|error| broken(&programs).with(error))?;
    for entry in &entries {
        let Some(Ok(fd)) = object.program(entry.program.name()).map(Program::fd) else { continue };
        map.set(number(entry)?, fd, 0).map_err(|error| broken(&programs).with(error))?;
    }
    Ok(map)
}

fn number(entry: &syscalls::Entry) -> Result<u32, SensorError> {
    u32::try_from(entry.number).map_err(|error| broken("system call number").with(error))
}

fn load_lsm(
    config: &LoaderConfig,
    settings: &Settings,
    btf: &Btf,
    ladder: &mut Ladder,
) -> Option<Ebpf> {
    let mut object = match open_object(objects::LSM, btf, config) {
        Ok(object) => object,
        Err(error) => {
            ladder.note(Rung::Lsm, "lsm__exec", Err(error));
            return None;
        }
    };
    write_settings(&mut object, settings).ok()?;
    let mut any = false;
    for (name, hook) in LSM_HOOKS {
        let outcome = attach_lsm(&mut object, btf, name, hook);
        any |= outcome.is_ok();
        ladder.note(Rung::Lsm, name, outcome);
    }
    for (first, name, hook) in LSM_FALLBACK {
        if any && !ladder.has(first) {
            ladder.note(Rung::Lsm, name, attach_lsm(&mut object, btf, name, hook));
        }
    }
    if !any {
        return None;
    }
    for (name, point) in [("lsm__inherit", "cgroup_mkdir"), ("lsm__forget", "cgroup_rmdir")] {
        ladder.note(Rung::Lsm, name, attach_tracepoint(&mut object, btf, Form::Typed, name, point));
    }
    Some(object)
}

fn attach_lsm(object: &mut Ebpf, btf: &Btf, name: &str, hook: &str) -> Result<(), SensorError> {
    let program: &mut Lsm = object
        .program_mut(name)
        .ok_or_else(|| broken(name))?
        .try_into()
        .map_err(|error| broken(name).with(error))?;
    program.load(hook, btf).map_err(|error| refused(name).with(error))?;
    program.attach().map_err(|error| refused(name).with(error))?;
    Ok(())
}
