//! Which features together are a finding, and how close together they must stand.

use crate::FindingKind;

use super::features::{FEATURES, Feature, Feature::*, Hit};
use super::kinds::*;
use super::language::{
    ANY, BAT, JS, Languages, MANAGED, PERL, PHP, PLAIN, PS, PY, RUBY, SH, VB, WINDOWS,
};

/// One of each group, within a distance.
pub(super) struct Rule {
    pub(super) kind: &'static FindingKind,
    /// What it does, for people.
    pub(super) what: &'static str,
    languages: Languages,
    /// Bytes of the view in which all groups must stand.
    within: usize,
    /// On one line, the groups in their order.
    ordered: bool,
    /// Bytes of the view beyond which the rule is silent: a library has everything somewhere.
    largest: usize,
    groups: &'static [&'static [Feature]],
}

const SMALL: usize = 64 << 10;
const MEDIUM: usize = 512 << 10;
const NEAR: usize = 400;
const FAR: usize = 4_000;

const fn rule(
    kind: &'static FindingKind,
    what: &'static str,
    languages: Languages,
    within: usize,
    groups: &'static [&'static [Feature]],
) -> Rule {
    Rule { kind, what, languages, within, ordered: false, largest: MEDIUM, groups }
}

/// On one line, in order.
const fn line(
    kind: &'static FindingKind,
    what: &'static str,
    languages: Languages,
    groups: &'static [&'static [Feature]],
) -> Rule {
    Rule { kind, what, languages, within: NEAR, ordered: true, largest: MEDIUM, groups }
}

/// Anywhere in a small file.
const fn small(
    kind: &'static FindingKind,
    what: &'static str,
    languages: Languages,
    groups: &'static [&'static [Feature]],
) -> Rule {
    Rule { kind, what, languages, within: SMALL, ordered: false, largest: SMALL, groups }
}

