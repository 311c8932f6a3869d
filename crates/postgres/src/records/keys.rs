use palisade_model::{KeyId, Sha256, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{ApiKey, Role};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresRecords;
use crate::failure::{Words, corrupt};
use crate::{from_sql, text, to_sql};

impl PostgresRecords {
    pub(super) async fn store_key(&self, key: ApiKey, secret: Sha256) -> PortResult<()> {
        self.commit(
            "INSERT INTO keys (id, secret, name, role, requests_per_minute, scans_per_day, created,
                               revoked, workflow)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id) DO UPDATE SET
                 secret = excluded.secret, name = excluded.name, role = excluded.role,
                 requests_per_minute = excluded.requests_per_minute,
                 scans_per_day = excluded.scans_per_day,
                 created = excluded.created, revoked = excluded.revoked,
                 workflow = excluded.workflow",
            &[
                Type::TEXT,
                Type::BYTEA,
                Type::TEXT,
                Type::TEXT,
                Type::INT8,
                Type::INT8,
                Type::INT8,
                Type::INT8,
                Type::TEXT,
            ],
            &[
                &text(&key.id.to_string()),
                &secret.0.as_slice(),
                &text(&key.name),
                &role_name(key.role),
                &key.requests_per_minute.map(i64::from),
                &key.scans_per_day.map(i64::from),
                &to_sql(key.created.0),
                &key.revoked.map(|time| to_sql(time.0)),
                &key.workflow.as_deref().map(text),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn key_with(&self, secret: Sha256) -> PortResult<Option<ApiKey>> {
        let rows = self
            .run(
                "SELECT id, name, role, requests_per_minute, scans_per_day, created, revoked,
                        workflow
                 FROM keys WHERE secret = $1",
                &[Type::BYTEA],
                &[&secret.0.as_slice()],
            )
            .await?;
        rows.first().map(read).transpose()
    }

    pub(super) async fn all_keys(&self) -> PortResult<Vec<ApiKey>> {
        let rows = self
            .run(
                "SELECT id, name, role, requests_per_minute, scans_per_day, created, revoked,
                        workflow
                 FROM keys ORDER BY created, id",
                &[],
                &[],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    pub(super) async fn revoke(&self, id: KeyId, when: UnixMillis) -> PortResult<bool> {
        // Taken back twice, the first time is the one that counts.
        let rows = self
            .commit(
                "UPDATE keys SET revoked = coalesce(revoked, $2) WHERE id = $1 RETURNING 1",
                &[Type::TEXT, Type::INT8],
                &[&text(&id.to_string()), &to_sql(when.0)],
            )
            .await?;
        Ok(!rows.is_empty())
    }
}

fn read(row: &Row) -> PortResult<ApiKey> {
    let number = |place: usize| {
        row.get::<_, Option<i64>>(place).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    Ok(ApiKey {
        id: row.get::<_, &str>(0).parse().map_err(corrupt)?,
        name: row.get(1),
        role: match row.get(2) {
            "user" => Role::User,
            "admin" => Role::Admin,
            _ => return Err(corrupt(Words("a key of an unknown role".to_owned()))),
        },
        requests_per_minute: number(3),
        scans_per_day: number(4),
        created: UnixMillis(from_sql(row.get(5))),
        revoked: row.get::<_, Option<i64>>(6).map(|time| UnixMillis(from_sql(time))),
        workflow: row.get(7),
    })
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}
