//! Runs the programs of Debian's packages.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

/// Runs a program to its end, and returns its standard output. An error says what it wrote to its
/// standard error.
pub(crate) fn output(command: &mut Command) -> io::Result<Vec<u8>> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| cannot(command, &error))?;
    if done.status.success() {
        return Ok(done.stdout);
    }
    let text = String::from_utf8_lossy(&done.stderr);
    Err(io::Error::other(format!("`{}`: {}: {}", shown(command), done.status, end(text.trim()))))
}

/// The same as text.
pub(crate) fn text(command: &mut Command) -> io::Result<String> {
    output(command).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Why a program cannot be run, with its name.
pub(crate) fn cannot(command: &Command, error: &io::Error) -> io::Error {
    let hint = "`cargo xtask test` installs what is needed";
    io::Error::new(error.kind(), format!("`{}`: {error} ({hint})", shown(command)))
}

/// The last 3,000 bytes or so.
pub(crate) fn end(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(3000))..]
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
