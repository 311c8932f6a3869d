//! `palisade serve` and `palisade engine`: the roles of this process, on its stores.

mod admin_key;
mod common_clock;
mod hosted;
mod lists;
mod platform;
mod ready;
mod retry;
mod rules;
mod supervise;

use std::future::Future;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use palisade_api::{Api, Signer};
use palisade_telemetry::{LogFormat, Metrics, init_logs};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{EngineArguments, ServeArguments};
use crate::config::{Config, LogsFormat, StorageKind};
use crate::role::Role;
use crate::stores::Stores;
use crate::text::say;

/// What a process answers over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    /// Everything.
    Api,
    /// Health and metrics.
    Operation,
}

pub(crate) use retry::retry_beside;

pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    limit_arenas();
    let mut config = settings(arguments.config.as_deref(), arguments.data, arguments.listen)?;
    if !arguments.roles.is_empty() {
        config.roles = arguments.roles;
    }
    if arguments.print_config {
        return Ok(say(&toml::to_string(&config.redacted())?)?);
    }
    let face = if config.roles.contains(&Role::Gateway) { Face::Api } else { Face::Operation };
    start(config, Some(face))
}

/// `palisade engine`: the role of an engine host, for some engines.
pub(crate) fn engine(arguments: EngineArguments) -> anyhow::Result<()> {
    limit_arenas();
    let face = arguments.listen.is_some().then_some(Face::Operation);
    let mut config = settings(arguments.config.as_deref(), arguments.data, arguments.listen)?;
    if config.storage == StorageKind::Embedded {
        bail!(
            "`palisade engine` is one part of a distributed installation: set \
             storage = \"distributed\" with [kafka], [s3] and [postgres] in its settings \
             (--config); `palisade serve` runs every engine on its own"
        );
    }
    let prober = palisade_engines::engine_name(palisade_engines::filetype::NAME);
    if arguments.names.contains(&prober) {
        bail!("`{prober}` runs with the role extractor: palisade serve --roles extractor");
    }
    config.roles = vec![Role::Engines];
    config.engines = Some(arguments.names);
    start(config, face)
}

fn settings(
    path: Option<&Path>,
    data: Option<PathBuf>,
    listen: Option<String>,
) -> anyhow::Result<Config> {
    let mut config = Config::load(path)?;
    if let Some(data) = data {
        config.data = data;
    }
    if let Some(listen) = listen {
        config.listen = listen
            .parse()
            .with_context(|| format!("`{listen}` is not an address such as 127.0.0.1:8008"))?;
    }
    Ok(config)
}

/// Starts this program again with an allocator that keeps less: glibc gives eight arenas to each
/// processor, and what one thread frees in another's arena stays there. Measured at 440 requests a second
/// on two processors: memory grew by 115 MiB a minute, and by 28 with two arenas (docs/bench.md).
fn limit_arenas() {
    const ARENAS: &str = "MALLOC_ARENA_MAX";
    // Set by the operator, or by the start before this one.
    if std::env::var_os(ARENAS).is_some() {
        return;
    }
    let kernel = PathBuf::from("/proc/self/exe");
    // By its own name, so that it is found under it; an upgrade may have replaced the file.
    let program = std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or(kernel);
    let mut arguments = std::env::args_os();
    let mut again = std::process::Command::new(program);
    again.arg0(arguments.next().unwrap_or_else(|| "palisade".into()));
    again.args(arguments);
    again.env(ARENAS, crate::config::processors().max(2).to_string());
    again.env("MALLOC_TRIM_THRESHOLD_", (4 << 20).to_string());
    // Returns only when it failed; then it goes on as it is.
    let error = again.exec();
    crate::text::complain(&format!("memory will grow more than it should: {error}"));
}

fn start(config: Config, face: Option<Face>) -> anyhow::Result<()> {
    let format = match config.logs.format {
        LogsFormat::Text => LogFormat::Text,
        LogsFormat::Json => LogFormat::Json,
    };
    init_logs(format, &config.logs.filter);
    raise_open_files();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("palisade").build()?;
    runtime.block_on(serve(config, face))
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

async fn serve(config: Config, face: Option<Face>) -> anyhow::Result<()> {
    let metrics = Metrics::new();
    let stores = Stores::open(&config, &metrics).await?;
    let clock = match &stores.database {
        Some(database) => {
            common_clock::set(database).await?;
            Some(tokio::spawn(common_clock::follow(Arc::clone(database))))
        }
        None => None,
    };
    // Before the address is given out: whoever connects then is answered.
    let listener = match face {
        Some(_) => Some(
            TcpListener::bind(config.listen)
                .await
                .with_context(|| format!("cannot listen on {}", config.listen))?,
        ),
        None => None,
    };
    let stop = stop_signal()?;
    let is_gateway = config.roles.contains(&Role::Gateway);
    let new_key = match is_gateway {
        true => admin_key::ensure(&config.data, &*stores.records).await?,
        false => None,
    };
    let mut platform = platform::start(&config, platform::ports(&stores, metrics)).await?;
    let roles: Vec<String> =
        config.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
    tracing::info!(host = config.host_name(), roles = roles.join(","), "ready");

    match (face, listener) {
        (Some(face), Some(listener)) => {
            let address = listener.local_addr()?;
            let retry = Arc::new(retry::Retry::new(platform.ports.clone()));
            let gateway = platform.gateway.clone();
            let mut api = Api::new(gateway, config.api.clone(), platform.readiness(), Some(retry));
            if face == Face::Operation {
                api = api.for_operation_only();
            } else {
                let signer = Signer::open_or_create(&config.secrets().join("signing-key"))?;
                api = api.with_signer(signer).with_callbacks();
                platform.notify(&config, &api)?;
            }
            if is_gateway {
                write_address(&config, &address.to_string())?;
            }
            say(&format!("palisade serves on http://{address}\n"))?;
            if let Some(secret) = new_key {
                let file = config.data.join(admin_key::FILE);
                let file = file.display();
                say(&format!("admin key (kept in {file}, printed only now): {secret}\n"))?;
            }
            palisade_api::serve(listener, api, stop).await;
        }
        _ => stop.await,
    }
    tracing::info!("stopping");
    clock.inspect(tokio::task::JoinHandle::abort);
    platform.stop().await;
    stores.close().await
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
