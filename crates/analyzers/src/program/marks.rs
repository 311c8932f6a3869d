//! Texts that tell what a program does, all searched for in one pass.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::Examination;

/// Bytes that are searched.
const MAX_SEARCHED: usize = 128 << 20;
/// Bytes searched between two looks at the time.
const STEP: usize = 4 << 20;
/// Bytes of the longest text, doubled for UTF-16; steps overlap by this much.
const LONGEST: usize = 256;
/// What the texts are XORed with in our own program, so that it does not show what it looks for.
const MASK: u8 = 0xa5;

const fn hide<const N: usize>(text: &str) -> [u8; N] {
    let mut hidden = [0; N];
    let mut at = 0;
    while at < N {
        hidden[at] = text.as_bytes()[at] ^ MASK;
        at += 1;
    }
    hidden
}

macro_rules! marks {
    ($($name:ident $text:literal)*) => {
        /// A text that is looked for, without regard to case, as ASCII and as UTF-16.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Mark { $(#[doc = $text] $name),* }

        static HIDDEN: &[&[u8]] = &[$(&hide::<{ $text.len() }>($text)),*];
    };
}

marks! {
    // Recovery made impossible.
    VssadminDelete "vssadmin delete shadows"
    VssadminExeDelete "vssadmin.exe delete shadows"
    ShadowcopyDelete "shadowcopy delete"
    WbadminDelete "wbadmin delete catalog"
    RecoveryDisabled "recoveryenabled no"
    ResizeShadow "resize shadowstorage"
    // Protection switched off.
    RealtimeMonitoring "DisableRealtimeMonitoring"
    MpPreference "Set-MpPreference"
    AddExclusion "Add-MpPreference -Exclusion"
    DisableAntiSpyware "DisableAntiSpyware"
    FirewallOff "advfirewall set allprofiles state off"
    OldFirewallOff "firewall set opmode disable"
    StopDefender "stop WinDefend"
    DefenderDisabled "config WinDefend start= disabled"
    // Shells and downloads.
    Powershell "powershell"
    EncodedCommand "-encodedcommand"
    EncCommand "-enc "
    WindowHidden "-windowstyle hidden"
    ShortHidden "-w hidden"
    DownloadString ".DownloadString("
    InvokeExpression "IEX"
    CertutilCache "certutil -urlcache"
    CertutilExeCache "certutil.exe -urlcache"
    BitsTransfer "bitsadmin /transfer"
    MshtaHttp "mshta http"
    RegsvrScript "regsvr32 /s /n /u /i:http"
    RundllScript "rundll32.exe javascript:"
    // Persistence.
    SchtasksCreate "schtasks /create"
    SchtasksExeCreate "schtasks.exe /create"
    RunKey "\\CurrentVersion\\Run"
    Winlogon "\\CurrentVersion\\Winlogon"
    ImageOptions "Image File Execution Options"
    // Sandboxes and virtual machines.
    VboxGuest "VBoxGuest"
    VboxService "VBoxService.exe"
    VboxTray "VBoxTray.exe"
    Vmtoolsd "vmtoolsd.exe"
    Vmwaretray "vmwaretray.exe"
    SbieDll "SbieDll.dll"
    Cuckoo "cuckoomon.dll"
    PrlTools "prl_tools.exe"
    XenService "xenservice.exe"
    QemuGa "qemu-ga.exe"
    JoeBox "joeboxserver.exe"
    // Analysts' tools.
    Ollydbg "ollydbg.exe"
    X64dbg "x64dbg.exe"
    X32dbg "x32dbg.exe"
    Ida64 "ida64.exe"
    Idaq "idaq.exe"
    Wireshark "wireshark.exe"
    Procmon "procmon.exe"
    Procexp "procexp.exe"
    Tcpview "tcpview.exe"
    ProcessHacker "processhacker.exe"
    Fiddler "fiddler.exe"
    Regshot "regshot.exe"
    Dumpcap "dumpcap.exe"
    Pestudio "pestudio.exe"
    Dnspy "dnspy.exe"
    // Credentials of other programs.
    ChromeData "\\Google\\Chrome\\User Data"
    ChromeLinux "/.config/google-chrome"
    ChromeLogins "Login Data"
    FirefoxData "\\Mozilla\\Firefox\\Profiles"
    FirefoxLinux "/.mozilla/firefox"
    FirefoxLogins "logins.json"
    BraveData "\\BraveSoftware\\Brave-Browser"
    OperaData "\\Opera Software\\Opera Stable"
    EdgeData "\\Microsoft\\Edge\\User Data"
    WalletDat "wallet.dat"
    Electrum "\\Electrum\\wallets"
    Exodus "\\Exodus\\exodus.wallet"
    Metamask "nkbihfbeogaeaoehlefnkodbefgpgknn"
    DiscordStorage "\\discord\\Local Storage\\leveldb"
    TelegramData "\\Telegram Desktop\\tdata"
    FileZilla "\\FileZilla\\recentservers.xml"
    Lsass "lsass.exe"
    MiniDump "MiniDumpWriteDump"
    // Where it reports.
    TelegramBot "api.telegram.org/bot"
    DiscordHook "discord.com/api/webhooks/"
    DiscordAppHook "discordapp.com/api/webhooks/"
    OnionHost ".onion"
    // Mining.
    StratumTcp "stratum+tcp://"
    StratumSsl "stratum+ssl://"
    Xmrig "xmrig"
    DonateLevel "donate-level"
    Cryptonight "cryptonight"
    RandomX "randomx"
    Nicehash "nicehash"
    MinerD "minerd"
    // Defences in memory.
    AmsiScanBuffer "AmsiScanBuffer"
    AmsiDll "amsi.dll"
    EtwEventWrite "EtwEventWrite"
    // Notes left behind.
    FilesEncrypted "files have been encrypted"
    FilesAreEncrypted "files are encrypted"
    BitcoinAddress "bitcoin address"
    DecryptTool "decryption key"
    HowToDecrypt "how to decrypt"
    TorBrowser "tor browser"
    // Linux: bots.
    BusyBox "/bin/busybox"
    BusyboxWget "busybox wget"
    Chmod777 "chmod 777 "
    Tftp "tftp -g"
    TftpC "tftp -c get"
    WatchdogDevice "/dev/watchdog"
    MiscWatchdog "/dev/misc/watchdog"
    ProcNetTcp "/proc/net/tcp"
    ProcExe "/proc/self/exe"
    HttpFlood "httpflood"
    UdpFlood "udpflood"
    SynFlood "synflood"
    PostCdnCgi "POST /cdn-cgi/"
    HuaweiExploit "/ctrlt/DeviceUpgrade_1"
    GponExploit "/GponForm/diag_Form"
    ApplicationNotFound "applet not found"
    // Linux: staying.
    LdPreloadFile "/etc/ld.so.preload"
    CronDirectory "/etc/cron.d/"
    CronSpool "/var/spool/cron"
    AuthorizedKeys ".ssh/authorized_keys"
    RcLocal "/etc/rc.local"
    InitDirectory "/etc/init.d/"
    ProfileDirectory "/etc/profile.d/"
    SystemdUnit "/etc/systemd/system/"
    BashRc "/.bashrc"
    // Linux: defences weakened.
    Setenforce "setenforce 0"
    IptablesFlush "iptables -F"
    UfwDisable "ufw disable"
    StopFirewall "systemctl stop firewalld"
    HistoryOff "HISTFILE=/dev/null"
    HistoryClear "history -c"
    AliyunService "aliyun.service"
    KillMiners "pkill -f xmrig"
    // Linux: shells, containers, memory.
    BashInteractive "bash -i >&"
    ShInteractive "/bin/sh -i >&"
    NetcatShell "nc -e /bin/"
    BinSh "/bin/sh"
    ReleaseAgent "release_agent"
    DockerSocket "/var/run/docker.sock"
    CorePattern "/proc/sys/kernel/core_pattern"
    HostRoot "/proc/1/root"
    ProcMem "/proc/self/mem"
    // Kernel modules.
    SysCallTable "sys_call_table"
    KallsymsLookup "kallsyms_lookup_name"
    Getdents64 "getdents64"
    Tcp4SeqShow "tcp4_seq_show"
    HideModule "module_hide"
    RootkitWord "rootkit"
}

