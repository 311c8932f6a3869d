use super::{Case, case, importing};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "can-inject",
            || importing(&["VirtualAllocEx", "WriteProcessMemory", "CreateRemoteThread"]),
            // A debugger's symbols reader.
            || importing(&["ReadProcessMemory", "VirtualQueryEx", "CreateThread"]),
        ),
        case(
            "can-log-keys",
            || importing(&["SetWindowsHookExW", "GetAsyncKeyState"]),
            || importing(&["SetWindowsHookExW", "CallNextHookEx"]),
        ),
        case(
            "can-capture-screen",
            || importing(&["BitBlt", "CreateCompatibleBitmap", "GetDesktopWindow", "GetDIBits"]),
            // Every program that draws without flicker.
            || importing(&["BitBlt", "CreateCompatibleBitmap", "GetDC"]),
        ),
        case(
            "can-record",
            || importing(&["waveInOpen", "waveInStart"]),
            || importing(&["waveOutOpen", "waveOutWrite"]),
        ),
        case(
            "can-access-credentials",
            || importing(&["CredEnumerateW"]),
            || importing(&["CredReadW"]),
        ),
        case(
            "can-detect-debugger",
            || importing(&["CheckRemoteDebuggerPresent"]),
            || importing(&["IsDebuggerPresent"]),
        ),
        case(
            "can-install-service",
            || importing(&["OpenSCManagerW", "CreateServiceW"]),
            || importing(&["OpenSCManagerW", "OpenServiceW", "StartServiceW"]),
        ),
        case(
            "can-download",
            || importing(&["URLDownloadToFileA"]),
            || importing(&["InternetOpenA", "InternetCloseHandle"]),
        ),
        case(
            "can-encrypt-files",
            || importing(&["CryptEncrypt", "FindFirstFileW", "FindNextFileW"]),
            || importing(&["CryptHashData", "FindFirstFileW", "FindNextFileW"]),
        ),
        case(
            "can-use-tokens",
            || importing(&["DuplicateTokenEx", "CreateProcessWithTokenW"]),
            || importing(&["OpenProcessToken", "GetTokenInformation"]),
        ),
        case(
            "can-raise-privileges",
            || importing(&["AdjustTokenPrivileges", "LookupPrivilegeValueA"]),
            || importing(&["LookupPrivilegeNameA", "OpenProcessToken"]),
        ),
        case("can-load-driver", || importing(&["ZwLoadDriver"]), || importing(&["LoadLibraryW"])),
        case(
            "can-list-processes",
            || importing(&["CreateToolhelp32Snapshot", "Process32FirstW", "Process32NextW"]),
            || importing(&["CreateToolhelp32Snapshot", "Module32FirstW"]),
        ),
        case("can-shut-down", || importing(&["ExitWindowsEx"]), || importing(&["ExitProcess"])),
        case(
            "can-listen",
            || importing(&["bind", "listen", "accept"]),
            || importing(&["bind", "connect", "recv"]),
        ),
    ]
}
