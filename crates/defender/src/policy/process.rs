//! The section `process`.

use toml::de::DeTable;

use super::allowed::Allowed;
use super::effect::{Clause, Effect, Entry, Fail, Reason, Section};
use super::pattern::{Form, Name, Paths, is_plain};
use super::reader::{Reader, Text, Value, cut};

/// What is known of a hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HashVerdict {
    /// Nothing, or that it is good.
    #[default]
    Unknown,
    /// It is known to be bad, under this name.
    KnownBad(String),
}

/// May this run? What is asked before a program starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecQuestion<'q> {
    /// Its path as the container sees it; empty for a program that has none.
    pub path: &'q str,
    /// What it is started from; `None` when not known, empty when that is outside the container.
    pub parent: Option<&'q str>,
    /// The effective user; `None` when not known.
    pub user: Option<u32>,
    /// Whether it lies in the overlay's upper layer; `None` when nobody could tell, which is no drift.
    pub upper: Option<bool>,
    /// It is a memory file.
    pub fileless: bool,
    /// It is opened for the start of another program: a script for its interpreter, the dynamic loader
    /// for a program. fanotify asks about both. Models and `allow` hold programs, so that it departs
    /// from nothing; `deny`, drift and hashes count.
    pub auxiliary: bool,
    /// What is known of its bytes.
    pub hash: HashVerdict,
}

/// One entry of `allow` or `deny`.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) entry: Entry,
    pub(crate) path: String,
    parent: Option<Name>,
    user: Option<u32>,
}

impl Program {
    /// The kernel can tell it by itself: a path without wildcards or conditions, as long as its maps
    /// hold one.
    pub(crate) fn is_kernels(&self) -> bool {
        self.parent.is_none() && self.user.is_none() && is_kernel_path(&self.path)
    }

    /// Whether the conditions hold; `None` when it is not known.
    fn holds(&self, question: &ExecQuestion<'_>) -> Option<bool> {
        let parent = match (&self.parent, question.parent) {
            (None, _) => Some(true),
            (Some(pattern), Some(parent)) => Some(pattern.matches(parent)),
            (Some(_), None) => None,
        };
        let user = match (self.user, question.user) {
            (None, _) => Some(true),
            (Some(wanted), Some(user)) => Some(wanted == user),
            (Some(_), None) => None,
        };
        match (parent, user) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

/// Bytes of a path that the kernel hashes (`EXEC_HASHED` in `guard.h`).
const KERNEL_PATH: usize = 512;

pub(crate) fn is_kernel_path(path: &str) -> bool {
    is_plain(path) && path.starts_with('/') && path.len() <= KERNEL_PATH
}

/// A list of programs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs {
    pub(crate) list: Vec<Program>,
    paths: Paths,
}

impl Programs {
    /// The first entry that fits. `unknown` says what a condition counts as of which nothing is known.
    fn find(&self, question: &ExecQuestion<'_>, unknown: bool) -> Option<&Program> {
        let found = self.paths.find(question.path).into_iter();
        found
            .filter_map(|number| self.list.get(usize::try_from(number).ok()?))
            .find(|program| program.holds(question).unwrap_or(unknown))
    }

    fn read<'t>(table: &DeTable<'t>, key: &str, reader: &mut Reader<'t>) -> Option<Self> {
        let values = reader.list(table, key)?;
        let list: Vec<Program> =
            values.into_iter().filter_map(|value| program(value, reader)).collect();
        match Paths::new(list.iter().map(|program| program.path.as_str())) {
            Ok(paths) => Some(Self { list, paths }),
            Err(why) => {
                let span = table.get(key).map(|value| value.span()).unwrap_or_default();
                reader.notes.error(span, format!("these patterns together: {why}"));
                None
            }
        }
    }
}

