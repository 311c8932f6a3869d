//! Windows shortcuts (\[MS-SHLLINK\] 2): what they start, with what, and what they look like.

use palisade_formats::bytes::{Cursor, u32_le};
use palisade_model::ProblemKind;

use crate::Examination;
use crate::observables::{Host, registrable};

use super::features::Feature;
use super::kinds::*;
use super::language::Language;
use super::layers::{Layers, Source};

/// Size of the header (2.1).
const HEADER: usize = 0x4c;
/// Characters of a string that are read; the field's length has 16 bits.
const MAX_STRING: usize = 0xffff;
/// Items and blocks that are read.
const MAX_BLOCKS: usize = 256;
/// Bytes behind the last block from which it is hidden data.
const MIN_APPENDED: usize = 512;
/// Blanks in a row that push a command out of the properties window, which shows 260 characters.
const MIN_PADDING: usize = 60;

/// Link flags (2.1.1).
const HAS_ID_LIST: u32 = 1;
const HAS_LINK_INFO: u32 = 1 << 1;
const HAS_NAME: u32 = 1 << 2;
const IS_UNICODE: u32 = 1 << 7;
/// Signatures of extra data (2.5).
const ENVIRONMENT: u32 = 0xa000_0001;
const TRACKER: u32 = 0xa000_0003;
const ICON_ENVIRONMENT: u32 = 0xa000_0007;

/// Programs that run what their arguments say.
const INTERPRETERS: [&str; 22] = [
    "powershell",
    "pwsh",
    "cmd",
    "mshta",
    "wscript",
    "cscript",
    "rundll32",
    "regsvr32",
    "msiexec",
    "conhost",
    "forfiles",
    "curl",
    "certutil",
    "bash",
    "wsl",
    "ftp",
    "pcalua",
    "scriptrunner",
    "ssh",
    "bitsadmin",
    "wmic",
    "hh",
];
/// Icons of documents and folders.
const DOCUMENTS: [&str; 16] = [
    "winword",
    "excel.exe",
    "powerpnt",
    "acrord32",
    "acrobat",
    "wordicon",
    "xlicons",
    "pptico",
    ".pdf",
    ".docx",
    ".doc",
    ".xlsx",
    ".txt",
    ".jpg",
    "wordpad",
    "notepad",
];
const DOCUMENT_ENDS: [&str; 14] = [
    ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".txt", ".jpg", ".png", ".rtf",
    ".csv", ".zip", ".html",
];

#[derive(Default)]
struct Link {
    name: String,
    target: String,
    environment: String,
    relative: String,
    folder: String,
    arguments: String,
    icon: String,
    network: String,
    id_list: String,
    machine: String,
    minimized: bool,
    appended: usize,
    end: usize,
}

/// Reads a shortcut and notes what it shows.
pub(super) fn examine(exam: &mut Examination<'_>, bytes: &[u8]) {
    let mut link = Link::default();
    if read(bytes, &mut link).is_none() {
        exam.problem(ProblemKind::Corrupt, "a shortcut that ends too early");
    }
    let target = [&link.target, &link.network, &link.environment, &link.id_list, &link.relative]
        .into_iter()
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_default();
    exam.property("target", target.clone());
    for (name, value) in [
        ("arguments", &link.arguments),
        ("working-folder", &link.folder),
        ("icon", &link.icon),
        ("machine", &link.machine),
        ("description", &link.name),
    ] {
        if !value.is_empty() {
            exam.property(name, value.clone());
        }
    }
    exam.observe_text(link.arguments.as_bytes(), "arguments");
    exam.observe_text(target.as_bytes(), "target");
    exam.observe_text(link.icon.as_bytes(), "icon");
    if link.appended >= MIN_APPENDED {
        let what = format!("{} bytes behind the end of the shortcut", link.appended);
        exam.find(&SHORTCUT_DATA, what).at("appended data", link.end, link.appended);
    }
    let interpreter = [&target, &link.environment, &link.relative, &link.id_list]
        .into_iter()
        .find_map(|path| interpreter(path));
    remote(exam, &link, &target);
    disguise(exam, &link, interpreter);
    if let Some(program) = interpreter {
        command(exam, &link, program);
    }
}

fn remote(exam: &mut Examination<'_>, link: &Link, target: &str) {
    for (what, text) in [("target", target), ("network path", &link.network), ("icon", &link.icon)]
    {
        if let Some(host) = remote_host(text) {
            exam.find(&SHORTCUT_REMOTE, format!("the {what} lies on {host}"))
                .quoting(what, text.as_bytes());
        }
    }
}

