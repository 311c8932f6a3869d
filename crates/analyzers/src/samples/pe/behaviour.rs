use super::{Case, case, importing, named, saying, texts};
use crate::program::Mark;
use crate::samples::build::noise::{code, noise};
use crate::samples::build::pe::{PeFile, version};

fn with_version(strings: &[(&str, &str)]) -> Vec<u8> {
    PeFile { resources: vec![version(strings)], ..PeFile::default() }.bytes()
}

fn driver(names: &[&'static str], texts: &[String]) -> Vec<u8> {
    PeFile::driver(names).saying(texts).bytes()
}

fn device() -> Vec<String> {
    vec!["\\Device\\PhysicalMemory".to_owned()]
}

const FOLLOWS_KEYS: [&str; 4] =
    ["GetAsyncKeyState", "GetForegroundWindow", "GetWindowTextW", "HttpSendRequestA"];

const INJECTION: [&str; 3] = ["VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread"];

fn injecting(text: Vec<u8>) -> Vec<u8> {
    PeFile { text, ..PeFile::default() }.importing("KERNEL32.dll", &INJECTION).bytes()
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "sets-autostart",
            || {
                PeFile::default()
                    .importing("ADVAPI32.dll", &["RegSetValueExW"])
                    .saying(&texts(&[Mark::RunKey]))
                    .bytes()
            },
            // It looks whether it is started, and changes nothing.
            || {
                PeFile::default()
                    .importing("ADVAPI32.dll", &["RegQueryValueExW"])
                    .saying(&texts(&[Mark::RunKey]))
                    .bytes()
            },
        ),
        case(
            "hollows-processes",
            || {
                importing(&[
                    "CreateProcessA",
                    "NtUnmapViewOfSection",
                    "WriteProcessMemory",
                    "SetThreadContext",
                    "ResumeThread",
                ])
            },
            // A debugger.
            || {
                importing(&[
                    "CreateProcessA",
                    "WriteProcessMemory",
                    "SetThreadContext",
                    "ResumeThread",
                    "WaitForDebugEvent",
                ])
            },
        ),
        case("injects-from-packed-file", || injecting(noise(0x4000)), || injecting(code(0x4000))),
        case(
            "hidden-keylogger",
            || importing(&FOLLOWS_KEYS),
            // A game: it has a window.
            || importing(&[FOLLOWS_KEYS.as_slice(), &["CreateWindowExW"]].concat()),
        ),
        case(
            "dumps-credentials",
            || {
                PeFile::default()
                    .importing("dbghelp.dll", &["MiniDumpWriteDump"])
                    .saying(&texts(&[Mark::Lsass]))
                    .bytes()
            },
            // A reporter of crashes.
            || importing(&["MiniDumpWriteDump"]),
        ),
        case(
            "patches-defences",
            || {
                PeFile::default()
                    .importing("KERNEL32.dll", &["VirtualProtect", "GetProcAddress"])
                    .saying(&texts(&[Mark::AmsiDll, Mark::AmsiScanBuffer]))
                    .bytes()
            },
            // A program that has its content scanned.
            || {
                PeFile::default()
                    .importing("amsi.dll", &["AmsiInitialize", "AmsiScanBuffer"])
                    .importing("KERNEL32.dll", &["VirtualProtect", "GetProcAddress"])
                    .bytes()
            },
        ),
        named("misleading-name", "invoice.pdf.exe", super::plain, || PeFile::library().bytes()),
        named("impersonates-system-program", "svchost.exe", super::plain, || {
            with_version(&[("CompanyName", "Microsoft Corporation")])
        }),
        named(
            "renamed",
            "setup.exe",
            || with_version(&[("OriginalFilename", "editor.exe")]),
            || with_version(&[("OriginalFilename", "setup-x64.exe")]),
        ),
        case(
            "vendor-unsigned",
            || with_version(&[("CompanyName", "Microsoft Corporation")]),
            || with_version(&[("CompanyName", "Example Ltd")]),
        ),
        case(
            "driver-unsigned",
            || driver(&["DbgPrint"], &[]),
            // A program that reads the kernel's file name.
            || PeFile::default().saying(&["ntoskrnl.exe".to_owned()]).bytes(),
        ),
        case(
            "driver-maps-memory",
            || driver(&["MmMapIoSpace"], &[]),
            || driver(&["MmGetSystemRoutineAddress"], &[]),
        ),
        case(
            "driver-exposes-memory",
            || driver(&["ZwOpenSection", "ZwMapViewOfSection", "IoCreateSymbolicLink"], &device()),
            // A driver of a device maps what the device has.
            || driver(&["MmMapIoSpace", "IoCreateSymbolicLink"], &[]),
        ),
        case(
            "driver-kills-processes",
            || driver(&["ZwTerminateProcess", "ZwOpenProcess", "IoCreateSymbolicLink"], &[]),
            || driver(&["PsLookupProcessByProcessId", "IoCreateSymbolicLink"], &[]),
        ),
        case(
            "driver-watches",
            || driver(&["PsSetCreateProcessNotifyRoutine"], &[]),
            || driver(&["PsCreateSystemThread"], &[]),
        ),
        case(
            "deletes-backups",
            || saying(&[Mark::VssadminDelete]),
            || PeFile::default().saying(&["vssadmin list shadows".to_owned()]).bytes(),
        ),
        case(
            "disables-defences",
            || saying(&[Mark::RealtimeMonitoring, Mark::MpPreference]),
            // A tool that shows the settings.
            || saying(&[Mark::RealtimeMonitoring]),
        ),
        case(
            "hidden-powershell",
            || saying(&[Mark::Powershell, Mark::WindowHidden, Mark::EncodedCommand]),
            // An installer runs its script without a window.
            || saying(&[Mark::Powershell, Mark::WindowHidden]),
        ),
        case(
            "downloads-with-system-tool",
            || saying(&[Mark::CertutilCache]),
            || PeFile::default().saying(&["certutil -hashfile".to_owned()]).bytes(),
        ),
        case(
            "schedules-tasks",
            || saying(&[Mark::SchtasksCreate]),
            || PeFile::default().saying(&["schtasks /query".to_owned()]).bytes(),
        ),
        case(
            "checks-for-sandbox",
            || saying(&[Mark::VboxGuest, Mark::Vmtoolsd, Mark::SbieDll]),
            // The guest tools of one machine know themselves.
            || saying(&[Mark::VboxGuest, Mark::VboxTray]),
        ),
        case(
            "lists-analysis-tools",
            || saying(&[Mark::Ollydbg, Mark::Wireshark, Mark::Procmon, Mark::Ida64]),
            || saying(&[Mark::Wireshark, Mark::Dumpcap]),
        ),
    ]
}
