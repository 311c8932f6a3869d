//! The rule language of [Falco](https://falco.org): loads rule files as they are, checks them,
//! compiles them, runs them on events and formats what to say of a match.
//!
//! ```text
//! source ─ yaml ─► reader ─► collector ─► expand ─► compile ─► Ruleset
//!          (positions)      (appends,    (macros,   (fields,     │ by event type
//!                            overrides)   lists)     values)     ▼
//!                                            event + Fields ─► evaluate ─► rules that match
//! ```
//!
//! - **Nobody is punished for a neighbour.** A rule that needs what is not there is left out, with
//!   line and column; the rest of its file runs.
//! - **The cost of an event is that of the rules that can match it.** The event types of a rule
//!   follow from its condition; rules are indexed by them. What several rules ask is asked once.
//! - **Absence is false.** A comparison with a field that the event does not have is false, `!=`
//!   too; `not` of it is true. It is Falco's rule, and the reason that parts can be reordered.
//!
//! Architecture invariant: no I/O, no clock, no kernel and no container. What an event is comes
//! through [`Fields`], what a sensor can fill through [`Catalogue`].
//!
//! The facts of the language are Falco's documentation and the behaviour of `falcosecurity/falco`
//! and `falcosecurity/libs`; `docs/detection-rules.md` says where this crate differs and why.

mod ast;
mod catalogue;
mod collector;
mod compile;
mod constant;
mod evaluate;
mod event;
mod event_index;
mod event_names;
mod exception;
mod expand;
mod field;
mod field_table;
mod glob;
mod item;
mod lexer;
mod limits;
mod mapping;
mod network;
mod parser;
mod prefix;
mod priority;
mod problem;
mod program;
mod read_exception;
mod reader;
mod relax;
mod ruleset;
mod selection;
mod source;
mod specialise;
mod template;
mod test;
mod text;
mod text_set;
mod transform;
mod value;
mod version;
mod yaml;

pub use catalogue::Catalogue;
pub use evaluate::Scratch;
pub use event::{EventSet, EventType};
pub use field::{Argument, ArgumentRule, FieldInfo, FieldType, Scope, Spread};
pub use field_table::FieldId;
pub use limits::Limits;
pub use priority::Priority;
pub use problem::{Code, Problem, SETTINGS, Severity, summary};
pub use ruleset::{Options, Rule, RuleId, Ruleset};
pub use selection::{Selection, Target};
pub use source::{Position, Source};
pub use template::{ABSENT, Template};
pub use value::{Fields, Value};
pub use version::ENGINE_VERSION;
