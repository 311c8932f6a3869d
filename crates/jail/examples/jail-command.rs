//! The helper of a command's jail by itself, for the tests of this crate and of those that run
//! commands: `palisade jail-command` is the same.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(u8::try_from(palisade_jail::command::run_helper()).unwrap_or(1))
}
