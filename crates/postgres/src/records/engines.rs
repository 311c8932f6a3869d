use palisade_model::{Definitions, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{EngineState, EngineStatus};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::PostgresRecords;
use crate::failure::{Words, corrupt};
use crate::{from_sql, text, to_sql};

impl PostgresRecords {
    pub(super) async fn store_engine(&self, status: EngineStatus) -> PortResult<()> {
        self.run(
            "INSERT INTO engines (engine, host, state, detail, version, made, workers, seen)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (engine, host) DO UPDATE SET
                 state = excluded.state, detail = excluded.detail, version = excluded.version,
                 made = excluded.made, workers = excluded.workers, seen = excluded.seen",
            &[
                Type::TEXT,
                Type::TEXT,
                Type::TEXT,
                Type::TEXT,
                Type::TEXT,
                Type::INT8,
                Type::INT8,
                Type::INT8,
            ],
            &[
                &status.engine.as_str(),
                &text(&status.host),
                &state_name(status.state),
                &text(&status.detail),
                &text(&status.definitions.version),
                &to_sql(status.definitions.time.0),
                &i64::from(status.workers),
                &to_sql(status.seen.0),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn all_engines(&self) -> PortResult<Vec<EngineStatus>> {
        let rows = self
            .run(
                "SELECT engine, host, state, detail, version, made, workers, seen FROM engines
                 ORDER BY engine, host",
                &[],
                &[],
            )
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> PortResult<EngineStatus> {
    Ok(EngineStatus {
        engine: row.get::<_, &str>(0).parse().map_err(corrupt)?,
        host: row.get(1),
        state: match row.get(2) {
            "up" => EngineState::Up,
            "degraded" => EngineState::Degraded,
            "down" => EngineState::Down,
            _ => return Err(corrupt(Words("an engine of an unknown state".to_owned()))),
        },
        detail: row.get(3),
        definitions: Definitions { version: row.get(4), time: UnixMillis(from_sql(row.get(5))) },
        workers: u32::try_from(row.get::<_, i64>(6)).unwrap_or(u32::MAX),
        seen: UnixMillis(from_sql(row.get(7))),
    })
}

fn state_name(state: EngineState) -> &'static str {
    match state {
        EngineState::Up => "up",
        EngineState::Degraded => "degraded",
        EngineState::Down => "down",
    }
}
