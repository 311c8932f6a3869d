//! What scripts do, as words that stand in them: one row for each thing. Each is innocent alone; the
//! rules ([`super::rules`]) say which of them together are not.
//!
//! A pattern that begins or ends with a letter or digit matches whole words only, unless a `*` stands
//! there. Patterns are in lower case and match any case.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};

use super::language::{
    ANY, BAT, JS, Languages, MANAGED, PERL, PHP, PLAIN, PS, PY, RUBY, SH, VB, WINDOWS,
};

macro_rules! features {
    ($($name:ident $languages:expr => $($pattern:literal)|+;)*) => {
        /// A thing that a script does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Feature { $($name),* }

        /// How many there are.
        pub(super) const FEATURES: usize = [$(Feature::$name),*].len();

        const TABLE: &[(Feature, Languages, &[&str])] =
            &[$((Feature::$name, $languages, &[$($pattern),+])),*];
    };
}

#[rustfmt::skip] // A table is read down its columns.
features! {
    // Fetching.
    FetchPs ANY => "net.webclient" | "invoke-webrequest" | "invoke-restmethod" | "iwr" | "irm" | "downloadstring" | "downloadfile" | "downloaddata" | "start-bitstransfer" | "net.httpwebrequest" | "net.http.httpclient" | "net.webrequest]::create";
    FetchWsh ANY => "msxml2.xmlhttp" | "msxml2.xmlhttp.*" | "msxml2.serverxmlhttp" | "msxml2.serverxmlhttp.*" | "microsoft.xmlhttp" | "winhttp.winhttprequest*" | "urldownloadtofile*" | "internetopenurl*";
    FetchCmd ANY => "-urlcache" | "/urlcache" | "-verifyctl" | "bitsadmin /transfer" | "bitsadmin.exe /transfer" | "/addfile http*";
    FetchUnix ANY => "curl" | "wget" | "curl.exe" | "wget.exe" | "tftp" | "ftpget" | "lwp-download";
    FetchPy PY => "urlopen" | "urlretrieve" | "requests.get" | "urllib.request" | "httpx.get";
    FetchJs JS => "https.get" | "http.get" | "axios.get" | "node-fetch" | "https.request" | "http.request";
    FetchPhp PHP | PERL | RUBY => "file_get_contents(\"http*" | "curl_exec" | "lwp::simple" | "net::http" | "open-uri" | "fopen(\"http*";
    // Running what was fetched.
    Iex ANY => "iex" | "invoke-expression" | "[scriptblock]::create" | "[reflection.assembly]::load" | "[system.reflection.assembly]::load" | "assembly]::load";
    StartPs ANY => "start-process" | "invoke-item" | "[diagnostics.process]::start" | "process]::start" | "win32_process";
    Shell32 JS | VB | PLAIN => "wscript.shell*" | "shell.application" | "winmgmts:*" | "new:{72c24dd5-d70a-438b-8a42-98424b88afb8}*" | "new:{13709620-c279-11ce-a49e-444553540000}*";
    RunWsh JS | VB | PLAIN => ".run" | ".exec(" | ".shellexecute" | "shell(" | "shell \"*" | ".create(" | "execute(" | "executeglobal" | "eval(";
    SaveWsh JS | VB | PLAIN => "adodb.stream" | "savetofile" | "responsebody";
    StartCmd ANY => "start \"\"" | "start /b" | "start /min" | "&&start" | "& start" | "&& start";
    Decodes ANY => "-decode" | "/decode" | "-decodehex" | "frombase64string";
    EvalPy PY => "exec(" | "eval(" | "os.system" | "subprocess.popen" | "subprocess.call" | "subprocess.run" | "subprocess.check_output" | "os.popen" | "os.startfile" | "exec(compile(";
    ExecPy PY => "exec(" | "eval(";
    EvalJs JS => "eval(" | "new function(" | "execsync(" | "child_process" | "exec(" | "spawn(" | "vm.runin*";
    ChildJs JS => "child_process";
    EvalPhp PHP => "eval(" | "assert(" | "create_function(" | "include(" | "require(";
    ChmodX ANY => "chmod +x" | "chmod 777" | "chmod 755" | "chmod 0755" | "chmod u+x" | "chmod a+x" | "chmod 0777" | "chmod -r 777";
    PipeShell ANY => "|sh" | "| sh" | "|bash" | "| bash" | "| sudo bash" | "| sudo sh" | "|python" | "| python" | "| python3" | "| perl" | "| /bin/sh" | "| /bin/bash" | "bash -c $(curl*" | "sh -c $(curl*" | "bash <(curl*" | "bash <(wget*" | "eval $(curl*" | "eval $(wget*" | "| sh -" | "| node" | "| php";
    IpUrl ANY => "http://1*" | "http://2*" | "http://3*" | "http://4*" | "http://5*" | "http://6*" | "http://7*" | "http://8*" | "http://9*" | "https://1*" | "https://2*" | "https://4*" | "https://9*" | "tftp://1*";
    PasteUrl ANY => "pastebin.com/raw*" | "paste.ee/r*" | "hastebin.com/raw*" | "transfer.sh/*" | "cdn.discordapp.com/attachments*" | "raw.githack*" | "termbin.com*" | "0x0.st*" | "ngrok*" | "trycloudflare.com*" | "anonfiles*" | "gofile.io*" | "rentry.co/*" | "ix.io*";
    TempPlace ANY => "/tmp/*" | "/dev/shm/*" | "/var/tmp/*" | "cd /tmp" | "%temp%*" | "$env:temp*" | "%appdata%*" | "$env:appdata*" | "%public%*" | "c:\\users\\public*" | "$env:public*" | "%localappdata%*" | "c:\\programdata\\*" | "\\appdata\\*" | "getspecialfolder(2)" | "expandenvironmentstrings*" | "gettemppath*" | "tempfile.*" | "c:\\windows\\temp*";
    DirHop SH => "cd /tmp ||" | "cd /tmp||" | "cd /var/run ||" | "cd /mnt ||" | "cd /dev/shm ||";
    Detach SH => "nohup" | "disown" | "setsid" | ">/dev/null 2>&1 &" | "> /dev/null 2>&1 &" | "&>/dev/null &";
    // PowerShell's switches.
    PowerShell ANY => "powershell" | "powershell.exe" | "pwsh" | "pwsh.exe";
    Hidden ANY => "-w hid*" | "-wi hid*" | "-win hid*" | "-wind hid*" | "-window hid*" | "-windowstyle hid*" | "-windowstyle 1" | "-w 1" | "/w hid*" | "-windowst hid*" | "createnowindow*" | "-windowstyle \"hid*" | "windowstyle]::hidden";
    Bypass ANY => "-ep bypass" | "-exec bypass" | "-executionpolicy bypass" | "-ex bypass" | "-ep unrestricted" | "-executionpolicy unrestricted" | "-exec unrestricted" | "/ep bypass" | "-exe bypass";
    NoProfile ANY => "-nop" | "-noprofile" | "-nopr*" | "-noni" | "-noninteractive";
    // Shells that call home.
    DevTcp ANY => "/dev/tcp/*" | "/dev/udp/*" | "/inet/tcp/*";
    ShellI ANY => "bash -i" | "sh -i" | "zsh -i" | "/bin/sh -i" | "0>&1" | "<&3" | "0<&196" | ">&196" | "exec 5<>*" | "<&5" | "bash 0<" | "sh <&" | "|& getline";
    NcExec ANY => "nc -e" | "ncat -e" | "netcat -e" | "nc.exe -e" | "ncat.exe -e" | "nc -nv -e" | "nc.traditional -e" | "busybox nc" | "ncat --exec" | "-e /bin/sh" | "-e /bin/bash" | "-e cmd.exe" | "nc -c" | "ncat --sh-exec" | "-c /bin/sh";
    Nc SH | PLAIN | BAT => "nc" | "ncat" | "netcat" | "telnet" | "openssl s_client";
    Fifo ANY => "mkfifo" | "mknod";
    BinSh ANY => "/bin/sh" | "/bin/bash" | "cmd.exe" | "pty.spawn" | "powershell.exe" | "\"/bin/sh\"" | "\"sh\"" | "\"bash\"";
    Socat ANY => "socat";
    SocatExec ANY => "exec:*" | "system:*";
    SocketPy PY => "socket.socket" | "socket(" | ".connect(";
    Dup2 PY | PERL | RUBY => "os.dup2" | "dup2" | "pty.spawn" | ">&s" | "stdin,\">&*" | "stdin.reopen";
    SocketPs ANY => "net.sockets.tcpclient" | "sockets.tcpclient" | "net.sockets.tcplistener";
    StreamPs ANY => ".getstream(" | "getstream()";
    SocketPhp PHP => "fsockopen" | "stream_socket_client" | "socket_connect";
    ExecPhp PHP => "exec(" | "shell_exec(" | "system(" | "passthru(" | "popen(" | "proc_open(" | "pcntl_exec(";
    SocketPerl PERL | RUBY => "socket(" | "io::socket::inet" | "tcpsocket.*" | "tcpsocket";
    ExecPerl PERL | RUBY => "exec{\"/bin/sh*" | "exec(\"/bin/sh*" | "exec \"/bin/sh*" | "exec\"/bin/sh*" | "exec(\"cmd*" | "io.popen" | "system$_" | "system($_" | "exec sprintf" | "exec(sprintf";
    SocketJs JS => "net.socket" | "net.connect" | "net.createconnection" | "new net.socket";
    // Staying.
    RunKey ANY => "currentversion\\run*" | "currentversion\\\\run*" | "currentversion/run*" | "windows nt\\currentversion\\winlogon*" | "image file execution options*" | "currentversion\\policies\\explorer\\run*";
    RegWrite ANY => "reg add" | "reg.exe add" | "regwrite" | "set-itemproperty" | "new-itemproperty" | "winreg.setvalueex" | "setvalueex" | "setstringvalue";
    Interpreter ANY => "wscript" | "wscript.exe" | "cscript" | "mshta" | "mshta.exe" | "powershell" | "powershell.exe" | "rundll32" | "rundll32.exe" | "regsvr32" | "regsvr32.exe" | ".vbs*" | ".ps1" | ".hta" | "cmd /c" | "cmd.exe /c" | ".scr" | "pythonw.exe" | "wscript.scriptfullname";
    SchTask ANY => "schtasks /create" | "schtasks.exe /create" | "schtasks -create" | "register-scheduledtask" | "schtasks /f /create" | "schedule.service" | "/sc minute" | "/sc onlogon";
    Startup ANY => "start menu\\programs\\startup*" | "shell:startup" | "specialfolders(\"startup\")*" | "specialfolders.item(\"startup*" | "getfolderpath(\"startup\")*" | "\\programs\\startup\\*" | "getnamespace(7)" | "namespace(7)" | "programs/startup/*";
    CopySelf WINDOWS | PY => "copyfile*" | "copy-item" | "filecopy" | "copy /y" | "copy %0" | "xcopy" | "savetofile" | "createshortcut" | "scriptfullname" | "%~f0" | "shutil.copy*" | "out-file" | ".copy(";
    WmiSub ANY => "__eventfilter" | "commandlineeventconsumer" | "activescripteventconsumer" | "__filtertoconsumerbinding";
    CronWrite ANY => "| crontab" | "|crontab" | "> /etc/cron*" | ">/etc/cron*" | ">> /etc/cron*" | ">>/etc/cron*" | "/var/spool/cron*" | "crontab /tmp/*" | "tee /etc/cron*" | "crontab -u*";
    RcWrite ANY => ">> ~/.bashrc" | ">>~/.bashrc" | ">> ~/.profile" | ">> ~/.bash_profile" | ">> ~/.zshrc" | ">> /etc/profile" | ">> /etc/rc.local" | ">> $home/.bashrc" | ">> /etc/bash.bashrc" | ">> /root/.bashrc" | "> /etc/profile.d/*" | ">> $home/.profile" | "/etc/ld.so.preload";
    SshKey ANY => ".ssh/authorized_keys";
    KeyText ANY => "ssh-rsa*" | "ssh-ed25519*" | "chattr +i";
    UnitWrite ANY => "/etc/systemd/system/*" | "/lib/systemd/system/*" | "launchagents/*" | "launchdaemons/*" | "/etc/init.d/*" | "update-rc.d*";
    ExecStart ANY => "execstart=*" | "systemctl enable*" | "launchctl load*" | "programarguments*";
    // Credentials.
    Lsass ANY => "lsass" | "lsass.exe" | "lsass.dmp";
    DumpTool ANY => "minidump" | "procdump" | "procdump.exe" | "procdump64*" | "comsvcs*" | "out-minidump" | "minidumpwritedump" | "-ma" | "nanodump" | "sqldumper*" | "createdump" | "rdrleakdiag*";
    Mimikatz ANY => "invoke-mimikatz" | "sekurlsa::*" | "lsadump::*" | "mimikatz*" | "kerberos::*" | "privilege::debug" | "invoke-kerberoast" | "invoke-dcsync" | "dumpcreds" | "rubeus*" | "lazagne*" | "crackmapexec*" | "invoke-ninjacopy" | "get-gpppassword" | "invoke-bloodhound" | "sharphound*";
    SamSave ANY => "save hklm\\sam*" | "save hklm\\system*" | "save hklm\\security*" | "save hkey_local_machine\\sam*" | "save \"hklm\\sam*";
    Ntds ANY => "ntds.dit" | "ac i ntds" | "ifm" | "create shadow /for=*";
    BrowserStore ANY => "\\login data*" | "/login data*" | "\"login data\"" | "cookies.sqlite" | "logins.json" | "key4.db" | "user data\\default*" | "user data/default*" | "\\web data*" | "google-chrome/default*" | "chrome\\user data*" | "moz_cookies" | "local state";
    Unprotect ANY => "cryptunprotectdata" | "protecteddata]::unprotect" | "win32crypt" | "encrypted_key" | "select origin_url*" | "moz_logins" | "password_value" | "pk11sdr_decrypt*";
    TokenStore ANY => "discord\\local storage*" | "local storage\\leveldb*" | "\\leveldb*" | "discordcanary*" | "exodus\\exodus.wallet*" | "wallet.dat" | "\\electrum\\wallets*" | "metamask*" | "nkbihfbeogaeaoehlefnkodbefgpgknn*" | "telegram desktop\\tdata*";
    Shadow ANY => "/etc/shadow" | "/etc/gshadow" | "/etc/master.passwd";
    SecretFiles ANY => ".ssh/id_rsa*" | ".aws/credentials*" | ".git-credentials" | ".npmrc" | ".kube/config" | ".docker/config.json" | ".bash_history" | "id_ed25519" | ".pypirc" | ".netrc" | "169.254.169.254*";
    Keychain ANY => "dump-keychain" | "find-generic-password" | "login.keychain*" | "osascript -e display dialog*" | "with hidden answer*";
    WifiKeys ANY => "key=clear";
    // Hiding.
    Amsi ANY => "amsiutils" | "amsiinitfailed" | "amsiscanbuffer" | "amsicontext" | "amsisession" | "amsiscanstring" | "amsi.dll";
    Patch ANY => "getfield(" | "setvalue(" | "virtualprotect" | "getprocaddress" | "nonpublic*" | "writeprocessmemory" | "marshal]::copy" | "marshal]::write*" | "loadlibrary" | "setvalue($null*";
    EtwPatch PS | PLAIN | VB | BAT => "etweventwrite" | "psetwlogprovider" | "etwprovider";
    DefenderOff ANY => "disablerealtimemonitoring" | "disablebehaviormonitoring" | "disableioavprotection" | "disableantispyware" | "disableantivirus" | "disablescriptscanning" | "disableblockatfirstseen" | "disableintrusionpreventionsystem" | "disablearchivescanning" | "sc stop windefend" | "sc delete windefend" | "sc config windefend*" | "net stop windefend" | "stop-service windefend" | "mpcmdrun.exe -removedefinitions*" | "-exclusionpath" | "-exclusionextension" | "-exclusionprocess" | "windows defender\\exclusions*" | "tamperprotection";
    SetMp ANY => "set-mppreference" | "add-mppreference" | "reg add" | "reg.exe add" | "regwrite" | "sc stop" | "sc delete" | "sc config" | "net stop" | "set-itemproperty" | "new-itemproperty" | "mpcmdrun.exe" | "stop-service" | "hkey_local_machine*" | "hklm*";
    LogClear ANY => "wevtutil cl" | "wevtutil.exe cl" | "wevtutil clear-log" | "clear-eventlog" | "cleareventlog" | "remove-eventlog" | "usn deletejournal" | "> /var/log/*" | "rm -rf /var/log*" | "rm -f /var/log*" | "shred /var/log*";
    HistoryOff ANY => "unset histfile" | "histsize=0" | "histfile=/dev/null" | "history -c" | "histfilesize=0" | "rm ~/.bash_history" | "rm -f ~/.bash_history" | "historysavestyle savenothing";
    Uac ANY => "ms-settings\\shell\\open\\command*" | "mscfile\\shell\\open\\command*" | "exefile\\shell\\runas\\command*" | "folder\\shell\\open\\command*" | "fodhelper*" | "delegateexecute" | "eventvwr.exe" | "sdclt.exe" | "computerdefaults.exe" | "cmstplua*" | "consentpromptbehavioradmin*" | "enablelua";
    FirewallOff ANY => "set allprofiles state off" | "firewall set opmode disable*" | "set-netfirewallprofile*" | "iptables -f" | "ufw disable" | "setenforce 0" | "systemctl stop firewalld" | "iptables -x" | "stop apparmor" | "firewall set opmode mode=disable";
    KillAv ANY => "taskkill /f /im msmpeng*" | "taskkill /im avp*" | "net stop mcafee*" | "net stop sophos*" | "sc stop sense" | "aliyun.service*" | "aegis*" | "qcloud*" | "/usr/local/qcloud*";
    // Breaking.
    ShadowDelete ANY => "vssadmin delete shadows*" | "vssadmin.exe delete shadows*" | "shadowcopy delete*" | "win32_shadowcopy" | "vssadmin resize shadowstorage*" | "vssadmin.exe resize shadowstorage*" | "shadowcopy where*";
    DeleteCall ANY => ".delete(" | "remove-wmiobject" | "remove-ciminstance" | "delete shadows" | "shadowcopy delete" | "resize shadowstorage" | ".delete_(";
    RecoveryOff ANY => "recoveryenabled no" | "bootstatuspolicy ignoreallfailures" | "wbadmin delete*" | "wbadmin.exe delete*" | "delete systemstatebackup*" | "reagentc /disable" | "disablesr";
    Destroy ANY => "rm -rf --no-preserve-root*" | "rm -rf /*\n" | "rm -rf / *" | "of=/dev/sda" | "of=/dev/nvme0n1" | "> /dev/sda" | ":(){*" | "format c: /*" | "del /f /s /q c:\\*" | "rd /s /q c:\\*" | "rmdir /s /q c:\\ " | "del /s /f /q c:\\windows*" | "mkfs.ext4 /dev/sda" | "\\\\.\\physicaldrive0";
    RansomNote ANY => "files have been encrypted*" | "files are encrypted*" | "decrypt your files*" | "recover your files*" | "bitcoin wallet*" | "send bitcoin*" | "bitcoin address*" | "readme_to_decrypt*" | "how_to_decrypt*" | "how to decrypt*";
    Crypt ANY => "aescryptoserviceprovider" | "aesmanaged" | "rijndaelmanaged" | "createencryptor" | "openssl enc*" | "fernet(" | "cryptostream" | "aes.new(" | "createcipheriv" | "openssl_encrypt" | "cryptencrypt" | "gpg --symmetric*" | "gpg -c" | "7z a -p*" | "-mhe=on";
    Walk ANY => "os.walk" | "get-childitem" | "gci" | "find /*" | "for /r*" | "getfiles(" | "dir /s*" | "readdirsync" | "glob.glob" | "subfolders" | "scandir(";
    // Injecting.
    Alloc ANY => "virtualalloc" | "virtualallocex" | "ntallocatevirtualmemory" | "zwallocatevirtualmemory" | "heapcreate" | "virtualprotect" | "0x40)" | "mapviewoffile";
    CopyCode ANY => "writeprocessmemory" | "rtlmovememory" | "rtlcopymemory" | "marshal]::copy" | "marshal.copy" | "memmove" | "copymemory" | "ntwritevirtualmemory" | "ctypes.memmove";
    RunCode ANY => "createthread" | "createremotethread" | "createremotethreadex" | "queueuserapc" | "ntcreatethreadex" | "getdelegateforfunctionpointer" | "enumsystemlocales*" | "enumtimeformats*" | "callwindowproc*" | "setthreadcontext" | "rtlcreateuserthread" | "enumchildwindows" | "createfiber" | "settimer";
    // Looking around, each word of its own: how many different ones counts.
    Discovery ANY => "whoami" | "systeminfo" | "ipconfig /all" | "net user" | "net group" | "net localgroup" | "nltest" | "tasklist" | "arp -a" | "netstat -*" | "quser" | "net view" | "route print" | "net config workstation" | "gpresult" | "net share" | "net session" | "wmic computersystem*" | "wmic process*" | "wmic useraccount*" | "dsquery" | "get-aduser" | "get-adcomputer" | "uname -a" | "ifconfig" | "ip addr" | "cat /etc/passwd" | "ps aux" | "lastlog" | "cat /etc/issue" | "last -a" | "ss -*" | "cat /etc/os-release" | "sudo -l" | "find / -perm*" | "net accounts" | "klist" | "qwinsta" | "driverquery" | "netsh wlan show*" | "wmic product*" | "securitycenter2";
    // Sending out.
    ChatSend ANY => "api.telegram.org/bot*" | "discord.com/api/webhooks*" | "discordapp.com/api/webhooks*" | "webhook.site*" | "requestbin*" | "pipedream.net*" | "oast.*" | "interact.sh*" | "burpcollaborator*" | "hookb.in*" | "canarytokens*" | "dnslog.cn*" | "ceye.io*";
    PostOut ANY => "uploadstring" | "uploadfile" | "uploaddata" | "requests.post" | "-method post*" | "curl -f*" | "curl -x post*" | "curl -d*" | "--data-binary*" | "--post-file*" | "smtplib" | "net.mail.smtpclient" | "send-mailmessage" | "ftp.storbinary" | "cdo.message" | "curl --upload-file*" | "curl -t*" | "sendbeacon*" | "https.request" | "http.request";
    EnvRead ANY => "os.environ" | "process.env" | "printenv" | "os.hostname" | "os.userinfo" | "socket.gethostname" | "getpass.getuser" | "dns.getservers" | "__dirname" | "platform.node";
    Keylog ANY => "getasynckeystate" | "setwindowshookex*" | "getkeyboardstate" | "pynput.keyboard*" | "keyboard.on_press*" | "xinput test*" | "keyboard.hook*" | "keyboard.listener*";
    Screenshot ANY => "copyfromscreen" | "imagegrab.grab" | "pyautogui.screenshot" | "screencapture -x*";
    // Mining.
    Stratum ANY => "stratum+tcp://*" | "stratum+ssl://*" | "stratum2+tcp*" | "pool.minexmr*" | "supportxmr.com*" | "nanopool.org*" | "moneroocean*" | "hashvault.pro*" | "minexmr.com*" | "c3pool*" | "2miners.com*";
    Miner ANY => "xmrig*" | "minerd" | "cpuminer*" | "cryptonight*" | "randomx" | "--donate-level*" | "donate-level*" | "--coin*" | "nbminer*" | "coinhive*" | "kinsing*" | "kdevtmpfsi*" | "rx/0";
    // Programs of the system that run what they are given.
    Proxy ANY => "ms-msdt:*" | "search-ms:query=*" | "search-ms:displayname=*" | "ms-officecmd:*" | "rundll32 javascript:*" | "rundll32.exe javascript:*" | "mshta vbscript:*" | "mshta javascript:*" | "mshta.exe vbscript:*" | "mshta.exe javascript:*" | "mshta http*" | "mshta.exe http*" | "mshta \"http*" | "mshta.exe \"http*" | "/i:http*" | "-i:http*" | "script:http*" | "/format:http*" | "/format:\"http*" | "msiexec /q /i http*" | "msiexec /i http*" | "msiexec.exe /i http*" | "msiexec /q /i \"http*" | "msiexec /qn /i http*" | "msiexec /i \"http*" | "url.dll,fileprotocolhandler*" | "url.dll,openurl*" | "advpack.dll,launchinfsection*" | "zipfldr.dll,routethecall*" | "shell32.dll,shellexec_rundll*" | "pcalua.exe -a*" | "pcalua -a*" | "/setnotifycmdline*" | "installutil.exe /logfile= /logtoconsole=false*" | "odbcconf /a {regsvr*" | "odbcconf.exe /a {regsvr*" | "mavinject*" | "\\..\\mshtml,runhtmlapplication*" | "mshtml,runhtmlapplication*" | "cmstp.exe /s*" | "cmstp /s*" | "conhost --headless*" | "conhost.exe --headless*" | "syncappvpublishingserver*" | "forfiles /p c:\\windows\\system32 /m*" | "ieexec.exe http*" | "msxsl.exe*" | "hh.exe http*";
    // Pages.
    Blob JS => "new blob(" | "new blob" | "new file(" | "blobbuilder";
    ObjectUrl JS => "createobjecturl" | "mssaveoropenblob" | "mssaveblob" | "saveas(";
    Saves JS => ".download" | "\"download\"" | "mssaveoropenblob" | "mssaveblob" | "saveas(";
    Clicks JS => ".click(" | ".click()" | "dispatchevent(" | "mssaveoropenblob" | "mssaveblob" | "location.href";
    FromData JS => "atob(" | "uint8array" | "charcodeat" | "fromcharcode" | "base64toarraybuffer*";
    Clipboard JS => "clipboard.writetext" | "execcommand(\"copy\")" | "clipboarddata.setdata" | "clipboard.write(";
    Redirects JS => "location.href" | "window.location" | "location.replace" | "location.assign" | "top.location" | "document.location" | "location=";
    UrlParts JS => "atob(" | "decodeuricomponent(" | "unescape(" | "location.hash" | "fromcharcode";
    // Server pages.
    RequestPhp PHP => "$_get" | "$_post" | "$_request" | "$_cookie" | "$_server[\"http_*" | "php://input" | "getallheaders(" | "$_files" | "$_server[\"query_string*";
    SinkPhp PHP => "eval(" | "assert(" | "system(" | "shell_exec(" | "passthru(" | "popen(" | "proc_open(" | "exec(" | "create_function(" | "pcntl_exec(" | "call_user_func(" | "array_map(" | "array_filter(" | "usort(" | "register_shutdown_function(" | "mb_ereg_replace(" | "preg_replace(\"/.*/e*";
    UploadPhp PHP => "move_uploaded_file(" | "file_put_contents(" | "fwrite(" | "fputs(";
    FilesPhp PHP => "scandir(" | "opendir(" | "unlink(" | "chmod(" | "rename(" | "phpversion(" | "php_uname(" | "getcwd(" | "posix_getpwuid(" | "disk_free_space(" | "is_writable(" | "fileperms(" | "mysql_connect(";
    PasswordPhp PHP => "md5($_*" | "sha1($_*" | "$_session[md5*" | "md5($pass*" | "$auth_pass";
    RequestManaged MANAGED | VB | JS | PY => "request.getparameter" | "request.getheader" | "request[" | "request.item[" | "request.form*" | "request.querystring*" | "request.params*" | "request.args*" | "request(" | "getparameter(" | "req.query*" | "req.body*" | "request.values*" | "request.headers*" | "request.getinputstream" | "request.getreader";
    ExecManaged MANAGED | VB | PLAIN => "getruntime(" | "runtime.getruntime" | ".exec(" | "processbuilder" | "process.start" | "processstartinfo" | "defineclass" | "wscript.shell" | "unsafe" | "eval(" | "eval request*" | "execute request*" | "execute(request*" | "executeglobal request*" | "assembly.load(" | "scriptenginemanager" | "cmd.exe";
    DirectManaged MANAGED | VB | JS => "eval request*" | "execute request*" | "execute(request*" | "eval(request*" | "executeglobal request*" | "executeglobal(request*" | "exec(request.getparameter*" | "exec(request.get*";
    ClassLoad MANAGED => "defineclass" | "extends classloader" | "assembly.load(" | "createinstance(";
    Crypto MANAGED => "aes" | "cipher.getinstance" | "rijndaelmanaged" | "base64";
    // Packages.
    InstallHook PY => "setuptools.command.install*" | "cmdclass" | "setuptools.command.develop*" | "setuptools.command.egg_info*" | "install.run(*";
    // Data that something decodes.
    Ctypes PY => "ctypes.windll*" | "windll.kernel32*" | "windll" | "ctypes.c_*" | "cdll" | "kernel32.*" | "ctypes.memmove";
    MarshalPy PY => "marshal.loads";
    InflatePy PY => "zlib.decompress" | "base64.b64decode" | "b64decode" | "lzma.decompress" | "bz2.decompress" | "codecs.decode" | "bytes.fromhex" | "base64.b85decode" | "b32decode" | "b16decode" | "unhexlify";
    SleepEvade ANY => "vmware*" | "virtualbox*" | "vboxservice*" | "sbiedll*" | "wireshark*" | "procmon*" | "x64dbg*" | "ollydbg*" | "vmtoolsd*" | "qemu-ga*";
    // Office documents that change what they may do.
    AutoRun VB => "auto_open" | "autoopen" | "document_open" | "workbook_open" | "autoexec" | "document_close" | "auto_close";
    Rename ANY => "rename c:\\windows*" | "utilman.exe" | "sethc.exe" | "osk.exe" | "displayswitch.exe";
    NewUser ANY => "net user /add*" | "/add" | "useradd -o*" | "useradd -u 0*" | "new-localuser" | "net localgroup administrators*" | "0:0:*" | "administrators";
    UserWord ANY => "net user" | "net localgroup" | "net.exe user" | "useradd" | "new-localuser" | "add-localgroupmember";
    Rdp ANY => "fdenytsconnections" | "portnumber" | "termsrv*" | "fsinglesessionperuser";
}

