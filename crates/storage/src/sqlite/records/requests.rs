use std::sync::Arc;

use palisade_model::{Progress, RequestId, RequestSummary, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::log::Durability;
use palisade_ports::records::{ReportId, RequestState};
use rusqlite::{Connection, OptionalExtension};

use super::cache::{Answered, Cache, Found};
use super::reports::report;
use super::{Load, SqliteRecords, WHAT};
use crate::sqlite::{Failure, from_sql, to_sql};

/// A request as its row has it.
enum Row {
    Open(Box<RequestSummary>, Progress),
    Finished(Answered),
}

impl SqliteRecords {
    pub(super) async fn open_request_row(
        &self,
        summary: RequestSummary,
        progress: Progress,
    ) -> PortResult<()> {
        let body = wire::encode(&summary);
        self.note(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO requests
                         (id, summary, accepted, deadline, done, expected, key, sha256)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (id) DO UPDATE SET done = excluded.done,
                                                    expected = excluded.expected
                     WHERE report IS NULL",
                )?
                .execute((
                    summary.node.root.as_bytes(),
                    body,
                    to_sql(summary.accepted.0),
                    to_sql(summary.deadline.0),
                    progress.done,
                    progress.expected,
                    summary.key.map(|key| key.to_string()),
                    summary.artifact.sha256().0,
                ))?;
            Ok(())
        })
        .await
    }

    pub(super) async fn answer_with(
        &self,
        summary: RequestSummary,
        report: ReportId,
        finished: UnixMillis,
    ) -> PortResult<bool> {
        let id = summary.node.root;
        let body = wire::encode(&summary);
        let bytes = body.len().saturating_add(512);
        let answered = Answered { summary: Arc::new(summary), finished, report };
        let fact = answered.clone();
        let (inside, after) = (Arc::clone(&self.cache), Arc::clone(&self.cache));
        let work = move |connection: &Connection| {
            let there = connection
                .prepare_cached("SELECT 1 FROM reports WHERE id = ?1")?
                .exists([report.as_bytes()])?;
            if !there {
                return Err(Failure::unavailable("the report was forgotten meanwhile"));
            }
            let first = finish_row(connection, id, &answered, &body)?;
            Ok((first, inside.moment()?))
        };
        let settle = move |result: &mut Result<_, Failure>| {
            if let Ok((true, moment)) = result {
                after.answered(*moment, id, fact);
            }
        };
        let done = self.writer.write_then(WHAT, Durability::Machine, bytes, work, settle).await?;
        Ok(done.0)
    }

    pub(super) async fn state_of(&self, id: RequestId) -> PortResult<Option<RequestState>> {
        let fill = match self.cache.request(&id)? {
            Ok(state) => return Ok(Some(state)),
            Err(fill) => fill,
        };
        let cache = Arc::clone(&self.cache);
        self.look_up(move |connection, load| {
            let answered = match select(connection, id)? {
                None => return Ok(Some(None)),
                Some(Row::Open(summary, progress)) => {
                    return Ok(Some(Some(RequestState::Open { summary: *summary, progress })));
                }
                Some(Row::Finished(answered)) => answered,
            };
            let Some((report, found)) = report(connection, &cache, answered.report, load)? else {
                return Ok(None);
            };
            cache.fill(fill, found.into_iter().chain([Found::Answered(id, answered.clone())]));
            Ok(Some(Some(answered.into_state(report))))
        })
        .await
    }

    pub(super) async fn open_past_deadline(
        &self,
        before: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<RequestSummary>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT summary FROM requests WHERE report IS NULL AND deadline < ?1
                 ORDER BY deadline LIMIT ?2",
            )?;
            let mut rows = statement.query((to_sql(before.0), limit))?;
            let mut summaries = Vec::new();
            while let Some(row) = rows.next()? {
                summaries.push(read_summary(row.get_ref(0)?.as_blob().map_err(Failure::corrupt)?)?);
            }
            Ok(summaries)
        })
        .await
    }
}

/// Notes that a request is finished; false when it was already.
pub(super) fn finish_row(
    connection: &Connection,
    id: RequestId,
    answered: &Answered,
    summary: &[u8],
) -> Result<bool, Failure> {
    let changed = connection
        .prepare_cached(
            "INSERT INTO requests
                 (id, summary, accepted, deadline, done, expected, report, finished, key, sha256)
             VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET report = excluded.report, finished = excluded.finished
             WHERE report IS NULL",
        )?
        .execute((
            id.as_bytes(),
            summary,
            to_sql(answered.summary.accepted.0),
            to_sql(answered.summary.deadline.0),
            answered.report.as_bytes(),
            to_sql(answered.finished.0),
            answered.summary.key.map(|key| key.to_string()),
            answered.summary.artifact.sha256().0,
        ))?;
    Ok(changed > 0)
}

/// What a request is now, its report with it. On a thread that may block.
pub(super) fn state(
    connection: &Connection,
    cache: &Cache,
    id: RequestId,
) -> Result<Option<RequestState>, Failure> {
    Ok(match select(connection, id)? {
        None => None,
        Some(Row::Open(summary, progress)) => {
            Some(RequestState::Open { summary: *summary, progress })
        }
        Some(Row::Finished(answered)) => report(connection, cache, answered.report, Load::Yes)?
            .map(|(report, _)| answered.into_state(report)),
    })
}

/// A request that is finished.
pub(super) fn select_answered(
    connection: &Connection,
    id: RequestId,
) -> Result<Option<Answered>, Failure> {
    Ok(match select(connection, id)? {
        Some(Row::Finished(answered)) => Some(answered),
        Some(Row::Open(..)) | None => None,
    })
}

fn select(connection: &Connection, id: RequestId) -> Result<Option<Row>, Failure> {
    let row = connection
        .prepare_cached(
            "SELECT summary, done, expected, report, finished FROM requests WHERE id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            let report: Option<[u8; 16]> = row.get(3)?;
            let finished: Option<i64> = row.get(4)?;
            let progress = Progress { done: row.get(1)?, expected: row.get(2)? };
            Ok((row.get::<_, Vec<u8>>(0)?, progress, report, finished))
        })
        .optional()?;
    let Some((summary, progress, report, finished)) = row else { return Ok(None) };
    let summary = read_summary(&summary)?;
    Ok(Some(match report {
        None => Row::Open(Box::new(summary), progress),
        Some(report) => Row::Finished(Answered {
            summary: Arc::new(summary),
            finished: UnixMillis(from_sql(finished.unwrap_or(0))),
            report: RequestId::from_bytes(report),
        }),
    }))
}

fn read_summary(body: &[u8]) -> Result<RequestSummary, Failure> {
    wire::decode(body).map_err(Failure::corrupt)
}
