//! The system calls that a worker may make. Anything else kills it.
//!
//! The list was made by running every engine over the test corpora under a filter that logs, and
//! keeping what was needed. `tests/it` shows that a worker which opens a file or a socket, forks,
//! executes, or makes memory executable is killed by it.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Why the filter could not be made or applied.
#[derive(Debug, thiserror::Error)]
#[error("the system call filter could not be set up: {0}")]
pub struct FilterError(String);

/// System calls that are allowed whatever their arguments.
fn plain() -> Vec<libc::c_long> {
    vec![
        // Take the next job; read nothing else, for nothing else is open.
        libc::SYS_read,
        libc::SYS_recvmsg,
        libc::SYS_recvfrom,
        // Answer.
        libc::SYS_write,
        libc::SYS_sendmsg,
        libc::SYS_sendto,
        // Size of the artifact.
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        // Let go of the artifact.
        libc::SYS_close,
        // The allocator: grow and shrink the heap, give memory back.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        // Locks inside the standard library.
        libc::SYS_futex,
        // Time, where the vDSO cannot answer.
        libc::SYS_clock_gettime,
        libc::SYS_gettimeofday,
        // Seeds of hash maps.
        libc::SYS_getrandom,
        // Wait for the next job.
        libc::SYS_poll,
        libc::SYS_ppoll,
        // Die: a normal end, and `abort` after a panic.
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_rt_sigreturn,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigaction,
        libc::SYS_sigaltstack,
        libc::SYS_gettid,
        libc::SYS_getpid,
        // The rule engine's heart, a thread that was started before the filter closed: the C library
        // registers it with the kernel as its first act, which on a busy machine comes after that,
        // and then it sleeps from second to second.
        libc::SYS_rseq,
        libc::SYS_set_robust_list,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        // `sched_yield` in contended locks.
        libc::SYS_sched_yield,
        // The rule engine asks for the processor count when it sets up its memory.
        libc::SYS_sched_getaffinity,
    ]
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, FilterError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
        .map_err(|error| FilterError(error.to_string()))
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, FilterError> {
    SeccompRule::new(conditions).map_err(|error| FilterError(error.to_string()))
}

/// The filter as a program. Made once, in the template.
///
/// # Errors
/// Only on an architecture that seccompiler does not know.
pub fn program() -> Result<BpfProgram, FilterError> {
    let error = |error: &dyn std::fmt::Display| FilterError(error.to_string());
    let arch: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|e: seccompiler::BackendError| error(&e))?;

    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        plain().into_iter().map(|call| (call, Vec::new())).collect();

    let exec = u64::try_from(libc::PROT_EXEC).unwrap_or_default();
    let shared = u64::try_from(libc::MAP_SHARED).unwrap_or_default();
    // Memory for the allocator and the artifact's mapping: never executable, and never shared,
    // because shared memory escapes RLIMIT_DATA.
    rules.insert(libc::SYS_mmap, vec![rule(vec![masked(2, exec, 0)?, masked(3, shared, 0)?])?]);
    // The allocator and the rule engine's memory: never executable. The rules' code was made
    // executable by the template.
    rules.insert(libc::SYS_mprotect, vec![rule(vec![masked(2, exec, 0)?])?]);
    // `abort` raises SIGABRT in its own thread and nothing else.
    rules.insert(
        libc::SYS_tgkill,
        vec![rule(vec![
            SeccompCondition::new(
                2,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::Eq,
                u64::try_from(libc::SIGABRT).unwrap_or_default(),
            )
            .map_err(|e| error(&e))?,
        ])?],
    );

    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|e| error(&e))
}

/// Puts the filter on every thread of this process, for good: one without it would be the way out.
///
/// # Errors
/// The kernel has no seccomp.
pub fn apply(program: &BpfProgram) -> Result<(), FilterError> {
    seccompiler::apply_filter_all_threads(program).map_err(|error| FilterError(error.to_string()))
}
