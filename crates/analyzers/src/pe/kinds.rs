//! What Windows executables can show.

use crate::FindingKind;
use crate::program::{
    COMPILED_SCRIPT, HARD_CODED_MESSENGER, HIDDEN_EXECUTABLE, MINES_COINS, ONION_SERVICE,
    OVERLAY_ENCRYPTED, RANSOM_NOTE, STEALS_BROWSER_DATA,
};

/// All of them.
pub(super) const ALL: &[FindingKind] = &[
    ASKS_TO_ELEVATE,
    CAN_ACCESS_CREDENTIALS,
    CAN_CAPTURE_SCREEN,
    CAN_DETECT_DEBUGGER,
    CAN_DOWNLOAD,
    CAN_ENCRYPT_FILES,
    CAN_INJECT,
    CAN_INSTALL_SERVICE,
    CAN_LISTEN,
    CAN_LIST_PROCESSES,
    CAN_LOAD_DRIVER,
    CAN_LOG_KEYS,
    CAN_RAISE_PRIVILEGES,
    CAN_RECORD,
    CAN_SHUT_DOWN,
    CAN_USE_TOKENS,
    CHECKSUM,
    CHECKS_FOR_SANDBOX,
    COMPILED_SCRIPT,
    DAMAGED_METADATA,
    DATA_AFTER_SIGNATURE,
    DELETES_BACKUPS,
    DIRECTORY_OUTSIDE_FILE,
    DISABLES_DEFENCES,
    DOWNLOADS_WITH_TOOL,
    DRIVER_CHECKSUM,
    DRIVER_EXPOSES_MEMORY,
    DRIVER_KILLS_PROCESSES,
    DRIVER_MAPS_MEMORY,
    DRIVER_UNSIGNED,
    DRIVER_WATCHES,
    DUMPS_CREDENTIALS,
    ENCRYPTED_RESOURCE,
    ENTRY_IN_LAST_SECTION,
    ENTRY_NOT_EXECUTABLE,
    ENTRY_OUTSIDE_CODE,
    EXECUTABLE_APPENDED,
    EXECUTABLE_IN_RESOURCES,
    HARD_CODED_MESSENGER,
    HEADERS_OVERLAP,
    HIDDEN_EXECUTABLE,
    HIDDEN_POWERSHELL,
    HIGH_ENTROPY_CODE,
    HOLLOWS_PROCESSES,
    IMPERSONATES_SYSTEM,
    INJECTS_FROM_PACKED,
    KEYLOGGER,
    LISTS_ANALYSIS_TOOLS,
    MANAGED_LOADER,
    MANY_SECTIONS,
    MINES_COINS,
    MISLEADING_NAME,
    NO_SECTIONS,
    OBFUSCATED,
    ODD_SECTION_NAME,
    ONION_SERVICE,
    OVERLAY_ENCRYPTED,
    PACKED_KNOWN,
    PACKED_UNKNOWN,
    PATCHES_DEFENCES,
    PAYLOAD_AFTER_SIGNATURE,
    RANSOM_NOTE,
    REFLECTIVE_LOADER,
    RENAMED,
    RICH_CHANGED,
    SCHEDULES_TASKS,
    SECTIONS_OVERLAP,
    SECTION_OUTSIDE_FILE,
    SELF_SIGNED,
    SELF_SIGNED_AS_VENDOR,
    SETS_AUTOSTART,
    SIGNATURE_DIGEST_MISMATCH,
    SIGNATURE_FORGED,
    SIGNATURE_MALFORMED,
    SIGNATURE_OUTSIDE_VALIDITY,
    SIGNATURE_TRUSTED,
    SIGNATURE_UNTRUSTED_ROOT,
    SIGNATURE_UNVERIFIED,
    SIGNATURE_WEAK,
    SIGNATURE_WITHOUT_TIME,
    STAND_IN_LIBRARY,
    STEALS_BROWSER_DATA,
    TAMPERED_UPX,
    TELLING_PATH,
    TIMESTAMPS_DISAGREE,
    TLS_CALLBACKS,
    TLS_CALLBACK_OUTSIDE_CODE,
    UNKNOWN_STREAM,
    VENDOR_UNSIGNED,
    WRITABLE_CODE,
];

