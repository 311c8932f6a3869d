//! Everything that is told, as OCSF 1.7.0: one JSON object a line. Which class each kind becomes is in
//! `docs/events.md`. What the schema has no place for is in `unmapped`.

mod blind;
mod dns;
mod file;
mod finding;
mod json;
mod kernel;
mod network;
mod objects;
mod process;
mod unmapped;

use palisade_model::event::{Activity, Effect, Event};
use serde::{Deserialize, Serialize};

use super::Item;
use json::{Json, Limits};

/// The schema's version.
pub const OCSF_VERSION: &str = "1.7.0";

/// The machine, as lines name it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The host's name.
    pub hostname: String,
    /// What stays when the name changes: the machine id, or a cloud's instance id.
    pub uid: String,
    /// The kernel's boot id: running numbers begin anew with it.
    pub boot: String,
}

/// How long lines may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineLimits {
    /// Bytes of one line, without its end; at least 1,024. What is longer is written again with shorter
    /// texts and lists, and says so in `metadata.is_truncated` and `unmapped.cut`. Default 64 KiB.
    pub line_bytes: usize,
    /// Bytes of one text of it. Default 8 KiB.
    pub text_bytes: usize,
    /// Entries of one list of it. Default 64.
    pub list_items: usize,
}

impl Default for LineLimits {
    fn default() -> Self {
        Self { line_bytes: 64 << 10, text_bytes: 8 << 10, list_items: 64 }
    }
}

/// No line is bound to less.
pub const MIN_LINE_BYTES: usize = 1_024;

/// Makes the lines of one sink.
#[derive(Debug, Clone)]
pub struct Encoder {
    device: Device,
    /// Begins every `metadata.uid`.
    origin: String,
    limits: LineLimits,
}

/// What an event is in the schema.
struct Class {
    uid: u32,
    name: &'static str,
    activity: u8,
    /// What the activity is called; for 99 the source's own word.
    activity_name: &'static str,
}

impl Class {
    const fn new(uid: u32, name: &'static str, activity: u8, activity_name: &'static str) -> Self {
        Self { uid, name, activity, activity_name }
    }
}

impl Encoder {
    /// Lines of this machine.
    pub fn new(device: Device, limits: LineLimits) -> Self {
        let machine = if device.uid.is_empty() { &device.hostname } else { &device.uid };
        let machine = machine.chars().filter(char::is_ascii_graphic).take(64);
        let boot: String = device.boot.chars().filter(char::is_ascii_graphic).take(8).collect();
        let origin = format!("{}/{boot}", machine.collect::<String>());
        Self { device, origin, limits }
    }

    /// The line, without its end: one JSON object without any control character, at most
    /// [`LineLimits::line_bytes`] long. `number` tells two lines about the same incident apart; events
    /// have their own numbers.
    pub fn line(&self, item: &Item, number: u64) -> String {
        let bound = self.limits.line_bytes.max(MIN_LINE_BYTES);
        let (text, items) = (self.limits.text_bytes.max(64), self.limits.list_items.max(4));
        for shorter in [1, 8, 32, 256] {
            let limits = Limits { text: (text / shorter).max(48), items: (items / shorter).max(1) };
            let line = Json::line(limits, |json| self.whole(json, item, number));
            if line.len() <= bound {
                return line;
            }
        }
        // Whatever is in it, this is below the least bound.
        Json::line(Limits { text: 64, items: 2 }, |json| self.rest(json, item, number))
    }

    /// The `metadata.uid` of an event: the same however often it is told.
    pub fn event_uid(&self, event: &Event) -> String {
        let source = &event.source;
        let hook: String = source.hook.chars().filter(char::is_ascii_graphic).take(64).collect();
        let (cpu, sequence, boot) = (source.cpu, source.sequence, event.boot_ns);
        format!("{}/{boot}/{hook}/{cpu}/{sequence}", self.origin)
    }

    fn whole(&self, json: &mut Json, item: &Item, number: u64) {
        match item {
            Item::Event(event) => self.event(json, event),
            Item::Blind(blind) => self.blind(json, blind, number),
            Item::Incident(incident, phase) => self.incident(json, incident, *phase, number),
            Item::Dropped(dropped) => self.dropped(json, dropped, number),
        }
    }

    /// What remains of a line that cannot be made short enough.
    fn rest(&self, json: &mut Json, item: &Item, number: u64) {
        let class = Class::new(0, "Base Event", 99, item.sort());
        base(json, &class, item.time().0, item.severity());
        let uid = match item {
            Item::Event(event) => self.event_uid(event),
            _ => self.uid(number),
        };
        self.device(json);
        json.object("unmapped", |json| json.text("cut", "everything: the line was too long"));
        self.metadata(json, &uid, number, &[], true);
    }

