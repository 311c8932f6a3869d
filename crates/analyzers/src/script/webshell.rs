//! PHP that runs what the request carries.

use super::features::{Feature, Hit};

/// Bytes behind a function's name in which its arguments are looked at.
const ARGUMENTS: usize = 400;
/// Bytes of a page beyond which only the direct forms count: a framework has everything somewhere.
const SMALL: usize = 64 << 10;
/// Variables that are followed.
const MAX_TAINTED: usize = 64;

/// Functions that make an argument of the command line out of text: what goes through them is no code.
const QUOTED: [&[u8]; 4] = [b"escapeshellarg", b"escapeshellcmd", b"intval", b"(int)"];
/// What the request carries.
const SUPERGLOBALS: [&[u8]; 5] =
    [b"$_get", b"$_post", b"$_request", b"$_cookie", b"$_server[\"http_"];

/// What the page does, and where in the view.
pub(super) fn find(view: &[u8], hits: &[Hit]) -> Option<(&'static str, usize)> {
    if !hits.iter().any(|hit| hit.feature == Feature::RequestPhp) {
        return None;
    }
    let sinks = || hits.iter().filter(|hit| hit.feature == Feature::SinkPhp);
    for sink in sinks() {
        let args = arguments(view, sink.end);
        if SUPERGLOBALS.iter().any(|name| contains(args, name)) || contains(args, b"php://input") {
            return Some(("evaluates what the request carries", sink.start));
        }
    }
    if let Some(place) = called_global(view) {
        return Some(("calls the function that the request names", place));
    }
    if view.len() > SMALL {
        return None;
    }
    let tainted = tainted(view, hits);
    for sink in sinks() {
        let args = arguments(view, sink.end);
        if tainted.iter().any(|name| names(args, name)) {
            return Some(("runs a variable that the request sets", sink.start));
        }
    }
    // Known families: a password by its hash, and the tools of a file manager with a command line.
    let has = |feature| hits.iter().any(|hit| hit.feature == feature);
    let files = hits.iter().filter(|hit| hit.feature == Feature::FilesPhp).count();
    if has(Feature::PasswordPhp) && has(Feature::ExecPhp) && files >= 4 {
        return Some(("a file manager with a command line behind a password", 0));
    }
    None
}

/// The arguments of a call whose bracket is open at `from`.
fn arguments(view: &[u8], from: usize) -> &[u8] {
    let rest = view.get(from..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(ARGUMENTS)).unwrap_or_default();
    let mut open = 1i32;
    let end = rest.iter().position(|byte| {
        open += i32::from(*byte == b'(') - i32::from(*byte == b')');
        open <= 0 || *byte == b';'
    });
    let args = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    if QUOTED.iter().any(|name| contains(args, name)) { &[] } else { args }
}

/// `$_GET["a"](…)`: the request names the function.
fn called_global(view: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(view, b"$_").find(|at| {
        let rest = view.get(*at..).unwrap_or_default();
        let rest = rest.get(..rest.len().min(64)).unwrap_or_default();
        let known = SUPERGLOBALS.iter().take(4).any(|name| {
            rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
                && rest.get(name.len()) == Some(&b'[')
        });
        let close = memchr::memchr(b']', rest).filter(|_| known);
        close.is_some_and(|close| rest.get(close + 1) == Some(&b'('))
    })
}

/// Names of variables that are set from the request.
fn tainted(view: &[u8], hits: &[Hit]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    for hit in hits.iter().filter(|hit| hit.feature == Feature::RequestPhp) {
        // `$name = … $_POST…`, in the statement that ends here.
        let before = view.get(hit.start.saturating_sub(200)..hit.start).unwrap_or_default();
        let statement =
            before.rsplit(|byte| matches!(byte, b';' | b'{' | b'}')).next().unwrap_or_default();
        if QUOTED.iter().any(|name| contains(statement, name)) {
            continue;
        }
        let Some(dollar) = memchr::memchr(b'$', statement) else { continue };
        let name = statement.get(dollar..).unwrap_or_default();
        let length = 1 + name
            .iter()
            .skip(1)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let sets = name.get(length) == Some(&b'=') && name.get(length + 1) != Some(&b'=');
        if length > 1 && sets && names.len() < MAX_TAINTED {
            names.push(name.get(..length).unwrap_or_default().to_vec());
        }
    }
    names
}

/// Whether a variable of this name stands in the text, whole.
fn names(text: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(text, name).any(|at| {
        !text.get(at + name.len()).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    })
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len().max(1)).any(|window| window.eq_ignore_ascii_case(needle))
}
