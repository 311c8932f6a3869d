//! `palisade serve`: every role in one process, on the embedded stores.

mod admin_key;
mod lists;
mod platform;
mod ready;
mod retry;
mod rules;
mod supervise;

use std::future::Future;
use std::sync::Arc;

use anyhow::Context;
use palisade_api::Api;
use palisade_storage::{Embedded, EmbeddedConfig};
use palisade_telemetry::{LogFormat, init_logs};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::ServeArguments;
use crate::config::{Config, LogsFormat};
use crate::text::say;

pub(crate) use retry::retry_beside;

pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let mut config = Config::load(arguments.config.as_deref())?;
    if let Some(data) = arguments.data {
        config.data = data;
    }
    if let Some(listen) = arguments.listen {
        config.listen = listen
            .parse()
            .with_context(|| format!("`{listen}` is not an address such as 127.0.0.1:8008"))?;
    }
    if arguments.print_config {
        return Ok(say(&toml::to_string(&config)?)?);
    }
    let format = match config.logs.format {
        LogsFormat::Text => LogFormat::Text,
        LogsFormat::Json => LogFormat::Json,
    };
    init_logs(format, &config.logs.filter);
    raise_open_files();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("palisade").build()?;
    runtime.block_on(serve(config))
}

/// As many open files as this process may have: connections and sealed artifacts take one each.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, ?current, "the limit of open files could not be raised");
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let embedded = Embedded::open(&config.data, EmbeddedConfig::default()).await?;
    // Before the address is given out: whoever connects then is answered.
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;
    let new_key = admin_key::ensure(&config.data, &*embedded.records).await?;
    let platform = platform::start(&config, &embedded).await?;

    let retry = Arc::new(retry::Retry::new(platform.ports.clone()));
    let api =
        Api::new(platform.gateway.clone(), config.api.clone(), platform.readiness(), Some(retry));
    write_address(&config, &address.to_string())?;
    say(&format!("palisade serves on http://{address}\n"))?;
    if let Some(secret) = new_key {
        let file = config.data.join(admin_key::FILE);
        say(&format!("admin key (kept in {}, printed only now): {secret}\n", file.display()))?;
    }
    palisade_api::serve(listener, api, stop).await;
    tracing::info!("stopping");
    platform.stop().await;
    embedded.close().await?;
    Ok(())
}

/// Where a running server can be found by commands that are given only its data directory.
pub(crate) const ADDRESS_FILE: &str = "address";

fn write_address(config: &Config, address: &str) -> anyhow::Result<()> {
    let path = config.data.join(ADDRESS_FILE);
    std::fs::write(&path, format!("{address}\n"))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Ends with the first SIGTERM or SIGINT. The handlers stand from this call on.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
