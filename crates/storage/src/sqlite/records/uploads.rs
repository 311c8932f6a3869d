use palisade_model::{KeyId, Part, RequestId, Sha256, UnixMillis, Upload, wire};
use palisade_ports::PortResult;
use palisade_ports::records::{PartAdded, UploadState};
use rusqlite::{Connection, OptionalExtension};

use super::SqliteRecords;
use crate::sqlite::{Failure, from_sql, to_sql};

/// Uploads removed in one job.
const CHUNK: u32 = 50;

impl SqliteRecords {
    pub(super) async fn store_upload(&self, upload: Upload) -> PortResult<()> {
        let body = wire::encode(&upload);
        self.promise(body.len(), move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO uploads (id, key, expires, body, parts) VALUES (?1, ?2, ?3, ?4, 0)
                     ON CONFLICT (id) DO NOTHING",
                )?
                .execute((
                    upload.id.as_bytes(),
                    upload.key.map(|key| key.to_string()),
                    to_sql(upload.expires.0),
                    body,
                ))?;
            Ok(())
        })
        .await
    }

    pub(super) async fn upload_with_parts(&self, id: RequestId) -> PortResult<Option<UploadState>> {
        self.read(move |connection| select(connection, id)).await
    }

    pub(super) async fn add_part(
        &self,
        id: RequestId,
        part: Part,
        limit: u32,
    ) -> PortResult<PartAdded> {
        self.promise(0, move |connection| {
            let parts: Option<u32> = connection
                .prepare_cached("SELECT parts FROM uploads WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| row.get(0))
                .optional()?;
            let Some(parts) = parts else { return Ok(PartAdded::Unknown) };
            let (start, size) = (to_sql(part.offset), to_sql(part.size));
            let there = connection
                .prepare_cached(
                    "SELECT 1 FROM parts WHERE upload = ?1 AND start = ?2 AND size = ?3",
                )?
                .exists((id.as_bytes(), start, size))?;
            if !there {
                if parts >= limit {
                    return Ok(PartAdded::Full);
                }
                connection
                    .prepare_cached("UPDATE uploads SET parts = parts + 1 WHERE id = ?1")?
                    .execute([id.as_bytes()])?;
            }
            // Sent again, the later bytes count: the earlier ones may have been broken.
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO parts (upload, start, size, sha256)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((id.as_bytes(), start, size, part.sha256.0))?;
            Ok(select(connection, id)?.map_or(PartAdded::Unknown, PartAdded::Yes))
        })
        .await
    }

    pub(super) async fn delete_upload(&self, id: RequestId) -> PortResult<bool> {
        self.note(move |connection| delete(connection, *id.as_bytes())).await
    }

    pub(super) async fn count_uploads(&self, key: KeyId) -> PortResult<u32> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT count(*) FROM uploads WHERE key = ?1")?
                .query_row([key.to_string()], |row| row.get(0))?)
        })
        .await
    }

    pub(super) async fn delete_expired(&self, now: UnixMillis) -> PortResult<u64> {
        let mut gone = 0;
        loop {
            let some = self.note(move |connection| {
                let old: Vec<[u8; 16]> = connection
                    .prepare_cached("SELECT id FROM uploads WHERE expires <= ?1 LIMIT ?2")?
                    .query_map((to_sql(now.0), CHUNK), |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                for id in &old {
                    delete(connection, *id)?;
                }
                Ok(old.len() as u64)
            });
            match some.await? {
                0 => return Ok(gone),
                some => gone += some,
            }
        }
    }
}

fn select(connection: &Connection, id: RequestId) -> Result<Option<UploadState>, Failure> {
    let body: Option<Vec<u8>> = connection
        .prepare_cached("SELECT body FROM uploads WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(body) = body else { return Ok(None) };
    let upload = wire::decode(&body).map_err(Failure::corrupt)?;
    let part = |row: &rusqlite::Row<'_>| {
        Ok(Part {
            offset: from_sql(row.get(0)?),
            size: from_sql(row.get(1)?),
            sha256: Sha256(row.get(2)?),
        })
    };
    let parts = connection
        .prepare_cached(
            "SELECT start, size, sha256 FROM parts WHERE upload = ?1 ORDER BY start, size DESC",
        )?
        .query_map([id.as_bytes()], part)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(UploadState { upload, parts }))
}

fn delete(connection: &Connection, id: [u8; 16]) -> Result<bool, Failure> {
    connection.prepare_cached("DELETE FROM parts WHERE upload = ?1")?.execute([id])?;
    let gone = connection.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([id])?;
    Ok(gone > 0)
}
