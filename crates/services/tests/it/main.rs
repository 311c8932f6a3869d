//! Real engines and machines, from the outside. Needs root and what `cargo xtask test` installs.

mod docker;
mod machine;
