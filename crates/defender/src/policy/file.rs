//! The section `file`.

use toml::de::DeTable;

use super::effect::{Clause, Effect, Entry, Reason, Section};
use super::pattern::{Paths, is_plain};
use super::process::path;
use super::reader::{Reader, Value};

/// A list of files. A path without wildcards is that file, or a directory with everything directly in
/// it, as the kernel's rule reads it; `/dir/*` is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) list: Vec<(Entry, String)>,
    paths: Paths,
}

impl Files {
    fn read<'t>(table: &DeTable<'t>, key: &str, reader: &mut Reader<'t>) -> Option<Self> {
        let values = reader.list(table, key)?;
        let mut list = Vec::new();
        for value in values {
            let Some(text) = path(value, reader) else { continue };
            let entry = reader.entry(&text);
            let bare =
                text.text.strip_suffix("/*").filter(|rest| is_plain(rest) && !rest.is_empty());
            let bare = bare.unwrap_or(&text.text);
            let bare = if bare.len() > 1 { bare.strip_suffix('/').unwrap_or(bare) } else { bare };
            list.push((entry, bare.to_owned()));
        }
        match Paths::new(list.iter().map(|(_, path)| path.as_str())) {
            Ok(paths) => Some(Self { list, paths }),
            Err(why) => {
                let span = table.get(key).map(|value| value.span()).unwrap_or_default();
                reader.notes.error(span, format!("these patterns together: {why}"));
                None
            }
        }
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Entry> {
        let own = self.paths.find(path);
        let above = match path.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((directory, _)) => directory,
            None => "",
        };
        let above = self.paths.find(above).into_iter().filter(|number| {
            usize::try_from(*number)
                .ok()
                .and_then(|number| self.list.get(number))
                .is_some_and(|(_, pattern)| is_plain(pattern))
        });
        let first = own.into_iter().chain(above).min()?;
        self.list.get(usize::try_from(first).ok()?).map(|(entry, _)| entry)
    }
}

/// The section.
#[derive(Debug, Clone)]
pub(crate) struct FileSection {
    pub(crate) effect: Effect,
    pub(crate) deny_effect: Effect,
    pub(crate) learned: bool,
    pub(crate) allow: Option<Files>,
    pub(crate) deny: Files,
    pub(crate) read_deny: Files,
}

impl Default for FileSection {
    fn default() -> Self {
        Self {
            effect: Effect::Alert,
            deny_effect: Effect::Alert,
            learned: true,
            allow: None,
            deny: Files::default(),
            read_deny: Files::default(),
        }
    }
}

impl FileSection {
    pub(crate) fn read<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Self {
        let mut section = Self::default();
        let Some(table) = reader.table(value) else { return section };
        reader.keys(table, &["effect", "deny_effect", "learned", "allow", "deny", "read_deny"]);
        section.effect = reader.effect(table, "effect").unwrap_or_default();
        section.deny_effect = reader.effect(table, "deny_effect").unwrap_or(section.effect);
        section.learned = reader.flag(table, "learned").unwrap_or(true);
        section.allow = Files::read(table, "allow", reader);
        section.deny = Files::read(table, "deny", reader).unwrap_or_default();
        section.read_deny = Files::read(table, "read_deny", reader).unwrap_or_default();
        for (_, path) in section.allow.iter().flat_map(|allow| &allow.list) {
            let denied = is_plain(path).then(|| section.deny.find(path)).flatten();
            if let Some(Entry { text, line }) = denied {
                let span = table.get("allow").map(|value| value.span()).unwrap_or_default();
                let message =
                    format!("`{path}` is never allowed: `{text}` in line {line} denies it");
                reader.notes.warn(span, message);
            }
        }
        section
    }

    /// What the section says of a write. `departs` is what the model said.
    pub(crate) fn judge_write(&self, path: &str, departs: Option<bool>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if let Some(entry) = self.deny.find(path)
            && self.deny_effect > Effect::Disable
        {
            let text = format!("{path} may not be changed");
            let effect = self.deny_effect;
            reasons.push(Reason::new(Section::File, Clause::Deny, Some(entry), effect, text));
        }
        let allowed = self.allow.as_ref().map(|allow| allow.find(path).is_some());
        let departs = match (allowed, self.learned) {
            (Some(true), _) => false,
            (_, true) => departs.unwrap_or(false),
            (Some(false), false) => true,
            (None, false) => false,
        };
        if departs && self.effect > Effect::Disable {
            let text = if self.learned {
                format!("the image does not normally change {path}")
            } else {
                format!("`allow` does not have {path}")
            };
            reasons.push(Reason::new(Section::File, Clause::Effect, None, self.effect, text));
        }
        reasons
    }

    /// What the section says of a read. No rung can refuse one.
    pub(crate) fn judge_read(&self, path: &str) -> Option<Reason> {
        let entry = self.read_deny.find(path)?;
        let text = format!("{path} may not be read");
        (self.deny_effect > Effect::Disable).then(|| {
            Reason::new(Section::File, Clause::ReadDeny, Some(entry), self.deny_effect, text)
        })
    }

    pub(crate) fn allows(&self, path: &str) -> Option<&Entry> {
        self.allow.as_ref().and_then(|allow| allow.find(path))
    }
}
