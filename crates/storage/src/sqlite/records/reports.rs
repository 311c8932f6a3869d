use std::sync::Arc;

use palisade_model::{AnyHash, Report, RequestId, RequestSummary, Sha256, UnixMillis, wire};
use palisade_ports::log::Durability;
use palisade_ports::records::{ReportId, RequestState};
use palisade_ports::{PortError, PortResult};
use rusqlite::{Connection, OptionalExtension};

use super::cache::{Answered, Cache, Fill, Found};
use super::requests::{finish_row, select_answered};
use super::{Load, Looked, SqliteRecords, WHAT, body};
use crate::sqlite::{Failure, Moment, to_sql};

/// Nodes from which a report is put into its stored form on a thread that may block: larger ones
/// take more than a millisecond.
const LARGE: usize = 64;

impl SqliteRecords {
    pub(super) async fn store_report(
        &self,
        mut report: Report,
        cache_key: Option<Sha256>,
    ) -> PortResult<bool> {
        // Passwords are never kept: not in the row, not in memory.
        report.request.passwords = Vec::new();
        let report = Arc::new(report);
        let (body, json) = encode(&report).await?;
        let id = report.request.node.root;
        let summary = RequestSummary::of(&report.request);
        let summary_body = wire::encode(&summary);
        let bytes = body.len().saturating_add(summary_body.len()).saturating_add(1024);
        let summary = Arc::new(summary);
        let answered = Answered { summary, finished: report.finished, report: id };

        let fact = answered.clone();
        let kept = Arc::clone(&report);
        let (inside, after) = (Arc::clone(&self.cache), Arc::clone(&self.cache));
        let work = move |connection: &Connection| {
            let first = finish_row(connection, id, &answered, &summary_body)?;
            if first {
                insert_report(connection, &report, cache_key, &body)?;
            }
            // The summary that was noted when the request was accepted is the one that stays.
            Ok((first, select_answered(connection, id)?, inside.moment()?))
        };
        let settle = move |result: &mut Result<(bool, Option<Answered>, Moment), Failure>| {
            if let Ok((true, stored, moment)) = result {
                let fact = stored.take().unwrap_or(fact);
                after.stored(*moment, (id, fact), (kept, json), cache_key);
            }
        };
        let done = self.writer.write_then(WHAT, Durability::Machine, bytes, work, settle).await?;
        Ok(done.0)
    }

    pub(super) async fn newest_cached(
        &self,
        cache_key: Sha256,
        not_before: UnixMillis,
    ) -> PortResult<Option<(ReportId, Arc<Report>)>> {
        let found = match self.cache.cached(&cache_key)? {
            Ok(found) => Some(found),
            Err(fill) => {
                let cache = Arc::clone(&self.cache);
                self.look_up(move |connection, load| {
                    select_cached(connection, &cache, (fill, load), cache_key)
                })
                .await?
            }
        };
        Ok(found.filter(|(_, report)| report.finished >= not_before))
    }

    pub(super) async fn newest_of(&self, hash: AnyHash) -> PortResult<Option<RequestState>> {
        let fill = match self.cache.by_hash(&hash)? {
            Ok(state) => return Ok(Some(state)),
            Err(fill) => fill,
        };
        let cache = Arc::clone(&self.cache);
        self.look_up(move |connection, load| select_by_hash(connection, &cache, (fill, load), hash))
            .await
    }

    pub(super) async fn newest_of_each(
        &self,
        hashes: Vec<AnyHash>,
    ) -> PortResult<Vec<Option<RequestState>>> {
        let mut states = Vec::with_capacity(hashes.len());
        let mut missing = Vec::new();
        for (place, hash) in hashes.into_iter().enumerate() {
            states.push(match self.cache.by_hash(&hash)? {
                Ok(state) => Some(state),
                Err(fill) => {
                    missing.push((place, hash, fill));
                    None
                }
            });
        }
        if missing.is_empty() {
            return Ok(states);
        }
        let cache = Arc::clone(&self.cache);
        self.read(move |connection| {
            for (place, hash, fill) in missing {
                let state = select_by_hash(connection, &cache, (fill, Load::Yes), hash)?.flatten();
                if let Some(slot) = states.get_mut(place) {
                    *slot = state;
                }
            }
            Ok(states)
        })
        .await
    }
}

async fn encode(report: &Arc<Report>) -> PortResult<(Vec<u8>, usize)> {
    if report.nodes.len() < LARGE {
        return Ok(body::encode(report));
    }
    let report = Arc::clone(report);
    let encoded = tokio::task::spawn_blocking(move || body::encode(&report)).await;
    encoded.map_err(|error| PortError::Unavailable { what: WHAT, source: error.into() })
}

