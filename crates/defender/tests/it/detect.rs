//! Detection: fields, built-in rules, counters, scenarios and what is written of them.

#[path = "detect/counters.rs"]
mod counters;
#[path = "detect/document.rs"]
mod document;
#[path = "detect/events.rs"]
mod events;
#[path = "detect/fields.rs"]
mod fields;
#[path = "detect/foreign.rs"]
mod foreign;
#[path = "detect/rules.rs"]
mod rules;
#[path = "detect/samples.rs"]
mod samples;
#[path = "detect/scenarios.rs"]
mod scenarios;
