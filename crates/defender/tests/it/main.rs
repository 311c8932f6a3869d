//! The Defender's deciders, driven by recorded events.

mod detect;
