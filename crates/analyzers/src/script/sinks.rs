//! What runs a string: `eval` and its kin, and commands of the system.

use super::fold::Item;
use super::functions::last_part;
use super::language::Language;
use super::value::Value;

/// The language in which a call runs its argument, if it does.
pub(super) fn of_call(name: &[u8], language: Language) -> Option<Language> {
    let part = last_part(name);
    let part = part.as_slice();
    let code = match language {
        Language::JavaScript => {
            // The constructor runs a string; the word in small letters begins a function.
            matches!(
                part,
                b"eval"
                    | b"execscript"
                    | b"settimeout"
                    | b"setinterval"
                    | b"runinthiscontext"
                    | b"runinnewcontext"
            ) || part == b"function" && name.ends_with(b"Function")
        }
        Language::VbScript => matches!(
            part,
            b"execute" | b"executeglobal" | b"eval" | b"executestatement" | b"addcode"
        ),
        Language::PowerShell => matches!(
            part,
            b"iex" | b"invoke-expression" | b"create" | b"invokescript" | b"newscriptblock"
        ),
        Language::Python => matches!(part, b"exec" | b"eval" | b"execfile"),
        Language::Php => matches!(part, b"eval" | b"assert" | b"create_function"),
        Language::Perl | Language::Ruby => {
            matches!(part, b"eval" | b"instance_eval" | b"class_eval")
        }
        _ => false,
    };
    if code {
        return Some(language);
    }
    match (language, part) {
        (Language::JavaScript, b"write" | b"writeln") => Some(Language::Plain),
        (
            Language::JavaScript | Language::VbScript,
            b"run" | b"exec" | b"shellexecute" | b"shell",
        ) => Some(Language::Batch),
        (Language::JavaScript, b"execsync" | b"spawn" | b"spawnsync")
        | (
            Language::Python,
            b"system" | b"popen" | b"run" | b"call" | b"check_output" | b"check_call"
            | b"getoutput" | b"getstatusoutput",
        )
        | (
            Language::Php,
            b"system" | b"exec" | b"shell_exec" | b"passthru" | b"popen" | b"proc_open",
        )
        | (Language::Perl | Language::Ruby, b"system" | b"exec" | b"spawn") => {
            Some(Language::Shell)
        }
        _ => None,
    }
}

/// The place of a string that this statement runs without brackets: `Execute "…"`, `iex $x`,
/// `… | iex`, `&('iex') …`.
pub(super) fn of_statement(
    items: &[(Item<'_>, usize)],
    language: Language,
) -> Option<(usize, Language)> {
    if !matches!(
        language,
        Language::VbScript | Language::PowerShell | Language::Ruby | Language::Perl
    ) {
        return None;
    }
    let sink = |item: &Item<'_>| match item {
        Item::Word(word) => of_call(word, language),
        Item::Known(Value::Text(text, _))
            if text.len() < 24 && language == Language::PowerShell =>
        {
            of_call(text, language)
        }
        Item::Known(Value::Chars(text, _))
            if text.len() < 24 && language == Language::PowerShell =>
        {
            of_call(text, language)
        }
        _ => None,
    };
    let text =
        |item: &Item<'_>| matches!(item, Item::Known(Value::Text(bytes, _)) if bytes.len() >= 8);
    for (place, window) in items.windows(2).enumerate().take(256) {
        let [(first, _), (second, _)] = window else { continue };
        if let Some(runs_as) = sink(first)
            && text(second)
        {
            return Some((place + 1, runs_as));
        }
        // Through a pipe; an operator that calls may stand before the name.
        if text(first) && second.is_mark(b'|') {
            let after = items.get(place + 2..).unwrap_or_default();
            let found = after.iter().take(2).find_map(|(item, _)| sink(item));
            if let Some(runs_as) = found {
                return Some((place, runs_as));
            }
        }
    }
    None
}

/// Programs that run commands or code, as the first word of a string.
const WINDOWS_COMMANDS: [&str; 18] = [
    "cmd",
    "powershell",
    "pwsh",
    "mshta",
    "wscript",
    "cscript",
    "rundll32",
    "regsvr32",
    "certutil",
    "bitsadmin",
    "schtasks",
    "wmic",
    "vssadmin",
    "bcdedit",
    "%comspec%",
    "forfiles",
    "msiexec",
    "start",
];
const UNIX_COMMANDS: [&str; 8] = ["sh", "bash", "zsh", "curl", "wget", "nc", "python", "osascript"];

/// The language of a string that is a command.
pub(super) fn of_text(text: &[u8]) -> Option<Language> {
    const MAX_COMMAND: usize = 64 << 10;
    if text.len() < 12 || text.len() > MAX_COMMAND {
        return None;
    }
    let head = text.get(..text.len().min(120))?;
    let first = head
        .trim_ascii_start()
        .split(|byte| matches!(byte, b' ' | b'\t' | b'"'))
        .find(|word| !word.is_empty())?;
    let name = first.rsplit(|byte| matches!(byte, b'\\' | b'/')).next()?;
    let name: Vec<u8> = name
        .iter()
        .filter(|byte| !matches!(byte, b'^' | b'\''))
        .map(u8::to_ascii_lowercase)
        .collect();
    let name = name.strip_suffix(b".exe").unwrap_or(&name);
    let is = |list: &[&str]| list.iter().any(|known| known.as_bytes() == name);
    if is(&WINDOWS_COMMANDS) {
        Some(Language::Batch)
    } else if is(&UNIX_COMMANDS) {
        Some(Language::Shell)
    } else {
        None
    }
}
