//! The first start makes an admin key.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use palisade_api::{hash_secret, new_key_id, new_secret};
use palisade_ports::records::{ApiKey, Role};
use palisade_ports::{Clock, Records};
use palisade_storage::SystemClock;

/// Its file in the data directory.
pub(super) const FILE: &str = "admin-key";

/// Makes an admin key when there has never been one; returns its secret then.
pub(super) async fn ensure(data: &Path, records: &dyn Records) -> anyhow::Result<Option<String>> {
    let any_admin = records.keys().await?.iter().any(|key| key.role == Role::Admin);
    if any_admin {
        return Ok(None);
    }
    let secret = new_secret();
    // The file first: a key whose secret nobody has is of no use.
    let path = data.join(FILE);
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        writeln!(file, "{secret}")?;
        file.sync_all()
    };
    write().with_context(|| format!("the admin key cannot be kept in {}", path.display()))?;
    let key = ApiKey {
        id: new_key_id(),
        name: "admin".to_owned(),
        role: Role::Admin,
        requests_per_minute: None,
        scans_per_day: None,
        workflow: None,
        created: SystemClock.now(),
        revoked: None,
    };
    records.put_key(key, hash_secret(secret.as_bytes())).await?;
    Ok(Some(secret))
}