pub(super) const HEADERS_OVERLAP: FindingKind = FindingKind::suspicious(
    "overlapping-headers",
    &["T1027"],
    &["headers"],
    "The PE header begins inside the DOS header. Linkers write a DOS stub in between; packers and hand-made programs save the space.",
);

pub(super) const WRITABLE_CODE: FindingKind = FindingKind::info(
    "writable-code",
    &["T1027.002"],
    &["headers"],
    "A section that is writable and executable. Packers need it; a few old compilers do it too.",
);

pub(super) const SECTION_OUTSIDE_FILE: FindingKind = FindingKind::info(
    "section-outside-file",
    &[],
    &["headers"],
    "A section whose bytes end behind the end of the file: it was cut short, or its headers lie.",
);

pub(super) const ODD_SECTION_NAME: FindingKind = FindingKind::info(
    "odd-section-name",
    &["T1027"],
    &["headers"],
    "A section whose name is not printable.",
);

pub(super) const MANY_SECTIONS: FindingKind = FindingKind::info(
    "many-sections",
    &[],
    &["headers"],
    "More sections than linkers make, or than the loader takes. Debug information in the form of MinGW makes some twenty.",
);

pub(super) const NO_SECTIONS: FindingKind = FindingKind::suspicious(
    "no-sections",
    &["T1027"],
    &["headers"],
    "A program without sections: everything is in the headers. Linkers do not make such files.",
);

pub(super) const SECTIONS_OVERLAP: FindingKind = FindingKind::suspicious(
    "sections-overlap",
    &["T1027"],
    &["headers"],
    "Two sections share bytes of the file, so that tools disagree on what is where. Linkers do not do this; some packers do.",
);

pub(super) const ENTRY_OUTSIDE_CODE: FindingKind = FindingKind::suspicious(
    "entry-outside-code",
    &["T1027"],
    &["headers"],
    "The entry point is in no section: in the headers or outside the image.",
);

pub(super) const ENTRY_NOT_EXECUTABLE: FindingKind = FindingKind::info(
    "entry-not-executable",
    &["T1027"],
    &["headers"],
    "The entry point is in a section that is neither code nor executable. Such a program runs only where memory protection is off.",
);

pub(super) const ENTRY_IN_LAST_SECTION: FindingKind = FindingKind::suspicious(
    "entry-in-last-section",
    &["T1574", "T1027.002"],
    &["headers", "infection"],
    "The program starts in its last section, which is writable and executable, though other code stands before it: what file infectors and packers leave.",
);

pub(super) const DIRECTORY_OUTSIDE_FILE: FindingKind = FindingKind::info(
    "table-outside-file",
    &["T1027"],
    &["headers"],
    "A table of the image is at an address that the file does not have.",
);

pub(super) const CHECKSUM: FindingKind = FindingKind::info(
    "checksum-wrong",
    &[],
    &["headers"],
    "The checksum in the header is not the file's: it was changed after linking. Windows checks it for drivers and boot libraries only, so many tools leave it wrong.",
);

pub(super) const DRIVER_CHECKSUM: FindingKind = FindingKind::suspicious(
    "driver-checksum-wrong",
    &["T1014"],
    &["headers", "driver"],
    "A driver whose checksum is wrong. Windows refuses to load it, so it was changed after it was built, or is no real driver.",
);

pub(super) const TIMESTAMPS_DISAGREE: FindingKind = FindingKind::info(
    "time-stamps-disagree",
    &["T1070.006"],
    &["headers"],
    "The header and the debug directory give different times of linking: one of them was changed.",
);

pub(super) const TLS_CALLBACKS: FindingKind = FindingKind::info(
    "runs-before-entry",
    &["T1055.005"],
    &["headers", "evasion"],
    "Functions run before the entry point (thread-local storage callbacks). Compilers use them for thread-local objects, others to run before a debugger stops.",
);

pub(super) const TLS_CALLBACK_OUTSIDE_CODE: FindingKind = FindingKind::suspicious(
    "callback-outside-code",
    &["T1055.005"],
    &["headers", "evasion"],
    "A function that runs before the entry point is in no executable section.",
);