fn disguise(exam: &mut Examination<'_>, link: &Link, interpreter: Option<&str>) {
    let name = exam.name().to_ascii_lowercase();
    let stem = name.strip_suffix(".lnk").unwrap_or_default();
    if let Some(end) = DOCUMENT_ENDS.iter().find(|end| stem.ends_with(**end)) {
        exam.find(
            &SHORTCUT_DISGUISE,
            format!("its name ends with {end}.lnk, of which {end} is shown"),
        );
    }
    let icon = link.icon.to_ascii_lowercase();
    if let (Some(program), Some(document)) =
        (interpreter, DOCUMENTS.iter().find(|part| icon.contains(**part)))
    {
        exam.find(&SHORTCUT_DISGUISE, format!("the icon of a document ({document}) on {program}"))
            .quoting("icon", link.icon.as_bytes());
    }
}

/// Judges the command line of an interpreter.
fn command(exam: &mut Examination<'_>, link: &Link, program: &str) {
    let arguments = link.arguments.trim();
    if arguments.is_empty() {
        return;
    }
    let padding = longest_blank(&link.arguments);
    let mut layers = Layers::new(exam);
    let line = format!("{program} {arguments}").into_bytes();
    layers.add(Source::plain(Language::Batch, line.into(), None));
    let inner = Source::plain(Language::PowerShell, arguments.as_bytes().to_vec().into(), None);
    if matches!(program, "powershell" | "pwsh") {
        layers.add(inner);
    }
    layers.run();
    let lower = arguments.to_ascii_lowercase();
    let has = |feature| layers.has(feature);
    let runs_file = [".ps1", ".vbs", ".js", ".hta", ".bat", ".cmd", ".dll", ".wsf"]
        .iter()
        .any(|end| lower.contains(end));
    let reasons: Vec<&str> = [
        (padding >= MIN_PADDING, "pads the command so that it is not shown"),
        (has(Feature::FetchPs) || has(Feature::FetchCmd) || has(Feature::FetchUnix), "fetches"),
        (has(Feature::Iex), "evaluates text"),
        (has(Feature::Proxy), "runs code through a program of Windows"),
        (has(Feature::Decodes), "decodes"),
        (has(Feature::Hidden) && !lower.contains("-noexit"), "hides its window"),
        (lower.contains("http://") || lower.contains("https://"), "names a URL"),
        (
            program == "cmd" && lower.contains('&') && has(Feature::StartCmd),
            "starts several things",
        ),
        (link.minimized && runs_file && program != "cmd", "starts a script, minimised"),
        (has(Feature::TempPlace) && runs_file, "starts a script in a user's folder"),
        (program == "ssh" && lower.contains("proxycommand"), "runs a proxy command"),
        (arguments.len() > 1_000, "has a very long command"),
        (lower.contains('^') && lower.matches('^').count() > 5, "escapes letters that need none"),
    ]
    .into_iter()
    .filter_map(|(is, text)| is.then_some(text))
    .collect();
    if layers.exam.has(&ENCODED_COMMAND) || !reasons.is_empty() {
        let mut text = format!("starts {program} with a command");
        if !reasons.is_empty() {
            text = format!("{text} that {}", reasons.join(", "));
        }
        layers.exam.find(&SHORTCUT_COMMAND, text).quoting("arguments", arguments.as_bytes());
    }
}

fn interpreter(path: &str) -> Option<&'static str> {
    let lower = path.trim_matches(['"', ' ']).to_ascii_lowercase();
    let file = lower.rsplit(['\\', '/']).next()?;
    let stem = file.strip_suffix(".exe").unwrap_or(file);
    INTERPRETERS.into_iter().find(|known| *known == stem)
}

/// The host of a path or URL that lies outside: one with a public name or an address.
pub(super) fn remote_host(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let rest = lower
        .strip_prefix("\\\\")
        .or_else(|| lower.strip_prefix("file://"))
        .or_else(|| lower.strip_prefix("http://"))
        .or_else(|| lower.strip_prefix("https://"))
        .or_else(|| lower.strip_prefix("//"))?;
    let host = rest.trim_start_matches(['\\', '/']).split(['\\', '/', '@', ':']).next()?;
    match Host::parse(host)? {
        Host::Domain(name) if registrable(&name).is_some() => Some(name),
        Host::V4(address) if !address.is_loopback() && !address.is_private() => {
            Some(address.to_string())
        }
        _ => None,
    }
}

