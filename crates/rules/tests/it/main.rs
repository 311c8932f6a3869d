//! The rule language, from text to match.

mod bounds;
mod event_types;
mod exceptions;
mod items;
mod layout;
mod left_out;
mod operators;
mod positions;
mod properties;
mod selection;
mod support;
mod templates;
