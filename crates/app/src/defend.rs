//! `palisade defend`: the watchdog, and the agent that it starts.

pub(crate) mod arguments;
pub(crate) mod models;
pub(crate) mod policy;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use palisade_defender::agent::{Agent, Config, Signals, check};
use palisade_defender::manners::watchdog::{self, Ended, Line};
use palisade_defender::metrics::EndpointSettings;
use palisade_defender::output::{
    Device, FileSettings, Format, OutputSettings, SinkSettings, Target,
};
use palisade_model::event::{Kind, KindSet};
use palisade_telemetry::{LogFormat, init_logs};

use crate::text::{complain, printable, say};
use arguments::{DefendArguments, EventFormat};

pub(crate) fn run(arguments: DefendArguments) -> anyhow::Result<ExitCode> {
    let config = config(&arguments)?;
    if arguments.check {
        return checked(&config);
    }
    if !rustix::process::geteuid().is_root() {
        complain(
            "warning: not root: little will be seen; `palisade defend --check` says what is missing",
        );
    }
    match Line::of_this_process() {
        Some(line) => agent(config, Some(line)),
        None if arguments.no_watchdog => agent(config, None),
        None => supervised(&config),
    }
}

fn checked(config: &Config) -> anyhow::Result<ExitCode> {
    let report = check(config)?;
    say(&report.to_string())?;
    Ok(ExitCode::from(u8::from(!report.sees())))
}

/// Signals as flags: SIGTERM and SIGINT end, SIGHUP reads again.
struct Flags {
    stop: AtomicBool,
    reload: AtomicBool,
}

/// A thread of its own takes the signals; `told` is called after each.
fn signals(told: impl Fn(bool) + Send + 'static) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| signal(kind).ok();
            let (Some(mut term), Some(mut int), Some(mut hup)) = (
                listen(SignalKind::terminate()),
                listen(SignalKind::interrupt()),
                listen(SignalKind::hangup()),
            ) else {
                return;
            };
            loop {
                tokio::select! {
                    _ = term.recv() => told(true),
                    _ = int.recv() => told(true),
                    _ = hup.recv() => told(false),
                }
            }
        });
    })?;
    Ok(())
}

fn supervised(config: &Config) -> anyhow::Result<ExitCode> {
    let flags = Arc::new(Flags { stop: AtomicBool::new(false), reload: AtomicBool::new(false) });
    let shared = Arc::clone(&flags);
    signals(move |stop| {
        let flag = if stop { &shared.stop } else { &shared.reload };
        flag.store(true, Ordering::Release);
    })?;
    let program = std::env::current_exe().context("this program is not to be found")?;
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let signals = watchdog::Signals {
        stop: &|| flags.stop.load(Ordering::Acquire),
        reload: &|| flags.reload.swap(false, Ordering::AcqRel),
    };
    let told = |ended: &Ended, wait: std::time::Duration| {
        let why = match ended {
            Ended::Stalled => "gave no sign of life and was ended".to_owned(),
            Ended::Status(status) => format!("ended ({status})"),
        };
        complain(&format!(
            "the agent {why}: nothing is attached now; it starts again in {:.1} s",
            wait.as_secs_f64()
        ));
    };
    let status = watchdog::supervise(&program, &arguments, &config.watchdog, &signals, &told)
        .context("the agent cannot be started")?;
    let code = status.and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(0)))
}

