//! What the script analyser can find.

use palisade_model::Severity::{self, Info, Malicious, Suspicious};

use crate::FindingKind;

const fn kind(
    id: &'static str,
    severity: Severity,
    attack: &'static [&'static str],
    tags: &'static [&'static str],
    about: &'static str,
) -> FindingKind {
    FindingKind { id, severity, attack, tags, about }
}

macro_rules! kinds {
    ($($name:ident = $id:literal $severity:ident $attack:expr, $tags:expr, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub(super) const $name: FindingKind = kind($id, $severity, &$attack, &$tags, $about);
        )*
        /// All of them.
        pub(super) const ALL: &[FindingKind] = &[$($name),*];
    };
}

kinds! {
    OBFUSCATED_DROPPER = "obfuscated-dropper" Malicious ["T1027", "T1059", "T1105"], ["obfuscation", "download"],
        "Code that stands in the file only encoded by more than base64, is decoded and run, and fetches a program, opens a shell to another machine, or switches off protection. Installers fetch programs too, and packers hide code, but not the one inside the other.";
    SHELLCODE_LOADER = "shellcode-loader" Malicious ["T1055", "T1620"], ["injection"],
        "Bytes that begin as position-independent machine code does (`fc e8`, `fc 48 83 e4 f0`) beside the calls that make memory executable and run it. No installer or library has it.";
    DOWNLOAD_AND_RUN = "download-and-run" Suspicious ["T1105", "T1059"], ["download"],
        "The script fetches something from the network and runs it at once. Installers do it from the site of their maker; they are known, and signed or packaged.";
    PIPE_TO_SHELL = "pipe-to-shell" Info ["T1105", "T1059.004"], ["download"],
        "A download goes straight into a shell (`curl … | sh`). Many projects are installed so.";
    REVERSE_SHELL = "reverse-shell" Suspicious ["T1059", "T1095"], ["network", "shell"],
        "A shell whose input and output are a connection to another machine. Administrators use ssh for that; this form serves who broke in, and those who test for it.";
    AUTOSTART = "autostart" Suspicious ["T1547.001", "T1053.005"], ["persistence"],
        "The script makes Windows start a script or a program in a user's folder at sign-on or by the clock: a Run key, the Startup folder, a scheduled task that runs an interpreter. Installers register programs, not scripts.";
    WMI_SUBSCRIPTION = "wmi-subscription" Suspicious ["T1546.003"], ["persistence"],
        "An event filter of WMI is bound to a consumer that runs a command. Management software does it from signed providers.";
    UNIX_PERSISTENCE = "unix-persistence" Suspicious ["T1053.003", "T1546.004", "T1574.006"], ["persistence"],
        "A cron table, a shell's start file or the preload list is made to run something that was fetched, that lies in a temporary folder, or that keeps others out. Packages put files into cron folders by their installer.";
    CREDENTIAL_ACCESS = "credential-access" Suspicious ["T1003.001", "T1003.002", "T1003.008"], ["credentials"],
        "Passwords are taken out of the system: the memory of lsass, the SAM hive, the directory database, the shadow file sent away, or a well-known tool for that is named.";
    BROWSER_THEFT = "browser-theft" Suspicious ["T1555.003", "T1539"], ["credentials"],
        "The store in which a browser, messenger or wallet keeps secrets is opened and decrypted or sent away. Only the program itself and its backup tools have business there.";
    AMSI_BYPASS = "amsi-bypass" Suspicious ["T1562.001"], ["evasion"],
        "The interface by which Windows shows scripts to the virus scanner is patched or told that it failed. Only tests of that interface do so.";
    DEFENDER_TAMPERING = "defender-tampering" Suspicious ["T1562.001"], ["evasion"],
        "Microsoft Defender is switched off, or told to leave out a folder or a program. Some server products ask administrators to leave out their data folders.";
    LOG_CLEARING = "log-clearing" Suspicious ["T1070.001", "T1070.003"], ["evasion"],
        "Event logs are cleared, or log files are removed together with the shell's history. Cleaning scripts for images of virtual machines do it as well.";
    UAC_BYPASS = "uac-bypass" Suspicious ["T1548.002"], ["privilege"],
        "A key that a program with raised rights reads is set to a command of this script's: the program then runs it without asking. It has no other use.";
    INHIBIT_RECOVERY = "inhibit-recovery" Suspicious ["T1490"], ["impact"],
        "Shadow copies or backup catalogs are deleted, or repair at start is switched off, so that nothing can be restored. Some tools that shrink images delete shadow copies.";
    RANSOM = "ransom" Suspicious ["T1486"], ["impact"],
        "Files are walked through and encrypted, and a note speaks of how to get them back. Backup programs encrypt, but leave no note.";
    DESTRUCTIVE = "destructive" Suspicious ["T1485", "T1561"], ["impact"],
        "A command that wipes the system's disk or every file on it. Imaging scripts write to disks that they are given, not to the first one.";
    DISCOVERY_BURST = "discovery-burst" Info ["T1082", "T1033", "T1016", "T1057"], ["discovery"],
        "Six or more different commands that tell about the machine, its users and its network stand close together. Support tools collect the same.";
    PROCESS_INJECTION = "process-injection" Suspicious ["T1055", "T1106"], ["injection"],
        "A script allocates memory, copies bytes into it and starts a thread there. Bindings for debuggers declare the same functions.";
    EXFILTRATION = "exfiltration" Suspicious ["T1567", "T1041"], ["exfiltration"],
        "Secrets, the environment or a picture of the screen are sent to a chat service or a collector of requests. Notification bots send messages, not keys.";
    KEYLOGGING = "keylogging" Suspicious ["T1056.001"], ["credentials"],
        "A script polls or hooks the keyboard and writes down or sends away what is typed. Hotkey tools react to keys; they do not keep them.";
    CRYPTO_MINER = "crypto-miner" Suspicious ["T1496"], ["impact"],
        "A miner is fetched, set up or started with the address of a pool. Who mines on purpose has this as well.";
    PROXY_EXECUTION = "proxy-execution" Suspicious ["T1218", "T1216"], ["evasion"],
        "A signed program of Windows is made to run code that it is given or that it fetches (regsvr32 with a URL, mshta with a script, rundll32 with JavaScript). Its ordinary uses look different.";
    HIDDEN_POWERSHELL = "hidden-powershell" Suspicious ["T1059.001", "T1564.003"], ["evasion"],
        "PowerShell is started with a hidden window together with an encoded command or a download. Either alone is usual in deployment tools.";
    ENCODED_COMMAND = "encoded-command" Info ["T1027.010", "T1059.001"], ["obfuscation"],
        "A PowerShell command is given in base64. Deployment tools do so to get around quoting.";
    OBFUSCATED = "obfuscated" Info ["T1027"], ["obfuscation"],
        "The source was made hard to read: strings in pieces or codes, names that say nothing, escapes in the middle of words. Makers protect their code so as well.";
    OBFUSCATED_EXECUTION = "obfuscated-execution" Suspicious ["T1027", "T1140"], ["obfuscation"],
        "Code that is decoded from a string and run holds another such layer, or its decoder is written in pieces. Packers for size have one plain layer.";
    ESOTERIC_ALPHABET = "esoteric-alphabet" Suspicious ["T1027"], ["obfuscation"],
        "JavaScript that is written in a handful of characters (JSFuck, jjencode, aaencode). It hides what it does, and is a puzzle at best.";
    ENCODED_SCRIPT = "encoded-script" Info ["T1027"], ["obfuscation"],
        "Source that the Script Encoder of Windows encoded. It was meant to protect scripts and is out of use; the decoded source is looked at.";
    EMBEDDED_PROGRAM = "embedded-program" Suspicious ["T1027.009"], ["obfuscation"],
        "A Windows or Linux program stands encoded in a string of the script. Installers written as scripts carry archives, seldom bare programs.";
    HTML_SMUGGLING = "html-smuggling" Suspicious ["T1027.006"], ["download"],
        "A page builds a file out of data that it carries and saves it by itself. Editors that export files do so with what the user wrote, not with a large constant.";
    CLIPBOARD_LURE = "clipboard-lure" Suspicious ["T1204.004"], ["social"],
        "A page puts a command that runs code into the clipboard and tells the user to paste it (ClickFix). Documentation offers commands to copy, but does not talk of proving to be human or of Windows+R.";
    CREDENTIAL_FORM = "credential-form" Info ["T1056.003"], ["social"],
        "A page asks for a password and sends it to another host, or stands in a file of its own. Saved sign-in pages look the same.";
    PHISHING_PAGE = "phishing-page" Suspicious ["T1566.002", "T1056.003"], ["social"],
        "A page asks for a password, and hides its source, fills in the victim's address, or sends what is typed to a chat service or a form collector. Sign-in pages have no reason to.";
    REFRESH_TO_PROGRAM = "refresh-to-program" Suspicious ["T1204.002"], ["download"],
        "A page, as soon as it is opened, goes on to a program, a script, or a file share. Download pages show themselves first and live on a server.";
    SVG_SCRIPT = "svg-script" Info ["T1059.007"], ["script"],
        "A picture with a script in it. Charts made for the web have it.";
    SVG_REDIRECT = "svg-redirect" Suspicious ["T1027.017", "T1059.007"], ["script"],
        "A picture whose script decodes something and leads elsewhere or writes a new page. Charts draw; they do not send the reader away.";
    WEB_SHELL = "web-shell" Suspicious ["T1505.003"], ["backdoor"],
        "A server page runs code or commands that come in the request. Frameworks dispatch requests to functions of their own; they do not evaluate them.";
    INSTALL_HOOK = "install-hook" Suspicious ["T1195.002"], ["supply-chain"],
        "Installing the package runs code that fetches and runs something, or sends out what it finds on the machine. Packages build at installation; those that fetch a program say so and check it.";
    HTA_SHELL = "hta-shell" Suspicious ["T1218.005"], ["script"],
        "An HTML application that starts programs. In-house tools are written so, and hardly anything else today.";
    SHORTCUT_COMMAND = "shortcut-command" Suspicious ["T1204.002", "T1059"], ["shortcut"],
        "A Windows shortcut that starts an interpreter with a command: hidden, encoded, fetching, or padded so that the properties do not show it. Menu entries start programs with a file or a switch.";
    SHORTCUT_REMOTE = "shortcut-remote" Suspicious ["T1204.002", "T1187"], ["shortcut"],
        "A shortcut, link file or library whose target or picture lies on a web server or share: opening it, or the folder, reaches out. Shortcuts on a company's own share name the server without a domain.";
    SHORTCUT_DISGUISE = "shortcut-disguise" Suspicious ["T1036.007", "T1036"], ["shortcut"],
        "A shortcut that looks like a document: by a second extension in its name, or by the icon of a document on something that starts an interpreter.";
    SHORTCUT_DATA = "shortcut-data" Suspicious ["T1027.009"], ["shortcut"],
        "Data behind the end of a shortcut, much of it: the shortcut's command can cut it out and run it. Windows writes nothing there.";
    COMMAND_IN_SETTINGS = "command-in-settings" Suspicious ["T1218", "T1127.001"], ["evasion"],
        "A file of settings (setup information, build project, desktop entry, settings shortcut) that runs an interpreter with a command or code of its own when it is opened.";
}
