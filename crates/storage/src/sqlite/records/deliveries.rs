use palisade_model::{Delivery, DeliveryState, Subject, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::records::MEMBER_GRACE_MS;
use rusqlite::{Connection, OptionalExtension};

use super::SqliteRecords;
use super::batches::UNFINISHED;
use crate::sqlite::{Failure, to_sql};

impl SqliteRecords {
    pub(super) async fn store_delivery(&self, delivery: Delivery) -> PortResult<()> {
        let bytes = delivery.url.len();
        self.promise(bytes, move |connection| put(connection, &delivery)).await
    }

    pub(super) async fn delivery_of(&self, subject: Subject) -> PortResult<Option<Delivery>> {
        self.read(move |connection| {
            let body: Option<Vec<u8>> = connection
                .prepare_cached("SELECT body FROM deliveries WHERE subject = ?1")?
                .query_row([name(subject)], |row| row.get(0))
                .optional()?;
            body.map(|body| wire::decode(&body).map_err(Failure::corrupt)).transpose()
        })
        .await
    }

    pub(super) async fn claim(
        &self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<Delivery>> {
        // Looking for work must not write: most of the time there is none.
        if self.read(move |connection| due(connection, now, 1)).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.note(move |connection| {
            let mut claimed = due(connection, now, limit)?;
            for delivery in &mut claimed {
                delivery.next = until;
                put(connection, delivery)?;
            }
            Ok(claimed)
        })
        .await
    }
}

fn put(connection: &Connection, delivery: &Delivery) -> Result<(), Failure> {
    let (request, batch) = match delivery.subject {
        Subject::Request(id) => (Some(*id.as_bytes()), None),
        Subject::Batch(id) => (None, Some(*id.as_bytes())),
    };
    let state = match delivery.state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Dead => "dead",
    };
    connection
        .prepare_cached(
            "INSERT INTO deliveries (subject, request, batch, created, state, next, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (subject) DO UPDATE SET
                 state = excluded.state, next = excluded.next, body = excluded.body",
        )?
        .execute((
            name(delivery.subject),
            request,
            batch,
            to_sql(delivery.created.0),
            state,
            to_sql(delivery.next.0),
            wire::encode(delivery),
        ))?;
    Ok(())
}

/// Deliveries that can be made now.
fn due(connection: &Connection, now: UnixMillis, limit: u32) -> Result<Vec<Delivery>, Failure> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT body FROM deliveries d WHERE state = 'waiting' AND next <= ?1 AND (
             EXISTS (SELECT 1 FROM requests WHERE id = d.request AND report IS NOT NULL)
             OR EXISTS (SELECT 1 FROM batches WHERE id = d.batch AND ended IS NOT NULL)
                AND NOT EXISTS (
                    SELECT 1 FROM batch_files f LEFT JOIN requests r ON r.id = f.request
                    WHERE f.batch = d.batch AND {UNFINISHED}
                )
         ) ORDER BY next LIMIT ?3"
    ))?;
    let added_since = now.minus(MEMBER_GRACE_MS);
    let mut rows = statement.query((to_sql(now.0), to_sql(added_since.0), limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_blob().map_err(Failure::corrupt)?;
        found.push(wire::decode(body).map_err(Failure::corrupt)?);
    }
    Ok(found)
}

/// A subject as a key.
fn name(subject: Subject) -> String {
    match subject {
        Subject::Request(id) => format!("request {id}"),
        Subject::Batch(id) => format!("batch {id}"),
    }
}

/// Forgets deliveries asked for before this time.
pub(super) fn forget_before(connection: &Connection, before: UnixMillis) -> Result<(), Failure> {
    connection
        .prepare_cached("DELETE FROM deliveries WHERE created < ?1")?
        .execute([to_sql(before.0)])?;
    Ok(())
}