fn program<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Option<Program> {
    if value.get_ref().as_str().is_some() {
        let text = path(value, reader)?;
        return Some(Program {
            entry: reader.entry(&text),
            path: text.text,
            parent: None,
            user: None,
        });
    }
    let Some(table) = value.get_ref().as_table() else {
        reader.wrong(value, "a path, or a table with `path`, `parent` and `user`");
        return None;
    };
    reader.keys(table, &["path", "parent", "user"]);
    let Some(at) = table.get("path") else {
        reader.notes.error(value.span(), "`path` is missing: `**` fits every program");
        return None;
    };
    let text = path(at, reader)?;
    let mut entry = reader.entry(&text);
    let mut parent = None;
    if let Some(value) = table.get("parent") {
        let text = path(value, reader)?;
        entry.text.push_str(&format!(" started by {}", text.text));
        parent = Some(Name::read(&text, Form::Path, reader)?);
    }
    let mut user = None;
    if let Some(value) = table.get("user") {
        let number = reader.number(value, 0..u64::from(u32::MAX))?;
        entry.text.push_str(&format!(" as user {number}"));
        user = u32::try_from(number).ok();
    }
    Some(Program { entry, path: text.text, parent, user })
}

/// A pattern of absolute paths.
pub(crate) fn path(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Text> {
    let text = reader.text(value)?;
    let shown = cut(&text.text);
    if !text.text.starts_with('/') && !text.text.starts_with("**") {
        let advice =
            format!("`{shown}` is no absolute path: begin with `/`, or `**/` for anywhere");
        reader.notes.error(text.span, advice);
        return None;
    }
    if text.text.split('/').any(|part| part == "..") || text.text.contains("//") {
        reader
            .notes
            .error(text.span, format!("`{shown}`: events hold paths without `..` and `//`"));
        return None;
    }
    reader.look_alikes(&text);
    if is_plain(&text.text) {
        return Some(text);
    }
    if !reader.count_pattern(text.span.clone()) {
        return None;
    }
    match super::pattern::glob(&text.text, Form::Path) {
        Ok(_) => Some(text),
        Err(why) => {
            reader.notes.error(text.span, format!("pattern `{shown}`: {why}"));
            None
        }
    }
}

/// The section.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    pub(crate) effect: Effect,
    pub(crate) deny_effect: Effect,
    pub(crate) learned: bool,
    pub(crate) allow: Option<Programs>,
    pub(crate) deny: Programs,
    pub(crate) drift: Effect,
    pub(crate) drift_allow: Programs,
    pub(crate) fileless: Effect,
    pub(crate) malware: Effect,
}

/// Programs under these are often links: what runs has another path.
const LINKED: [&str; 3] = ["/bin/", "/sbin/", "/lib/"];

impl Processes {
    pub(crate) fn new(malware: Effect) -> Self {
        Self {
            effect: Effect::Alert,
            deny_effect: Effect::Alert,
            learned: true,
            allow: None,
            deny: Programs::default(),
            drift: Effect::Disable,
            drift_allow: Programs::default(),
            fileless: Effect::Disable,
            malware,
        }
    }

