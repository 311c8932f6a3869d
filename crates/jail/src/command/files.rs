//! What a scanner sees of the file system, by Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

use super::mounts::View;
use super::spec::{ArtifactForm, CommandSpec};
use crate::confine::LayerState;

/// What every program needs to start, besides itself: programs, libraries, and how to find them.
const SYSTEM: &[&str] = &[
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/timezone",
    // Names of users: no secret is in them.
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
];

/// Devices without a memory, and the shape of the processor.
const DEVICES: &[&str] =
    &["/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/sys/devices/system/cpu"];

/// Of `/proc`, where it is not the scanner's own.
const PROC: &[&str] = &[
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
    "/proc/sys/vm",
];

/// What a program needs to find others on a network, and to trust them.
pub(super) const NETWORK: &[&str] = &[
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
];

/// The rights that are handled: those of Linux 6.12, as in the other jail.
const ABI_USED: ABI = ABI::V6;

/// Restricts this process and all that it starts.
pub(super) fn restrict(spec: &CommandSpec, view: &View) -> Result<LayerState, String> {
    let all = AccessFs::from_all(ABI_USED);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    // What it writes it does not execute.
    let write = all & !BitFlags::from(AccessFs::Execute);
    let proc: Vec<&Path> =
        if view.own_proc { vec![Path::new("/proc")] } else { PROC.iter().map(Path::new).collect() };
    let network: &[&str] = if spec.network { NETWORK } else { &[] };

    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(all);
    if !spec.network {
        ruleset = ruleset.and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI_USED)));
    }
    let scope = scope(spec);
    let mut created = ruleset
        .and_then(|ruleset| if scope.is_empty() { Ok(ruleset) } else { ruleset.scope(scope) })
        .and_then(Ruleset::create)
        .map_err(|error| error.to_string())?;
    let read_paths = spec.read_paths.iter().map(PathBuf::as_path);
    let paths = |list: &'static [&'static str]| list.iter().map(Path::new);
    let grants: [(Vec<&Path>, BitFlags<AccessFs>); 6] = [
        (paths(SYSTEM).chain([spec.program.as_path()]).chain(read_paths).collect(), run),
        (paths(DEVICES).chain(paths(network)).collect(), read),
        (proc, read),
        // `/proc/self/task/*/comm` and the like fail, which programs bear.
        (vec![Path::new("/dev/null")], read | AccessFs::WriteFile | AccessFs::Truncate),
        (vec![view.scratch.path()], write),
        (spec.write_paths.iter().map(PathBuf::as_path).collect(), write),
    ];
    for (paths, access) in grants {
        // What is not there is passed over: the list is for many systems.
        created =
            created.add_rules(path_beneath_rules(paths, access)).map_err(|e| e.to_string())?;
    }
    let status = created.restrict_self().map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(LayerState::Active),
        RulesetStatus::PartiallyEnforced => {
            Ok(LayerState::Partial("this kernel knows only older Landlock rules".to_owned()))
        }
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock, or it is off".to_owned()),
    }
}

/// No signals to, and no abstract sockets of, others; the client of a daemon may need the latter.
fn scope(spec: &CommandSpec) -> BitFlags<Scope> {
    match spec.artifact {
        ArtifactForm::Shared { .. } => BitFlags::from(Scope::Signal),
        _ => Scope::from_all(ABI_USED),
    }
}
