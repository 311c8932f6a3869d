use std::convert::Infallible;
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
        let started: Result<_, Infallible> = self.try_get(|| Ok(start()));
        match started {
            Ok(server) => server,
            Err(never) => match never {},
        }
    }

    /// The same for one that may not start.
    ///
    /// # Errors
    /// Those of `start`.
    pub fn try_get<E>(&self, start: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = server.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(start()?);
        *server = Arc::downgrade(&started);
        Ok(started)
    }
}
