use palisade_model::{DeadLetter, wire};
use palisade_ports::PortResult;
use tokio_postgres::types::Type;

use super::PostgresRecords;
use super::requests::decode;
use crate::{text, to_sql};

impl PostgresRecords {
    pub(super) async fn put_letter(&self, letter: DeadLetter) -> PortResult<()> {
        self.run(
            "INSERT INTO dead_letters (id, time, body) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET time = excluded.time, body = excluded.body",
            &[Type::TEXT, Type::INT8, Type::BYTEA],
            &[&text(&letter.id), &to_sql(letter.time.0), &wire::encode(&letter)],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn newest_letters(&self, limit: u32) -> PortResult<Vec<DeadLetter>> {
        let rows = self
            .run(
                "SELECT body FROM dead_letters ORDER BY time DESC, id LIMIT $1",
                &[Type::INT8],
                &[&i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| decode(row.get(0))).collect()
    }

    pub(super) async fn letter(&self, id: &str) -> PortResult<Option<DeadLetter>> {
        let rows = self
            .run("SELECT body FROM dead_letters WHERE id = $1", &[Type::TEXT], &[&text(id)])
            .await?;
        rows.first().map(|row| decode(row.get(0))).transpose()
    }

    pub(super) async fn remove_letter(&self, id: &str) -> PortResult<bool> {
        let rows = self
            .run("DELETE FROM dead_letters WHERE id = $1 RETURNING 1", &[Type::TEXT], &[&text(id)])
            .await?;
        Ok(!rows.is_empty())
    }
}
