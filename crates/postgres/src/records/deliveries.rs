use palisade_model::{Delivery, DeliveryState, Subject, UnixMillis, wire};
use palisade_ports::PortResult;
use palisade_ports::records::MEMBER_GRACE_MS;
use tokio_postgres::types::Type;

use super::PostgresRecords;
use super::requests::decode;
use crate::{from_sql, to_sql};

impl PostgresRecords {
    pub(super) async fn store_delivery(&self, delivery: Delivery) -> PortResult<()> {
        let (request, batch) = match delivery.subject {
            Subject::Request(id) => (Some(id.as_bytes().to_vec()), None),
            Subject::Batch(id) => (None, Some(id.as_bytes().to_vec())),
        };
        let state = match delivery.state {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        };
        self.commit(
            "INSERT INTO deliveries (subject, request, batch, created, state, next, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (subject) DO UPDATE SET
                 state = excluded.state, next = excluded.next, body = excluded.body",
            &[
                Type::TEXT,
                Type::BYTEA,
                Type::BYTEA,
                Type::INT8,
                Type::TEXT,
                Type::INT8,
                Type::BYTEA,
            ],
            &[
                &name(delivery.subject),
                &request,
                &batch,
                &to_sql(delivery.created.0),
                &state,
                &to_sql(delivery.next.0),
                &wire::encode(&delivery),
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn delivery_of(&self, subject: Subject) -> PortResult<Option<Delivery>> {
        let rows = self
            .run(
                "SELECT body, next FROM deliveries WHERE subject = $1",
                &[Type::TEXT],
                &[&name(subject)],
            )
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let next = UnixMillis(from_sql(row.get(1)));
        Ok(Some(Delivery { next, ..decode(row.get(0))? }))
    }

    pub(super) async fn claim(
        &self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
    ) -> PortResult<Vec<Delivery>> {
        let rows = self
            .run(
                // What another call is claiming at this moment is left to it.
                "WITH due AS (
                     SELECT subject, next FROM deliveries
                     WHERE state = 'waiting' AND next <= $1 AND (
                         EXISTS (SELECT 1 FROM requests
                                 WHERE requests.id = deliveries.request AND report IS NOT NULL)
                         OR EXISTS (SELECT 1 FROM batches
                                    WHERE batches.id = deliveries.batch AND ended IS NOT NULL)
                            AND batch_unfinished(deliveries.batch, $3) = 0)
                     ORDER BY next LIMIT $4 FOR UPDATE SKIP LOCKED),
                 claimed AS (
                     UPDATE deliveries SET next = $2 FROM due
                     WHERE deliveries.subject = due.subject
                     RETURNING deliveries.body, due.next AS before)
                 SELECT body FROM claimed ORDER BY before",
                &[Type::INT8, Type::INT8, Type::INT8, Type::INT8],
                &[
                    &to_sql(now.0),
                    &to_sql(until.0),
                    &to_sql(now.minus(MEMBER_GRACE_MS).0),
                    &i64::from(limit),
                ],
            )
            .await?;
        rows.iter().map(|row| Ok(Delivery { next: until, ..decode(row.get(0))? })).collect()
    }
}

/// A subject as a key.
fn name(subject: Subject) -> String {
    match subject {
        Subject::Request(id) => format!("request {id}"),
        Subject::Batch(id) => format!("batch {id}"),
    }
}