pub(super) const PACKED_KNOWN: FindingKind = FindingKind::info(
    "packed-known",
    &["T1027.002"],
    &["packing"],
    "Packed or protected with a known tool, by the names of its sections. Small vendors and games use them as well.",
);

pub(super) const PACKED_UNKNOWN: FindingKind = FindingKind::suspicious(
    "packed-unknown",
    &["T1027.002"],
    &["packing"],
    "It starts in code that looks random, or in code that is not in the file, and imports almost nothing: packed by a tool that is not known.",
);

pub(super) const TAMPERED_UPX: FindingKind = FindingKind::suspicious(
    "tampered-upx",
    &["T1027.002"],
    &["packing"],
    "Packed with UPX and then changed (sections renamed, header removed), so that UPX cannot unpack it.",
);

pub(super) const HIGH_ENTROPY_CODE: FindingKind = FindingKind::info(
    "high-entropy-code",
    &["T1027.002"],
    &["packing"],
    "A code section with the entropy of compressed or encrypted data.",
);

pub(super) const EXECUTABLE_APPENDED: FindingKind = FindingKind::info(
    "executable-appended",
    &["T1027.009"],
    &["packing"],
    "Another program stands behind this one. Some installers work so, and so do tools that bind two programs together.",
);

pub(super) const EXECUTABLE_IN_RESOURCES: FindingKind = FindingKind::info(
    "executable-in-resources",
    &["T1027.009"],
    &["packing"],
    "A program among the resources. Installers, and tools that bring a driver, do this.",
);

pub(super) const ENCRYPTED_RESOURCE: FindingKind = FindingKind::info(
    "encrypted-resource",
    &["T1027.013"],
    &["packing"],
    "A resource that looks random and is of no known type.",
);

pub(super) const ASKS_TO_ELEVATE: FindingKind = FindingKind::suspicious(
    "asks-to-auto-elevate",
    &["T1548.002"],
    &["privilege"],
    "The manifest asks for administrator rights without a question. Windows grants it to its own programs only; others carry it to be copied over one of those.",
);

pub(super) const CAN_INJECT: FindingKind = FindingKind::info(
    "can-inject",
    &["T1055"],
    &["injection"],
    "Functions by which code is run in other processes. Debuggers, overlays and protection software use them.",
);

pub(super) const CAN_LOG_KEYS: FindingKind = FindingKind::info(
    "can-log-keys",
    &["T1056.001"],
    &["keylogging"],
    "Functions by which what is typed in other programs can be followed. Hot keys and remote control need them.",
);

pub(super) const CAN_CAPTURE_SCREEN: FindingKind = FindingKind::info(
    "can-capture-screen",
    &["T1113"],
    &["collection"],
    "Functions by which the screen is copied and the picture kept.",
);

pub(super) const CAN_RECORD: FindingKind = FindingKind::info(
    "can-record",
    &["T1123", "T1125"],
    &["collection"],
    "Functions by which sound or pictures are recorded.",
);

pub(super) const CAN_ACCESS_CREDENTIALS: FindingKind = FindingKind::info(
    "can-access-credentials",
    &["T1003", "T1555"],
    &["credential-access"],
    "Functions by which stored credentials or log-on sessions are read.",
);

pub(super) const CAN_DETECT_DEBUGGER: FindingKind = FindingKind::info(
    "can-detect-debugger",
    &["T1622"],
    &["evasion"],
    "Functions by which a debugger is noticed or shaken off, beyond what every C run time has.",
);

pub(super) const CAN_INSTALL_SERVICE: FindingKind = FindingKind::info(
    "can-install-service",
    &["T1543.003"],
    &["persistence"],
    "Functions by which a service or a driver is installed.",
);

pub(super) const CAN_DOWNLOAD: FindingKind = FindingKind::info(
    "can-download",
    &["T1105"],
    &["network"],
    "Functions by which files are fetched from the network.",
);

pub(super) const CAN_ENCRYPT_FILES: FindingKind = FindingKind::info(
    "can-encrypt-files",
    &["T1486"],
    &["ransom"],
    "Functions that find files, and functions that encrypt.",
);

pub(super) const CAN_USE_TOKENS: FindingKind = FindingKind::info(
    "can-use-tokens",
    &["T1134.001", "T1134.002"],
    &["privilege"],
    "Functions by which the identity of another process is taken.",
);