#[rustfmt::skip] // A table is read down its columns.
pub(super) const RULES: &[Rule] = &[
    rule(&DOWNLOAD_AND_RUN, "fetches code and runs it", PS | BAT | PLAIN | VB | JS, NEAR, &[&[FetchPs], &[Iex]]),
    rule(&DOWNLOAD_AND_RUN, "fetches a program and starts it", WINDOWS, 600, &[&[FetchPs], &[StartPs, StartCmd], &[TempPlace, IpUrl, Hidden]]),
    small(&DOWNLOAD_AND_RUN, "fetches, saves and runs", JS | VB | PLAIN, &[&[FetchWsh], &[SaveWsh], &[Shell32, RunWsh]]),
    small(&DOWNLOAD_AND_RUN, "fetches and runs", JS | VB | PLAIN, &[&[FetchWsh], &[Shell32], &[RunWsh]]),
    rule(&DOWNLOAD_AND_RUN, "fetches with a system tool and runs", WINDOWS, 600, &[&[FetchCmd], &[StartCmd, StartPs, Interpreter, Decodes, TempPlace]]),
    rule(&DOWNLOAD_AND_RUN, "fetches into a user's folder and starts it", BAT | PLAIN | VB | JS, 500, &[&[FetchUnix, FetchPs], &[TempPlace], &[StartCmd, StartPs, RunWsh]]),
    line(&DOWNLOAD_AND_RUN, "fetches from a bare address into a shell", ANY, &[&[FetchUnix], &[IpUrl, PasteUrl], &[PipeShell]]),
    rule(&DOWNLOAD_AND_RUN, "fetches from a bare address, makes it executable", SH | PLAIN | PY | PHP | PERL | JS, NEAR, &[&[FetchUnix], &[IpUrl, PasteUrl], &[ChmodX]]),
    rule(&DOWNLOAD_AND_RUN, "fetches into any folder that can be written, makes it executable", SH | PLAIN, FAR, &[&[FetchUnix], &[DirHop], &[ChmodX]]),
    rule(&DOWNLOAD_AND_RUN, "fetches into a temporary folder and leaves it running", SH | PLAIN | PY, NEAR, &[&[FetchUnix], &[TempPlace], &[ChmodX], &[Detach]]),
    rule(&DOWNLOAD_AND_RUN, "fetches source and evaluates it", PY, 200, &[&[FetchPy], &[ExecPy], &[IpUrl, PasteUrl]]),
    small(&DOWNLOAD_AND_RUN, "fetches a program from a bare address and starts it", PY | JS, &[&[FetchPy, FetchJs], &[EvalPy, ChildJs], &[IpUrl, PasteUrl]]),
    rule(&DOWNLOAD_AND_RUN, "fetches code and includes it", PHP, 80, &[&[EvalPhp], &[FetchPhp]]),
    line(&PIPE_TO_SHELL, "fetches into a shell", SH | PLAIN | BAT, &[&[FetchUnix], &[PipeShell]]),

    line(&REVERSE_SHELL, "a shell over a socket", SH | PLAIN | ANY, &[&[ShellI], &[DevTcp]]),
    line(&REVERSE_SHELL, "a socket bound to a shell", SH | PLAIN | ANY, &[&[DevTcp], &[ShellI, BinSh, PipeShell]]),
    line(&REVERSE_SHELL, "netcat with a program to run", SH | PLAIN | PY | PHP | BAT | RUBY | PERL | JS, &[&[NcExec], &[BinSh]]),
    line(&REVERSE_SHELL, "netcat between two pipes of a shell", ANY, &[&[Fifo], &[ShellI, BinSh, PipeShell], &[Nc, FetchUnix]]),
    line(&REVERSE_SHELL, "socat with a shell", SH | PLAIN | PY | PHP, &[&[Socat], &[SocatExec], &[BinSh, ShellI]]),
    rule(&REVERSE_SHELL, "a socket's ends become a shell's", PY, 600, &[&[SocketPy], &[Dup2], &[BinSh]]),
    rule(&REVERSE_SHELL, "commands from a socket are evaluated", PS | PLAIN | BAT | VB | JS, 1_000, &[&[SocketPs], &[StreamPs], &[Iex, BinSh]]),
    rule(&REVERSE_SHELL, "a socket given to a shell", PHP, 400, &[&[SocketPhp], &[ExecPhp], &[BinSh, ShellI]]),
    rule(&REVERSE_SHELL, "a socket given to a shell", PERL | RUBY, 500, &[&[SocketPerl], &[ExecPerl]]),
    rule(&REVERSE_SHELL, "a socket piped to a shell", JS, 500, &[&[SocketJs], &[ChildJs, EvalJs], &[BinSh]]),

    rule(&AUTOSTART, "sets a Run key to a script or a program in a user's folder", WINDOWS | PY, NEAR, &[&[RunKey], &[RegWrite], &[Interpreter, TempPlace]]),
    rule(&AUTOSTART, "makes a task that runs an interpreter", WINDOWS | PY, NEAR, &[&[SchTask], &[Interpreter], &[TempPlace, Hidden, FetchPs, Iex, Bypass, Proxy]]),
    small(&AUTOSTART, "copies itself or another script to the Startup folder", WINDOWS | PY, &[&[Startup], &[CopySelf], &[Interpreter, TempPlace, FetchWsh, FetchPs]]),
    rule(&WMI_SUBSCRIPTION, "binds an event filter to a command", ANY, FAR, &[&[WmiSub], &[Interpreter, Iex, StartPs, RegWrite, PowerShell, TempPlace, StartCmd, BinSh]]),
    line(&UNIX_PERSISTENCE, "puts a download into a cron table", ANY, &[&[FetchUnix, IpUrl], &[CronWrite]]),
    rule(&UNIX_PERSISTENCE, "puts a hidden or fetched program into a cron table", SH | PLAIN | PY, NEAR, &[&[CronWrite], &[FetchUnix, Detach, DevTcp, TempPlace], &[PipeShell, IpUrl, PasteUrl, Detach, DevTcp]]),
    line(&UNIX_PERSISTENCE, "makes a shell's start file open a connection", ANY, &[&[DevTcp, FetchUnix, NcExec], &[RcWrite]]),
    rule(&UNIX_PERSISTENCE, "adds a key to sign in with, and protects it from change", SH | PLAIN | PY, NEAR, &[&[SshKey], &[KeyText], &[CronWrite, FetchUnix, Detach, HistoryOff]]),

    rule(&CREDENTIAL_ACCESS, "dumps the memory of lsass", ANY, 300, &[&[Lsass], &[DumpTool]]),
    small(&CREDENTIAL_ACCESS, "names a tool that takes credentials", WINDOWS | PY, &[&[Mimikatz]]),
    small(&CREDENTIAL_ACCESS, "saves the SAM and SYSTEM hives", WINDOWS | PY, &[&[SamSave]]),
    line(&CREDENTIAL_ACCESS, "copies the directory database", WINDOWS, &[&[Ntds, ShadowDelete], &[Ntds]]),
    line(&CREDENTIAL_ACCESS, "sends the shadow file away", SH | PLAIN | PY | PHP, &[&[Shadow], &[PostOut, Nc, ChatSend]]),
    line(&CREDENTIAL_ACCESS, "sends the shadow file away", SH | PLAIN | PY | PHP, &[&[PostOut, Nc], &[Shadow]]),
    small(&CREDENTIAL_ACCESS, "exports the keys of wireless networks and sends them", WINDOWS | PY, &[&[WifiKeys], &[ChatSend, PostOut]]),
    line(&CREDENTIAL_ACCESS, "asks for the password in a dialog of its own", SH | PLAIN, &[&[Keychain], &[Keychain]]),
    rule(&BROWSER_THEFT, "opens and decrypts a browser's store", ANY, 6_000, &[&[BrowserStore], &[Unprotect]]),
    small(&BROWSER_THEFT, "sends a browser's or wallet's store away", ANY, &[&[BrowserStore, TokenStore], &[ChatSend]]),

    rule(&AMSI_BYPASS, "patches the scanner's interface", PS | BAT | PLAIN | VB | JS | PY, 2_000, &[&[Amsi], &[Patch]]),
    rule(&AMSI_BYPASS, "patches event tracing", PS | BAT | PLAIN | VB, 2_000, &[&[EtwPatch], &[Patch]]),
    rule(&DEFENDER_TAMPERING, "switches off Microsoft Defender or leaves something out of it", WINDOWS | PY, 160, &[&[DefenderOff], &[SetMp]]),
    small(&DEFENDER_TAMPERING, "stops a protection product of the cloud host", SH, &[&[KillAv], &[FetchUnix, Miner]]),
    small(&LOG_CLEARING, "clears event logs", WINDOWS, &[&[LogClear]]),
    rule(&LOG_CLEARING, "removes logs and the shell's history", SH | PLAIN, FAR, &[&[LogClear], &[HistoryOff]]),
    rule(&UAC_BYPASS, "sets a command that a trusted program runs", WINDOWS | PY, 600, &[&[Uac], &[RegWrite], &[Interpreter, Uac]]),
    rule(&INHIBIT_RECOVERY, "deletes shadow copies", ANY, 200, &[&[ShadowDelete], &[DeleteCall]]),
    small(&INHIBIT_RECOVERY, "switches off recovery", ANY, &[&[RecoveryOff]]),
    small(&RANSOM, "encrypts files and leaves a note", ANY, &[&[Crypt], &[Walk], &[RansomNote]]),
    small(&DESTRUCTIVE, "wipes the disk or all files", SH | BAT | PS | VB | PLAIN, &[&[Destroy]]),
    rule(&PROCESS_INJECTION, "runs bytes as machine code", ANY & !PY, 8_000, &[&[Alloc], &[CopyCode], &[RunCode]]),
    rule(&PROCESS_INJECTION, "runs bytes as machine code", PY, 8_000, &[&[Alloc], &[CopyCode], &[RunCode], &[Ctypes]]),
    small(&EXFILTRATION, "sends secrets to a chat service or collector", ANY, &[&[ChatSend], &[SecretFiles, Screenshot, Keylog, Shadow]]),
    small(&EXFILTRATION, "sends the environment to a collector", JS | PY | SH | RUBY, &[&[ChatSend], &[EnvRead], &[PostOut, FetchJs, FetchUnix, FetchPy]]),
    small(&KEYLOGGING, "records the keyboard", PS | VB, &[&[Keylog], &[PostOut, ChatSend, CopySelf, TempPlace]]),
    small(&KEYLOGGING, "records the keyboard and sends it away", PY, &[&[Keylog], &[PostOut, ChatSend]]),
    small(&CRYPTO_MINER, "starts a miner", ANY, &[&[Stratum], &[Miner]]),
    rule(&CRYPTO_MINER, "fetches a miner", SH | PS | BAT | PLAIN | PY, 1_000, &[&[Miner], &[FetchUnix, FetchPs], &[ChmodX, StartCmd, StartPs, Detach, TempPlace]]),
    small(&PROXY_EXECUTION, "runs code through a program of Windows", WINDOWS | PY | PHP | MANAGED, &[&[Proxy]]),
    rule(&HIDDEN_POWERSHELL, "PowerShell with a hidden window and a download", WINDOWS | PY, NEAR, &[&[PowerShell], &[Hidden], &[FetchPs, Iex, FetchUnix]]),

    small(&WEB_SHELL, "evaluates what the request carries", MANAGED | VB | JS, &[&[DirectManaged]]),
    rule(&WEB_SHELL, "runs commands that the request carries", MANAGED, 600, &[&[RequestManaged], &[ExecManaged]]),
    small(&WEB_SHELL, "loads classes out of the request", MANAGED, &[&[RequestManaged], &[ClassLoad], &[Crypto]]),
];

