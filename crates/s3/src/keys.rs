use object_store::path::Path;
use palisade_model::Sha256;

/// What things are called in the bucket.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: Path,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: Path::from(prefix) }
    }

    /// Where all artifacts are.
    pub(crate) fn objects(&self) -> Path {
        self.prefix.clone().join("objects")
    }

    /// Two digits apart: some servers keep a directory for each.
    pub(crate) fn object(&self, name: Sha256) -> Path {
        let text = name.to_string();
        let shard = text.get(..2).unwrap_or_default().to_owned();
        self.objects().join(shard).join(text)
    }

    pub(crate) fn usage(&self, name: Sha256) -> Path {
        self.prefix.clone().join("uses").join(name.to_string())
    }

    pub(crate) fn removal(&self, name: Sha256) -> Path {
        self.prefix.clone().join("removals").join(name.to_string())
    }

    /// Empty; written to be told the server's time.
    pub(crate) fn clock(&self) -> Path {
        self.prefix.clone().join("clock")
    }

    /// The artifact of a key below [`Keys::objects`]; `None` for what is not ours.
    pub(crate) fn name(key: &Path) -> Option<Sha256> {
        key.filename()?.parse().ok()
    }
}
