use serde::{Deserialize, Serialize};

/// Which file and which version of its content. Two equal identities are the same bytes as far as the
/// kernel tells (a change of content or owner moves the change time): the key of the hash cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileIdentity {
    /// The file system's device number as the kernel holds it (`s_dev`). On overlay without `xino`, a
    /// file's `st_dev` may differ from this.
    pub dev: u64,
    /// Inode number.
    pub inode: u64,
    /// Time of the last change of the inode, nanoseconds since 1970; 0 before it.
    pub ctime_ns: u64,
    /// Size in bytes.
    pub size: u64,
}

/// What sort of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// An ordinary one.
    #[default]
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link itself.
    Symlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// Something without a name in any file system: memfd, pipe, event file.
    Anonymous,
}

impl FileKind {
    /// From the type bits of `st_mode` (`S_IFMT`); unknown bits are [`FileKind::Anonymous`], as in
    /// `inode(7)`'s list.
    pub fn from_mode(mode: u32) -> Self {
        match mode & 0o170_000 {
            0o100_000 => Self::Regular,
            0o040_000 => Self::Directory,
            0o120_000 => Self::Symlink,
            0o020_000 => Self::CharacterDevice,
            0o060_000 => Self::BlockDevice,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            _ => Self::Anonymous,
        }
    }
}

/// A file as it was when something was done with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FileRef {
    /// Absolute path as the process sees it. Empty when the kernel could not tell.
    pub path: String,
    /// Inode and version; `None` when only a name is known (a name that was removed, a failed call).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<FileIdentity>,
    /// What it is.
    #[serde(default)]
    pub kind: FileKind,
    /// Permission bits, `st_mode & 0o7777`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u16>,
    /// The user that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// Whether it lies in the overlay's upper layer, that is, did not come with the image. `None` when
    /// it is on no overlay or nobody could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<bool>,
    /// It has no name any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl FileRef {
    /// A file of which only the path is known.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// The directory that it is in; `/` for what lies there, empty when the path has none.
    pub fn directory(&self) -> &str {
        match self.path.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((directory, _)) => directory,
            None => "",
        }
    }

    /// The last component of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(self.path.as_str(), |(_, name)| name)
    }
}

/// The flags of an open, as Linux numbers them on x86-64 and arm64 alike (`asm-generic/fcntl.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpenFlags(pub u32);

impl OpenFlags {
    /// `O_CREAT`.
    pub const CREATE: u32 = 0o100;
    /// `O_TRUNC`.
    pub const TRUNCATE: u32 = 0o1_000;
    /// `O_APPEND`.
    pub const APPEND: u32 = 0o2_000;
    /// The bit that `O_TMPFILE` adds to `O_DIRECTORY`.
    pub const TMPFILE: u32 = 0o20_000_000;

    /// `O_WRONLY` or `O_RDWR`.
    pub fn writes(self) -> bool {
        matches!(self.0 & 3, 1 | 2)
    }

    /// `O_RDONLY` or `O_RDWR`.
    pub fn reads(self) -> bool {
        matches!(self.0 & 3, 0 | 2)
    }

    /// The old content is thrown away.
    pub fn truncates(self) -> bool {
        self.0 & Self::TRUNCATE != 0
    }

    /// Writes go to the end.
    pub fn appends(self) -> bool {
        self.0 & Self::APPEND != 0
    }
}
