//! A version from files: for scanners that cannot say which definitions they have.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use palisade_model::{Definitions, UnixMillis};
use sha2::{Digest, Sha256};

/// Files that are looked at, in all paths together. Beyond, the version is an error: it would not
/// change with the rest.
const MAX_FILES: usize = 10_000;

/// Names, sizes and times of change of these files, and of the files in these directories (one
/// level), as a version: it changes whenever one of them is replaced.
///
/// # Errors
/// A path that cannot be read; too many files.
pub(crate) fn of(paths: &[PathBuf]) -> Result<Definitions, String> {
    let mut files = Vec::new();
    for path in paths {
        let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        if fs::metadata(path).map_err(cannot)?.is_dir() {
            for entry in fs::read_dir(path).map_err(cannot)? {
                files.push(entry.map_err(cannot)?.path());
                bounded(&files)?;
            }
        } else {
            files.push(path.clone());
            bounded(&files)?;
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    let mut newest = 0;
    for file in &files {
        newest = newest.max(add(&mut digest, file)?);
    }
    let digest = digest.finalize();
    let version = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(Definitions { version, time: UnixMillis(newest) })
}

fn bounded(files: &[PathBuf]) -> Result<(), String> {
    if files.len() > MAX_FILES {
        return Err(format!("more than {MAX_FILES} definition files"));
    }
    Ok(())
}

fn add(digest: &mut Sha256, file: &Path) -> Result<u64, String> {
    let about =
        fs::metadata(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
    let name = file.as_os_str().as_encoded_bytes();
    digest.update((name.len() as u64).to_le_bytes());
    digest.update(name);
    for number in [about.len(), about.mtime().cast_unsigned(), about.mtime_nsec().cast_unsigned()] {
        digest.update(number.to_le_bytes());
    }
    let seconds = u64::try_from(about.mtime()).unwrap_or_default();
    Ok(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_with_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let paths = [directory.path().to_owned()];
        let empty = of(&paths).unwrap();
        fs::write(directory.path().join("a.hdb"), "1").unwrap();
        let one = of(&paths).unwrap();
        assert_ne!(empty.version, one.version);
        assert_eq!(one, of(&paths).unwrap());
        assert!(one.time.0 > 1_600_000_000_000);
        fs::write(directory.path().join("a.hdb"), "12").unwrap();
        assert_ne!(of(&paths).unwrap().version, one.version);
        assert!(of(&[directory.path().join("absent")]).is_err());
    }
}
