use palisade_model::{RequestId, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{History, RequestState};
use tokio_postgres::types::Type;

use super::PostgresRecords;
use super::requests::{request_id, state, state_columns};
use crate::to_sql;

/// Requests by one of their columns, the newest acceptance first.
macro_rules! history_by {
    ($column:literal) => {
        concat!(
            "SELECT ",
            state_columns!(),
            " FROM requests AS request LEFT JOIN reports AS report ON report.id = request.report
              WHERE request.",
            $column,
            " = $1 ORDER BY request.accepted DESC, request.id DESC LIMIT $3 OFFSET $2"
        )
    };
}

impl PostgresRecords {
    pub(super) async fn history_of(
        &self,
        of: History,
        skip: u32,
        limit: u32,
    ) -> PortResult<Vec<RequestState>> {
        let (skip, limit) = (i64::from(skip), i64::from(limit));
        let rows = match of {
            History::Artifact(sha256) => {
                self.run(
                    history_by!("sha256"),
                    &[Type::BYTEA, Type::INT8, Type::INT8],
                    &[&sha256.0.as_slice(), &skip, &limit],
                )
                .await?
            }
            History::Key(key) => {
                self.run(
                    history_by!("key"),
                    &[Type::TEXT, Type::INT8, Type::INT8],
                    &[&key.to_string(), &skip, &limit],
                )
                .await?
            }
        };
        rows.iter().map(state).collect()
    }

    pub(super) async fn mark_cancelled(
        &self,
        id: RequestId,
        when: UnixMillis,
    ) -> PortResult<Option<RequestState>> {
        self.commit(
            "UPDATE requests SET cancelled = coalesce(cancelled, $2)
             WHERE id = $1 AND report IS NULL",
            &[Type::BYTEA, Type::INT8],
            &[&id.as_bytes().as_slice(), &to_sql(when.0)],
        )
        .await?;
        self.state_of(id).await
    }

    pub(super) async fn cancelled_since(
        &self,
        since: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<RequestId>> {
        let rows = self
            .run(
                "SELECT id FROM requests WHERE cancelled >= $1 ORDER BY cancelled DESC LIMIT $2",
                &[Type::INT8, Type::INT8],
                &[&to_sql(since.0), &i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| request_id(row.get(0))).collect()
    }
}