pub(super) const CAN_RAISE_PRIVILEGES: FindingKind = FindingKind::info(
    "can-raise-privileges",
    &["T1134"],
    &["privilege"],
    "Functions by which privileges are switched on. Installers need them.",
);

pub(super) const CAN_LOAD_DRIVER: FindingKind = FindingKind::info(
    "can-load-driver",
    &["T1543.003", "T1068"],
    &["kernel"],
    "Functions by which a driver is loaded directly.",
);

pub(super) const CAN_LIST_PROCESSES: FindingKind = FindingKind::info(
    "can-list-processes",
    &["T1057"],
    &["discovery"],
    "Functions by which running processes are listed.",
);

pub(super) const CAN_SHUT_DOWN: FindingKind = FindingKind::info(
    "can-shut-down",
    &["T1529"],
    &["impact"],
    "Functions by which the machine is shut down or made to crash.",
);

pub(super) const CAN_LISTEN: FindingKind = FindingKind::info(
    "can-listen",
    &["T1571"],
    &["network"],
    "Functions by which connections are waited for.",
);

pub(super) const SETS_AUTOSTART: FindingKind = FindingKind::info(
    "sets-autostart",
    &["T1547.001", "T1547.004", "T1546.012"],
    &["persistence"],
    "Names a registry key from which programs are started, and writes to the registry. Installers and many programs with a symbol in the task bar do.",
);

pub(super) const HOLLOWS_PROCESSES: FindingKind = FindingKind::suspicious(
    "hollows-processes",
    &["T1055.012"],
    &["injection"],
    "All that process hollowing needs: start a process, empty it, fill it, set its context, let it go. Only debuggers of processes come near.",
);

pub(super) const INJECTS_FROM_PACKED: FindingKind = FindingKind::suspicious(
    "injects-from-packed-file",
    &["T1055", "T1027.002"],
    &["injection", "packing"],
    "A small, unsigned, packed program that can run code in other processes.",
);

pub(super) const KEYLOGGER: FindingKind = FindingKind::suspicious(
    "hidden-keylogger",
    &["T1056.001", "T1041"],
    &["keylogging", "network"],
    "A small, unsigned program that follows keys and the window in front, has no window of its own and talks to the network.",
);

pub(super) const DUMPS_CREDENTIALS: FindingKind = FindingKind::suspicious(
    "dumps-credentials",
    &["T1003.001"],
    &["credential-access"],
    "An unsigned program that names the process which holds credentials and writes dumps of processes.",
);

pub(super) const PATCHES_DEFENCES: FindingKind = FindingKind::suspicious(
    "patches-defences",
    &["T1562.001", "T1562.006"],
    &["evasion"],
    "A small, unsigned program that looks up the functions by which Windows tells protection software what happens, without calling them, and changes the protection of memory.",
);

pub(super) const MISLEADING_NAME: FindingKind = FindingKind::suspicious(
    "misleading-name",
    &["T1036.002", "T1036.007"],
    &["masquerading"],
    "A program whose file name looks like a document's, by a second extension or by a character that turns the direction of writing.",
);

pub(super) const REFLECTIVE_LOADER: FindingKind = FindingKind::suspicious(
    "reflective-loader",
    &["T1620"],
    &["injection"],
    "A library that exports the function by which it loads itself from memory, as many attack frameworks do.",
);

pub(super) const STAND_IN_LIBRARY: FindingKind = FindingKind::suspicious(
    "stand-in-library",
    &["T1574.002"],
    &["hijacking"],
    "An unsigned library that passes most of its functions on to one given by path, or to the renamed library of Windows whose name it has: put in front of it to be loaded first.",
);

pub(super) const DRIVER_UNSIGNED: FindingKind = FindingKind::info(
    "driver-unsigned",
    &["T1014"],
    &["driver"],
    "A driver without a signature of its own. Drivers that come with Windows are signed in catalogs; others cannot be loaded by a 64-bit Windows.",
);

pub(super) const DRIVER_MAPS_MEMORY: FindingKind = FindingKind::info(
    "driver-maps-memory",
    &["T1068"],
    &["driver"],
    "A driver that maps physical memory. Drivers of devices have to.",
);

