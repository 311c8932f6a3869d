//! Debian's `clamav-testfiles`: containers of every kind around one harmless program.

use std::path::Path;

use serde_json::Value;

use crate::support::{palisade, stderr, stdout};

const FOLDER: &str = "/usr/share/clamav-testfiles";

/// Containers whose format we open: the program inside must be found by its hash.
const OPENED: &[&str] = &[
    "clam.7z",
    "clam.arj",
    "clam.bin-be.cpio",
    "clam.bin-le.cpio",
    "clam.bz2.zip",
    "clam.cab",
    "clam.d64.zip",
    "clam.exe",
    "clam.exe.binhex",
    "clam.exe.bz2",
    "clam.exe.html",
    "clam.exe.mbox.base64",
    "clam.exe.mbox.uu",
    "clam.exe.rtf",
    "clam.exe.szdd",
    "clam.impl.zip",
    "clam.mail",
    "clam.newc.cpio",
    "clam.odc.cpio",
    "clam.ole.doc",
    "clam.pdf",
    "clam.ppt",
    "clam.tar.gz",
    "clam.tnef",
    "clam.zip",
    "clam_cache_emax.tgz",
];

/// Installers and archives that we do not open: each must be said to be one.
const STATED: &[&str] = &[
    "clam-nsis.exe",
    "clam.chm",
    "clam.ea05.exe",
    "clam.ea06.exe",
    "clam.sis",
    "clam_IScab_ext.exe",
    "clam_IScab_int.exe",
    "clam_ISmsi_ext.exe",
    "clam_ISmsi_int.exe",
];

#[test]
fn the_program_inside_is_found_or_the_container_is_said_to_be_closed() {
    let folder = Path::new(FOLDER);
    assert!(
        folder.join("clam.exe").exists(),
        "{FOLDER} is missing: `cargo xtask test` installs the package clamav-testfiles"
    );
    let list = tempfile::NamedTempFile::new().expect("a file");
    let hash = sha256(&folder.join("clam.exe"));
    std::fs::write(list.path(), format!("{hash},Test.Clam\n")).expect("a list");
    let output = palisade(&[
        "scan",
        "--format",
        "json",
        "--blocklist",
        &list.path().display().to_string(),
        FOLDER,
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let reports: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stdout(&output)));

    let mut wrong = Vec::new();
    for report in &reports {
        let name = report["file_info"]["display_name"].as_str().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let result = &report["scan_results"]["scan_all_result_a"];
        let found = report["tree"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|node| node["sha256"] == hash.as_str());
        // The program itself is on the list; what holds it is infected.
        let expected = if name == "clam.exe" { "Blacklisted" } else { "Infected" };
        if OPENED.contains(&name) && !(found && result == expected) {
            wrong.push(format!("{name}: not found ({result})"));
        }
        let clean = report["process_info"]["result"] == "Allowed";
        if STATED.contains(&name) && !found && clean {
            wrong.push(format!("{name}: neither opened nor said to be closed"));
        }
    }
    for name in OPENED.iter().chain(STATED) {
        let path = folder.join(name).display().to_string();
        if !reports.iter().any(|report| report["file_info"]["display_name"] == path.as_str()) {
            wrong.push(format!("{name}: not scanned"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn sha256(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("it can be read");
    palisade_pipeline::artifacts::Digests::name_of(&bytes).to_string()
}
