//! System calls that no scanner needs, taken from it.
//!
//! A list of what is forbidden, unlike the other jail's: a program of others may use what it likes of
//! the rest. What is forbidden fails with an error, as on a system that does not have it; it does not
//! kill, for libraries try things at their start.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use crate::confine::LayerState;

/// Fail with `EPERM`, whatever their arguments.
fn forbidden() -> Vec<libc::c_long> {
    vec![
        // Other processes: to read, to steer, or to take descriptors from.
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_pidfd_getfd,
        libc::SYS_kcmp,
        libc::SYS_move_pages,
        libc::SYS_migrate_pages,
        // Another view of the file system.
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_mount_setattr,
        libc::SYS_quotactl,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        // Files by handles go past every path.
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_fanotify_init,
        // Other namespaces.
        libc::SYS_unshare,
        libc::SYS_setns,
        // The kernel itself.
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_syslog,
        libc::SYS_acct,
        libc::SYS_lookup_dcookie,
        // Keys of the user.
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        // The clock.
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        // The host's name.
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_vhangup,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_kexec_file_load,
        // Ports and segments of the processor.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_iopl,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_ioperm,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_modify_ldt,
    ]
}

/// Fail with `ENOSYS`: libraries then take the older way, which can be filtered by its arguments
/// (`clone3` passes its flags in memory), or which is (io_uring makes system calls that no filter
/// sees).
fn unknown() -> [libc::c_long; 4] {
    [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ]
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, String> {
    let conditions = conditions
        .iter()
        .map(|(argument, operator, value)| {
            SeccompCondition::new(*argument, SeccompCmpArgLen::Dword, operator.clone(), *value)
        })
        .collect::<Result<Vec<_>, _>>();
    conditions.and_then(SeccompRule::new).map_err(|error| error.to_string())
}

fn number(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

/// Forbidden with some arguments.
fn with_arguments(network: bool) -> Result<Rules, String> {
    let mut rules = Rules::new();
    // A process in a namespace of its own.
    let namespaces = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    let bits = namespaces.map(number);
    let clone = bits.map(|bit| rule(&[(0, SeccompCmpOp::MaskedEq(bit), bit)]));
    rules.insert(libc::SYS_clone, clone.into_iter().collect::<Result<_, _>>()?);
    // Only families of sockets that are needed: many others have had holes.
    let mut families = vec![libc::AF_UNIX];
    if network {
        families.extend([libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]);
    }
    let others: Vec<_> =
        families.into_iter().map(|family| (0, SeccompCmpOp::Ne, number(family))).collect();
    rules.insert(libc::SYS_socket, vec![rule(&others)?]);
    // Typing into a terminal that is somebody else's.
    let terminal = [0x5412, 0x541C].map(|request| rule(&[(1, SeccompCmpOp::Eq, request)]));
    rules.insert(libc::SYS_ioctl, terminal.into_iter().collect::<Result<_, _>>()?);
    Ok(rules)
}

fn program(rules: Rules, error: libc::c_int) -> Result<BpfProgram, String> {
    let arch: TargetArch = std::env::consts::ARCH
        .try_into()
        .map_err(|error: seccompiler::BackendError| error.to_string())?;
    let action = SeccompAction::Errno(error.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

/// Numbers from 2^30 on are the x32 calls of an x86-64 kernel: the same calls again, past every list of
/// numbers. They fail with `ENOSYS`.
fn no_x32() -> BpfProgram {
    let step = |code: u32, jt, jf, k| sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    };
    let errno = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    vec![
        // The number is the first word of `struct seccomp_data`.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, 0x4000_0000),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, errno),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Puts the filters on this process and all that it starts.
pub(super) fn restrict(network: bool) -> Result<LayerState, String> {
    let always = |calls: &[libc::c_long]| -> Rules {
        calls.iter().map(|&call| (call, Vec::new())).collect()
    };
    let mut refused = always(&forbidden());
    refused.extend(with_arguments(network)?);
    let programs =
        [no_x32(), program(always(&unknown()), libc::ENOSYS)?, program(refused, libc::EPERM)?];
    for program in &programs {
        apply_filter(program).map_err(|error| error.to_string())?;
    }
    Ok(LayerState::Active)
}
