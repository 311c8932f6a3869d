//! The structs of `bpf/abi.h`, field for field. The test `layout` compares every offset and size with
//! `bpf/layout.h`, which the C compiler has checked.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Text {
    pub(crate) offset: u16,
    pub(crate) length: u16,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct PathText {
    pub(crate) offset: u16,
    pub(crate) length: u16,
    pub(crate) flags: u16,
    pub(crate) components: u16,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct EventHeader {
    pub(crate) version: u16,
    pub(crate) kind: u16,
    pub(crate) size: u32,
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    pub(crate) cpu: u32,
    pub(crate) flags: u32,
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    pub(crate) start: u64,
    pub(crate) cgroup: u64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) euid: u32,
    pub(crate) egid: u32,
    pub(crate) capabilities: u64,
    pub(crate) mount_namespace: u32,
    pub(crate) pid_namespace: u32,
    pub(crate) network_namespace: u32,
    pub(crate) user_namespace: u32,
    pub(crate) parent_tgid: u32,
    pub(crate) inner_tgid: u32,
    pub(crate) parent_start: u64,
    pub(crate) name: [u8; 16],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct FileRef {
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) changed: u64,
    pub(crate) modified: u64,
    pub(crate) device: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) filesystem: u32,
    pub(crate) flags: u32,
    pub(crate) path: PathText,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Ancestor {
    pub(crate) start: u64,
    pub(crate) tgid: u32,
    pub(crate) pad: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ForkEvent {
    pub(crate) header: EventHeader,
    pub(crate) child_start: u64,
    pub(crate) child_cgroup: u64,
    pub(crate) child_tgid: u32,
    pub(crate) child_inner_tgid: u32,
    pub(crate) child_mount_namespace: u32,
    pub(crate) child_pid_namespace: u32,
    pub(crate) child_network_namespace: u32,
    pub(crate) child_user_namespace: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExecEvent {
    pub(crate) header: EventHeader,
    pub(crate) executable: FileRef,
    pub(crate) directory: PathText,
    pub(crate) invoked: Text,
    pub(crate) interpreter: Text,
    pub(crate) arguments: Text,
    pub(crate) environment: Text,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
    pub(crate) ambient: u64,
    pub(crate) bounding: u64,
    pub(crate) argument_bytes: u32,
    pub(crate) old_tid: u32,
    pub(crate) session: u32,
    pub(crate) group: u32,
    pub(crate) terminal: u32,
    pub(crate) ancestors: u32,
    pub(crate) saved_uid: u32,
    pub(crate) saved_gid: u32,
    pub(crate) login_uid: u32,
    pub(crate) flags: u32,
    pub(crate) ancestor: [Ancestor; 16],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExitEvent {
    pub(crate) header: EventHeader,
    pub(crate) code: u32,
    pub(crate) pad: u32,
    pub(crate) user_time: u64,
    pub(crate) system_time: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct FileEvent {
    pub(crate) header: EventHeader,
    pub(crate) file: FileRef,
    pub(crate) result: i64,
    pub(crate) suppressed: u64,
    pub(crate) open_flags: u32,
    pub(crate) syscall: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct CallEvent {
    pub(crate) header: EventHeader,
    pub(crate) suppressed: u64,
    pub(crate) result: i64,
    pub(crate) argument: [u64; 6],
    pub(crate) file: FileRef,
    pub(crate) base: PathText,
    pub(crate) base2: PathText,
    pub(crate) path: Text,
    pub(crate) path2: Text,
    pub(crate) syscall: u32,
    pub(crate) extra: Text,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SocketAddress {
    pub(crate) family: u16,
    pub(crate) port: u16,
    pub(crate) scope: u32,
    pub(crate) address: [u8; 16],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SocketEvent {
    pub(crate) header: EventHeader,
    pub(crate) suppressed: u64,
    pub(crate) result: i64,
    pub(crate) cookie: u64,
    pub(crate) inode: u64,
    pub(crate) family: u16,
    pub(crate) r#type: u16,
    pub(crate) protocol: u32,
    pub(crate) state: u32,
    pub(crate) flags: u32,
    pub(crate) local: SocketAddress,
    pub(crate) remote: SocketAddress,
    pub(crate) path: Text,
    pub(crate) verdict: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct DnsEvent {
    pub(crate) header: EventHeader,
    pub(crate) cookie: u64,
    pub(crate) local: SocketAddress,
    pub(crate) remote: SocketAddress,
    pub(crate) outgoing: u16,
    pub(crate) protocol: u16,
    pub(crate) length: u16,
    pub(crate) captured: u16,
    pub(crate) payload: [u8; 512],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SignalEvent {
    pub(crate) header: EventHeader,
    pub(crate) target_start: u64,
    pub(crate) target_cgroup: u64,
    pub(crate) target_tgid: u32,
    pub(crate) signal: u32,
    pub(crate) code: i32,
    pub(crate) result: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct IoUringEvent {
    pub(crate) header: EventHeader,
    pub(crate) suppressed: u64,
    pub(crate) opcode: u32,
    pub(crate) request_flags: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SequenceEvent {
    pub(crate) header: EventHeader,
    pub(crate) call: [u16; 3],
    pub(crate) pad: u16,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct CgroupEvent {
    pub(crate) header: EventHeader,
    pub(crate) cgroup: u64,
    pub(crate) parent: u64,
    pub(crate) change: u32,
    pub(crate) level: u32,
    pub(crate) hierarchy: u32,
    pub(crate) path: Text,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct TaskSnapshot {
    pub(crate) header: EventHeader,
    pub(crate) executable: FileRef,
    pub(crate) reader_tgid: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    pub(crate) terminal: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct FileSnapshot {
    pub(crate) header: EventHeader,
    pub(crate) file: FileRef,
    pub(crate) local: SocketAddress,
    pub(crate) remote: SocketAddress,
    pub(crate) descriptor: u32,
    pub(crate) state: u32,
    pub(crate) family: u16,
    pub(crate) r#type: u16,
    pub(crate) protocol: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LsmEvent {
    pub(crate) header: EventHeader,
    pub(crate) file: FileRef,
    pub(crate) remote: SocketAddress,
    pub(crate) hook: u32,
    pub(crate) verdict: u32,
    pub(crate) argument: [u64; 2],
    pub(crate) path2: Text,
    pub(crate) leaf: u32,
    pub(crate) bytes: [u8; 1024],
}

/// How a container is watched.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Watch {
    /// Bit n: kind n is reported.
    pub kinds: u64,
    /// The container's own cgroup: what its verdicts are kept by. Cgroups made inside it inherit it.
    pub id: u64,
    /// `WATCH_*` of `bpf/abi.h`.
    pub flags: u32,
    /// 1: its end is always told.
    pub told: u32,
}

/// What holds for all.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Settings {
    /// 0: watched cgroups; 1: the whole host.
    pub mode: u32,
    /// The agent, in the host's numbers: never reported.
    pub self_tgid: u32,
    /// 0: unified; 1: v1 memory; 2: v1 pids.
    pub cgroup_key: u32,
    /// Inode number of the host's mount namespace.
    pub host_mount_namespace: u32,
    /// ns; 0: no deduplication.
    pub dedup_window: u64,
    /// Events a second, of one kind in one cgroup; 0: none.
    pub rate_limit: u64,
    /// Bit n-1: signal n is reported.
    pub signal_mask: u64,
    /// What holds in mode 1 for cgroups that are not listed.
    pub host: Watch,
    /// Key of the hash of paths: random, another at each start.
    pub hash_key: [u64; 2],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct SyscallShape {
    pub(crate) kind: u16,
    pub(crate) flags: u8,
    pub(crate) fd: i8,
    pub(crate) path: i8,
    pub(crate) directory: i8,
    pub(crate) path2: i8,
    pub(crate) directory2: i8,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LossKey {
    pub(crate) cgroup: u64,
    pub(crate) kind: u16,
    pub(crate) reason: u16,
    pub(crate) pad: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct Loss {
    pub(crate) count: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExecKey {
    pub(crate) cgroup: u64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExecPathKey {
    pub(crate) cgroup: u64,
    pub(crate) hash: [u64; 2],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct ExecVerdict {
    pub(crate) effect: u32,
    pub(crate) rule: u32,
    pub(crate) changed: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct NetKey {
    pub(crate) prefix: u32,
    pub(crate) direction: u32,
    pub(crate) cgroup: u64,
    pub(crate) address: [u8; 16],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct NetRange {
    pub(crate) low: u16,
    pub(crate) high: u16,
    pub(crate) rule: u32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct NetVerdict {
    pub(crate) ranges: u32,
    pub(crate) pad: u32,
    pub(crate) range: [NetRange; 16],
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct LeafKey {
    pub(crate) name: [u8; 32],
}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for Watch {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for Settings {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for SyscallShape {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for LossKey {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for Loss {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for ExecKey {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for ExecPathKey {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for ExecVerdict {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for NetKey {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for NetVerdict {}

// SAFETY: `repr(C)`, only integers and arrays of them, no padding (`IntoBytes` proves it): any bytes are
// a value and a value is only its bytes.
unsafe impl aya::Pod for LeafKey {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::mem::{offset_of, size_of};

    use super::*;

    /// `SIZE(type, n);` and `OFFSET(type, field, n);` of the C header.
    fn said_by_c() -> BTreeMap<String, usize> {
        include_str!("../bpf/layout.h")
            .lines()
            .filter_map(|line| {
                let (name, rest) = line.strip_suffix(");")?.split_once('(')?;
                if name != "SIZE" && name != "OFFSET" {
                    return None;
                }
                let (key, number) = rest.rsplit_once(", ")?;
                Some((key.replace(", ", "."), number.parse().ok()?))
            })
            .collect()
    }

    macro_rules! said_by_rust {
        ($($name:literal $type:ident { $($field:ident),* $(,)? })*) => {{
            let mut all = BTreeMap::new();
            $(
                all.insert($name.to_owned(), size_of::<$type>());
                $(all.insert(format!("{}.{}", $name, stringify!($field).trim_start_matches("r#")), offset_of!($type, $field));)*
            )*
            all
        }};
    }

    #[test]
    fn c_and_rust_agree_on_every_byte() {
        let rust = said_by_rust! {
            "text" Text { offset, length }
            "path_text" PathText { offset, length, flags, components }
            "event_header" EventHeader { version, kind, size, sequence, time, cpu, flags, tgid, tid, start, cgroup, uid, gid, euid, egid, capabilities, mount_namespace, pid_namespace, network_namespace, user_namespace, parent_tgid, inner_tgid, parent_start, name }
            "file_ref" FileRef { inode, size, changed, modified, device, mode, uid, gid, filesystem, flags, path }
            "ancestor" Ancestor { start, tgid, pad }
            "fork_event" ForkEvent { header, child_start, child_cgroup, child_tgid, child_inner_tgid, child_mount_namespace, child_pid_namespace, child_network_namespace, child_user_namespace }
            "exec_event" ExecEvent { header, executable, directory, invoked, interpreter, arguments, environment, permitted, inheritable, ambient, bounding, argument_bytes, old_tid, session, group, terminal, ancestors, saved_uid, saved_gid, login_uid, flags, ancestor }
            "exit_event" ExitEvent { header, code, pad, user_time, system_time }
            "file_event" FileEvent { header, file, result, suppressed, open_flags, syscall }
            "call_event" CallEvent { header, suppressed, result, argument, file, base, base2, path, path2, syscall, extra }
            "socket_address" SocketAddress { family, port, scope, address }
            "socket_event" SocketEvent { header, suppressed, result, cookie, inode, family, r#type, protocol, state, flags, local, remote, path, verdict }
            "dns_event" DnsEvent { header, cookie, local, remote, outgoing, protocol, length, captured, payload }
            "signal_event" SignalEvent { header, target_start, target_cgroup, target_tgid, signal, code, result }
            "io_uring_event" IoUringEvent { header, suppressed, opcode, request_flags }
            "sequence_event" SequenceEvent { header, call, pad }
            "cgroup_event" CgroupEvent { header, cgroup, parent, change, level, hierarchy, path }
            "task_snapshot" TaskSnapshot { header, executable, reader_tgid, group, session, terminal }
            "file_snapshot" FileSnapshot { header, file, local, remote, descriptor, state, family, r#type, protocol }
            "lsm_event" LsmEvent { header, file, remote, hook, verdict, argument, path2, leaf, bytes }
            "watch" Watch { kinds, id, flags, told }
            "settings" Settings { mode, self_tgid, cgroup_key, host_mount_namespace, dedup_window, rate_limit, signal_mask, host, hash_key }
            "syscall_shape" SyscallShape { kind, flags, fd, path, directory, path2, directory2 }
            "loss_key" LossKey { cgroup, kind, reason, pad }
            "loss" Loss { count, first, last }
            "exec_key" ExecKey { cgroup, inode, device }
            "exec_path_key" ExecPathKey { cgroup, hash }
            "exec_verdict" ExecVerdict { effect, rule, changed }
            "net_key" NetKey { prefix, direction, cgroup, address }
            "net_range" NetRange { low, high, rule }
            "net_verdict" NetVerdict { ranges, pad, range }
            "leaf_key" LeafKey { name }
        };
        assert_eq!(said_by_c(), rust);
    }
}
