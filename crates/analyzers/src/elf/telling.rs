//! What texts tell in a program for Linux.

use super::kinds;
use crate::program::{Mark, Telling};

/// The rules.
pub(super) const RULES: &[Telling] = &[
    Telling {
        kind: &kinds::BOT,
        of: &[
            Mark::BusyBox,
            Mark::BusyboxWget,
            Mark::Chmod777,
            Mark::Tftp,
            Mark::TftpC,
            Mark::WatchdogDevice,
            Mark::MiscWatchdog,
            Mark::HttpFlood,
            Mark::UdpFlood,
            Mark::SynFlood,
            Mark::PostCdnCgi,
            Mark::HuaweiExploit,
            Mark::GponExploit,
            Mark::ApplicationNotFound,
        ],
        least: 4,
        with: &[
            Mark::ProcNetTcp,
            Mark::ProcExe,
            Mark::MiscWatchdog,
            Mark::HuaweiExploit,
            Mark::GponExploit,
        ],
        meaning: "has the words of bots that spread over routers and cameras",
    },
    Telling {
        kind: &kinds::STAYS,
        of: &[
            Mark::LdPreloadFile,
            Mark::CronDirectory,
            Mark::CronSpool,
            Mark::AuthorizedKeys,
            Mark::RcLocal,
            Mark::InitDirectory,
            Mark::ProfileDirectory,
            Mark::SystemdUnit,
            Mark::BashRc,
        ],
        least: 5,
        with: &[],
        meaning: "knows many places from which programs are started",
    },
    Telling {
        kind: &kinds::WEAKENS_HOST,
        of: &[
            Mark::Setenforce,
            Mark::IptablesFlush,
            Mark::UfwDisable,
            Mark::StopFirewall,
            Mark::HistoryOff,
            Mark::HistoryClear,
            Mark::AliyunService,
            Mark::KillMiners,
        ],
        least: 2,
        with: &[],
        meaning: "switches off what protects or records",
    },
    Telling {
        kind: &kinds::SHELL_COMMAND,
        of: &[Mark::BashInteractive, Mark::ShInteractive, Mark::NetcatShell],
        least: 1,
        with: &[],
        meaning: "holds a command that gives a shell to somebody else",
    },
    Telling {
        kind: &kinds::ESCAPES_CONTAINER,
        of: &[Mark::ReleaseAgent, Mark::CorePattern, Mark::DockerSocket, Mark::HostRoot],
        least: 2,
        with: &[],
        meaning: "knows the ways out of a container",
    },
    Telling {
        kind: &kinds::PRELOAD_FILE,
        of: &[Mark::LdPreloadFile],
        least: 1,
        with: &[],
        meaning: "names the file that puts a library into every program",
    },
    Telling {
        kind: &kinds::WRITES_OWN_MEMORY,
        of: &[Mark::ProcMem],
        least: 1,
        with: &[],
        meaning: "names the file by which a program writes its own memory past its protection",
    },
];