pub(super) const DRIVER_EXPOSES_MEMORY: FindingKind = FindingKind::suspicious(
    "driver-exposes-memory",
    &["T1068"],
    &["driver"],
    "A driver that opens the whole physical memory, maps it, and offers a device to programs: what attackers bring along to reach the kernel. Vendors' tools for boards and clocks have such drivers too.",
);

pub(super) const DRIVER_KILLS_PROCESSES: FindingKind = FindingKind::info(
    "driver-kills-processes",
    &["T1562.001", "T1068"],
    &["driver"],
    "A driver that ends processes by number and offers a device to programs. Protection software has one; attackers borrow it to end that software.",
);

pub(super) const DRIVER_WATCHES: FindingKind = FindingKind::info(
    "driver-watches",
    &["T1014"],
    &["driver"],
    "A driver that is told of new processes, images, handles or registry changes. Protection software does this.",
);

pub(super) const DAMAGED_METADATA: FindingKind = FindingKind::suspicious(
    "damaged-metadata",
    &["T1027"],
    &["dotnet", "obfuscation"],
    "The metadata of a .NET program contradicts itself (streams twice or outside the file, tables that cannot be read), while the runtime may still take it: made to stop decompilers.",
);

pub(super) const UNKNOWN_STREAM: FindingKind = FindingKind::info(
    "unknown-metadata-stream",
    &["T1027"],
    &["dotnet", "obfuscation"],
    "A metadata stream that the runtime does not know. Obfuscators add them.",
);

pub(super) const OBFUSCATED: FindingKind = FindingKind::info(
    "obfuscated-assembly",
    &["T1027"],
    &["dotnet", "obfuscation"],
    "A .NET program with the mark of an obfuscator. Commercial software is often obfuscated.",
);

pub(super) const MANAGED_LOADER: FindingKind = FindingKind::suspicious(
    "managed-loader",
    &["T1620", "T1140", "T1027.009"],
    &["dotnet", "packing"],
    "A .NET program that decrypts, loads assemblies from bytes, and carries a resource that looks encrypted.",
);

pub(super) const SIGNATURE_TRUSTED: FindingKind = FindingKind::info(
    "signature-trusted",
    &[],
    &["signature"],
    "An intact Authenticode signature whose chain ends at one of the operator's roots.",
);

pub(super) const SIGNATURE_UNTRUSTED_ROOT: FindingKind = FindingKind::info(
    "signature-untrusted-root",
    &[],
    &["signature"],
    "An intact Authenticode signature whose chain ends at none of the operator's roots.",
);

pub(super) const SIGNATURE_DIGEST_MISMATCH: FindingKind = FindingKind::suspicious(
    "signature-digest-mismatch",
    &["T1553.002", "T1036.001"],
    &["signature"],
    "The file is not what was signed: it was changed after signing, or the signature was copied from another file.",
);

pub(super) const SIGNATURE_FORGED: FindingKind = FindingKind::suspicious(
    "signature-forged",
    &["T1553.002", "T1036.001"],
    &["signature"],
    "The digest in the signature fits the file, but the signer's key did not make the signature.",
);

pub(super) const SIGNATURE_MALFORMED: FindingKind = FindingKind::info(
    "signature-malformed",
    &["T1036.001"],
    &["signature"],
    "There is a certificate table, and no signature can be read from it.",
);

pub(super) const SIGNATURE_UNVERIFIED: FindingKind = FindingKind::info(
    "signature-unverified",
    &[],
    &["signature"],
    "The signature uses a kind of key or digest that is not known here, so it was not checked.",
);

pub(super) const SIGNATURE_WEAK: FindingKind = FindingKind::info(
    "signature-weak-digest",
    &[],
    &["signature"],
    "Signed over MD5. Different files with the same MD5 can be made.",
);

pub(super) const SIGNATURE_WITHOUT_TIME: FindingKind = FindingKind::info(
    "signature-without-time",
    &[],
    &["signature"],
    "No countersignature says when it was signed. Such a signature ends with its certificate.",
);

pub(super) const SIGNATURE_OUTSIDE_VALIDITY: FindingKind = FindingKind::suspicious(
    "signature-outside-validity",
    &["T1553.002"],
    &["signature"],
    "A countersignature says that it was signed before or after the certificate was valid.",
);

