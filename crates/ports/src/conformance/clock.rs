//! The laws of [`Clock`].

use std::sync::Arc;
use std::time::Instant;

use palisade_model::UnixMillis;

use super::{Factory, soon};
use crate::Clock;

/// Runs every test.
pub async fn suite(factory: impl Factory<dyn Clock>) {
    never_goes_back(factory.fresh().await.port()).await;
    waits_long_enough_and_not_for_the_past(factory.fresh().await.port()).await;
}

async fn never_goes_back(clock: Arc<dyn Clock>) {
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let clock = Arc::clone(&clock);
            tokio::task::spawn_blocking(move || {
                let mut latest = clock.now();
                for _ in 0..20_000 {
                    let now = clock.now();
                    assert!(now >= latest, "the clock went back from {latest:?} to {now:?}");
                    latest = now;
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.expect("a reader of the clock");
    }
}

async fn waits_long_enough_and_not_for_the_past(clock: Arc<dyn Clock>) {
    for milliseconds in [0, 1, 7, 30] {
        let (start, until) = (Instant::now(), clock.now().plus(milliseconds));
        soon("a short sleep", clock.sleep_until(until)).await;
        assert!(clock.now() >= until, "sleep_until returned before its time");
        // Within a millisecond: `now` may have been at the end of its own.
        let slept = start.elapsed().as_millis();
        assert!(slept + 1 >= u128::from(milliseconds), "slept {slept} of {milliseconds} ms");
    }
    let start = Instant::now();
    soon("a sleep until 1970", clock.sleep_until(UnixMillis(0))).await;
    soon("a sleep until now", clock.sleep_until(clock.now())).await;
    assert!(start.elapsed().as_millis() < 1000, "waited for what was over");
    let before = clock.now();
    soon("a sleep of 20 ms", clock.sleep(20)).await;
    assert!(clock.now().since(before) >= 20, "sleep was too short");
    // Cancelled, it leaves nothing behind that a later one would feel.
    let waited = tokio::time::timeout(
        std::time::Duration::from_millis(5),
        clock.sleep_until(UnixMillis(u64::MAX)),
    );
    assert!(waited.await.is_err(), "a sleep until the end of time ended");
}
