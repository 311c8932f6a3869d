//! What was not seen and what was not told: the schema has no class for either, so both are its Base
//! Event.

use palisade_model::event::Blind;

use super::json::Json;
use super::{Class, Encoder, base, cut};
use crate::output::{Dropped, words};

fn interval(json: &mut Json, from: u64, until: u64, count: u64) {
    json.number("start_time", from);
    json.number("end_time", until);
    json.number("duration", until.saturating_sub(from));
    json.number("count", count);
}

/// The schema's object of a blind interval, in `unmapped` and as evidence.
pub(super) fn what(json: &mut Json, blind: &Blind) {
    json.number("from", blind.from.0);
    json.number("until", blind.until.0);
    json.text("cause", cause(blind));
    if let Some(container) = &blind.container {
        json.text("container", container.as_str());
    }
    json.words("kinds", blind.kinds.iter().map(|kind| kind.as_str()));
    if !blind.lost.is_empty() {
        json.object("lost", |json| {
            for (kind, count) in &blind.lost {
                json.number(kind.as_str(), *count);
            }
        });
    }
}

fn cause(blind: &Blind) -> &'static str {
    use palisade_model::event::BlindCause::*;
    match blind.cause {
        BufferFull => "buffer-full",
        QueueFull => "queue-full",
        RateLimited => "rate-limited",
        Detached => "detached",
        Stalled => "stalled",
        Unreadable => "unreadable",
    }
}

impl Encoder {
    pub(super) fn blind(&self, json: &mut Json, blind: &Blind, number: u64) {
        base(json, &Class::new(0, "Base Event", 99, "Blind"), blind.until.0, 3);
        interval(json, blind.from.0, blind.until.0, blind.total());
        json.text("message", &words::blind(blind));
        let mut profiles = vec!["host"];
        if let Some(container) = &blind.container {
            profiles.push("container");
            json.object("container", |json| json.id("uid", container.as_str()));
        }
        self.device(json);
        json.object("unmapped", |json| {
            json.object("blind", |json| what(json, blind));
            cut(json);
        });
        let truncated = !json.cut().is_none();
        self.metadata(json, &self.uid(number), number, &profiles, truncated);
    }

    pub(super) fn dropped(&self, json: &mut Json, dropped: &Dropped, number: u64) {
        base(json, &Class::new(0, "Base Event", 99, "Lines Dropped"), dropped.until.0, 3);
        interval(json, dropped.from.0, dropped.until.0, dropped.lines);
        let lines = dropped.lines;
        json.text("message", &format!("{lines} lines before this one were dropped"));
        self.device(json);
        json.object("unmapped", |json| {
            json.object("dropped", |json| {
                json.text("sink", &dropped.sink);
                json.number("lines", lines);
                json.text("reason", dropped.reason);
            });
        });
        self.metadata(json, &self.uid(number), number, &["host"], false);
    }
}