    fn event(&self, json: &mut Json, event: &Event) {
        let class = class(event);
        base(json, &class, event.time.0, 1);
        status(json, event);
        match &event.activity {
            Activity::Fork { .. }
            | Activity::Exec { .. }
            | Activity::Exit { .. }
            | Activity::Ptrace { .. }
            | Activity::Memory { .. }
            | Activity::Namespace { .. }
            | Activity::Identity { .. }
            | Activity::Capability { .. }
            | Activity::Memfd { .. }
            | Activity::Signal { .. }
            | Activity::IoUring { .. } => process::fields(json, event),
            Activity::Module { .. } | Activity::Bpf { .. } => kernel::fields(json, event),
            Activity::DnsQuestion { .. } | Activity::DnsAnswer { .. } => {
                dns::fields(json, event, &self.device.hostname);
            }
            Activity::Connect { .. }
            | Activity::Accept { .. }
            | Activity::Bind { .. }
            | Activity::Listen { .. }
            | Activity::Send { .. }
            | Activity::RawSocket { .. } => network::fields(json, event, &self.device.hostname),
            _ => file::fields(json, event),
        }
        effect(json, event.effect);
        let mut profiles = vec!["host"];
        if let Some(container) = &event.container {
            profiles.push("container");
            objects::container(json, container);
            if event.process.inner_pid != 0 {
                json.number("namespace_pid", event.process.inner_pid);
            }
        }
        if event.effect != Effect::Seen {
            profiles.push("security_control");
        }
        self.device(json);
        json.object("unmapped", |json| {
            unmapped::source(json, event);
            unmapped::process(json, &event.process);
            unmapped::activity(json, &event.activity);
            if let Some(container) = &event.container {
                unmapped::container(json, container);
            }
            cut(json);
        });
        let truncated = !json.cut().is_none();
        let uid = self.event_uid(event);
        self.metadata(json, &uid, event.source.sequence, &profiles, truncated);
    }

    fn uid(&self, number: u64) -> String {
        format!("{}/line/{number}", self.origin)
    }

    fn device(&self, json: &mut Json) {
        json.object("device", |json| {
            json.number("type_id", 1_u8);
            json.text("hostname", &self.device.hostname);
            json.text_if_any("uid", &self.device.uid);
        });
    }

    fn metadata(
        &self,
        json: &mut Json,
        uid: &str,
        sequence: u64,
        profiles: &[&'static str],
        cut: bool,
    ) {
        json.object("metadata", |json| {
            json.text("version", OCSF_VERSION);
            json.id("uid", uid);
            json.number("sequence", sequence);
            if !profiles.is_empty() {
                json.words("profiles", profiles.iter().copied());
            }
            if cut {
                json.flag("is_truncated", true);
            }
            json.object("product", |json| {
                json.text("name", "Palisade");
                json.text("vendor_name", "Palisade");
                json.text("version", env!("CARGO_PKG_VERSION"));
            });
        });
    }
}

/// What every class begins with.
fn base(json: &mut Json, class: &Class, time: u64, severity: u8) {
    json.number("time", time);
    json.number("class_uid", class.uid);
    json.number("category_uid", class.uid / 1000);
    json.number("activity_id", class.activity);
    if class.activity == 99 {
        json.text("activity_name", class.activity_name);
    }
    json.number("type_uid", class.uid * 100 + u32::from(class.activity));
    json.text("type_name", &format!("{}: {}", class.name, class.activity_name));
    json.number("severity_id", severity);
}

fn class(event: &Event) -> Class {
    process::class(event)
        .or_else(|| kernel::class(event))
        .or_else(|| dns::class(event))
        .or_else(|| network::class(event))
        .unwrap_or_else(|| file::class(event))
}

fn status(json: &mut Json, event: &Event) {
    let failed = !event.succeeded();
    json.number("status_id", if failed { 2_u8 } else { 1 });
    if event.error != 0 {
        json.text("status_code", &event.error.to_string());
    }
    if event.effect == Effect::Refused {
        json.text("status_detail", "refused by policy");
    }
}

/// The security control profile.
fn effect(json: &mut Json, effect: Effect) {
    match effect {
        Effect::Seen => {}
        Effect::Refused => {
            json.number("action_id", 2_u8);
            json.number("disposition_id", 2_u8);
        }
        Effect::Killed => {
            json.number("action_id", 2_u8);
            json.number("disposition_id", 99_u8);
            json.text("disposition", "Process killed");
        }
    }
}

/// Says what was left out, at the end of `unmapped`.
fn cut(json: &mut Json) {
    let cut = json.cut();
    if !cut.is_none() {
        json.object("cut", |json| {
            json.number("texts", cut.texts);
            json.number("items", cut.items);
        });
    }
}
