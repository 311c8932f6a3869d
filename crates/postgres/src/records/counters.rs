use palisade_model::{CommandId, KeyId, NodeId, RequestId, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{Charged, Counts};
use tokio_postgres::types::Type;

use super::PostgresRecords;
use crate::failure::{Words, unavailable};
use crate::{from_sql, text, to_sql};

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl PostgresRecords {
    pub(super) async fn add_strike(&self, command: CommandId) -> PortResult<u32> {
        let rows = self
            .run(
                "INSERT INTO strikes AS known (root, command, count) VALUES ($1, $2, 1)
                 ON CONFLICT (root, command) DO UPDATE SET count = known.count + 1
                 RETURNING count",
                &[Type::BYTEA, Type::TEXT],
                &[&command.node.root.as_bytes().as_slice(), &command.to_string()],
            )
            .await?;
        rows.first().map(|row| count(row.get(0))).ok_or_else(no_row)
    }

    pub(super) async fn put_charge(&self, node: NodeId, charge: Charged) -> PortResult<Charged> {
        let rows = self
            .run(
                "SELECT sum_files, sum_bytes FROM charge($1, $2, $3, $4)",
                &[Type::BYTEA, Type::TEXT, Type::INT8, Type::INT8],
                &[
                    &node.root.as_bytes().as_slice(),
                    &node.to_string(),
                    &to_sql(charge.files),
                    &to_sql(charge.bytes),
                ],
            )
            .await?;
        let row = rows.first().ok_or_else(no_row)?;
        Ok(Charged { files: from_sql(row.get(0)), bytes: from_sql(row.get(1)) })
    }

    pub(super) async fn settle_tree(&self, root: RequestId) -> PortResult<()> {
        self.run(
            "WITH strikes AS (DELETE FROM strikes WHERE root = $1),
                  charges AS (DELETE FROM charges WHERE root = $1)
             DELETE FROM trees WHERE root = $1",
            &[Type::BYTEA],
            &[&root.as_bytes().as_slice()],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn add_scans(&self, key: KeyId, day: u32, add: u32) -> PortResult<u32> {
        let rows = self
            .run(
                "INSERT INTO scans AS known (key, day, count) VALUES ($1, $2, $3)
                 ON CONFLICT (key, day)
                     DO UPDATE SET count = least(known.count + excluded.count, 4294967295)
                 RETURNING count",
                &[Type::TEXT, Type::INT8, Type::INT8],
                &[&text(&key.to_string()), &i64::from(day), &i64::from(add)],
            )
            .await?;
        rows.first().map(|row| count(row.get(0))).ok_or_else(no_row)
    }

    pub(super) async fn sums(&self) -> PortResult<Counts> {
        let rows = self
            .run(
                "SELECT (SELECT count(*) FROM requests WHERE report IS NULL),
                        (SELECT coalesce(sum(finished), 0)::bigint FROM totals),
                        (SELECT count(*) FROM dead_letters),
                        (SELECT min(accepted) FROM requests WHERE report IS NULL)",
                &[],
                &[],
            )
            .await?;
        let row = rows.first().ok_or_else(no_row)?;
        let oldest: Option<i64> = row.get(3);
        Ok(Counts {
            open: from_sql(row.get(0)),
            finished: from_sql(row.get(1)),
            dead_letters: from_sql(row.get(2)),
            oldest_open: oldest.map(|accepted| UnixMillis(from_sql(accepted))),
        })
    }
}

fn no_row() -> palisade_ports::PortError {
    unavailable(Words("PostgreSQL gave no row where there is always one".to_owned()))
}
