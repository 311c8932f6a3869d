//! The Defender's deciders, driven by recorded events.

mod containers;
mod core;
mod detect;
mod hashes;
mod hashes_list;
mod hashes_submit;
mod incidents;
mod incidents_bounds;
mod incidents_stories;
mod models;
mod models_files;
mod output;
mod policy;
mod policy_documents;
mod policy_plan;
mod policy_support;
mod recorder;
mod watchdog;
