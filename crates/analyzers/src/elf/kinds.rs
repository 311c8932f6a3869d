//! What ELF files can show.

use crate::FindingKind;
use crate::program::{
    COMPILED_SCRIPT, HARD_CODED_MESSENGER, HIDDEN_EXECUTABLE, MINES_COINS, ONION_SERVICE,
    OVERLAY_ENCRYPTED, RANSOM_NOTE, STEALS_BROWSER_DATA,
};

/// All of them.
pub(super) const ALL: &[FindingKind] = &[
    APPENDED_CODE,
    BOT,
    CAN_LOAD_MODULES,
    CAN_RUN_FROM_MEMORY,
    CAN_SNIFF,
    CAN_TRACE,
    COMPILED_SCRIPT,
    CONSTRUCTOR_OUTSIDE_CODE,
    ENTRY_OUTSIDE_CODE,
    ENTRY_OUTSIDE_SECTIONS,
    ESCAPES_CONTAINER,
    EXECUTABLE_STACK,
    FILELESS,
    HARD_CODED_MESSENGER,
    HEADERS_OVERLAP,
    HIDDEN_EXECUTABLE,
    HIDES_IN_KERNEL,
    HOOKS_KERNEL,
    INTERPOSES_LIBC,
    MINES_COINS,
    NO_SECTIONS,
    ODD_INTERPRETER,
    ONION_SERVICE,
    OVERLAY_ENCRYPTED,
    PACKED_KNOWN,
    PACKED_UNKNOWN,
    PRELOAD_FILE,
    RANSOM_NOTE,
    RELATIVE_LIBRARY_PATH,
    REVERSE_SHELL,
    SECTION_OUTSIDE_FILE,
    SHELLCODE_STUB,
    SHELL_COMMAND,
    STAYS,
    STEALS_BROWSER_DATA,
    TAMPERED_UPX,
    TEXT_RELOCATIONS,
    USERLAND_ROOTKIT,
    WEAKENS_HOST,
    WRITABLE_CODE,
    WRITABLE_LIBRARY_PATH,
    WRITES_OWN_MEMORY,
];

pub(super) const SECTION_OUTSIDE_FILE: FindingKind = FindingKind::info(
    "section-outside-file",
    &[],
    &["headers"],
    "A section that ends behind the end of the file: it was cut, or its headers were changed to stop tools that read sections. Separate debug files have such sections too.",
);

pub(super) const HEADERS_OVERLAP: FindingKind = FindingKind::suspicious(
    "overlapping-headers",
    &["T1027"],
    &["headers"],
    "The program headers begin inside the file header. No linker does this; the smallest possible programs and hand-made ones do.",
);

pub(super) const NO_SECTIONS: FindingKind = FindingKind::info(
    "no-section-headers",
    &["T1027"],
    &["headers"],
    "A program without section headers. It runs, and tools that read sections see nothing; packers remove them, and so do some vendors of small devices.",
);

pub(super) const SHELLCODE_STUB: FindingKind = FindingKind::suspicious(
    "shellcode-stub",
    &["T1027", "T1059"],
    &["headers", "injection"],
    "A small program of one segment that is writable and executable, and no sections: how generators of payloads wrap shellcode.",
);

pub(super) const WRITABLE_CODE: FindingKind = FindingKind::info(
    "writable-code",
    &["T1027.002"],
    &["headers"],
    "A segment that is writable and executable at once. Packers need it, and so do some old linkers and a few language run times.",
);

pub(super) const EXECUTABLE_STACK: FindingKind = FindingKind::info(
    "executable-stack",
    &[],
    &["headers"],
    "The program asks for an executable stack. Nested functions of C and assembly without a note cause it in honest programs.",
);

pub(super) const ENTRY_OUTSIDE_CODE: FindingKind = FindingKind::suspicious(
    "entry-outside-code",
    &["T1027"],
    &["headers"],
    "The entry point is in no segment, or in one that is not executable. Such a program cannot start, or starts only where the headers are not what they seem.",
);

pub(super) const ENTRY_OUTSIDE_SECTIONS: FindingKind = FindingKind::suspicious(
    "entry-outside-sections",
    &["T1574", "T1027"],
    &["headers", "infection"],
    "The program has code sections, and its entry point is in none of them: code was added behind the linker's back, as file infectors do.",
);

pub(super) const APPENDED_CODE: FindingKind = FindingKind::suspicious(
    "appended-code",
    &["T1574", "T1027"],
    &["headers", "infection"],
    "An executable segment lies behind the section headers and no section describes it. Infectors turn a note segment into such a one; linkers and patch tools do not.",
);

pub(super) const TEXT_RELOCATIONS: FindingKind = FindingKind::info(
    "text-relocations",
    &[],
    &["headers"],
    "Relocations change the code when the program is loaded, so that it has to be writable. Old 32-bit libraries and hand-written assembly do this.",
);

pub(super) const WRITABLE_LIBRARY_PATH: FindingKind = FindingKind::suspicious(
    "library-path-in-temporary-folder",
    &["T1574.006", "T1574.007"],
    &["hijacking"],
    "Libraries are looked for in a folder that every user can write, so that any of them can put code into this program. Seen where a build folder was left in the program.",
);

pub(super) const RELATIVE_LIBRARY_PATH: FindingKind = FindingKind::info(
    "relative-library-path",
    &["T1574.006"],
    &["hijacking"],
    "Libraries are looked for relative to the current folder and not to the program ($ORIGIN).",
);

pub(super) const CONSTRUCTOR_OUTSIDE_CODE: FindingKind = FindingKind::suspicious(
    "initialiser-outside-code",
    &["T1027"],
    &["headers"],
    "A function that runs before the entry point is in no executable segment.",
);

