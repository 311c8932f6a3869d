//! What the Defender tells, and where it goes.

mod documentation;
mod endpoint;
mod ocsf;
mod pretty;
mod queue;
mod samples;
mod settings;
mod sinks;
mod syslog;