pub(super) const SELF_SIGNED: FindingKind = FindingKind::info(
    "self-signed",
    &["T1553.002"],
    &["signature"],
    "Signed with a certificate that its holder made. In-house programs and tests are signed so.",
);

pub(super) const SELF_SIGNED_AS_VENDOR: FindingKind = FindingKind::suspicious(
    "self-signed-as-vendor",
    &["T1553.002", "T1036.001"],
    &["signature", "masquerading"],
    "Signed with a certificate that calls itself a well-known vendor and was made by its own holder.",
);

pub(super) const DATA_AFTER_SIGNATURE: FindingKind = FindingKind::info(
    "data-after-signature",
    &["T1553.002"],
    &["signature"],
    "A few bytes behind the signature, where it does not cover them. Installers keep a tag there that tells where they were downloaded.",
);

pub(super) const PAYLOAD_AFTER_SIGNATURE: FindingKind = FindingKind::suspicious(
    "payload-after-signature",
    &["T1553.002", "T1027.009"],
    &["signature", "packing"],
    "Many or random bytes behind the signature, where it does not cover them: a way to carry a payload under an intact signature.",
);

pub(super) const RICH_CHANGED: FindingKind = FindingKind::info(
    "linker-record-changed",
    &["T1036"],
    &["headers"],
    "The record of Microsoft's linker does not fit the file: it was copied from another file to mislead, or a tool changed the stub.",
);

pub(super) const TELLING_PATH: FindingKind = FindingKind::suspicious(
    "telling-debug-path",
    &[],
    &["provenance"],
    "The path under which the author built it names a purpose that nobody gives an honest program.",
);

pub(super) const VENDOR_UNSIGNED: FindingKind = FindingKind::info(
    "vendor-unsigned",
    &["T1036"],
    &["masquerading"],
    "The version information says Microsoft, and there is no intact signature in the file. Programs that come with Windows are often signed in catalogs instead.",
);

pub(super) const IMPERSONATES_SYSTEM: FindingKind = FindingKind::suspicious(
    "impersonates-system-program",
    &["T1036.005"],
    &["masquerading"],
    "An unsigned program with the name of one of Windows, whose version information does not say Microsoft.",
);

pub(super) const RENAMED: FindingKind = FindingKind::info(
    "renamed",
    &["T1036.003"],
    &["masquerading"],
    "The file's name has nothing to do with the name under which it was built.",
);

pub(super) const DELETES_BACKUPS: FindingKind = FindingKind::suspicious(
    "deletes-backups",
    &["T1490"],
    &["ransom"],
    "A command that deletes shadow copies or backup catalogs, or switches off recovery.",
);

pub(super) const DISABLES_DEFENCES: FindingKind = FindingKind::suspicious(
    "disables-defences",
    &["T1562.001", "T1562.004"],
    &["evasion"],
    "A command that switches off the protection or the firewall of Windows, or excepts folders from it.",
);

pub(super) const HIDDEN_POWERSHELL: FindingKind = FindingKind::suspicious(
    "hidden-powershell",
    &["T1059.001", "T1564.003", "T1027.010"],
    &["shell"],
    "Options of PowerShell for a hidden window together with those for an encoded command.",
);

pub(super) const DOWNLOADS_WITH_TOOL: FindingKind = FindingKind::suspicious(
    "downloads-with-system-tool",
    &["T1105", "T1218"],
    &["network"],
    "A command line by which a tool of Windows downloads a file or runs code from the network.",
);

pub(super) const SCHEDULES_TASKS: FindingKind = FindingKind::info(
    "schedules-tasks",
    &["T1053.005"],
    &["persistence"],
    "A command line that creates a scheduled task. Updaters do.",
);

pub(super) const CHECKS_FOR_SANDBOX: FindingKind = FindingKind::suspicious(
    "checks-for-sandbox",
    &["T1497.001"],
    &["evasion"],
    "Marks of at least three virtual machines or sandboxes.",
);

pub(super) const LISTS_ANALYSIS_TOOLS: FindingKind = FindingKind::suspicious(
    "lists-analysis-tools",
    &["T1518.001", "T1057", "T1622"],
    &["evasion"],
    "Names of at least four tools by which programs are analysed.",
);
