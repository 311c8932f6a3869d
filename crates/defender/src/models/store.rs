//! The directory of models: one file for each image, `<name>-<12 digits of the digest>.toml`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use palisade_behaviour::{ImportError, Model};
use palisade_model::UnixMillis;
use palisade_model::event::ImageDigest;

use super::{Settings, Snapshot};

/// Characters of an image's name in a file's.
const NAME: usize = 80;

/// Digits of the digest in a file's name.
const DIGITS: usize = 12;

const ENDING: &str = ".toml";

/// What a damaged file is called from then on.
const SET_ASIDE: &str = ".damaged";

/// Something about the directory or a file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system.
    #[error("{path}: {what}", path = .path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that is no model. It stands aside under the second name, and a new model begins.
    #[error("{path}: {why}; the file is now {aside}", path = .path.display(), aside = .aside.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Its new name.
        aside: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A file of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: PathBuf,
    /// The digest's first digits, as its name says.
    pub digits: String,
    /// When it was written, milliseconds since 1970.
    pub written: UnixMillis,
    /// Bytes.
    pub size: u64,
}

/// The directory of models. Every file is written whole: under another name first, flushed to the disk,
/// then put in its place.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    settings: Settings,
}

impl Store {
    /// The store in `directory`, which is made if it is not there, readable by its owner only.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be made.
    pub fn open(directory: impl Into<PathBuf>, settings: Settings) -> Result<Self, StoreError> {
        use std::os::unix::fs::DirBuilderExt;
        let directory = directory.into();
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(|source| error(&directory, "cannot be made", source))?;
        Ok(Self { directory, settings })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The settings that models are held to.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its files, those written last first. Files of other names are passed over.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the directory cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let unreadable = |source| error(&self.directory, "cannot be read", source);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Some(digits) = name.to_str().and_then(digits_of) else { continue };
            // One that vanished meanwhile is none.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() {
                let written = about.modified().ok().map_or(UnixMillis(0), millis);
                let (digits, size) = (digits.to_owned(), about.len());
                entries.push(Entry { path: entry.path(), digits, written, size });
            }
        }
        entries.sort_by(|one, other| {
            other.written.cmp(&one.written).then_with(|| one.path.cmp(&other.path))
        });
        Ok(entries)
    }

    /// The model that is kept of an image; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when its file is no model: it was set aside. [`StoreError::Io`].
    pub fn read(&self, image: &ImageDigest, now: UnixMillis) -> Result<Option<Model>, StoreError> {
        let digits = digits(image);
        for entry in self.entries()? {
            if entry.digits == digits {
                let model = self.read_entry(&entry, now)?;
                // Two images may share twelve digits of their digests.
                if model.image() == *image {
                    return Ok(Some(model));
                }
            }
        }
        Ok(None)
    }

    /// The model in a file of [`Store::entries`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_entry(&self, entry: &Entry, now: UnixMillis) -> Result<Model, StoreError> {
        let path = &entry.path;
        let bound = self.settings.learning.max_document as u64;
        let mut bytes = Vec::new();
        // A link is not followed: only the directory's owner may put files here, but not point elsewhere.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(|source| error(path, "cannot be opened", source))?;
        (&mut file)
            .take(bound.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| error(path, "cannot be read", source))?;
        let model = match std::str::from_utf8(&bytes) {
            Ok(text) => Model::import(text, self.settings.learning.clone(), now),
            Err(_) => return Err(self.set_aside(path, "it is not UTF-8")),
        };
        model.map_err(|why| self.set_aside(path, &explain(&why)))
    }

    /// Writes a model. The file of an older name of the same image is replaced by it.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old file then stands as it was.
    pub fn write(&self, snapshot: &Snapshot) -> Result<PathBuf, StoreError> {
        let name = file_name(&snapshot.name, &snapshot.image);
        let path = self.directory.join(&name);
        let temporary = self.directory.join(format!(".{name}.{}", std::process::id()));
        let failed = |what| {
            let (path, temporary) = (path.clone(), temporary.clone());
            move |source| {
                let _ = fs::remove_file(&temporary);
                error(&path, what, source)
            }
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&temporary)
            .map_err(failed("cannot be made"))?;
        file.write_all(snapshot.text.as_bytes()).map_err(failed("cannot be written"))?;
        file.sync_all().map_err(failed("cannot be flushed"))?;
        fs::rename(&temporary, &path).map_err(failed("cannot be put in its place"))?;
        self.flush()?;
        self.tidy(&path, snapshot)?;
        Ok(path)
    }

    /// Removes the model of an image. False when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(&self, image: &ImageDigest, now: UnixMillis) -> Result<bool, StoreError> {
        let digits = digits(image);
        let mut removed = false;
        for entry in self.entries()? {
            if entry.digits == digits && self.read_entry(&entry, now)?.image() == *image {
                let gone = fs::remove_file(&entry.path);
                gone.map_err(|source| error(&entry.path, "cannot be removed", source))?;
                removed = true;
            }
        }
        self.flush()?;
        Ok(removed)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let directory = File::open(&self.directory).and_then(|directory| directory.sync_all());
        directory.map_err(|source| error(&self.directory, "cannot be flushed", source))
    }

    /// Older names of the same image, and what is beyond the bound.
    fn tidy(&self, written: &Path, snapshot: &Snapshot) -> Result<(), StoreError> {
        let digits = digits(&snapshot.image);
        let mark = format!("\"{}\"", snapshot.image);
        let mut kept = 0;
        for entry in self.entries()? {
            if entry.path == written {
                continue;
            }
            // Another image with the same twelve digits is told by its whole digest.
            let renamed = entry.digits == digits
                && fs::read_to_string(&entry.path).is_ok_and(|text| text.contains(&mark));
            kept += 1;
            if renamed || kept >= self.settings.max_files.max(1) {
                // One that somebody else removed is gone all the same.
                let _ = fs::remove_file(&entry.path);
            }
        }
        Ok(())
    }

    fn set_aside(&self, path: &Path, why: &str) -> StoreError {
        let mut aside = path.as_os_str().to_owned();
        aside.push(SET_ASIDE);
        let aside = PathBuf::from(aside);
        if let Err(source) = fs::rename(path, &aside) {
            return error(path, "is damaged, and cannot be set aside", source);
        }
        self.bound_set_aside(&aside);
        StoreError::Damaged { path: path.to_owned(), aside, why: why.to_owned() }
    }

    /// Keeps the newest of those that were set aside; `newest` always.
    fn bound_set_aside(&self, newest: &Path) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        let mut others: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path != newest && path.to_string_lossy().ends_with(SET_ASIDE))
            .map(|path| (fs::metadata(&path).and_then(|about| about.modified()).ok(), path))
            .collect();
        others.sort();
        let room = self.settings.max_set_aside.saturating_sub(1);
        let over = others.len().saturating_sub(room);
        for (_, path) in others.into_iter().take(over) {
            let _ = fs::remove_file(path);
        }
    }
}

