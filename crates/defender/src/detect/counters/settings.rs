//! Thresholds of the counters, with defaults that ordinary services stay below.

use serde::Deserialize;

/// Settings of every counter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CounterSettings {
    /// Containers of which counts are kept; the host is one more. Beyond, the one that did nothing for
    /// the longest time is forgotten.
    pub containers: usize,
    /// Processes of one container of which counts are kept.
    pub processes: usize,
    /// Remote hosts, ports, clients and domains of one container of which counts are kept, each.
    pub peers: usize,
    /// Milliseconds in which the same counter says nothing more of the same container.
    pub quiet_ms: u64,
    /// Shells behind connections.
    pub shell: ShellSettings,
    /// Many ports of one host, or one port of many hosts.
    pub scan: ScanSettings,
    /// Guessing of passwords, from a container or against it.
    pub guessing: GuessingSettings,
    /// Data in the names of DNS questions.
    pub dns: DnsSettings,
    /// Many files removed by one process.
    pub deletion: DeletionSettings,
    /// Many files rewritten by one process.
    pub rewriting: RewritingSettings,
    /// A processor in use for long.
    pub processor: ProcessorSettings,
}

impl Default for CounterSettings {
    fn default() -> Self {
        Self {
            containers: 512,
            processes: 64,
            peers: 64,
            quiet_ms: 600_000,
            shell: ShellSettings::default(),
            scan: ScanSettings::default(),
            guessing: GuessingSettings::default(),
            dns: DnsSettings::default(),
            deletion: DeletionSettings::default(),
            rewriting: RewritingSettings::default(),
            processor: ProcessorSettings::default(),
        }
    }
}

/// Reverse and bind shells.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShellSettings {
    /// Off switch.
    pub enabled: bool,
    /// Milliseconds after a connection in which a shell belongs to it.
    pub window_ms: u64,
}

impl Default for ShellSettings {
    fn default() -> Self {
        Self { enabled: true, window_ms: 60_000 }
    }
}

/// Port scans.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanSettings {
    /// Off switch.
    pub enabled: bool,
    /// The window, milliseconds.
    pub window_ms: u64,
    /// Distinct ports of one host that are a scan.
    pub ports: usize,
    /// Distinct hosts at one port that are a scan.
    pub hosts: usize,
    /// Ports at which many hosts are ordinary.
    pub common_ports: Vec<u16>,
}

impl Default for ScanSettings {
    fn default() -> Self {
        let common_ports = vec![25, 53, 80, 123, 443, 853, 8080, 8443];
        Self { enabled: true, window_ms: 60_000, ports: 20, hosts: 32, common_ports }
    }
}

/// Guessing of passwords: the logins are not seen, the connections are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuessingSettings {
    /// Off switch.
    pub enabled: bool,
    /// The window, milliseconds.
    pub window_ms: u64,
    /// Connections to one port of one host that are guessing.
    pub outbound: usize,
    /// Connections from one client to a port of the container that are guessing.
    pub inbound: usize,
    /// Ports where people log in.
    pub ports: Vec<u16>,
}

impl Default for GuessingSettings {
    fn default() -> Self {
        let ports = vec![21, 22, 23, 445, 2222, 3389, 5900];
        Self { enabled: true, window_ms: 60_000, outbound: 20, inbound: 30, ports }
    }
}

/// Tunnels through DNS.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsSettings {
    /// Off switch.
    pub enabled: bool,
    /// The window, milliseconds.
    pub window_ms: u64,
    /// Distinct telling names below one domain that are a tunnel.
    pub names: usize,
    /// Bytes below the domain from which a name is telling; half as many for questions of TXT, NULL and
    /// private records.
    pub bytes: usize,
    /// Bits of entropy a byte from which a name is telling.
    pub entropy: f64,
    /// Domains below which long names are ordinary.
    pub ignored_domains: Vec<String>,
}

impl Default for DnsSettings {
    fn default() -> Self {
        let ignored_domains = ["in-addr.arpa", "ip6.arpa", "cluster.local"];
        Self {
            enabled: true,
            window_ms: 60_000,
            names: 40,
            bytes: 28,
            entropy: 2.8,
            ignored_domains: ignored_domains.map(str::to_owned).into(),
        }
    }
}

/// Mass deletion.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeletionSettings {
    /// Off switch.
    pub enabled: bool,
    /// The window, milliseconds.
    pub window_ms: u64,
    /// Names removed by one process …
    pub files: usize,
    /// … in so many directories.
    pub directories: usize,
    /// Directories below which nothing counts.
    pub ignored: Vec<String>,
}

impl Default for DeletionSettings {
    fn default() -> Self {
        let ignored = ["/tmp/", "/var/tmp/", "/var/cache/", "/run/", "/dev/shm/", "/proc/"];
        Self {
            enabled: true,
            window_ms: 60_000,
            files: 300,
            directories: 10,
            ignored: ignored.map(str::to_owned).into(),
        }
    }
}

/// Mass rewriting, as extortionists do it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewritingSettings {
    /// Off switch.
    pub enabled: bool,
    /// The window, milliseconds.
    pub window_ms: u64,
    /// Files of one process that got another extension …
    pub renamed: usize,
    /// … or that were written in place …
    pub written: usize,
    /// … in so many directories.
    pub directories: usize,
    /// Extensions that files get in ordinary life: compression, copies, package managers.
    pub usual_extensions: Vec<String>,
    /// Directories below which nothing counts.
    pub ignored: Vec<String>,
}

impl Default for RewritingSettings {
    fn default() -> Self {
        let usual = [
            "gz",
            "bz2",
            "xz",
            "zst",
            "zip",
            "lz4",
            "br",
            "bak",
            "old",
            "orig",
            "save",
            "tmp",
            "temp",
            "swp",
            "new",
            "part",
            "lock",
            "dpkg-new",
            "dpkg-tmp",
            "dpkg-old",
            "dpkg-dist",
            "rpmnew",
            "rpmsave",
            "apk-new",
            "pyc",
            "log",
        ];
        let ignored = ["/tmp/", "/var/tmp/", "/var/cache/", "/run/", "/dev/", "/proc/", "/sys/"];
        Self {
            enabled: true,
            window_ms: 60_000,
            renamed: 50,
            written: 200,
            directories: 5,
            usual_extensions: usual.map(str::to_owned).into(),
            ignored: ignored.map(str::to_owned).into(),
        }
    }
}

/// Sustained use of processors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessorSettings {
    /// Off switch.
    pub enabled: bool,
    /// Processors' worth of time that is much: 0.9 is nine tenths of one.
    pub processors: f64,
    /// For how long without a break, milliseconds.
    pub sustained_ms: u64,
}

impl Default for ProcessorSettings {
    fn default() -> Self {
        Self { enabled: true, processors: 0.9, sustained_ms: 900_000 }
    }
}
