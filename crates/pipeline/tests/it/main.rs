//! The laws of the design, each with the fault injected. One module for one law.

mod batches;
mod bounds;
mod cache;
mod cancel;
mod clean;
mod deadlines;
mod durable;
mod fold;
mod inline;
mod lanes;
mod notifier;
mod once;
mod poison;
mod pressure;
mod retry;
mod strikes;
mod support;
mod waiting;
mod workflows;
