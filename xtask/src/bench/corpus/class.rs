//! Kinds of files, and where packages put them.

use std::fs;
use std::path::Path;

/// A kind of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Class {
    Executables,
    Libraries,
    Documents,
    Archives,
    Compressed,
    Scripts,
    Images,
}

const ELF: &[u8] = b"\x7fELF";

impl Class {
    pub(in crate::bench) const ALL: [Self; 7] = [
        Self::Executables,
        Self::Libraries,
        Self::Documents,
        Self::Archives,
        Self::Compressed,
        Self::Scripts,
        Self::Images,
    ];

    pub(in crate::bench) fn name(self) -> &'static str {
        match self {
            Self::Executables => "executables",
            Self::Libraries => "libraries",
            Self::Documents => "documents",
            Self::Archives => "archives",
            Self::Compressed => "compressed",
            Self::Scripts => "scripts",
            Self::Images => "images",
        }
    }

    /// Where they are from, for people.
    pub(super) fn from(self) -> &'static str {
        match self {
            Self::Executables => "ELF programs of /usr/bin and /usr/sbin",
            Self::Libraries => "ELF shared objects of /usr/lib",
            Self::Documents => "pdf, html, ps, rtf, odt, docx, xml, md, rst, txt of /usr/share",
            Self::Archives => {
                "jar, whl, zip, tgz, zst of /usr/share and /usr/lib; deb of apt's cache"
            }
            Self::Compressed => "gz of /usr/share: manuals, changelogs, documents",
            Self::Scripts => {
                "#! of /usr/bin and /usr/sbin; py, pl, pm, sh, js, rb of /usr/{lib,share}"
            }
            Self::Images => "png, jpg, gif, svg, ico of /usr/share and /usr/lib",
        }
    }

    /// Files of the mix.
    pub(super) fn share(self) -> usize {
        match self {
            Self::Executables => 100,
            Self::Libraries => 80,
            Self::Documents => 140,
            Self::Archives => 20,
            Self::Compressed => 80,
            Self::Scripts => 130,
            Self::Images => 50,
        }
    }

    pub(super) fn roots(self) -> &'static [&'static str] {
        match self {
            Self::Executables => &["/usr/bin", "/usr/sbin"],
            Self::Libraries => &["/usr/lib"],
            Self::Documents => &["/usr/share"],
            Self::Archives => &["/usr/share", "/usr/lib", "/var/cache/apt/archives"],
            Self::Compressed => &["/usr/share"],
            Self::Scripts => &["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share"],
            Self::Images => &["/usr/share", "/usr/lib"],
        }
    }

    /// Whether a file stands where all of its kind stand, whatever package they are of.
    pub(super) fn is_flat(self, path: &Path) -> bool {
        matches!(self, Self::Libraries) || in_program_directory(path)
    }

    pub(super) fn wants_name(self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        let one_of = |all: &[&str]| all.contains(&extension);
        match self {
            Self::Executables => true,
            Self::Libraries => path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.ends_with(".so") || name.contains(".so.")),
            Self::Documents => one_of(&[
                "pdf", "html", "htm", "ps", "rtf", "odt", "docx", "xml", "md", "rst", "txt",
            ]),
            Self::Archives => one_of(&["tgz", "zip", "jar", "whl", "zst", "deb"]),
            Self::Compressed => extension == "gz",
            Self::Scripts => {
                one_of(&["py", "pl", "pm", "sh", "js", "rb"]) || in_program_directory(path)
            }
            Self::Images => one_of(&["png", "jpg", "jpeg", "gif", "svg", "ico"]),
        }
    }

    pub(super) fn wants_content(self, bytes: &[u8]) -> bool {
        match self {
            Self::Executables | Self::Libraries => bytes.starts_with(ELF),
            // Programs named in /usr/bin are scripts only with an interpreter.
            Self::Scripts => !bytes.starts_with(ELF) && !bytes.contains(&0),
            Self::Documents | Self::Archives | Self::Compressed | Self::Images => true,
        }
    }
}

fn in_program_directory(path: &Path) -> bool {
    path.starts_with("/usr/bin") || path.starts_with("/usr/sbin")
}

/// Every file below a directory; symbolic links are not followed.
pub(super) fn walk(root: &Path, found: &mut dyn FnMut(&Path)) {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => found(&entry.path()),
                _ => {}
            }
        }
    }
}
