//! Combinations of functions, texts and circumstances that legitimate programs rarely have together.

use super::{Program, kinds};
use crate::Examination;
use crate::program::Mark;

/// Bytes above which a program is more than a tool for one purpose.
const SMALL: usize = 4 << 20;

/// Notes the combinations.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    hollows(program, examination);
    injects_from_packed(program, examination);
    logs_keys_unseen(program, examination);
    dumps_credentials(program, examination);
    patches_defences(program, examination);
    autostart(program, examination);
    misleading_name(program, examination);
}

/// Process hollowing: a process is started, emptied, filled and let go.
fn hollows(program: &Program<'_>, examination: &mut Examination<'_>) {
    let names = &program.names;
    let starts = names.any(&["CreateProcess", "CreateProcessInternal", "NtCreateUserProcess"]);
    let empties = names.has("NtUnmapViewOfSection");
    let fills = names.any(&["WriteProcessMemory", "NtWriteVirtualMemory"]);
    let turns = names.any(&["SetThreadContext", "NtSetContextThread", "Wow64SetThreadContext"]);
    let resumes = names.any(&["ResumeThread", "NtResumeThread"]);
    if let (Some(starts), true, Some(fills), Some(turns), Some(resumes)) =
        (starts, empties, fills, turns, resumes)
    {
        examination.find(
            &kinds::HOLLOWS_PROCESSES,
            format!("uses {starts}, NtUnmapViewOfSection, {fills}, {turns} and {resumes}"),
        );
    }
}

fn injects_from_packed(program: &Program<'_>, examination: &mut Examination<'_>) {
    if program.packing.is_packed
        && program.is_unsigned()
        && examination.has(&kinds::CAN_INJECT)
        && program.length() < SMALL
    {
        examination.find(
            &kinds::INJECTS_FROM_PACKED,
            "a small, unsigned, packed program that can run code in other processes",
        );
    }
}

/// Follows what is typed, without a window of its own, and talks to the network.
fn logs_keys_unseen(program: &Program<'_>, examination: &mut Examination<'_>) {
    let names = &program.names;
    let window = names.any(&[
        "CreateWindowEx",
        "CreateWindow",
        "RegisterClassEx",
        "RegisterClass",
        "DialogBoxParam",
        "CreateDialogParam",
        "ShowWindow",
    ]);
    let network = names.any(&[
        "send",
        "WSASend",
        "HttpSendRequest",
        "InternetOpenUrl",
        "WinHttpSendRequest",
        "InternetWriteFile",
        "FtpPutFile",
    ]);
    if let (None, Some(network)) = (window, network)
        && examination.has(&kinds::CAN_LOG_KEYS)
        && names.has("GetForegroundWindow")
        && program.is_unsigned()
        && !program.is_managed
        && program.length() < SMALL
    {
        examination.find(
            &kinds::KEYLOGGER,
            format!(
                "follows keys and the window in front, has no window of its own, and uses {network}"
            ),
        );
    }
}

fn dumps_credentials(program: &Program<'_>, examination: &mut Examination<'_>) {
    let dumps = program.names.has("MiniDumpWriteDump") || program.marks.has(Mark::MiniDump);
    if let (true, Some(place)) = (dumps, program.marks.place(Mark::Lsass))
        && program.is_unsigned()
    {
        let text = Mark::Lsass.text();
        examination
            .find(&kinds::DUMPS_CREDENTIALS, format!("names {text} and uses MiniDumpWriteDump"))
            .at("text", place, text.len());
    }
}

/// The name of a function that reports to defences is there as a text to be looked up, and not to be
/// called: together with what changes the protection of memory.
fn patches_defences(program: &Program<'_>, examination: &mut Examination<'_>) {
    let changes =
        program.names.any(&["VirtualProtect", "VirtualProtectEx", "NtProtectVirtualMemory"]);
    let Some(changes) = changes.filter(|_| program.length() < SMALL && program.is_unsigned())
    else {
        return;
    };
    let amsi = program
        .marks
        .place(Mark::AmsiScanBuffer)
        .filter(|_| program.marks.has(Mark::AmsiDll) && !program.names.has("AmsiScanBuffer"));
    let etw = program
        .marks
        .place(Mark::EtwEventWrite)
        .filter(|_| !program.names.has("EtwEventWrite") && program.names.has("GetProcAddress"));
    for (mark, place) in [(Mark::AmsiScanBuffer, amsi), (Mark::EtwEventWrite, etw)] {
        if let Some(place) = place {
            let text = mark.text();
            examination
                .find(
                    &kinds::PATCHES_DEFENCES,
                    format!("names {text} without calling it, and uses {changes}"),
                )
                .at("text", place, text.len());
        }
    }
}

fn autostart(program: &Program<'_>, examination: &mut Examination<'_>) {
    let writes =
        program.names.any(&["RegSetValueEx", "RegSetKeyValue", "SHSetValue", "NtSetValueKey"]);
    let Some(writes) = writes else { return };
    for mark in [Mark::RunKey, Mark::Winlogon, Mark::ImageOptions] {
        if let Some(place) = program.marks.place(mark) {
            let text = mark.text();
            examination
                .find(
                    &kinds::SETS_AUTOSTART,
                    format!("names the registry key {text} and uses {writes}"),
                )
                .at("text", place, text.len());
        }
    }
}

/// A name that shows another type than the file has.
fn misleading_name(program: &Program<'_>, examination: &mut Examination<'_>) {
    const DOCUMENTS: [&str; 14] = [
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "txt", "jpg", "jpeg", "png",
        "mp4", "csv",
    ];
    let name = examination.name();
    let shown = name.escape_debug();
    if name.contains(['\u{202e}', '\u{202d}', '\u{2066}', '\u{2067}']) {
        examination.find(
            &kinds::MISLEADING_NAME,
            format!("a character in its name turns the direction of writing: {shown}"),
        );
        return;
    }
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.rsplit('.').map(str::trim);
    let (last, before) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let runs = matches!(last, "exe" | "scr" | "pif" | "com" | "cpl");
    if !program.image.is_library() && runs && DOCUMENTS.contains(&before) {
        examination.find(&kinds::MISLEADING_NAME, format!("a program that is called {shown}"));
    }
}