fn longest_blank(text: &str) -> usize {
    let (mut run, mut longest) = (0, 0);
    for byte in text.bytes() {
        run = if byte.is_ascii_whitespace() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Reads all parts; `None` when one is cut short, with what came before in place.
fn read(bytes: &[u8], link: &mut Link) -> Option<()> {
    let flags = u32_le(bytes, 0x14)?;
    link.minimized = u32_le(bytes, 0x3c)? == 7;
    let mut cursor = Cursor::at(bytes, HEADER)?;
    if flags & HAS_ID_LIST != 0 {
        let size = usize::from(cursor.u16_le()?);
        id_list(cursor.take(size)?, link);
    }
    if flags & HAS_LINK_INFO != 0 {
        let size = u32_le(cursor.rest(), 0)? as usize;
        link_info(cursor.take(size.max(4))?, link);
    }
    let unicode = flags & IS_UNICODE != 0;
    for bit in 0..5 {
        if flags & HAS_NAME << bit == 0 {
            continue;
        }
        let text = string(&mut cursor, unicode)?;
        match bit {
            0 => link.name = text,
            1 => link.relative = text,
            2 => link.folder = text,
            3 => link.arguments = text,
            _ => link.icon = text,
        }
    }
    for _ in 0..MAX_BLOCKS {
        // Without a terminal block there is nothing behind it either.
        let Some(size) = cursor.u32_le() else { return Some(()) };
        if size < 4 {
            break;
        }
        let block = cursor.take(size as usize - 4)?;
        extra(block, link);
    }
    link.end = cursor.position();
    link.appended = cursor.rest().len();
    Some(())
}

/// A counted string (2.4).
fn string(cursor: &mut Cursor<'_>, unicode: bool) -> Option<String> {
    let length = usize::from(cursor.u16_le()?).min(MAX_STRING);
    if unicode {
        return Some(wide(cursor.take(length * 2)?));
    }
    Some(cursor.take(length)?.iter().map(|byte| char::from(*byte)).collect())
}

fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> =
        bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(units.get(..end).unwrap_or_default())
}

fn narrow(bytes: &[u8]) -> String {
    bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
}

/// The names in a list of shell items (2.2): files and folders have their short name at offset 14.
fn id_list(bytes: &[u8], link: &mut Link) {
    let mut cursor = Cursor::new(bytes);
    let mut parts: Vec<String> = Vec::new();
    for _ in 0..MAX_BLOCKS {
        let Some(size) = cursor.u16_le().filter(|size| *size > 2) else { break };
        let Some(item) = cursor.take(usize::from(size) - 2) else { break };
        match item.first() {
            // A drive, a file or folder.
            Some(0x2f) => parts
                .push(narrow(item.get(1..).unwrap_or_default()).trim_end_matches('\\').to_owned()),
            Some(kind) if kind & 0x70 == 0x30 => {
                let unicode = kind & 4 != 0;
                let name = item.get(12..).unwrap_or_default();
                parts.push(if unicode { wide(name) } else { narrow(name) });
            }
            // A place on the network, a URL.
            Some(0x41..=0x4f | 0xc3) => parts.push(narrow(item.get(3..).unwrap_or_default())),
            Some(0x61) => link.network = narrow(item.get(6..).unwrap_or_default()),
            _ => {}
        }
    }
    link.id_list = parts.join("\\");
}

/// Where the target was when the shortcut was made (2.3).
fn link_info(bytes: &[u8], link: &mut Link) -> Option<()> {
    let flags = u32_le(bytes, 8)?;
    let at = |field: usize| u32_le(bytes, field).map(|offset| offset as usize);
    if flags & 1 != 0 {
        link.target = narrow(bytes.get(at(16)?..)?);
    }
    if flags & 2 != 0 {
        let network = bytes.get(at(20)?..)?;
        let name = u32_le(network, 8)? as usize;
        link.network = narrow(network.get(name..)?);
        let suffix = narrow(bytes.get(at(24)?..)?);
        if !suffix.is_empty() {
            link.network = format!("{}\\{suffix}", link.network);
        }
    }
    Some(())
}

fn extra(block: &[u8], link: &mut Link) {
    let text = |at: usize| {
        let unicode = wide(block.get(at + 260..).unwrap_or_default());
        if unicode.is_empty() { narrow(block.get(at..).unwrap_or_default()) } else { unicode }
    };
    match u32_le(block, 0) {
        Some(ENVIRONMENT) => link.environment = text(4),
        Some(ICON_ENVIRONMENT) => link.icon = text(4),
        Some(TRACKER) => link.machine = narrow(block.get(12..28).unwrap_or_default()),
        _ => {}
    }
}