fn error(path: &Path, what: &'static str, source: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), what, source }
}

/// An error and what lies below it, on one line.
fn explain(error: &ImportError) -> String {
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        let below = source.to_string();
        let below: Vec<&str> = below.split_whitespace().collect();
        text.push_str(": ");
        text.extend(below.join(" ").chars().take(400));
    }
    text
}

fn digits(image: &ImageDigest) -> String {
    image.0.to_string().chars().take(DIGITS).collect()
}

/// The name of an image's file. Characters that are not plain in a file's name become `_`.
pub(super) fn file_name(name: &str, image: &ImageDigest) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }
    };
    let name: String = name.chars().take(NAME).map(plain).collect();
    // A file that begins with a dot is not listed.
    let name = name.trim_start_matches('.');
    let name = if name.is_empty() { "image" } else { name };
    format!("{name}-{}{ENDING}", digits(image))
}

/// The digest's digits in a file's name.
fn digits_of(name: &str) -> Option<&str> {
    let (before, digits) = name.strip_suffix(ENDING)?.rsplit_once('-')?;
    let fit = digits.len() == DIGITS && digits.bytes().all(|c| c.is_ascii_hexdigit());
    (fit && !before.starts_with('.')).then_some(digits)
}

fn millis(time: std::time::SystemTime) -> UnixMillis {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
