//! Debian's auditd beside us, with rules for the same acts. Started by hand: no service is left behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::bench::table::say;
use crate::{command, packages};

/// What Debian's own rules begin with (`/etc/audit/rules.d/audit.rules`): buffers, patience, and that a full
/// buffer is said and nothing else.
const HEAD: &[&str] = &["-D", "-b 8192", "--backlog_wait_time 60000", "-f 1", "-r 0"];

/// Programs started, connections made, files opened for writing, renamed and removed; of the whole host, since
/// a rule of the kernel's cannot name a container.
const RULES: &[&str] = &[
    "-a always,exit -F arch=b64 -S execve,execveat -k exec",
    "-a always,exit -F arch=b64 -S connect -k connect",
    "-a always,exit -F arch=b64 -S creat -k write",
    "-a always,exit -F arch=b64 -S open -F a1&3 -k write",
    "-a always,exit -F arch=b64 -S openat -F a2&3 -k write",
    "-a always,exit -F arch=b64 -S rename,renameat,renameat2 -k rename",
    "-a always,exit -F arch=b64 -S unlink,unlinkat,rmdir -k unlink",
];

/// Since it was once switched on, the kernel takes the slow way through every system call of every new process
/// (`audit_alloc`), rules or not; this rule takes new ones off it again.
const NEVER: &str = "-a never,task";

/// The auditd of this bench.
pub(super) struct Audit {
    folder: PathBuf,
    /// Why the daemon does not run; the kernel's queue then has no reader but the kernel's log.
    without: Option<String>,
}

/// Rules in force. Dropped, they are gone.
pub(super) struct Auditing<'a> {
    audit: &'a Audit,
    daemon: Option<Child>,
}

impl Audit {
    /// Installs it and tries it; the error says why it cannot run here.
    pub(super) fn prepare(directory: &Path) -> anyhow::Result<Self> {
        let there = Path::new("/usr/sbin/auditd").exists();
        packages::ensure(&["auditd"])?;
        if !there {
            // What the package started. On a machine without systemd nobody did.
            let mut stop = Command::new("service");
            let _ = stop.args(["auditd", "stop"]).stdout(Stdio::null()).status();
        }
        ensure!(!daemon_runs(), "an auditd runs already: stop it (`service auditd stop`)");
        let folder = directory.join("audit");
        fs::create_dir_all(&folder)?;
        // Debian's settings, but for where the log is.
        let installed = fs::read_to_string("/etc/audit/auditd.conf")
            .context("/etc/audit/auditd.conf cannot be read")?;
        let log = format!("log_file = {}", folder.join("audit.log").display());
        let own =
            |line: &str| if line.starts_with("log_file") { log.clone() } else { line.to_owned() };
        let settings: Vec<String> = installed.lines().map(own).collect();
        fs::write(folder.join("auditd.conf"), settings.join("\n") + "\n")?;
        let mut audit = Self { folder, without: None };
        let without = audit.begin(true).err().map(|error| format!("{error:#}"));
        if without.is_some() {
            drop(audit.begin(false)?);
        }
        audit.without = without;
        Ok(audit)
    }

    /// Which form runs, in words.
    pub(super) fn form(&self) -> String {
        match &self.without {
            None => "`auditd -n`, Debian's settings, rules for the whole host".to_owned(),
            Some(why) => format!(
                "rules of auditctl and the kernel's queue only: auditd cannot run here ({why})"
            ),
        }
    }

    /// Its log, and those before it.
    fn logs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_log = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("audit.log");
        entries.filter(|entry| is_log(&entry.file_name())).map(|entry| entry.path()).collect()
    }

    /// Puts its rules in force.
    pub(super) fn start(&self) -> anyhow::Result<Auditing<'_>> {
        self.begin(self.without.is_none())
    }

    fn begin(&self, with_daemon: bool) -> anyhow::Result<Auditing<'_>> {
        let mut auditing = Auditing { audit: self, daemon: None };
        if with_daemon {
            let log = File::create(self.folder.join("auditd.err"))?;
            // It ends with us, however we end.
            let mut command = Command::new("setpriv");
            command
                .args(["--pdeathsig", "TERM", "/usr/sbin/auditd", "-n", "-c"])
                .arg(&self.folder)
                .stdin(Stdio::null());
            command.stdout(log.try_clone()?).stderr(log);
            let daemon = auditing.daemon.insert(command.spawn().context("auditd does not start")?);
            std::thread::sleep(Duration::from_millis(500));
            if let Some(status) = daemon.try_wait()? {
                auditing.daemon = None;
                let why = fs::read_to_string(self.folder.join("auditd.err")).unwrap_or_default();
                bail!("it ended ({status}) {}", why.trim());
            }
        }
        for rule in HEAD.iter().chain(RULES) {
            control(rule)?;
        }
        control("-e 1")?;
        Ok(auditing)
    }
}

impl Auditing<'_> {
    /// Records that the kernel lost since it was booted, by `auditctl -s`.
    pub(super) fn lost(&self) -> f64 {
        let told =
            command::output(Command::new("/usr/sbin/auditctl").arg("-s")).unwrap_or_default();
        let lost = told.lines().find_map(|line| line.strip_prefix("lost "));
        lost.and_then(|number| number.trim().parse().ok()).unwrap_or(f64::NAN)
    }

    /// Records with this key that are in its log by now; `None` where nobody writes one.
    pub(super) fn recorded(&self, key: &str) -> Option<usize> {
        self.daemon.as_ref()?;
        let mark = format!("key=\"{key}\"");
        let of_file = |path: PathBuf| {
            let text = fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&text).matches(&mark).count()
        };
        Some(self.audit.logs().into_iter().map(of_file).sum())
    }
}

impl Drop for Auditing<'_> {
    fn drop(&mut self) {
        for rule in ["-e 0", "-D", NEVER] {
            if let Err(error) = control(rule) {
                say(&format!("{error:#}"));
            }
        }
        if let Some(daemon) = &mut self.daemon {
            let pid = i32::try_from(daemon.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            let _ = daemon.wait();
        }
        // Its log grows by megabytes a second.
        for log in self.audit.logs() {
            let _ = fs::remove_file(log);
        }
    }
}

/// One line of a file of rules.
fn control(line: &str) -> anyhow::Result<()> {
    let mut auditctl = Command::new("/usr/sbin/auditctl");
    let done = auditctl.args(line.split(' ')).output().context("auditctl does not start")?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "auditctl {line}: {}", said.trim());
    Ok(())
}

fn daemon_runs() -> bool {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    names
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .any(|name| name.trim() == "auditd")
}