static SEARCHER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let narrow: Vec<Vec<u8>> =
        HIDDEN.iter().map(|hidden| hidden.iter().map(|byte| byte ^ MASK).collect()).collect();
    let wide = narrow.iter().map(|text| text.iter().flat_map(|&byte| [byte, 0]).collect());
    let patterns: Vec<Vec<u8>> = narrow.iter().cloned().chain(wide).collect();
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(patterns)
        .unwrap_or_else(|error| unreachable!("the texts are a constant: {error}"))
});

/// Where the texts were first seen.
pub(crate) struct Marks {
    first: Vec<Option<usize>>,
}

impl Marks {
    /// Searches the artifact.
    pub(crate) fn search(examination: &mut Examination<'_>) -> Self {
        let bytes = examination.bytes();
        let bytes = bytes.get(..bytes.len().min(MAX_SEARCHED)).unwrap_or_default();
        let mut first = vec![None; HIDDEN.len()];
        let mut start = 0;
        while start < bytes.len() && !examination.should_stop() {
            let end = (start + STEP + LONGEST).min(bytes.len());
            let piece = bytes.get(start..end).unwrap_or_default();
            for found in SEARCHER.find_overlapping_iter(piece) {
                let mark = found.pattern().as_usize() % HIDDEN.len();
                if let Some(place) = first.get_mut(mark)
                    && place.is_none()
                {
                    *place = Some(start + found.start());
                }
            }
            start += STEP;
        }
        Self { first }
    }

    /// Where a text was first seen, by offset in the file.
    pub(crate) fn place(&self, mark: Mark) -> Option<usize> {
        self.first.get(mark as usize).copied().flatten()
    }

    /// Whether a text was seen.
    pub(crate) fn has(&self, mark: Mark) -> bool {
        self.place(mark).is_some()
    }

    /// Those of a list that were seen, each with its place.
    pub(crate) fn seen<'m>(&'m self, marks: &'m [Mark]) -> impl Iterator<Item = (Mark, usize)> {
        marks.iter().filter_map(|&mark| Some((mark, self.place(mark)?)))
    }
}

impl Mark {
    /// The text itself.
    pub(crate) fn text(self) -> String {
        let hidden = HIDDEN.get(self as usize).copied().unwrap_or_default();
        hidden.iter().map(|byte| char::from(byte ^ MASK)).collect()
    }
}
