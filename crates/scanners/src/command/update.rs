//! Getting a command new definitions, outside its scans.

use std::sync::Arc;
use std::time::Duration;

use palisade_jail::command::{ArtifactForm, How, run};

use super::CommandEngine;
use super::config::UpdateForm;
use crate::status::poll_every;
use crate::text;

/// Updates now, and then again and again, until nobody else holds the engine.
pub(super) fn start(engine: &Arc<CommandEngine>, form: &UpdateForm) {
    let interval = Duration::from_secs(form.every_seconds);
    let form = form.clone();
    poll_every(engine, interval, move |engine| {
        let form = form.clone();
        async move {
            let how = once(&engine, &form).await;
            tracing::info!(engine = %engine.name, how, "an outside scanner's update");
            engine.updated(how);
            // What it has now is to be seen at once.
            engine.poll().await;
        }
    });
}

async fn once(engine: &CommandEngine, form: &UpdateForm) -> String {
    let mut spec = engine.spec(form.program.clone(), form.arguments.clone(), ArtifactForm::None);
    spec.network = form.network;
    spec.write_paths = form.write_paths.clone();
    let _alone = if form.exclusive { Some(engine.quiet.write().await) } else { None };
    let time = Duration::from_millis(form.time_limit_ms);
    let end = match run(&engine.helper, &spec, None, time).await {
        Ok(end) => end,
        Err(error) => return format!("update failed: {error}"),
    };
    match end.how {
        How::Exited(code) if form.success.contains(&code) => "updated".to_owned(),
        How::Exited(code) => {
            let error = String::from_utf8_lossy(&end.stderr);
            let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            format!("update failed: exit code {code}: {}", text::line(last, 160))
        }
        How::Signalled(signal) => format!("update failed: it died by signal {signal}"),
        How::TimedOut => format!("update failed: not done in {} ms", form.time_limit_ms),
        How::TooMuchOutput => "update failed: it wrote more than it may".to_owned(),
    }
}
