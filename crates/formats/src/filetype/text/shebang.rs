//! The interpreter line of scripts (execve(2)).

use super::super::Type;
use super::super::tables::named;

/// The script type that `#!…` names.
pub(super) fn interpreter(text: &[u8]) -> Option<&'static Type> {
    let line = text.strip_prefix(b"#!")?;
    let line = &line[..memchr::memchr2(b'\n', b'\r', line).unwrap_or(line.len()).min(256)];
    let mut words = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
        .map(|word| word.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or(word));
    let mut program = words.next()?;
    if program == b"env" {
        // Options and assignments of env come before the program.
        program = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='))?;
    }
    if !line.trim_ascii_start().starts_with(b"/") && !line.contains(&b'/') && program.len() < 2 {
        return None;
    }
    const PROGRAMS: [(&[u8], &Type); 34] = [
        (b"python", named("python")),
        (b"pypy", named("python")),
        (b"perl", named("perl")),
        (b"ruby", named("ruby")),
        (b"jruby", named("ruby")),
        (b"php", named("php")),
        (b"node", named("javascript")),
        (b"deno", named("javascript")),
        (b"bun", named("javascript")),
        (b"gjs", named("javascript")),
        (b"qjs", named("javascript")),
        (b"pwsh", named("powershell")),
        (b"powershell", named("powershell")),
        (b"luajit", named("lua")),
        (b"lua", named("lua")),
        (b"tclsh", named("tcl")),
        (b"wish", named("tcl")),
        (b"expect", named("tcl")),
        (b"gawk", named("awk")),
        (b"mawk", named("awk")),
        (b"nawk", named("awk")),
        (b"awk", named("awk")),
        (b"sed", named("sed")),
        (b"Rscript", named("rscript")),
        (b"make", named("make")),
        (b"osascript", named("applescript")),
        (b"bash", named("shell")),
        (b"dash", named("shell")),
        (b"zsh", named("shell")),
        (b"ksh", named("shell")),
        (b"fish", named("shell")),
        (b"csh", named("shell")),
        (b"tcsh", named("shell")),
        (b"busybox", named("shell")),
    ];
    if program == b"sh" || program == b"ash" {
        return Some(const { named("shell") });
    }
    let known = PROGRAMS.iter().find(|(name, _)| program.starts_with(name)).map(|(_, ty)| *ty);
    Some(known.unwrap_or(const { named("shebang") }))
}
