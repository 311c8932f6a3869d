//! The Defender's deciders, driven by recorded events.

mod policy;
mod policy_documents;
mod policy_plan;
mod policy_support;
