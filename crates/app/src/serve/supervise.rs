//! Keeps a stage running: a stage that ends is started again, later each time it fails at once.

use std::future::Future;
use std::time::{Duration, Instant};

use palisade_ports::PortError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A stage that ran for so long is taken to have worked: its next failure is a first one.
const HEALTHY: Duration = Duration::from_secs(30);

/// Runs `stage` for ever.
pub(super) async fn supervise<F>(name: String, stage: impl Fn() -> F)
where
    F: Future<Output = Result<(), PortError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let ended = stage().await;
        if started.elapsed() >= HEALTHY {
            pause = FIRST_PAUSE;
        }
        match ended {
            Ok(()) => tracing::warn!(stage = name, "a stage ended and is started again"),
            Err(error) => {
                let error = anyhow::Error::new(error);
                tracing::error!(
                    stage = name,
                    error = format!("{error:#}"),
                    "a stage failed and is started again"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
