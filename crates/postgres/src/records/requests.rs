use std::sync::Arc;

use palisade_model::{Progress, Report, RequestId, RequestSummary, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::records::{ReportId, RequestState};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresRecords;
use crate::failure::{Words, corrupt, unavailable};
use crate::{from_sql, to_sql};

/// The columns that [`state`] reads, of a `request` beside its `report`.
macro_rules! state_columns {
    () => {
        "request.summary, request.done, request.expected, request.finished, report.body, \
         request.report IS NOT NULL"
    };
}
pub(super) use state_columns;

impl PostgresRecords {
    pub(super) async fn open_request_row(
        &self,
        summary: RequestSummary,
        progress: Progress,
    ) -> PortResult<()> {
        self.run(
            "INSERT INTO requests AS known
                 (id, summary, accepted, deadline, done, expected, key, sha256)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET done = excluded.done, expected = excluded.expected
             WHERE known.report IS NULL",
            &[
                Type::BYTEA,
                Type::BYTEA,
                Type::INT8,
                Type::INT8,
                Type::INT8,
                Type::INT8,
                Type::TEXT,
                Type::BYTEA,
            ],
            &[
                &summary.node.root.as_bytes().as_slice(),
                &wire::encode(&summary),
                &to_sql(summary.accepted.0),
                &to_sql(summary.deadline.0),
                &i64::from(progress.done),
                &i64::from(progress.expected),
                &summary.key.map(|key| key.to_string()),
                &summary.artifact.sha256().0.as_slice(),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn answer_with(
        &self,
        summary: RequestSummary,
        report: ReportId,
        finished: UnixMillis,
    ) -> PortResult<bool> {
        let rows = self
            .commit(
                // The report is locked, so that nobody forgets it meanwhile.
                "WITH answer AS (SELECT id FROM reports WHERE id = $5 FOR SHARE),
                      first AS (
                          INSERT INTO requests AS known
                              (id, summary, accepted, deadline, done, expected, report, finished,
                               key, sha256)
                          SELECT $1, $2, $3, $4, 0, 0, answer.id, $6, $7, $8 FROM answer
                          ON CONFLICT (id) DO UPDATE
                              SET report = excluded.report, finished = excluded.finished
                              WHERE known.report IS NULL
                          RETURNING 1)
                 SELECT EXISTS (SELECT 1 FROM answer), EXISTS (SELECT 1 FROM first)",
                &[
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::INT8,
                    Type::INT8,
                    Type::BYTEA,
                    Type::INT8,
                    Type::TEXT,
                    Type::BYTEA,
                ],
                &[
                    &summary.node.root.as_bytes().as_slice(),
                    &wire::encode(&summary),
                    &to_sql(summary.accepted.0),
                    &to_sql(summary.deadline.0),
                    &report.as_bytes().as_slice(),
                    &to_sql(finished.0),
                    &summary.key.map(|key| key.to_string()),
                    &summary.artifact.sha256().0.as_slice(),
                ],
            )
            .await?;
        let (there, first): (bool, bool) =
            rows.first().map_or((false, false), |row| (row.get(0), row.get(1)));
        if there {
            Ok(first)
        } else {
            Err(unavailable(Words("the report was forgotten meanwhile".to_owned())))
        }
    }

    pub(super) async fn state_of(&self, id: RequestId) -> PortResult<Option<RequestState>> {
        let rows = self
            .run(
                concat!(
                    "SELECT ",
                    state_columns!(),
                    " FROM requests AS request
                      LEFT JOIN reports AS report ON report.id = request.report
                      WHERE request.id = $1"
                ),
                &[Type::BYTEA],
                &[&id.as_bytes().as_slice()],
            )
            .await?;
        rows.first().map(state).transpose()
    }

    pub(super) async fn open_past_deadline(
        &self,
        before: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<RequestSummary>> {
        let rows = self
            .run(
                "SELECT summary FROM requests WHERE report IS NULL AND deadline < $1
                 ORDER BY deadline LIMIT $2",
                &[Type::INT8, Type::INT8],
                &[&to_sql(before.0), &i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| decode(row.get(0))).collect()
    }
}

/// A row of summary, done, expected, finished, body, and whether it is finished.
pub(super) fn state(row: &Row) -> PortResult<RequestState> {
    let summary: RequestSummary = decode(row.get(0))?;
    if !row.get::<_, bool>(5) {
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let progress = Progress { done: count(row.get(1)), expected: count(row.get(2)) };
        return Ok(RequestState::Open { summary, progress });
    }
    let body: Option<&[u8]> = row.get(4);
    let body = body.ok_or_else(|| corrupt(Words("a request whose report is missing".into())))?;
    let finished: Option<i64> = row.get(3);
    Ok(RequestState::Finished {
        summary,
        finished: UnixMillis(from_sql(finished.unwrap_or(0))),
        report: Arc::new(decode::<Report>(body)?),
    })
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(body: &[u8]) -> PortResult<T> {
    wire::decode(body).map_err(|error| match error {
        error @ wire::WireError::TooNew(_) => unavailable(error),
        error @ wire::WireError::Json(_) => corrupt(error),
    })
}

/// An id as it is stored.
pub(super) fn request_id(bytes: &[u8]) -> PortResult<RequestId> {
    let bytes: [u8; 16] =
        bytes.try_into().map_err(|_| corrupt(Words("an id of another length".to_owned())))?;
    Ok(RequestId::from_bytes(bytes))
}
