use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A server that tests share while any of them runs: starting one takes seconds. For a `static`.
#[derive(Debug)]
pub struct Shared<T>(Mutex<Weak<T>>);

impl<T: Send + Sync + 'static> Shared<T> {
    /// None runs yet.
    #[allow(clippy::new_without_default)] // A default is no constant, and this is for constants.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The one that runs, or a new one.
    pub fn get(&self, start: impl FnOnce() -> T) -> Arc<T> {
        let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        server.upgrade().unwrap_or_else(|| {
            let started = Arc::new(start());
            *server = Arc::downgrade(&started);
            started
        })
    }
}
