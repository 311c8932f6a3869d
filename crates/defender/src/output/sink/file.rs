use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use super::Place;
use crate::output::FileSettings;

/// A file that is appended to, and renamed when it is as large as it may be.
pub(in crate::output) struct LogFile {
    settings: FileSettings,
    open: Option<File>,
}

impl LogFile {
    /// It is opened with the first line.
    pub(in crate::output) fn new(settings: FileSettings) -> Self {
        Self { settings, open: None }
    }

    fn open(&self) -> io::Result<File> {
        if let Some(directory) = self.settings.path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&self.settings.path)?;
        // Half a line that a kill or a full disk left does not run into the next.
        let length = file.metadata()?.len();
        let mut last = [0];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(file)
    }

    fn rotate(&self) -> io::Result<()> {
        let old = |number: u32| {
            let mut name = self.settings.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        if self.settings.keep == 0 {
            return fs::remove_file(&self.settings.path);
        }
        for number in (1..self.settings.keep).rev() {
            match fs::rename(old(number), old(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.settings.path, old(1))
    }
}

impl Place for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.open()?,
        };
        let mut length = file.metadata()?.len();
        if length > 0 && length + lines.len() as u64 > self.settings.rotate_bytes {
            self.rotate()?;
            file = self.open()?;
            length = file.metadata()?.len();
        }
        if let Err(error) = file.write_all(lines) {
            // The lines are written again: what is there of them goes. If it cannot, they stand twice.
            let _ = file.set_len(length);
            return Err(error);
        }
        self.open = Some(file);
        Ok(())
    }

    fn reopen(&mut self) {
        self.open = None;
    }
}