pub(super) const ODD_INTERPRETER: FindingKind = FindingKind::suspicious(
    "odd-interpreter",
    &["T1574"],
    &["headers", "hijacking"],
    "The interpreter that the kernel starts the program with is relative or in a temporary folder. Honest ones are absolute paths of installed loaders.",
);

pub(super) const PACKED_KNOWN: FindingKind = FindingKind::info(
    "packed-known",
    &["T1027.002"],
    &["packing"],
    "Packed with a packer that can be unpacked (UPX).",
);

pub(super) const TAMPERED_UPX: FindingKind = FindingKind::suspicious(
    "tampered-upx",
    &["T1027.002"],
    &["packing"],
    "Packed with UPX and then changed so that UPX cannot unpack it, while the program still runs. Router and camera bots do this.",
);

pub(super) const PACKED_UNKNOWN: FindingKind = FindingKind::suspicious(
    "packed-unknown",
    &["T1027.002"],
    &["packing"],
    "The code looks random and almost nothing is imported: packed or encrypted by an unknown tool.",
);

pub(super) const CAN_TRACE: FindingKind = FindingKind::info(
    "can-trace-processes",
    &["T1055.008"],
    &["injection"],
    "Reads or writes the memory of other processes (ptrace, process_vm_writev). Debuggers and crash handlers do.",
);

pub(super) const CAN_LOAD_MODULES: FindingKind = FindingKind::info(
    "can-load-kernel-modules",
    &["T1547.006"],
    &["kernel"],
    "Loads or unloads kernel modules. System tools do.",
);

pub(super) const CAN_RUN_FROM_MEMORY: FindingKind = FindingKind::info(
    "can-run-from-memory",
    &["T1620"],
    &["evasion"],
    "Creates files that are only in memory and runs them. Container run times protect themselves this way.",
);

pub(super) const CAN_SNIFF: FindingKind = FindingKind::info(
    "can-capture-packets",
    &["T1040"],
    &["network"],
    "Captures packets from the network.",
);

pub(super) const FILELESS: FindingKind = FindingKind::suspicious(
    "fileless-execution",
    &["T1620", "T1105"],
    &["evasion", "network"],
    "A small program that connects to another host, creates files in memory and runs them: a loader that leaves nothing on disk.",
);

pub(super) const REVERSE_SHELL: FindingKind = FindingKind::suspicious(
    "reverse-shell",
    &["T1059.004", "T1095"],
    &["network", "shell"],
    "A program that does little more than connect, make the connection its input and output, and run a shell.",
);

pub(super) const INTERPOSES_LIBC: FindingKind = FindingKind::info(
    "interposes-libc",
    &["T1574.006"],
    &["hooking"],
    "A library with functions of libc's names that looks up the real ones: it is meant to be preloaded. Debugging and proxy helpers work this way.",
);

pub(super) const USERLAND_ROOTKIT: FindingKind = FindingKind::suspicious(
    "userland-rootkit",
    &["T1574.006", "T1014"],
    &["hooking", "evasion"],
    "A small preloaded library that filters the listing of folders and also wraps logins or connections, or knows the preload file or the list of sockets: what it takes to hide on a host.",
);

pub(super) const HOOKS_KERNEL: FindingKind = FindingKind::info(
    "hooks-kernel",
    &["T1547.006", "T1014"],
    &["hooking", "kernel"],
    "A kernel module that looks up hidden kernel addresses or hooks functions. Tracing, live patching and security modules do.",
);

pub(super) const HIDES_IN_KERNEL: FindingKind = FindingKind::suspicious(
    "hides-in-kernel",
    &["T1014", "T1547.006"],
    &["hooking", "evasion", "kernel"],
    "A kernel module that hooks functions and names what rootkits change: the listing of folders or sockets, its own place in the list of modules.",
);

pub(super) const BOT: FindingKind = FindingKind::suspicious(
    "device-bot",
    &["T1498", "T1110", "T1105"],
    &["network", "bot"],
    "Words of bots that spread over routers and cameras: busybox and download commands, watchdog devices, floods, known exploits. Several must come together.",
);

pub(super) const STAYS: FindingKind = FindingKind::suspicious(
    "many-autostart-places",
    &["T1053.003", "T1543.002", "T1546.004", "T1098.004"],
    &["persistence"],
    "Knows at least five of the places from which programs are started. Package and configuration managers do as well.",
);

pub(super) const WEAKENS_HOST: FindingKind = FindingKind::suspicious(
    "weakens-host",
    &["T1562.001", "T1562.004", "T1070.003"],
    &["evasion"],
    "Commands that switch off the firewall, SELinux, the shell's history or a cloud's monitoring agent; at least two of them.",
);

pub(super) const SHELL_COMMAND: FindingKind = FindingKind::suspicious(
    "reverse-shell-command",
    &["T1059.004"],
    &["network", "shell"],
    "A command line that gives a shell to another host.",
);

pub(super) const ESCAPES_CONTAINER: FindingKind = FindingKind::info(
    "knows-container-escapes",
    &["T1611"],
    &["container"],
    "Names of kernel and container interfaces through which a privileged container reaches its host. Container run times use the same.",
);

pub(super) const PRELOAD_FILE: FindingKind = FindingKind::info(
    "names-preload-file",
    &["T1574.006"],
    &["persistence", "hooking"],
    "Names /etc/ld.so.preload, by which a library is put into every program. The loader itself and system tools name it.",
);

pub(super) const WRITES_OWN_MEMORY: FindingKind = FindingKind::info(
    "names-process-memory",
    &["T1055.009"],
    &["injection"],
    "Names /proc/self/mem, by which a program can change its own code in spite of its protection. Run times and debuggers use it.",
);