/// What a rule saw.
pub(super) struct Match<'r> {
    pub(super) rule: &'r Rule,
    /// The hits, one of each group.
    pub(super) hits: Vec<Hit>,
}

/// The rules that hold for a view, each once.
pub(super) fn matches(view: &[u8], hits: &[Hit], languages: Languages) -> Vec<Match<'static>> {
    let mut seen = [false; FEATURES];
    for hit in hits {
        if let Some(slot) = seen.get_mut(hit.feature as usize) {
            *slot = true;
        }
    }
    let has = |feature: &Feature| seen.get(*feature as usize).copied().unwrap_or(false);
    RULES
        .iter()
        .filter(|rule| {
            rule.languages & languages != 0
                && view.len() <= rule.largest
                && !rule.groups.is_empty()
                && rule.groups.iter().all(|group| group.iter().any(has))
        })
        .filter_map(|rule| {
            let found = if rule.ordered { in_order(rule, view, hits) } else { near(rule, hits) };
            found.map(|hits| Match { rule, hits })
        })
        .collect()
}

/// One hit of each group, all within the rule's distance.
fn near(rule: &Rule, hits: &[Hit]) -> Option<Vec<Hit>> {
    let mut last: Vec<Option<Hit>> = vec![None; rule.groups.len()];
    for hit in hits {
        let mut touched = false;
        for (group, slot) in rule.groups.iter().zip(&mut last) {
            if group.contains(&hit.feature) {
                *slot = Some(*hit);
                touched = true;
            }
        }
        if !touched {
            continue;
        }
        let close = |slot: &Option<Hit>| {
            slot.is_some_and(|old| hit.end.saturating_sub(old.start) <= rule.within)
        };
        if last.iter().all(close) {
            return Some(last.into_iter().flatten().collect());
        }
    }
    None
}

