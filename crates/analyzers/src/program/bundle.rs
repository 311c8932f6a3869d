use memchr::memmem;

/// Bytes at the end of a file in which a bundle's trailer stands.
const TRAILER: usize = 8 << 10;
/// Bytes of an overlay in which an installer's mark stands.
const HEAD: usize = 64 << 10;
/// Bytes of a program in which the marks of its maker are looked for.
const MAX_SEARCHED: usize = 64 << 20;

/// A tool that packs a script or an installation into a program, by what it leaves there.
struct Bundler {
    name: &'static str,
    /// Whether a script comes with its interpreter.
    is_script: bool,
    mark: &'static [u8],
    place: Place,
}

enum Place {
    /// Near the end of the file.
    Trailer,
    /// At the start of what is appended.
    Overlay,
    /// Anywhere.
    Anywhere,
}

#[rustfmt::skip] // One row a line: a table is read down its columns.
const BUNDLERS: &[Bundler] = &[
    Bundler { name: "PyInstaller", is_script: true, mark: b"MEI\x0c\x0b\x0a\x0b\x0e", place: Place::Trailer },
    Bundler { name: "NSIS", is_script: false, mark: b"\xef\xbe\xad\xdeNullsoftInst", place: Place::Overlay },
    Bundler { name: "Inno Setup", is_script: false, mark: b"Inno Setup Setup Data", place: Place::Anywhere },
    Bundler { name: "InstallShield", is_script: false, mark: b"ISSetupStream", place: Place::Overlay },
    Bundler { name: "AutoIt", is_script: true, mark: b"\xa3\x48\x4b\xbe\x98\x6c\x4a\xa9\x99\x4c\x53\x0a\x86\xd6\x48\x7d", place: Place::Anywhere },
    Bundler { name: "AutoHotkey", is_script: true, mark: b">AUTOHOTKEY SCRIPT<", place: Place::Anywhere },
    Bundler { name: "Nuitka one file", is_script: true, mark: b"KAX", place: Place::Overlay },
    Bundler { name: "Nuitka one file", is_script: true, mark: b"KAY", place: Place::Overlay },
    Bundler { name: "WiX Burn", is_script: false, mark: b".wixburn", place: Place::Anywhere },
    Bundler { name: "7-Zip SFX", is_script: false, mark: b";!@Install@!UTF-8!", place: Place::Overlay },
    Bundler { name: "WinRAR SFX", is_script: false, mark: b"Rar!\x1a\x07", place: Place::Overlay },
    Bundler { name: "pkg (Node.js)", is_script: true, mark: b"pkg/prelude/bootstrap.js", place: Place::Anywhere },
    Bundler { name: "Node.js single executable", is_script: true, mark: b"NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1", place: Place::Anywhere },
    Bundler { name: "Deno", is_script: true, mark: b"d3n0l4nd", place: Place::Trailer },
    Bundler { name: "cx_Freeze", is_script: true, mark: b"cx_Freeze Fatal Error", place: Place::Anywhere },
    Bundler { name: "py2exe", is_script: true, mark: b"PYTHONSCRIPT", place: Place::Anywhere },
    Bundler { name: "shc", is_script: true, mark: b"E: neither argv[0] nor $_ works.", place: Place::Anywhere },
    Bundler { name: "Perl PAR", is_script: true, mark: b"\nPAR.pm\n", place: Place::Trailer },
    Bundler { name: "Electron", is_script: false, mark: b"ELECTRON_RUN_AS_NODE", place: Place::Anywhere },
];

/// The tool that packed this program, and whether it packed a script with its interpreter.
/// `overlay` is what is appended to the program. A bundler's own library or a scanner of bundles
/// holds the same words, so this is a fact for people, and no more.
pub(crate) fn bundler(bytes: &[u8], overlay: &[u8]) -> Option<(&'static str, bool)> {
    let head = overlay.get(..overlay.len().min(HEAD)).unwrap_or_default();
    let trailer = bytes.get(bytes.len().saturating_sub(TRAILER)..).unwrap_or_default();
    let all = bytes.get(..bytes.len().min(MAX_SEARCHED)).unwrap_or_default();
    let found = BUNDLERS.iter().find(|bundler| match bundler.place {
        Place::Trailer => memmem::find(trailer, bundler.mark).is_some(),
        Place::Overlay if bundler.mark.len() < 4 => head.starts_with(bundler.mark),
        Place::Overlay => memmem::find(head, bundler.mark).is_some(),
        Place::Anywhere => memmem::find(all, bundler.mark).is_some(),
    })?;
    Some((found.name, found.is_script))
}
