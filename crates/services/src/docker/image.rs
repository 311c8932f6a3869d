use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::rootfs::{Rootfs, cache, made_once};
use crate::tool;

/// What containers are started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Image {
    /// A Debian with everyday tools.
    Debian,
    /// Busybox and nothing else.
    Busybox,
    /// The web server.
    Nginx,
    /// The key-value store.
    Redis,
    /// The database.
    Postgres,
}

impl Rootfs {
    /// What all containers of scenarios are made of but Busybox's, and the virtual machine's own system:
    /// one file system keeps making it short.
    pub const SCENARIOS: Self = Self {
        name: "scenarios",
        variant: "minbase",
        packages: &[
            "busybox-static",
            "ca-certificates",
            "cron",
            "curl",
            "iproute2",
            "iputils-ping",
            "libcap2-bin",
            "netcat-openbsd",
            "nginx-light",
            "openssh-client",
            "passwd",
            "postgresql",
            "procps",
            "python3",
            "redis-server",
            "runc",
            "strace",
            "util-linux",
        ],
        hooks: &[
            // A compiler by name: a real one would double the size.
            r#"cp "$1/bin/true" "$1/usr/bin/cc""#,
            r#"cp "$1/bin/busybox" "$1/bin/busybox-marker""#,
        ],
    };
}

impl Image {
    /// Every image.
    pub const ALL: [Self; 5] =
        [Self::Debian, Self::Busybox, Self::Nginx, Self::Redis, Self::Postgres];

    /// A program that is in every image and that nobody else runs: with `env` and a command as its
    /// arguments it becomes that command, in the same process.
    pub const MARKER: &str = "/bin/busybox-marker";

    /// As scenarios name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Busybox => "busybox",
            Self::Nginx => "nginx",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|image| image.name() == name)
    }

    /// What its container runs when nothing else is asked for: the server, or a long sleep.
    pub fn command(self) -> &'static [&'static str] {
        match self {
            Self::Debian => &["sleep", "3600"],
            Self::Busybox => &["/bin/sleep", "3600"],
            Self::Nginx => &["/usr/sbin/nginx", "-g", "daemon off;"],
            Self::Redis => &["/usr/bin/redis-server", "--save", "", "--dir", "/tmp"],
            Self::Postgres => &[
                "/usr/lib/postgresql/15/bin/postgres",
                "-D",
                "/var/lib/postgresql/15/main",
                "-c",
                "config_file=/etc/postgresql/15/main/postgresql.conf",
                // Nothing makes the usual folder in /run.
                "-c",
                "unix_socket_directories=/tmp",
            ],
        }
    }

    /// Whom that runs as, if not root.
    pub fn user(self) -> Option<&'static str> {
        matches!(self, Self::Postgres).then_some("postgres")
    }

    /// Its files.
    pub(crate) fn archive(self) -> io::Result<PathBuf> {
        match self {
            Self::Busybox => busybox(),
            _ => Rootfs::SCENARIOS.archive(),
        }
    }
}

/// Busybox with a link for every applet, as in the image that everybody knows.
fn busybox() -> io::Result<PathBuf> {
    made_once(&cache()?.join("busybox.tar"), |unfinished| {
        let root = tempfile::tempdir()?;
        let at = |path: &str| root.path().join(path);
        for folder in ["bin", "dev", "etc", "proc", "root", "sys", "tmp", "var"] {
            std::fs::create_dir(at(folder))?;
        }
        std::fs::copy("/bin/busybox", at("bin/busybox"))?;
        std::fs::copy("/bin/busybox", at("bin/busybox-marker"))?;
        for applet in tool::text(Command::new("/bin/busybox").arg("--list"))?.lines() {
            if applet != "busybox" {
                std::os::unix::fs::symlink("busybox", at("bin").join(applet))?;
            }
        }
        std::fs::write(at("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
        std::fs::write(at("etc/group"), "root:x:0:\n")?;
        let mut tar = Command::new("tar");
        tar.args(["--create", "--owner=0", "--group=0", "--file"]).arg(unfinished);
        tool::output(tar.arg("--directory").arg(root.path()).arg(".")).map(drop)
    })
}
