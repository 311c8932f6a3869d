//! What the used functions make possible. A capability alone says little: every group has honest users.

use super::{Program, kinds};
use crate::{Examination, FindingKind};

/// Functions that together give a capability: any of the sets is enough. Names are without the `A` or
/// `W` of their forms.
#[rustfmt::skip] // One set a line.
pub(super) const CAPABILITIES: &[(&FindingKind, &[&[&str]])] = &[
    (&kinds::CAN_INJECT, &[
        &["VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread"],
        &["VirtualAllocEx", "WriteProcessMemory", "NtCreateThreadEx"],
        &["VirtualAllocEx", "WriteProcessMemory", "RtlCreateUserThread"],
        &["VirtualAllocEx", "WriteProcessMemory", "QueueUserAPC"],
        &["VirtualAllocEx", "WriteProcessMemory", "SetThreadContext"],
        &["NtCreateSection", "NtMapViewOfSection", "NtCreateThreadEx"],
        &["NtAllocateVirtualMemory", "NtWriteVirtualMemory", "NtCreateThreadEx"],
    ]),
    (&kinds::CAN_LOG_KEYS, &[
        &["SetWindowsHookEx", "GetAsyncKeyState"],
        &["SetWindowsHookEx", "GetKeyboardState", "ToUnicode"],
        &["GetAsyncKeyState", "GetForegroundWindow", "GetWindowText"],
        &["RegisterRawInputDevices", "GetRawInputData", "GetForegroundWindow"],
    ]),
    (&kinds::CAN_CAPTURE_SCREEN, &[
        &["BitBlt", "CreateCompatibleBitmap", "GetDesktopWindow", "GetDIBits"],
        &["BitBlt", "CreateCompatibleBitmap", "GetDesktopWindow", "GdipSaveImageToStream"],
        &["BitBlt", "CreateCompatibleBitmap", "GetDesktopWindow", "GdipSaveImageToFile"],
    ]),
    (&kinds::CAN_RECORD, &[
        &["waveInOpen", "waveInStart"],
        &["capCreateCaptureWindow"],
    ]),
    (&kinds::CAN_ACCESS_CREDENTIALS, &[
        &["CredEnumerate"],
        &["LsaEnumerateLogonSessions", "LsaGetLogonSessionData"],
        &["LsaOpenPolicy", "LsaRetrievePrivateData"],
        &["SamConnect", "SamOpenDomain"],
        &["VaultEnumerateItems"],
        &["CryptUnprotectData"],
        &["MiniDumpWriteDump", "OpenProcess"],
    ]),
    (&kinds::CAN_DETECT_DEBUGGER, &[
        &["CheckRemoteDebuggerPresent"],
        &["NtQueryInformationProcess", "IsDebuggerPresent"],
        &["NtSetInformationThread"],
    ]),
    (&kinds::CAN_INSTALL_SERVICE, &[
        &["OpenSCManager", "CreateService"],
    ]),
    (&kinds::CAN_DOWNLOAD, &[
        &["URLDownloadToFile"],
        &["URLDownloadToCacheFile"],
        &["InternetOpenUrl", "InternetReadFile"],
        &["HttpSendRequest", "InternetReadFile"],
        &["WinHttpSendRequest", "WinHttpReadData"],
    ]),
    (&kinds::CAN_ENCRYPT_FILES, &[
        &["CryptEncrypt", "FindFirstFile", "FindNextFile"],
        &["BCryptEncrypt", "FindFirstFile", "FindNextFile"],
    ]),
    (&kinds::CAN_USE_TOKENS, &[
        &["DuplicateTokenEx", "CreateProcessWithTokenW"],
        &["DuplicateTokenEx", "CreateProcessAsUser"],
        &["OpenProcessToken", "ImpersonateLoggedOnUser"],
    ]),
    (&kinds::CAN_RAISE_PRIVILEGES, &[
        &["AdjustTokenPrivileges", "LookupPrivilegeValue"],
    ]),
    (&kinds::CAN_LOAD_DRIVER, &[
        &["NtLoadDriver"],
    ]),
    (&kinds::CAN_LIST_PROCESSES, &[
        &["CreateToolhelp32Snapshot", "Process32First", "Process32Next"],
        &["CreateToolhelp32Snapshot", "Process32FirstW", "Process32NextW"],
        &["EnumProcesses", "OpenProcess"],
    ]),
    (&kinds::CAN_SHUT_DOWN, &[
        &["ExitWindowsEx"],
        &["InitiateSystemShutdownEx"],
        &["NtRaiseHardError"],
    ]),
    (&kinds::CAN_LISTEN, &[
        &["bind", "listen", "accept"],
        &["HttpAddUrl", "HttpReceiveHttpRequest"],
    ]),
];

/// Notes the capabilities.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    for (kind, sets) in CAPABILITIES {
        if let Some(set) = sets.iter().find(|set| program.names.has_all(set)) {
            examination.find(kind, format!("uses {}", set.join(", ")));
        }
    }
}
