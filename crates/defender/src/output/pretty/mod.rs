//! Everything that is told, for people at a terminal: a line an event, a block an incident.
//!
//! Invariant: a name that somebody else chose reaches the terminal without any control character and
//! without what turns or hides text.

mod incident;
mod paint;
mod setting_up;

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use palisade_model::UnixMillis;
use palisade_model::event::{Activity, Blind, ContainerIdentity, Effect, Event, Kind, Process};

use super::{Dropped, Item, words};
pub use paint::PrettySettings;
use paint::{Line, Tone};
use setting_up::SettingUp;

/// Names of addresses kept; at this many all are forgotten.
const MAX_NAMES: usize = 4_096;

/// Makes the text of one sink.
#[derive(Debug)]
pub struct Pretty {
    host: String,
    settings: PrettySettings,
    /// Names that led to an address, by the control group that asked.
    names: HashMap<(u64, IpAddr), String>,
    setting_up: SettingUp,
    day: Option<jiff::civil::Date>,
}

impl Pretty {
    /// For this host.
    pub fn new(host: &str, settings: PrettySettings) -> Self {
        Self {
            host: host.to_owned(),
            settings,
            names: HashMap::new(),
            setting_up: SettingUp::default(),
            day: None,
        }
    }

    /// The text, without the end of its last line; empty for a runtime's steps while it sets a container up,
    /// which are one line once the container does something itself. Times are UTC; a line with the date goes
    /// before the first of each day.
    pub fn text(&mut self, item: &Item) -> String {
        let text = match item {
            Item::Event(event) => self.event(event),
            Item::Blind(blind) => self.blind(blind),
            Item::Incident(incident, phase) => self.incident(incident, *phase),
            Item::Dropped(dropped) => self.dropped(dropped),
        };
        if text.is_empty() {
            return text;
        }
        let date = moment(item.time()).date();
        if self.day.replace(date) == Some(date) {
            return text;
        }
        let mut line = self.line();
        line.add(Tone::Dim, &format!("{date} (times are UTC)"));
        format!("{}\n{text}", line.end())
    }

    fn line(&self) -> Line {
        Line::new(self.settings)
    }

    /// Time, container or host.
    fn begin(&self, time: UnixMillis, place: &str) -> Line {
        let mut line = self.line();
        line.column(Tone::Dim, &clock(time), 12);
        line.column(Tone::Plain, place, self.settings.columns().0);
        line
    }

    fn event(&mut self, event: &Event) -> String {
        self.learn(event);
        if self.setting_up.takes(event) {
            return String::new();
        }
        let before = self.set_up(event);
        format!("{before}{}", self.act(event))
    }

    /// The line about the runtime's steps before this act, with its end.
    fn set_up(&mut self, event: &Event) -> String {
        let Some(steps) = self.setting_up.end(event) else { return String::new() };
        let mut line = self.begin(event.time, self.place(event.container.as_deref()));
        line.column(Tone::Dim, "container runtime", self.settings.columns().1);
        line.column(Tone::Dim, "", 6);
        line.column(Tone::Dim, "set up", 8);
        let plural = if steps == 1 { "" } else { "s" };
        line.add(Tone::Dim, &format!("{steps} step{plural}"));
        format!("{}\n", line.end())
    }

    fn act(&self, event: &Event) -> String {
        let mut line = self.begin(event.time, self.place(event.container.as_deref()));
        line.column(Tone::Plain, &process(&event.process), self.settings.columns().1);
        line.column(Tone::Dim, &user(event.process.credentials.euid), 6);
        let (verb, object) = words::act(event);
        line.column(tone(event.kind()), verb, 8);
        match event.effect {
            Effect::Seen => {}
            Effect::Refused => line.add(Tone::Alarm, "REFUSED "),
            Effect::Killed => line.add(Tone::Alarm, "KILLED "),
        }
        if event.error != 0 && event.effect == Effect::Seen {
            line.add(Tone::Dim, &format!("[error {}] ", event.error));
        }
        line.add(Tone::Plain, &object);
        if let Some(name) = self.name(event) {
            line.add(Tone::Dim, &format!(" ({name})"));
        }
        line.end()
    }

    fn blind(&self, blind: &Blind) -> String {
        let place = blind.container.as_ref().map_or(self.host.as_str(), |id| id.short());
        let mut line = self.begin(blind.until, place);
        line.add(Tone::Warning, &words::blind(blind));
        line.end()
    }

    fn dropped(&self, dropped: &Dropped) -> String {
        let mut line = self.begin(dropped.until, &self.host);
        let lines = dropped.lines;
        line.add(Tone::Warning, &format!("{lines} lines before this one were dropped"));
        line.end()
    }

    fn place<'a>(&'a self, container: Option<&'a ContainerIdentity>) -> &'a str {
        container.map_or(&self.host, ContainerIdentity::shown)
    }

    /// Remembers what name an address was asked by.
    fn learn(&mut self, event: &Event) {
        if let Activity::DnsAnswer { name, addresses, .. } = &event.activity {
            for address in addresses {
                if self.names.len() >= MAX_NAMES {
                    self.names.clear();
                }
                let key = (event.process.cgroup, address.to_canonical());
                self.names.insert(key, name.clone());
            }
        }
    }

    fn name(&self, event: &Event) -> Option<&str> {
        if !matches!(event.activity, Activity::Connect { .. } | Activity::Send { .. }) {
            return None;
        }
        let end = event.activity.remote()?.endpoint()?;
        self.names.get(&(event.process.cgroup, end.ip())).map(String::as_str)
    }
}

/// `sh[1234]`.
fn process(process: &Process) -> String {
    format!("{}[{}]", process.name, process.key.tgid())
}

fn user(uid: u32) -> String {
    if uid == 0 { "root".to_owned() } else { uid.to_string() }
}

fn moment(time: UnixMillis) -> jiff::civil::DateTime {
    let time = i64::try_from(time.0).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    time.unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC).datetime()
}

/// `12:34:56.789`.
fn clock(time: UnixMillis) -> String {
    format!("{:.3}", moment(time).time())
}

fn tone(kind: Kind) -> Tone {
    match kind {
        Kind::Fork | Kind::Exec | Kind::Exit | Kind::Signal => Tone::Process,
        Kind::Connect
        | Kind::Accept
        | Kind::Bind
        | Kind::Listen
        | Kind::Send
        | Kind::DnsQuestion
        | Kind::DnsAnswer
        | Kind::RawSocket => Tone::Network,
        Kind::Open
        | Kind::Create
        | Kind::Rename
        | Kind::Link
        | Kind::Unlink
        | Kind::Mode
        | Kind::Owner
        | Kind::Times
        | Kind::Truncate => Tone::File,
        _ => Tone::Kernel,
    }
}
