use std::sync::Arc;

use palisade_model::{KeyId, Sha256, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use palisade_ports::records::{ApiKey, Role};

use super::cache::Found;
use super::{SqliteRecords, WHAT};
use crate::sqlite::{Failure, from_sql, to_sql};

const COLUMNS: &str =
    "id, name, role, requests_per_minute, scans_per_day, created, revoked, workflow";

impl SqliteRecords {
    pub(super) async fn store_key(&self, key: ApiKey, secret: Sha256) -> PortResult<()> {
        let cache = Arc::clone(&self.cache);
        let work = move |connection: &rusqlite::Connection| {
            connection
                .prepare_cached(
                    "INSERT INTO keys (id, secret, name, role, requests_per_minute, scans_per_day,
                                       created, revoked, workflow)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                     ON CONFLICT (id) DO UPDATE SET
                         secret = excluded.secret, name = excluded.name, role = excluded.role,
                         requests_per_minute = excluded.requests_per_minute,
                         scans_per_day = excluded.scans_per_day,
                         created = excluded.created, revoked = excluded.revoked,
                         workflow = excluded.workflow",
                )?
                .execute((
                    key.id.to_string(),
                    secret.0,
                    key.name,
                    role_name(key.role),
                    key.requests_per_minute,
                    key.scans_per_day,
                    to_sql(key.created.0),
                    key.revoked.map(|time| to_sql(time.0)),
                    key.workflow,
                ))?;
            Ok(())
        };
        let settle = move |_: &mut Result<(), Failure>| cache.clear_keys();
        self.writer.write_then(WHAT, Durability::Machine, 512, work, settle).await
    }

    pub(super) async fn key_with(&self, secret: Sha256) -> PortResult<Option<ApiKey>> {
        let fill = match self.cache.key(&secret)? {
            Ok(key) => return Ok(Some(key)),
            Err(fill) => fill,
        };
        let cache = Arc::clone(&self.cache);
        self.look_up(move |connection, _| {
            let mut statement = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM keys WHERE secret = ?1"))?;
            let mut rows = statement.query([secret.0])?;
            let key = rows.next()?.map(read_key).transpose()?;
            // Wrong secrets are not kept: there are too many of them.
            cache.fill(fill, key.clone().map(|key| Found::Key(secret, key)));
            Ok(Some(key))
        })
        .await
    }

    pub(super) async fn all_keys(&self) -> PortResult<Vec<ApiKey>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM keys ORDER BY created, id"))?;
            let mut rows = statement.query(())?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(read_key(row)?);
            }
            Ok(keys)
        })
        .await
    }

    pub(super) async fn revoke(&self, id: KeyId, when: UnixMillis) -> PortResult<bool> {
        let cache = Arc::clone(&self.cache);
        let work = move |connection: &rusqlite::Connection| {
            // Taken back twice, the first time is the one that counts.
            let mut statement = connection
                .prepare_cached("UPDATE keys SET revoked = coalesce(revoked, ?2) WHERE id = ?1")?;
            Ok(statement.execute((id.to_string(), to_sql(when.0)))? > 0)
        };
        let settle = move |_: &mut Result<bool, Failure>| cache.clear_keys();
        self.writer.write_then(WHAT, Durability::Machine, 512, work, settle).await
    }
}

fn read_key(row: &rusqlite::Row<'_>) -> Result<ApiKey, Failure> {
    let (id, role): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(ApiKey {
        id: id.parse().map_err(Failure::corrupt)?,
        name: row.get(1)?,
        role: match role.as_str() {
            "user" => Role::User,
            "admin" => Role::Admin,
            _ => return Err(Failure::corrupt("a key of an unknown role")),
        },
        requests_per_minute: row.get(3)?,
        scans_per_day: row.get(4)?,
        workflow: row.get(7)?,
        created: UnixMillis(from_sql(row.get(5)?)),
        revoked: row.get::<_, Option<i64>>(6)?.map(|time| UnixMillis(from_sql(time))),
    })
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}