fn agent(config: Config, line: Option<Line>) -> anyhow::Result<ExitCode> {
    init_logs(LogFormat::Text, "warn");
    let shared = Arc::new(Signals::default());
    let told = Arc::clone(&shared);
    let device = device(&config.containers.host_root);
    let warn = Box::new(|text: &str| complain(&printable(text)));
    let agent = Agent::start(config, &device, warn)?;
    // After the start, which gives up what it does not need any more, thread by thread.
    signals(move |stop| {
        let flag = if stop { &told.stop } else { &told.reload };
        flag.store(true, Ordering::Release);
    })?;
    for line in agent.summary() {
        complain(line);
    }
    if let Some(address) = agent.metrics_address() {
        complain(&format!("metrics: http://{address}/metrics"));
    }
    let containers = agent.containers();
    for container in &containers {
        complain(&printable(&format!(
            "container {}  {}  {}",
            container.id.short(),
            container.shown(),
            container.image
        )));
    }
    complain(&format!("watching {} containers, and those that come", containers.len()));
    Ok(match agent.run(&shared, line) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(watchdog::AGAIN),
    })
}

/// Kinds that people read as they happen.
const READABLE: [Kind; 19] = [
    Kind::Exec,
    Kind::Open,
    Kind::Create,
    Kind::Rename,
    Kind::Link,
    Kind::Unlink,
    Kind::Mode,
    Kind::Owner,
    Kind::Mount,
    Kind::Ptrace,
    Kind::Memory,
    Kind::Namespace,
    Kind::Module,
    Kind::Bpf,
    Kind::Connect,
    Kind::Accept,
    Kind::Listen,
    Kind::DnsQuestion,
    Kind::RawSocket,
];

fn config(arguments: &DefendArguments) -> anyhow::Result<Config> {
    let mut config = match &arguments.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if let Some(state) = &arguments.state {
        config.state = state.clone();
    }
    if config.output.queues == OutputSettings::default().queues {
        config.output.queues = config.state.join("queues");
    }
    config.policy = arguments.policy.clone().or(config.policy);
    config.rules.extend(arguments.rules.iter().cloned());
    config.built_in_rules &= !arguments.no_built_in_rules;
    config.host |= arguments.host;
    if let Some(listen) = arguments.metrics {
        config.metrics =
            Some(EndpointSettings { listen, ..config.metrics.take().unwrap_or_default() });
    }
    let terminal = std::io::stdout().is_terminal();
    let format = arguments.format.unwrap_or(match (config.output.sinks.is_empty(), terminal) {
        (false, _) => EventFormat::None,
        (true, true) => EventFormat::Pretty,
        (true, false) => EventFormat::Jsonl,
    });
    let events = kinds(&arguments.events)?;
    let mut sink = |name: &str, to: Target, format: Format, default: KindSet| {
        let events = events.unwrap_or(default);
        let settings = SinkSettings { format, events, ..SinkSettings::all(to) };
        config.output.sinks.insert(name.to_owned(), settings);
    };
    match format {
        EventFormat::Pretty => {
            sink("stdout", Target::Stdout, Format::Pretty, READABLE.into_iter().collect());
        }
        EventFormat::Jsonl => sink("stdout", Target::Stdout, Format::Json, KindSet::all()),
        EventFormat::Record => sink("stdout", Target::Stdout, Format::Record, KindSet::all()),
        EventFormat::None => {}
    }
    if let Some(path) = &arguments.output {
        let file = FileSettings::at(path.clone());
        sink("output", Target::File(file), Format::Json, KindSet::all());
    }
    Ok(config)
}

fn kinds(names: &[String]) -> anyhow::Result<Option<KindSet>> {
    match names {
        [] => return Ok(None),
        [all] if all == "all" => return Ok(Some(KindSet::all())),
        [none] if none == "none" => return Ok(Some(KindSet::EMPTY)),
        _ => {}
    }
    let mut set = KindSet::EMPTY;
    for name in names {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == name) else {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            bail!("there is no kind of event `{name}`; there are {}, all, none", known.join(", "));
        };
        set.insert(kind);
    }
    Ok(Some(set))
}

fn device(host: &Path) -> Device {
    let read = |path: &str| {
        std::fs::read_to_string(host.join(path))
            .or_else(|_| std::fs::read_to_string(Path::new("/").join(path)))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    Device {
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        uid: read("etc/machine-id"),
        boot: read("proc/sys/kernel/random/boot_id"),
    }
}