fn insert_report(
    connection: &Connection,
    report: &Report,
    cache_key: Option<Sha256>,
    body: &[u8],
) -> Result<(), Failure> {
    let hashes = &report.request.artifact.hashes;
    let other = |text: &str| text.parse::<AnyHash>().ok().map(|hash| hash.as_bytes().to_vec());
    // A row of this id is there when the request was reopened while others were answered with its
    // report: those have the newer one from now on.
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO reports
                 (id, md5, sha1, sha256, sha512, cache_key, finished, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            report.request.node.root.as_bytes(),
            other(&hashes.md5),
            other(&hashes.sha1),
            hashes.sha256.0,
            other(&hashes.sha512),
            cache_key.map(|key| key.0),
            to_sql(report.finished.0),
            body,
        ))?;
    Ok(())
}

/// The report of this id, which a row refers to, and the length of its JSON.
fn load_report(connection: &Connection, id: ReportId) -> Result<(Arc<Report>, usize), Failure> {
    let mut statement = connection.prepare_cached("SELECT body FROM reports WHERE id = ?1")?;
    let mut rows = statement.query([id.as_bytes()])?;
    let row = rows.next()?.ok_or_else(|| Failure::corrupt("a request whose report is missing"))?;
    let body = row.get_ref(0)?.as_blob().map_err(Failure::corrupt)?;
    let (report, bytes) = body::decode(body)?;
    Ok((Arc::new(report), bytes))
}

/// The report of this id, from memory if it is there, and what to keep of it; `None` when it would
/// have to be loaded and that may not be.
pub(super) fn report(
    connection: &Connection,
    cache: &Cache,
    id: ReportId,
    load: Load,
) -> Looked<(Arc<Report>, Option<Found>)> {
    if let Some(report) = cache.report(&id) {
        return Ok(Some((report, None)));
    }
    if load == Load::No {
        return Ok(None);
    }
    let (report, bytes) = load_report(connection, id)?;
    let found = Found::Report(id, Arc::clone(&report), bytes);
    Ok(Some((report, Some(found))))
}

fn select_cached(
    connection: &Connection,
    cache: &Cache,
    (fill, load): (Fill, Load),
    key: Sha256,
) -> Looked<Option<(ReportId, Arc<Report>)>> {
    let id = connection
        .prepare_cached(
            "SELECT id FROM reports WHERE cache_key = ?1 ORDER BY finished DESC LIMIT 1",
        )?
        .query_row([key.0], |row| row.get(0).map(RequestId::from_bytes))
        .optional()?;
    let Some(id) = id else { return Ok(Some(None)) };
    let Some((report, found)) = report(connection, cache, id, load)? else { return Ok(None) };
    cache.fill(fill, found.into_iter().chain([Found::Cached(key, id)]));
    Ok(Some(Some((id, report))))
}

fn select_by_hash(
    connection: &Connection,
    cache: &Cache,
    (fill, load): (Fill, Load),
    hash: AnyHash,
) -> Looked<Option<RequestState>> {
    let column = match hash {
        AnyHash::Md5(_) => "md5",
        AnyHash::Sha1(_) => "sha1",
        AnyHash::Sha256(_) => "sha256",
        AnyHash::Sha512(_) => "sha512",
    };
    let id = connection
        .prepare_cached(&format!(
            "SELECT id FROM reports WHERE {column} = ?1 ORDER BY finished DESC LIMIT 1"
        ))?
        .query_row([hash.as_bytes()], |row| row.get(0).map(RequestId::from_bytes))
        .optional()?;
    let Some(id) = id else { return Ok(Some(None)) };
    let Some((request, answered)) = answered_with(connection, id)? else { return Ok(Some(None)) };
    let Some((report, found)) = report(connection, cache, id, load)? else { return Ok(None) };
    let facts = [Found::Answered(request, answered.clone()), Found::Hash(hash, request)];
    cache.fill(fill, found.into_iter().chain(facts));
    Ok(Some(Some(answered.into_state(report))))
}

/// The request that a report was made for, or, when that is forgotten or open again, the newest
/// one that was answered with it.
fn answered_with(
    connection: &Connection,
    report: ReportId,
) -> Result<Option<(RequestId, Answered)>, Failure> {
    if let Some(answered) = select_answered(connection, report)?
        && answered.report == report
    {
        return Ok(Some((report, answered)));
    }
    let other = connection
        .prepare_cached("SELECT id FROM requests WHERE report = ?1 ORDER BY finished DESC LIMIT 1")?
        .query_row([report.as_bytes()], |row| row.get(0).map(RequestId::from_bytes))
        .optional()?;
    let Some(other) = other else { return Ok(None) };
    Ok(select_answered(connection, other)?.map(|answered| (other, answered)))
}

/// Drops a report that no request refers to any more.
pub(super) fn drop_unused(connection: &Connection, report: [u8; 16]) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "DELETE FROM reports WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM requests WHERE report = ?1)",
        )?
        .execute([report])?;
    Ok(())
}
