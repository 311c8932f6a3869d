//! The Defender's deciders, driven by recorded events.

mod policy;
mod policy_documents;
mod policy_plan;
mod policy_support;
mod hashes;
mod hashes_submit;
mod incidents;
mod incidents_bounds;
mod incidents_stories;
mod models;
mod models_files;
mod recorder;
mod containers;
mod output;
mod detect;
