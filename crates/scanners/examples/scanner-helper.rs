//! The helper of a command's jail by itself, for this crate's tests: `palisade jail-command` is the
//! same.

fn main() -> std::process::ExitCode {
    let code = palisade_jail::command::run_helper();
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(1))
}
