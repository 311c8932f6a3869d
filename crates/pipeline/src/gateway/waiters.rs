use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_model::RequestId;
use tokio::sync::Notify;

/// Who waits for which report.
#[derive(Default, Clone)]
pub(super) struct Waiters {
    waiting: Arc<Mutex<HashMap<RequestId, Entry>>>,
}

#[derive(Default)]
struct Entry {
    notify: Arc<Notify>,
    count: usize,
}

impl Waiters {
    /// From here on, a `wake` of this request is not missed.
    pub(super) fn register(&self, id: RequestId) -> Waiter {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = waiting.entry(id).or_default();
        entry.count += 1;
        let notify = Arc::clone(&entry.notify);
        let mut woken = Box::pin(Arc::clone(&notify).notified_owned());
        woken.as_mut().enable();
        Waiter { waiters: self.clone(), id, woken: Some(woken) }
    }

    /// Wakes everyone who waits for this request.
    pub(super) fn wake(&self, id: RequestId) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = waiting.get(&id) {
            entry.notify.notify_waiters();
        }
    }
}

/// One who waits. Dropping it gives the place up.
pub(super) struct Waiter {
    waiters: Waiters,
    id: RequestId,
    woken: Option<std::pin::Pin<Box<tokio::sync::futures::OwnedNotified>>>,
}

impl Waiter {
    /// Returns once the request was woken after `register`.
    pub(super) async fn woken(mut self) {
        if let Some(woken) = self.woken.take() {
            woken.await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = waiting.get_mut(&self.id) {
            entry.count -= 1;
            if entry.count == 0 {
                waiting.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use palisade_model::UnixMillis;

    use super::*;

    fn places(waiters: &Waiters) -> usize {
        waiters.waiting.lock().unwrap().len()
    }

    #[tokio::test]
    async fn nothing_is_left_of_those_who_waited() {
        let waiters = Waiters::default();
        let ids: Vec<_> = (0..50).map(|n| RequestId::new(UnixMillis(n), [0; 10])).collect();
        let mut woken = Vec::new();
        let mut given_up = Vec::new();
        for id in &ids {
            woken.push(waiters.register(*id));
            woken.push(waiters.register(*id));
            given_up.push(waiters.register(*id));
        }
        assert_eq!(places(&waiters), 50);
        drop(given_up);
        assert_eq!(places(&waiters), 50);
        for id in &ids {
            waiters.wake(*id);
            waiters.wake(*id);
        }
        for waiter in woken {
            waiter.woken().await;
        }
        assert_eq!(places(&waiters), 0);
        waiters.wake(ids[0]);
        assert_eq!(places(&waiters), 0);
    }

    #[tokio::test]
    async fn a_wake_between_the_registration_and_the_wait_is_not_missed() {
        let waiters = Waiters::default();
        let id = RequestId::new(UnixMillis(1), [0; 10]);
        let waiter = waiters.register(id);
        waiters.wake(id);
        waiter.woken().await;
        // Cancelled in the middle, it gives its place up too.
        let waiter = waiters.register(id);
        tokio::select! {
            biased;
            () = waiter.woken() => panic!("nobody woke it"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(places(&waiters), 0);
    }
}
