//! Rates: requests a minute by key and for the server, scans a day by key.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};
use palisade_model::{KeyId, UnixMillis};

use crate::error::{ApiError, ErrorCode};

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// What stands for "no limit" in headers and answers: the largest signed 32-bit number, because
/// clients parse these fields as such.
pub(crate) const NO_LIMIT: u32 = i32::MAX as u32;

/// Limiters are thrown away when there are more than so many: keys that were taken back leave
/// theirs behind.
const MAX_LIMITERS: usize = 65_536;

/// Where a caller stands with one limit: the X-RateLimit headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) what: &'static str,
    pub(crate) limit: u32,
    pub(crate) used: u32,
    pub(crate) reset_s: u64,
    pub(crate) interval_s: u32,
}

impl Standing {
    fn minute(limit: u32, remaining: u32) -> Self {
        let used = limit.saturating_sub(remaining);
        // The bucket refills evenly: so long until it is full again.
        let reset_s = if limit == NO_LIMIT {
            60
        } else {
            (u64::from(used) * 60).div_ceil(u64::from(limit.max(1)))
        };
        Self { what: "throttling", limit, used, reset_s, interval_s: 60 }
    }

    pub(crate) fn day(limit: u32, used: u32, now: UnixMillis) -> Self {
        let used = used.min(limit);
        let reset_s = 86_400 - now.0 / 1000 % 86_400;
        Self { what: "analysis_api", limit, used, reset_s, interval_s: 86_400 }
    }

    pub(crate) fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }

    /// Writes the headers as the vendor does: `Reset-In` with its unit, the others as numbers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
        const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
        const USED: HeaderName = HeaderName::from_static("x-ratelimit-used");
        const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-in");
        const INTERVAL: HeaderName = HeaderName::from_static("x-ratelimit-interval");
        const FOR: HeaderName = HeaderName::from_static("x-ratelimit-for");
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining().into());
        headers.insert(USED, self.used.into());
        if let Ok(value) = HeaderValue::try_from(format!("{}s", self.reset_s)) {
            headers.insert(RESET, value);
        }
        headers.insert(INTERVAL, self.interval_s.into());
        headers.insert(FOR, HeaderValue::from_static(self.what));
    }
}

/// All limiters.
pub(crate) struct Rates {
    server: Option<Limiter>,
    keys: Mutex<HashMap<KeyId, (u32, Arc<Limiter>)>>,
}

fn limiter(per_minute: u32) -> Option<Limiter> {
    let per_minute = NonZeroU32::new(per_minute)?;
    let quota = Quota::per_minute(per_minute);
    Some(RateLimiter::direct(quota).with_middleware::<StateInformationMiddleware>())
}

fn take(limiter: &Limiter) -> Result<u32, u32> {
    match limiter.check() {
        Ok(state) => Ok(state.remaining_burst_capacity()),
        Err(until) => {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Err(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1))
        }
    }
}

fn throttled(whose: &str, limit: u32, wait_s: u32) -> ApiError {
    let message = format!(
        "{whose} limit of {limit} requests a minute is reached; send the next in {wait_s} s"
    );
    ApiError::new(ErrorCode::Throttled, message).retry_after(wait_s)
}

impl Rates {
    pub(crate) fn new(server_per_minute: Option<u32>) -> Self {
        Self { server: server_per_minute.and_then(limiter), keys: Mutex::default() }
    }

    /// Takes one request from the server's rate.
    pub(crate) fn take_server(&self, limit: Option<u32>) -> Result<(), ApiError> {
        match (&self.server, limit) {
            (Some(limiter), Some(limit)) => {
                take(limiter).map(drop).map_err(|wait| throttled("The server's", limit, wait))
            }
            _ => Ok(()),
        }
    }

    /// Takes one request from a key's rate; a limit of 0 lets nothing through.
    pub(crate) fn take_key(
        &self,
        key: KeyId,
        limit: Option<u32>,
    ) -> (Standing, Result<(), ApiError>) {
        let Some(limit) = limit else { return (Standing::minute(NO_LIMIT, NO_LIMIT), Ok(())) };
        let Some(limiter) = self.of_key(key, limit) else {
            return (Standing::minute(0, 0), Err(throttled("The key's", 0, 60)));
        };
        match take(&limiter) {
            Ok(remaining) => (Standing::minute(limit, remaining), Ok(())),
            Err(wait) => (Standing::minute(limit, 0), Err(throttled("The key's", limit, wait))),
        }
    }

    fn of_key(&self, key: KeyId, limit: u32) -> Option<Arc<Limiter>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, limiter)) = keys.get(&key)
            && *known == limit
        {
            return Some(Arc::clone(limiter));
        }
        if keys.len() >= MAX_LIMITERS {
            keys.clear();
        }
        let limiter = Arc::new(limiter(limit)?);
        keys.insert(key, (limit, Arc::clone(&limiter)));
        Some(limiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keys_rate_ends_and_says_when_it_goes_on() {
        let rates = Rates::new(None);
        let key = KeyId::new([1; 6]);
        for left in [1, 0] {
            let (standing, taken) = rates.take_key(key, Some(2));
            assert_eq!((taken, standing.remaining()), (Ok(()), left));
        }
        let (standing, taken) = rates.take_key(key, Some(2));
        assert_eq!((standing.limit, standing.used, standing.reset_s), (2, 2, 60));
        assert_eq!(taken.unwrap_err().code(), ErrorCode::Throttled);
        // Another key and a raised limit are not affected.
        assert!(rates.take_key(KeyId::new([2; 6]), Some(2)).1.is_ok());
        assert!(rates.take_key(key, Some(3)).1.is_ok());
        assert!(rates.take_key(key, None).1.is_ok());
        assert!(rates.take_key(key, Some(0)).1.is_err());
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let standing = Standing::day(10, 12, UnixMillis(86_400_000 * 3 + 1_000));
        assert_eq!((standing.used, standing.remaining(), standing.reset_s), (10, 0, 86_399));
    }
}
