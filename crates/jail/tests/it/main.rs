//! The jail of a command, against programs that misbehave: small Python programs, run for real.

mod misdeeds;
mod support;
mod work;