/// One hit of each group in order, on one line and within the rule's distance.
fn in_order(rule: &Rule, view: &[u8], hits: &[Hit]) -> Option<Vec<Hit>> {
    let mut chain: Vec<Hit> = Vec::new();
    for hit in hits {
        if let Some(last) = chain.last() {
            let between = view.get(last.end.min(hit.start)..hit.start).unwrap_or_default();
            let first = chain.first().map_or(hit.start, |first| first.start);
            if memchr::memchr(b'\n', between).is_some()
                || hit.end.saturating_sub(first) > rule.within
            {
                chain.clear();
            }
        }
        let wanted = rule.groups.get(chain.len())?;
        let starts = rule.groups.first().is_some_and(|group| group.contains(&hit.feature));
        let overlaps = chain.last().is_some_and(|last| last.end > hit.start);
        if wanted.contains(&hit.feature) && !overlaps {
            chain.push(*hit);
        } else if starts && chain.len() <= 1 {
            chain.clear();
            chain.push(*hit);
        }
        if chain.len() == rule.groups.len() {
            return Some(chain);
        }
    }
    None
}

/// How many different discovery commands stand within [`FAR`] bytes, at most.
pub(super) fn discovery(hits: &[Hit]) -> usize {
    let hits: Vec<&Hit> = hits.iter().filter(|hit| hit.feature == Discovery).collect();
    let mut most = 0;
    let mut counts = std::collections::HashMap::new();
    let mut first = 0;
    for hit in &hits {
        *counts.entry(hit.pattern).or_insert(0usize) += 1;
        while let Some(old) = hits.get(first).filter(|old| hit.end - old.start > FAR) {
            if let Some(count) = counts.get_mut(&old.pattern) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&old.pattern);
                }
            }
            first += 1;
        }
        most = most.max(counts.len());
    }
    most
}
