use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{IdError, Sha256, UnixMillis};

/// The id that a container's runtime gave it: 1 to 128 of `a-z`, `A-Z`, `0-9`, `_`, `.`, `-`, not
/// starting with a dot (it is a directory's name in `/run`). Docker, containerd under Kubernetes, CRI-O
/// and Podman give 64 hexadecimal digits; containerd's own clients choose freely.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first 12 characters: what people see in lists.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ContainerId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let fit = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
        let good = (1..=128).contains(&text.len()) && text.bytes().all(fit);
        if good && !text.starts_with('.') { Ok(Self(text.into())) } else { Err(IdError) }
    }
}

impl Serialize for ContainerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ContainerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What names an image's content, whatever its tags: SHA-256 of its manifest where the image was
/// pulled, of its configuration (Docker's image id) where it was built or imported on the host. Written
/// `sha256:…`, as in the OCI image specification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageDigest(pub Sha256);

impl fmt::Display for ImageDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.0)
    }
}

impl fmt::Debug for ImageDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ImageDigest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix("sha256:").ok_or(IdError)?;
        digits.parse().map(Self).map_err(|_| IdError)
    }
}

impl Serialize for ImageDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runtime {
    /// Docker Engine.
    Docker,
    /// containerd without Docker, under Kubernetes or by itself.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// A control group or namespace says that it is a container, and nobody says whose.
    #[default]
    Unknown,
}

/// Where Kubernetes placed a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Kubernetes {
    /// The namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name in the pod.
    pub container: String,
    /// The pod's UID; empty when not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod_uid: String,
}

/// Who a container is. What only its runtime knows is empty or `None` until the runtime has answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerIdentity {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without a leading slash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The image as it was asked for: `nginx:1.27`, `registry.example/app@sha256:…`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The image's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<ImageDigest>,
    /// Labels of the container and, below them, of its image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where Kubernetes placed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Kubernetes>,
    /// What runs it.
    pub runtime: Runtime,
    /// Id of its control group: the kernel's key of a container.
    pub cgroup: u64,
    /// Whether its runtime gave it every capability and device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<UnixMillis>,
}

impl ContainerIdentity {
    /// A container of which only the control group is known.
    pub fn bare(id: ContainerId, runtime: Runtime, cgroup: u64) -> Self {
        Self {
            id,
            name: String::new(),
            image: String::new(),
            image_digest: None,
            labels: BTreeMap::new(),
            kubernetes: None,
            runtime,
            cgroup,
            privileged: None,
            started: None,
        }
    }

    /// Its name, or the short id while it has none.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { self.id.short() } else { &self.name }
    }
}
