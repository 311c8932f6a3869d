//! JavaScript of documents: what it calls, by its words. It is not run.

use memchr::memmem;

use super::kinds;
use crate::Examination;

/// Bytes of one script that are looked at.
const MAX_SCRIPT: usize = 4 << 20;
/// `%u` escapes from which text is code.
const MANY_ESCAPES: usize = 8;
/// Widths of `util.printf` from which it overflows (CVE-2008-2992).
const WIDE_FORMAT: u32 = 1_000;

/// Functions whose calls were exploits and nothing else, and the vulnerability.
const EXPLOITS: &[(&str, &str)] = &[
    ("collab.geticon", "CVE-2009-0927"),
    ("collab.collectemailinfo", "CVE-2007-5659"),
    ("media.newplayer(null", "CVE-2009-4324"),
    ("spell.customdictionaryopen", "CVE-2009-1493"),
    ("doc.printseps", "CVE-2010-4091"),
    ("this.printseps", "CVE-2010-4091"),
];

/// Words of the network.
const NETWORK: &[&str] = &[
    "app.launchurl",
    "this.geturl",
    "geturl(",
    "submitform",
    "soap.connect",
    "soap.request",
    "net.http",
    "maildoc",
    "mailmsg",
    "app.openfdf",
];

/// Judges a script of the action in this object.
pub(super) fn judge(examination: &mut Examination<'_>, script: &str, automatic: bool, object: u32) {
    if script.trim().is_empty() {
        return;
    }
    let script =
        script.get(..script.floor_char_boundary(script.len().min(MAX_SCRIPT))).unwrap_or_default();
    let place = format!("object {object}");
    examination
        .find(&kinds::JAVASCRIPT, format!("JavaScript of {} bytes in {place}", script.len()))
        .quoting(&*place, script.as_bytes());
    if automatic {
        examination
            .find(&kinds::JAVASCRIPT_AUTO_RUN, format!("JavaScript in {place} runs by itself"))
            .quoting(&*place, script.as_bytes());
    }
    examination.observe_text(script.as_bytes(), "JavaScript");
    words(examination, script, &place, automatic);
}

/// Judges the words of a script, whichever form holds it.
pub(super) fn words(examination: &mut Examination<'_>, script: &str, place: &str, automatic: bool) {
    // Blanks between words and dots hide nothing.
    let lower: String =
        script.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let has = |word: &str| memmem::find(lower.as_bytes(), word.as_bytes()).is_some();
    let mut note = |kind, said: String| {
        examination.find(kind, said).quoting(place, script.as_bytes());
    };
    for (call, vulnerability) in EXPLOITS {
        if has(call) {
            note(
                &kinds::JAVASCRIPT_EXPLOIT,
                format!("JavaScript in {place} calls {call} ({vulnerability})"),
            );
        }
    }
    if has("util.printf") && wide_format(&lower) {
        note(
            &kinds::JAVASCRIPT_EXPLOIT,
            format!("JavaScript in {place} formats with a huge width (CVE-2008-2992)"),
        );
    }
    let escapes = memmem::find_iter(lower.as_bytes(), b"%u")
        .filter(|at| {
            lower
                .as_bytes()
                .get(at + 2..at + 6)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
        })
        .count();
    let sled = ["%u9090%u9090", "%u0c0c%u0c0c", "%u0d0d%u0d0d", "%u0a0a%u0a0a"]
        .iter()
        .any(|sled| has(sled));
    if has("unescape") && (sled || escapes >= MANY_ESCAPES && (has("while(") || has("for("))) {
        note(
            &kinds::JAVASCRIPT_HEAP_SPRAY,
            format!("JavaScript in {place} fills memory with {escapes} coded words"),
        );
    }
    let decodes = ["fromcharcode", "unescape(", "atob(", "parseint(", ".replace(/", "string['from"]
        .iter()
        .any(|word| has(word));
    let evaluates =
        ["eval(", "newfunction(", "['eval']", "[\"eval\"]", "app.settimeout(", "app['eval"]
            .iter()
            .any(|word| has(word));
    let long = script
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '%' | '+' | '/' | '=')))
        .any(|word| word.len() >= 300);
    let many = memmem::find_iter(lower.as_bytes(), b"fromcharcode").count() >= 10;
    if automatic && decodes && evaluates && (long || many || has("fromcharcode") && has("eval(")) {
        note(
            &kinds::JAVASCRIPT_OBFUSCATED,
            format!("JavaScript in {place} decodes and evaluates text"),
        );
    }
    // `this.exportDataObject({cName: "a.exe", nLaunch: 2})`
    if has("exportdataobject") && (has("nlaunch:2") || has("nlaunch:1") || has("nlaunch\":2")) {
        note(
            &kinds::JAVASCRIPT_DROPS_FILE,
            format!("JavaScript in {place} saves and opens an attached file"),
        );
    }
    let network: Vec<&str> = NETWORK.iter().copied().filter(|word| has(word)).collect();
    if !network.is_empty() {
        note(
            &kinds::JAVASCRIPT_NETWORK,
            format!("JavaScript in {place} uses {}", network.join(", ")),
        );
        let opens = network.iter().any(|word| word.contains("url"));
        if automatic && opens && has("http") {
            note(
                &kinds::OPENS_ADDRESS,
                format!("JavaScript in {place} opens an address by itself"),
            );
        }
        if automatic && network.contains(&"submitform") {
            note(
                &kinds::SUBMITS_BY_ITSELF,
                format!("JavaScript in {place} sends the form by itself"),
            );
        }
    }
}

/// `%45000f`
fn wide_format(lower: &str) -> bool {
    memmem::find_iter(lower.as_bytes(), b"%").any(|at| {
        let digits: String = lower
            .get(at + 1..)
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .take(9)
            .collect();
        digits.parse::<u32>().is_ok_and(|width| width >= WIDE_FORMAT)
    })
}
