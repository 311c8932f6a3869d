use palisade_model::{KeyId, Part, RequestId, Sha256, UnixMillis, Upload, wire};
use palisade_ports::PortResult;
use palisade_ports::records::{PartAdded, UploadState};
use tokio_postgres::types::Type;

use super::PostgresRecords;
use super::requests::decode;
use crate::failure::{Words, corrupt};
use crate::{from_sql, to_sql};

impl PostgresRecords {
    pub(super) async fn store_upload(&self, upload: Upload) -> PortResult<()> {
        self.commit(
            "INSERT INTO uploads (id, key, expires, body, parts) VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT (id) DO NOTHING",
            &[Type::BYTEA, Type::TEXT, Type::INT8, Type::BYTEA],
            &[
                &upload.id.as_bytes().as_slice(),
                &upload.key.map(|key| key.to_string()),
                &to_sql(upload.expires.0),
                &wire::encode(&upload),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn upload_with_parts(&self, id: RequestId) -> PortResult<Option<UploadState>> {
        let rows = self
            .run(
                "SELECT body, start, size, sha256
                 FROM uploads LEFT JOIN parts ON parts.upload = uploads.id
                 WHERE id = $1 ORDER BY start, size DESC",
                &[Type::BYTEA],
                &[&id.as_bytes().as_slice()],
            )
            .await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let upload = decode(first.get(0))?;
        let mut parts = Vec::with_capacity(rows.len());
        for row in &rows {
            // One row without a part stands for an upload that has none.
            let Some(start) = row.get::<_, Option<i64>>(1) else { continue };
            let sha256: [u8; 32] = row
                .get::<_, &[u8]>(3)
                .try_into()
                .map_err(|_| corrupt(Words("a hash of another length".to_owned())))?;
            parts.push(Part {
                offset: from_sql(start),
                size: from_sql(row.get(2)),
                sha256: Sha256(sha256),
            });
        }
        Ok(Some(UploadState { upload, parts }))
    }

    pub(super) async fn add_part(
        &self,
        id: RequestId,
        part: Part,
        limit: u32,
    ) -> PortResult<PartAdded> {
        let rows = self
            .commit(
                "SELECT part_add($1, $2, $3, $4, $5)",
                &[Type::BYTEA, Type::INT8, Type::INT8, Type::BYTEA, Type::INT8],
                &[
                    &id.as_bytes().as_slice(),
                    &to_sql(part.offset),
                    &to_sql(part.size),
                    &part.sha256.0.as_slice(),
                    &i64::from(limit),
                ],
            )
            .await?;
        match rows.first().map(|row| row.get(0)) {
            Some("yes") => {
                let state = self.upload_with_parts(id).await?;
                Ok(state.map_or(PartAdded::Unknown, PartAdded::Yes))
            }
            Some("unknown") => Ok(PartAdded::Unknown),
            Some("full") => Ok(PartAdded::Full),
            _ => Err(corrupt(Words("part_add gave an unknown word".to_owned()))),
        }
    }

    pub(super) async fn delete_upload(&self, id: RequestId) -> PortResult<bool> {
        let rows = self
            .run(
                "DELETE FROM uploads WHERE id = $1 RETURNING 1",
                &[Type::BYTEA],
                &[&id.as_bytes().as_slice()],
            )
            .await?;
        Ok(!rows.is_empty())
    }

    pub(super) async fn count_uploads(&self, key: KeyId) -> PortResult<u32> {
        let rows = self
            .run("SELECT count(*) FROM uploads WHERE key = $1", &[Type::TEXT], &[&key.to_string()])
            .await?;
        let count = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    pub(super) async fn delete_expired(&self, now: UnixMillis) -> PortResult<u64> {
        let rows = self
            .run(
                "WITH gone AS (DELETE FROM uploads WHERE expires <= $1 RETURNING 1)
                 SELECT count(*) FROM gone",
                &[Type::INT8],
                &[&to_sql(now.0)],
            )
            .await?;
        Ok(rows.first().map_or(0, |row| from_sql(row.get(0))))
    }
}
