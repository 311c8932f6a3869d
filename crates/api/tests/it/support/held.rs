//! Batches, deliveries and uploads in memory: no more than the API's tests need of them.

use std::collections::BTreeMap;

use palisade_model::{
    Batch, BatchId, Delivery, DeliveryState, KeyId, Part, RequestId, Subject, UnixMillis, Upload,
};
use palisade_ports::records::{Added, BatchEnd, PartAdded, UploadState};

/// A batch, its end, and its files.
type HeldBatch = (Batch, Option<(BatchEnd, UnixMillis)>, Vec<RequestId>);

#[derive(Default)]
pub(crate) struct Held {
    pub(super) batches: BTreeMap<BatchId, HeldBatch>,
    deliveries: BTreeMap<Subject, Delivery>,
    uploads: BTreeMap<RequestId, UploadState>,
}

impl Held {
    pub(super) fn put_batch(&mut self, batch: Batch) {
        self.batches.entry(batch.id).or_insert((batch, None, Vec::new()));
    }

    pub(super) fn add(&mut self, id: BatchId, request: RequestId, limit: u32) -> Added {
        match self.batches.get_mut(&id) {
            None => Added::Unknown,
            Some((_, _, files)) if files.contains(&request) => Added::Yes,
            Some((_, Some(_), _)) => Added::Ended,
            Some((_, None, files)) if files.len() >= limit as usize => Added::Full,
            Some((_, None, files)) => {
                files.push(request);
                Added::Yes
            }
        }
    }

    pub(super) fn remove(&mut self, id: BatchId, request: RequestId) {
        if let Some((_, _, files)) = self.batches.get_mut(&id) {
            files.retain(|file| *file != request);
        }
    }

    pub(super) fn end(&mut self, id: BatchId, end: BatchEnd, when: UnixMillis) -> bool {
        let batch = self.batches.get_mut(&id);
        batch.map(|(_, ended, _)| ended.get_or_insert((end, when))).is_some()
    }

    pub(super) fn put_delivery(&mut self, delivery: Delivery) {
        self.deliveries.insert(delivery.subject, delivery);
    }

    pub(super) fn delivery(&self, subject: Subject) -> Option<Delivery> {
        self.deliveries.get(&subject).cloned()
    }

    pub(super) fn claim(
        &mut self,
        now: UnixMillis,
        until: UnixMillis,
        limit: u32,
        done: impl Fn(Subject) -> bool,
    ) -> Vec<Delivery> {
        let due = self.deliveries.values_mut().filter(|delivery| {
            delivery.state == DeliveryState::Waiting
                && delivery.next <= now
                && done(delivery.subject)
        });
        due.take(limit as usize)
            .map(|delivery| {
                delivery.next = until;
                delivery.clone()
            })
            .collect()
    }

    pub(super) fn put_upload(&mut self, upload: Upload) {
        self.uploads.insert(upload.id, UploadState { upload, parts: Vec::new() });
    }

    pub(super) fn upload(&self, id: RequestId) -> Option<UploadState> {
        self.uploads.get(&id).cloned()
    }

    pub(super) fn put_part(&mut self, id: RequestId, part: Part, limit: u32) -> PartAdded {
        let Some(state) = self.uploads.get_mut(&id) else { return PartAdded::Unknown };
        let same = |known: &Part| (known.offset, known.size) == (part.offset, part.size);
        if !state.parts.iter().any(same) && state.parts.len() >= limit as usize {
            return PartAdded::Full;
        }
        state.parts.retain(|known| !same(known));
        state.parts.push(part);
        state.parts.sort_by_key(|part| (part.offset, std::cmp::Reverse(part.size)));
        PartAdded::Yes(state.clone())
    }

    pub(super) fn remove_upload(&mut self, id: RequestId) -> bool {
        self.uploads.remove(&id).is_some()
    }

    pub(super) fn uploads_of(&self, key: KeyId) -> u32 {
        let own = self.uploads.values().filter(|state| state.upload.key == Some(key));
        u32::try_from(own.count()).unwrap()
    }

    pub(super) fn expire(&mut self, now: UnixMillis) -> u64 {
        let before = self.uploads.len();
        self.uploads.retain(|_, state| state.upload.expires > now);
        (before - self.uploads.len()) as u64
    }
}
