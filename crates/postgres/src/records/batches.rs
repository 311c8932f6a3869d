use palisade_model::{Batch, BatchId, RequestId, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::records::{Added, BatchEnd, BatchFile, BatchState, MEMBER_GRACE_MS};
use tokio_postgres::types::Type;

use super::PostgresRecords;
use super::requests::{decode, request_id, state, state_columns};
use crate::failure::{Words, corrupt};
use crate::{from_sql, to_sql};

impl PostgresRecords {
    pub(super) async fn store_batch(&self, batch: Batch) -> PortResult<()> {
        self.commit(
            "INSERT INTO batches (id, created, body, files) VALUES ($1, $2, $3, 0)
             ON CONFLICT (id) DO NOTHING",
            &[Type::BYTEA, Type::INT8, Type::BYTEA],
            &[&batch.id.as_bytes().as_slice(), &to_sql(batch.created.0), &wire::encode(&batch)],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn batch_at(
        &self,
        id: BatchId,
        now: UnixMillis,
    ) -> PortResult<Option<BatchState>> {
        let rows = self
            .run(
                "SELECT body, outcome, ended, files, batch_unfinished(id, $2)
                 FROM batches WHERE id = $1",
                &[Type::BYTEA, Type::INT8],
                &[&id.as_bytes().as_slice(), &to_sql(now.minus(MEMBER_GRACE_MS).0)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (outcome, ended): (Option<&str>, Option<i64>) = (row.get(1), row.get(2));
        let ended = outcome
            .zip(ended)
            .map(|(outcome, when)| end_of(outcome).map(|end| (end, UnixMillis(from_sql(when)))));
        let count = |place: usize| u32::try_from(row.get::<_, i64>(place)).unwrap_or(u32::MAX);
        Ok(Some(BatchState {
            batch: decode(row.get(0))?,
            ended: ended.transpose()?,
            files: count(3),
            unfinished: count(4),
        }))
    }

    pub(super) async fn add_file(
        &self,
        id: BatchId,
        request: RequestId,
        when: UnixMillis,
        limit: u32,
    ) -> PortResult<Added> {
        let rows = self
            .commit(
                "SELECT batch_add($1, $2, $3, $4)",
                &[Type::BYTEA, Type::BYTEA, Type::INT8, Type::INT8],
                &[
                    &id.as_bytes().as_slice(),
                    &request.as_bytes().as_slice(),
                    &to_sql(when.0),
                    &i64::from(limit),
                ],
            )
            .await?;
        match rows.first().map(|row| row.get(0)) {
            Some("yes") => Ok(Added::Yes),
            Some("unknown") => Ok(Added::Unknown),
            Some("ended") => Ok(Added::Ended),
            Some("full") => Ok(Added::Full),
            _ => Err(corrupt(Words("batch_add gave an unknown word".to_owned()))),
        }
    }

    pub(super) async fn remove_file(&self, id: BatchId, request: RequestId) -> PortResult<()> {
        self.run(
            "WITH gone AS (DELETE FROM batch_files WHERE batch = $1 AND request = $2 RETURNING 1)
             UPDATE batches SET files = files - (SELECT count(*) FROM gone) WHERE id = $1",
            &[Type::BYTEA, Type::BYTEA],
            &[&id.as_bytes().as_slice(), &request.as_bytes().as_slice()],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn set_end(
        &self,
        id: BatchId,
        end: BatchEnd,
        when: UnixMillis,
    ) -> PortResult<bool> {
        let rows = self
            .commit(
                "UPDATE batches SET outcome = coalesce(outcome, $2), ended = coalesce(ended, $3)
                 WHERE id = $1 RETURNING 1",
                &[Type::BYTEA, Type::TEXT, Type::INT8],
                &[&id.as_bytes().as_slice(), &end_name(end), &to_sql(when.0)],
            )
            .await?;
        Ok(!rows.is_empty())
    }

    pub(super) async fn files_of(
        &self,
        id: BatchId,
        skip: u32,
        limit: u32,
    ) -> PortResult<Vec<BatchFile>> {
        let rows = self
            .run(
                concat!(
                    "SELECT ",
                    state_columns!(),
                    ", file.request, request.id IS NOT NULL
                     FROM batch_files AS file
                     LEFT JOIN requests AS request ON request.id = file.request
                     LEFT JOIN reports AS report ON report.id = request.report
                     WHERE file.batch = $1 ORDER BY file.place LIMIT $3 OFFSET $2"
                ),
                &[Type::BYTEA, Type::INT8, Type::INT8],
                &[&id.as_bytes().as_slice(), &i64::from(skip), &i64::from(limit)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let known: bool = row.get(7);
                Ok(BatchFile {
                    request: request_id(row.get(6))?,
                    state: known.then(|| state(row)).transpose()?,
                })
            })
            .collect()
    }
}

fn end_name(end: BatchEnd) -> &'static str {
    match end {
        BatchEnd::Closed => "closed",
        BatchEnd::Cancelled => "cancelled",
    }
}

fn end_of(name: &str) -> PortResult<BatchEnd> {
    match name {
        "closed" => Ok(BatchEnd::Closed),
        "cancelled" => Ok(BatchEnd::Cancelled),
        _ => Err(corrupt(Words("a batch with an unknown end".to_owned()))),
    }
}