/// Where a feature stands in a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) feature: Feature,
    /// Which of the patterns.
    pub(super) pattern: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

struct Pattern {
    feature: Feature,
    languages: Languages,
    word_start: bool,
    word_end: bool,
}

struct Search {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
}

/// Derived from the constant table: a table, not state.
static SEARCH: LazyLock<Option<Search>> = LazyLock::new(|| {
    let mut patterns = Vec::new();
    let mut texts = Vec::new();
    for (feature, languages, list) in TABLE {
        for text in *list {
            let open = text.ends_with('*');
            let plain = text.strip_suffix('*').unwrap_or(text);
            let letter = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
            patterns.push(Pattern {
                feature: *feature,
                languages: *languages,
                word_start: letter(plain.as_bytes().first()),
                word_end: !open && letter(plain.as_bytes().last()),
            });
            texts.push(plain);
        }
    }
    let automaton = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(texts).ok()?;
    Some(Search { automaton, patterns })
});

/// Hits of one view; more are let go.
const MAX_HITS: usize = 100_000;

/// Everything of the table that stands in a view, in order.
pub(super) fn search(view: &[u8], languages: Languages) -> Vec<Hit> {
    let Some(search) = &*SEARCH else { return Vec::new() };
    let is_word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let mut hits = Vec::new();
    for found in search.automaton.find_overlapping_iter(view) {
        let number = found.pattern().as_usize();
        let Some(pattern) = search.patterns.get(number) else { continue };
        let inside = pattern.word_start
            && found.start().checked_sub(1).is_some_and(|at| is_word(view.get(at)));
        let goes_on = pattern.word_end && is_word(view.get(found.end()));
        if pattern.languages & languages == 0 || inside || goes_on {
            continue;
        }
        if pattern.feature == Feature::IpUrl
            && !is_address(view.get(found.start()..).unwrap_or_default())
        {
            continue;
        }
        if hits.len() >= MAX_HITS {
            break;
        }
        let (start, end) = (found.start(), found.end());
        hits.push(Hit { feature: pattern.feature, pattern: number, start, end });
    }
    hits
}

/// Whether the URL here has four numbers for a host, not those of this machine or its network.
fn is_address(url: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(url.get(..url.len().min(16)).unwrap_or_default(), b"://")
    else {
        return false;
    };
    let host: Vec<u8> = url
        .iter()
        .skip(at + 3)
        .take(16)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .copied()
        .collect();
    let host = String::from_utf8_lossy(&host);
    host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| {
        !address.is_loopback() && !address.is_private() && !address.is_link_local()
    })
}
