//! What is known of a field.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use crate::field_table::{FieldId, TABLE};

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Text. Paths and names of the kernel are bytes that are mostly UTF-8.
    Text,
    /// A buffer of bytes.
    Bytes,
    /// A number that may be negative.
    Signed,
    /// A number from 0.
    Unsigned,
    /// A number with a fraction.
    Real,
    /// `true` or `false`.
    Boolean,
    /// An IPv4 or IPv6 address.
    Address,
    /// An address that is compared with networks in CIDR notation.
    Network,
    /// A port from 0 to 65,535. Conditions may name a service.
    Port,
    /// Nanoseconds, of a clock or of a duration (fields ending in `.s`: seconds).
    Time,
    /// Depends on the argument: text or a number.
    Dynamic,
}

impl FieldType {
    /// The word for messages.
    pub fn name(self) -> &'static str {
        match self {
            FieldType::Text => "text",
            FieldType::Bytes => "bytes",
            FieldType::Signed | FieldType::Unsigned | FieldType::Time => "a number",
            FieldType::Real => "a number with a fraction",
            FieldType::Boolean => "true or false",
            FieldType::Address => "an IP address",
            FieldType::Network => "an IP network",
            FieldType::Port => "a port",
            FieldType::Dynamic => "text or a number",
        }
    }
}

/// Which argument a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgumentRule {
    /// None.
    None,
    /// A number from 0, or none.
    Index,
    /// A number or a name, or none.
    Any,
    /// A number or a name.
    Required,
}

/// How many values a field has, when it is asked for without an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spread {
    /// One.
    One,
    /// One for each ancestor of the process, from the parent up; one that matches is enough.
    Ancestors,
    /// One for each end of the connection, or each name of an address; one that matches is enough, and
    /// `!=` must hold for all.
    Ends,
    /// A list: `in` asks for all of them, `intersects` for one.
    List,
}

/// The events on which a field has a value. Information for catalogues; absence needs no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every event.
    Every,
    /// Events about a file descriptor.
    Descriptor,
    /// Events that name a path.
    Path,
    /// Events that open a file.
    Open,
}

/// A field as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Which field.
    pub id: FieldId,
    /// Its name in rule files.
    pub name: &'static str,
    /// The type of its values.
    pub kind: FieldType,
    /// The argument that it takes.
    pub argument: ArgumentRule,
    /// How many values it has without an index.
    pub spread: Spread,
    /// The events on which it has one.
    pub scope: Scope,
}

impl FieldId {
    /// The field of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.get(name).copied()
    }

    /// What is known of it.
    pub fn info(self) -> &'static FieldInfo {
        // The table is written by the same macro as the enum, in the same order.
        &TABLE[usize::from(self as u16)]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Every field.
    pub fn all() -> impl Iterator<Item = FieldId> {
        TABLE.iter().map(|info| info.id)
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

static NAMES: LazyLock<HashMap<&'static str, FieldId>> =
    LazyLock::new(|| TABLE.iter().map(|info| (info.name, info.id)).collect());

/// The argument of a field, as evaluation hands it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Argument<'a> {
    /// None was written.
    #[default]
    None,
    /// `proc.aname[2]`.
    Index(u32),
    /// `proc.env[PATH]`, `evt.arg.flags`.
    Name(&'a str),
}

/// An argument that a rule keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum OwnedArgument {
    #[default]
    None,
    Index(u32),
    Name(Box<str>),
}

impl OwnedArgument {
    #[inline]
    pub(crate) fn borrow(&self) -> Argument<'_> {
        match self {
            OwnedArgument::None => Argument::None,
            OwnedArgument::Index(index) => Argument::Index(*index),
            OwnedArgument::Name(name) => Argument::Name(name),
        }
    }
}

/// The fields whose argument may follow a dot: `evt.arg.flags` is `evt.arg[flags]`.
const DOTTED: [FieldId; 4] =
    [FieldId::EvtArg, FieldId::EvtRawarg, FieldId::EvtAbspath, FieldId::EvtTypeIs];

/// Why a name and argument are no field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// No such field.
    Unknown,
    /// The argument does not fit; the message says how.
    Argument(String),
}

/// Finds a field by the name and the argument that a rule file has.
pub(crate) fn resolve(
    name: &str,
    argument: Option<&str>,
) -> Result<(FieldId, OwnedArgument), Unresolved> {
    let (field, argument) = match FieldId::from_name(name) {
        Some(field) => (field, argument),
        None => {
            let (field, rest) = DOTTED
                .iter()
                .find_map(|field| {
                    let rest = name.strip_prefix(field.name())?.strip_prefix('.')?;
                    Some((*field, rest))
                })
                .filter(|(_, rest)| !rest.is_empty() && argument.is_none())
                .ok_or(Unresolved::Unknown)?;
            (field, Some(rest))
        }
    };
    let rule = field.info().argument;
    let Some(argument) = argument else {
        if rule == ArgumentRule::Required {
            let name = field.name();
            return Err(Unresolved::Argument(format!("{name} needs an argument: {name}[…]")));
        }
        return Ok((field, OwnedArgument::None));
    };
    let index = argument.parse::<u32>().ok();
    match (rule, index) {
        (ArgumentRule::None, _) => Err(Unresolved::Argument(format!("{field} takes no argument"))),
        (ArgumentRule::Index, None) => {
            Err(Unresolved::Argument(format!("the argument of {field} is a number")))
        }
        (_, Some(index)) => Ok((field, OwnedArgument::Index(index))),
        (_, None) => Ok((field, OwnedArgument::Name(argument.into()))),
    }
}
