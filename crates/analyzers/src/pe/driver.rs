//! Drivers, and what they give to programs.

use palisade_formats::bytes::find;

use super::signature::Signature;
use super::{Program, kinds};
use crate::Examination;

/// Bytes that are searched for a device's name.
const MAX_SEARCHED: usize = 16 << 20;

/// Notes what a driver can do.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let kernel = program.imports.libraries.iter().any(|library| {
        let name = library.name.to_ascii_lowercase();
        matches!(name.as_slice(), b"ntoskrnl.exe" | b"hal.dll" | b"wdfldr.sys" | b"fltmgr.sys")
    });
    if !program.image.is_native() || !kernel {
        return;
    }
    if program.signature == Signature::None {
        examination.find(&kinds::DRIVER_UNSIGNED, "a driver without a signature of its own");
    }
    let names = &program.names;
    // Without a name for it, no program can open the device.
    let offered =
        names.any(&["IoCreateSymbolicLink", "IoRegisterDeviceInterface", "WdfVersionBind"]);
    let maps =
        names.any(&["MmMapIoSpace", "MmMapIoSpaceEx", "NtMapViewOfSection", "MmMapLockedPages"]);
    let device = ascii_or_wide(program.image.data(), "\\Device\\PhysicalMemory");
    if let Some(maps) = maps {
        examination.find(&kinds::DRIVER_MAPS_MEMORY, format!("a driver that uses {maps}"));
    }
    if let (Some(offered), Some(place)) = (offered, device)
        && names.has("NtMapViewOfSection")
    {
        examination
            .find(
                &kinds::DRIVER_EXPOSES_MEMORY,
                format!("opens the physical memory, maps it, and offers a device to programs with {offered}"),
            )
            .at("device", place, 44);
    }
    let kills = names.has("NtTerminateProcess")
        && names
            .any(&["PsLookupProcessByProcessId", "NtOpenProcess", "ObOpenObjectByPointer"])
            .is_some();
    if let (true, Some(offered)) = (kills, offered) {
        examination.find(
            &kinds::DRIVER_KILLS_PROCESSES,
            format!(
                "ends processes by their number, and offers a device to programs with {offered}"
            ),
        );
    }
    let callbacks = names.any(&[
        "PsSetCreateProcessNotifyRoutine",
        "PsSetCreateProcessNotifyRoutineEx",
        "PsSetLoadImageNotifyRoutine",
        "CmRegisterCallback",
        "ObRegisterCallbacks",
    ]);
    if let Some(callbacks) = callbacks {
        examination.find(&kinds::DRIVER_WATCHES, format!("a driver that uses {callbacks}"));
    }
}

fn ascii_or_wide(bytes: &[u8], text: &str) -> Option<usize> {
    let bytes = bytes.get(..bytes.len().min(MAX_SEARCHED)).unwrap_or_default();
    let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
    find(bytes, &wide, 0).or_else(|| find(bytes, text.as_bytes(), 0))
}
