//! What somebody has looked at and allows, with a reason and an end.

use palisade_model::UnixMillis;
use palisade_model::event::{Cause, Event};
use serde::{Deserialize, Serialize};

use crate::Finding;

/// One thing that is allowed: findings that fit are counted and open no incident. What policy refuses is
/// refused all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Name of the rule or of the policy rule; for a deviation `deviation:` and its section
    /// (`deviation:processes`). Never malware, a lost prevention or blindness.
    pub rule: String,
    /// The image as it was asked for, as a pattern; absent: any, and the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Path of the process's executable, as a pattern; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Why it is allowed. Not empty.
    pub reason: String,
    /// Until when, written as RFC 3339 has it (`2027-01-31T00:00:00Z`); absent: until somebody takes it
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "date")]
    pub until: Option<UnixMillis>,
}

mod date {
    use jiff::Timestamp;
    use palisade_model::UnixMillis;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        until: &Option<UnixMillis>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let timestamp = |until: &UnixMillis| {
            // What is later than a timestamp can say is as good as never.
            i64::try_from(until.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
        };
        until.as_ref().and_then(timestamp).map(|until| until.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<UnixMillis>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let until: Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        // What ended before 1970 ended.
        Ok(Some(UnixMillis(u64::try_from(until.as_millisecond()).unwrap_or(0))))
    }
}

impl Suppression {
    fn fits(&self, event: &Event, cause: &Cause, now: UnixMillis) -> bool {
        let image = event.container.as_ref().map_or("", |container| container.image.as_str());
        let named = match cause {
            Cause::Rule { name } | Cause::Policy { name } => self.rule == *name,
            Cause::Deviation { section, .. } => {
                self.rule.strip_prefix("deviation:") == Some(section_name(*section))
            }
            Cause::Malware { .. } | Cause::PreventionLost | Cause::Blind => false,
        };
        named
            && self.until.is_none_or(|until| now < until)
            && self.image.as_ref().is_none_or(|pattern| fits(pattern, image))
            && self.process.as_ref().is_none_or(|pattern| fits(pattern, event.process.path()))
    }
}

/// A section's name, as on the wire.
fn section_name(section: palisade_model::event::ModelSection) -> &'static str {
    use palisade_model::event::ModelSection as Section;
    match section {
        Section::Processes => "processes",
        Section::Files => "files",
        Section::Listening => "listening",
        Section::Outbound => "outbound",
        Section::Names => "names",
        Section::Users => "users",
    }
}

/// An entry that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuppressionError {
    /// Nobody would know later why it is there.
    #[error("the entry for `{0}` has no reason")]
    NoReason(String),
    /// More than `max_suppressions`.
    #[error("{0} entries; at most {1} are taken (max_suppressions)")]
    TooMany(usize, usize),
}

/// The entries, each with how often it fitted.
#[derive(Debug, Default)]
pub(super) struct Suppressions(Vec<(Suppression, u64)>);

impl Suppressions {
    /// Entries that were there before keep their counts.
    pub(super) fn replace(
        &mut self,
        entries: Vec<Suppression>,
        max: usize,
    ) -> Result<(), SuppressionError> {
        if entries.len() > max {
            return Err(SuppressionError::TooMany(entries.len(), max));
        }
        if let Some(entry) = entries.iter().find(|entry| entry.reason.trim().is_empty()) {
            return Err(SuppressionError::NoReason(entry.rule.clone()));
        }
        let counted = |entry: Suppression| {
            let before = self.0.iter().find(|(known, _)| *known == entry);
            let count = before.map_or(0, |(_, count)| *count);
            (entry, count)
        };
        self.0 = entries.into_iter().map(counted).collect();
        Ok(())
    }

    pub(super) fn filter(&mut self, event: &Event, findings: &mut Vec<Finding>, now: UnixMillis) {
        findings.retain(|finding| {
            let entry = self.0.iter_mut().find(|(entry, _)| entry.fits(event, &finding.cause, now));
            match entry {
                Some((_, count)) => {
                    *count = count.saturating_add(1);
                    false
                }
                None => true,
            }
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Suppression, u64)> {
        self.0.iter().map(|(entry, count)| (entry, *count))
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text and `?` for any one character. It
/// goes back to the last star only, so that no pattern takes longer than the product of both lengths.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((star_at, star_place)) => {
                    star = Some((star_at, star_place + 1));
                    at = star_at + 1;
                    place = star_place + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests {
    use palisade_model::UnixMillis;

    use super::{Suppression, fits};

    #[test]
    fn an_entry_as_people_write_it() {
        let text = r#"
            rule = "Shell"
            image = "backup:*"
            reason = "nightly"
            until = "2027-01-31T00:00:00Z"
        "#;
        let entry: Suppression = toml::from_str(text).unwrap();
        assert_eq!(entry.until, Some(UnixMillis(1_801_353_600_000)));
        assert_eq!(toml::from_str::<Suppression>(&toml::to_string(&entry).unwrap()), Ok(entry));
        for bad in [
            "rule = 'x'",
            "rule = 'x'\nreason = 'y'\nuntil = 'soon'",
            "rule = 'x'\nreason = 'y'\nprocces = '/bin/sh'",
        ] {
            assert!(toml::from_str::<Suppression>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("nginx:*", "nginx:1.27", true),
            ("nginx:*", "mynginx:1.27", false),
            ("*/sh", "/usr/bin/sh", true),
            ("*/sh", "/usr/bin/bash", false),
            ("a*b*c", "aXbYbZc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*a*a*b", &"a".repeat(2_000), false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
