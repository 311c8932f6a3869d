use palisade_model::{Definitions, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::records::{EngineState, EngineStatus};
use rusqlite::Connection;

use super::SqliteRecords;
use crate::sqlite::{Failure, from_sql, to_sql};

impl SqliteRecords {
    pub(super) async fn store_engine(&self, status: EngineStatus) -> PortResult<()> {
        self.note(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO engines
                         (engine, host, state, detail, version, made, workers, seen)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute((
                    status.engine.as_str(),
                    status.host,
                    state_name(status.state),
                    status.detail,
                    status.definitions.version,
                    to_sql(status.definitions.time.0),
                    status.workers,
                    to_sql(status.seen.0),
                ))?;
            Ok(())
        })
        .await
    }

    pub(super) async fn all_engines(&self) -> PortResult<Vec<EngineStatus>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT engine, host, state, detail, version, made, workers, seen FROM engines
                 ORDER BY engine, host",
            )?;
            let mut rows = statement.query(())?;
            let mut engines = Vec::new();
            while let Some(row) = rows.next()? {
                engines.push(read(row)?);
            }
            Ok(engines)
        })
        .await
    }
}

/// Forgets what hosts told that have not been seen since: a host is a process, so there is a new
/// one at every start.
pub(super) fn forget_before(connection: &Connection, before: UnixMillis) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached("DELETE FROM engines WHERE seen < ?1")?;
    statement.execute([to_sql(before.0)])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<EngineStatus, Failure> {
    let (engine, state): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(EngineStatus {
        engine: engine.parse().map_err(Failure::corrupt)?,
        host: row.get(1)?,
        state: match state.as_str() {
            "up" => EngineState::Up,
            "degraded" => EngineState::Degraded,
            "down" => EngineState::Down,
            _ => return Err(Failure::corrupt("an engine of an unknown state")),
        },
        detail: row.get(3)?,
        definitions: Definitions { version: row.get(4)?, time: UnixMillis(from_sql(row.get(5)?)) },
        workers: row.get(6)?,
        seen: UnixMillis(from_sql(row.get(7)?)),
    })
}

fn state_name(state: EngineState) -> &'static str {
    match state {
        EngineState::Up => "up",
        EngineState::Degraded => "degraded",
        EngineState::Down => "down",
    }
}
