use std::io::Write;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A small file system of its own, in memory, gone when dropped.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Of `size` as `mount` has it: `24m`. `None`, with the reason printed, where this user may not
    /// mount.
    ///
    /// # Panics
    /// Without a directory to mount it on.
    pub fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "palisade-test"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => skipped(&String::from_utf8_lossy(&output.stderr)),
            Err(error) => skipped(&error.to_string()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the space that is left.
    ///
    /// # Panics
    /// When nothing can be written at all.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("ballast")).expect("the ballast");
        let mut size = 1 << 20;
        while size > 0 {
            if file.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
    }

    /// Gives back what [`SmallDisk::fill`] took.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        std::fs::remove_file(self.path().join("ballast")).expect("the ballast goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the tmpfs stays mounted");
    }
}

/// Not by a macro: the test harness would keep the words of a test that passes to itself.
fn skipped(why: &str) -> Option<SmallDisk> {
    let line = format!("SKIPPED, the full disk was not tested: no tmpfs: {}\n", why.trim());
    std::io::stderr().write_all(line.as_bytes()).expect("standard error");
    None
}