    pub(crate) fn read<'t>(value: &Value<'t>, malware: Effect, reader: &mut Reader<'t>) -> Self {
        let mut section = Self::new(malware);
        let Some(table) = reader.table(value) else { return section };
        reader.keys(
            table,
            &[
                "effect",
                "deny_effect",
                "learned",
                "allow",
                "deny",
                "drift",
                "drift_allow",
                "fileless",
                "malware",
            ],
        );
        section.effect = reader.effect(table, "effect").unwrap_or_default();
        section.deny_effect = reader.effect(table, "deny_effect").unwrap_or(section.effect);
        section.learned = reader.flag(table, "learned").unwrap_or(true);
        section.allow = Programs::read(table, "allow", reader);
        section.deny = Programs::read(table, "deny", reader).unwrap_or_default();
        section.drift = reader.effect(table, "drift").unwrap_or(Effect::Disable);
        section.drift_allow = Programs::read(table, "drift_allow", reader).unwrap_or_default();
        section.fileless = reader.effect(table, "fileless").unwrap_or(Effect::Disable);
        section.malware = reader.effect(table, "malware").unwrap_or(malware);
        section.advise(table, reader);
        section
    }

    fn advise<'t>(&self, table: &DeTable<'t>, reader: &mut Reader<'t>) {
        let span = |key: &str| table.get(key).map(|value| value.span()).unwrap_or_default();
        if !self.drift_allow.list.is_empty() && self.drift == Effect::Disable {
            reader.notes.warn(span("drift_allow"), "`drift` is not set: this does nothing");
        }
        for program in self.allow.iter().flat_map(|allow| &allow.list) {
            let plain = is_plain(&program.path)
                .then(|| ExecQuestion { path: &program.path, ..ExecQuestion::default() });
            if let Some(denied) = plain.and_then(|question| self.deny.find(&question, false)) {
                let (text, line) = (&denied.entry.text, denied.entry.line);
                let message = format!(
                    "`{}` is never allowed: `{text}` in line {line} denies it",
                    program.path
                );
                reader.notes.warn(span("allow"), message);
            }
        }
        for program in &self.deny.list {
            if LINKED.iter().any(|prefix| program.path.starts_with(prefix)) {
                let message = format!(
                    "`{}`: what counts is the path of the file that runs. Where /bin is a link it is \
                     under /usr, and `sh` may be `dash` or `busybox`",
                    cut(&program.path)
                );
                reader.notes.warn(span("deny"), message);
            }
        }
    }

    /// What the section says. `departs` is what the model said of it; without that, its list counts.
    pub(crate) fn judge(
        &self,
        question: &ExecQuestion<'_>,
        model: Option<&Allowed>,
        departs: Option<bool>,
        fail: Fail,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut say = |clause, entry: Option<&Entry>, effect, text: String| {
            if effect > Effect::Disable {
                reasons.push(Reason::new(Section::Process, clause, entry, effect, text));
            }
        };
        let path = question.path;
        if let Some(denied) = self.deny.find(question, fail == Fail::Closed) {
            say(Clause::Deny, Some(&denied.entry), self.deny_effect, format!("{path} may not run"));
        }
        if let HashVerdict::KnownBad(name) = &question.hash {
            say(Clause::Malware, None, self.malware, format!("{path} is known to be bad: {name}"));
        }
        if question.fileless {
            say(Clause::Fileless, None, self.fileless, "the program has no file".to_owned());
        }
        let drift = question.upper == Some(true)
            && !question.fileless
            && self.drift_allow.find(question, false).is_none();
        if drift {
            let text = format!("{path} did not come with the image");
            say(Clause::Drift, None, self.drift, text);
        }
        if self.departs(question, model, departs) {
            say(Clause::Effect, None, self.effect, self.missing(path, model.is_some()));
        }
        reasons
    }

    fn missing(&self, path: &str, modelled: bool) -> String {
        match (self.learned && modelled, self.allow.is_some()) {
            (true, false) => format!("the image does not normally run {path}"),
            (true, true) => format!("neither the image's model nor `allow` has {path}"),
            (false, _) => format!("`allow` does not have {path}"),
        }
    }

    fn departs(
        &self,
        question: &ExecQuestion<'_>,
        model: Option<&Allowed>,
        departs: Option<bool>,
    ) -> bool {
        if question.auxiliary {
            return false;
        }
        if let Some(allow) = &self.allow
            && allow.find(question, false).is_some()
        {
            return false;
        }
        if !self.learned {
            return self.allow.is_some();
        }
        let by_list =
            || model.and_then(|model| model.knows_executable(question.path)).map(|known| !known);
        departs.or_else(by_list).unwrap_or(false)
    }

    /// The entry of `allow` that lets it run.
    pub(crate) fn allows(&self, question: &ExecQuestion<'_>) -> Option<&Entry> {
        self.allow.as_ref().and_then(|allow| allow.find(question, false)).map(|found| &found.entry)
    }
}
