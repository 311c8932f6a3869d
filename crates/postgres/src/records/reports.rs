use std::sync::Arc;

use palisade_model::{AnyHash, Report, RequestSummary, Sha256, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::records::{ReportId, RequestState};
use tokio_postgres::types::Type;

use super::PostgresRecords;
use super::requests::{decode, request_id, state};
use crate::to_sql;

/// The newest report whose root has a hash, for each of some, with the request that it was made for or,
/// when that is forgotten or open again, the newest one that was answered with it.
macro_rules! by_hash {
    ($column:literal) => {
        concat!(
            "SELECT request.summary, request.done, request.expected, request.finished, report.body,
                    true, wanted.place
             FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (hash, place)
             CROSS JOIN LATERAL (
                 SELECT id, body FROM reports WHERE ",
            $column,
            " = wanted.hash ORDER BY finished DESC LIMIT 1) AS report
             CROSS JOIN LATERAL (
                 SELECT summary, done, expected, finished FROM requests
                 WHERE requests.report = report.id
                 ORDER BY requests.id = report.id DESC, finished DESC LIMIT 1) AS request"
        )
    };
}

impl PostgresRecords {
    pub(super) async fn store_report(
        &self,
        mut report: Report,
        cache_key: Option<Sha256>,
    ) -> PortResult<bool> {
        // Passwords are never kept.
        report.request.passwords = Vec::new();
        let summary = RequestSummary::of(&report.request);
        let hashes = &report.request.artifact.hashes;
        let other = |text: &str| text.parse::<AnyHash>().ok().map(|hash| hash.as_bytes().to_vec());
        let rows = self
            .commit(
                // A row of this id is there when the request was reopened while others were answered
                // with its report: those have the newer one from now on.
                "WITH first AS (
                     INSERT INTO requests AS known
                         (id, summary, accepted, deadline, done, expected, report, finished, key,
                          sha256)
                     VALUES ($1, $2, $3, $4, 0, 0, $1, $5, $12, $8)
                     ON CONFLICT (id) DO UPDATE
                         SET report = excluded.report, finished = excluded.finished
                         WHERE known.report IS NULL
                     RETURNING 1),
                 stored AS (
                     INSERT INTO reports
                         (id, md5, sha1, sha256, sha512, cache_key, finished, body)
                     SELECT $1, $6, $7, $8, $9, $10, $5, $11 FROM first
                     ON CONFLICT (id) DO UPDATE SET
                         md5 = excluded.md5, sha1 = excluded.sha1, sha256 = excluded.sha256,
                         sha512 = excluded.sha512, cache_key = excluded.cache_key,
                         finished = excluded.finished, body = excluded.body)
                 SELECT EXISTS (SELECT 1 FROM first)",
                &[
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::INT8,
                    Type::INT8,
                    Type::INT8,
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::BYTEA,
                    Type::TEXT,
                ],
                &[
                    &report.request.node.root.as_bytes().as_slice(),
                    &wire::encode(&summary),
                    &to_sql(summary.accepted.0),
                    &to_sql(summary.deadline.0),
                    &to_sql(report.finished.0),
                    &other(&hashes.md5),
                    &other(&hashes.sha1),
                    &hashes.sha256.0.as_slice(),
                    &other(&hashes.sha512),
                    &cache_key.map(|key| key.0.to_vec()),
                    &wire::encode(&report),
                    &summary.key.map(|key| key.to_string()),
                ],
            )
            .await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    pub(super) async fn newest_cached(
        &self,
        cache_key: Sha256,
        not_before: UnixMillis,
    ) -> PortResult<Option<(ReportId, Arc<Report>)>> {
        let rows = self
            .run(
                "SELECT id, body FROM reports WHERE cache_key = $1 AND finished >= $2
                 ORDER BY finished DESC LIMIT 1",
                &[Type::BYTEA, Type::INT8],
                &[&cache_key.0.as_slice(), &to_sql(not_before.0)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some((request_id(row.get(0))?, Arc::new(decode(row.get(1))?))))
    }

    pub(super) async fn newest_of(&self, hash: AnyHash) -> PortResult<Option<RequestState>> {
        Ok(self.newest_of_each(vec![hash]).await?.pop().flatten())
    }

    pub(super) async fn newest_of_each(
        &self,
        hashes: Vec<AnyHash>,
    ) -> PortResult<Vec<Option<RequestState>>> {
        let mut states: Vec<Option<RequestState>> = Vec::new();
        states.resize_with(hashes.len(), || None);
        type IsKind = fn(&AnyHash) -> bool;
        let kinds: [(IsKind, &'static str); 4] = [
            (|hash| matches!(hash, AnyHash::Md5(_)), by_hash!("md5")),
            (|hash| matches!(hash, AnyHash::Sha1(_)), by_hash!("sha1")),
            (|hash| matches!(hash, AnyHash::Sha256(_)), by_hash!("sha256")),
            (|hash| matches!(hash, AnyHash::Sha512(_)), by_hash!("sha512")),
        ];
        for (is_kind, statement) in kinds {
            let (places, wanted): (Vec<usize>, Vec<&[u8]>) = hashes
                .iter()
                .enumerate()
                .filter(|(_, hash)| is_kind(hash))
                .map(|(place, hash)| (place, hash.as_bytes()))
                .unzip();
            if wanted.is_empty() {
                continue;
            }
            for row in self.run(statement, &[Type::BYTEA_ARRAY], &[&wanted]).await? {
                // Counted from one.
                let place = usize::try_from(row.get::<_, i64>(6) - 1).unwrap_or(usize::MAX);
                let slot = places.get(place).and_then(|&place| states.get_mut(place));
                if let Some(slot) = slot {
                    *slot = Some(state(&row)?);
                }
            }
        }
        Ok(states)
    }
}
