use http::HeaderMap;
use palisade_model::{BatchId, EngineName, Priority};
use palisade_pipeline::gateway::{DEFAULT_WORKFLOW, GatewayError, Submission, Workflows};
use palisade_ports::courier::Target;

use super::text::decode;
use crate::error::{ApiError, ErrorCode};

/// The longest file name, in bytes of UTF-8.
const MAX_NAME: usize = 1_024;
/// The longest metadata, in bytes.
const MAX_METADATA: usize = 16 << 10;
/// The most passwords, and the longest, in bytes.
const MAX_PASSWORDS: usize = 32;
const MAX_PASSWORD: usize = 1_024;
/// The longest name that a caller's program has in reports, in bytes.
const MAX_AGENT: usize = 256;
/// The most engines that can be named.
const MAX_ENGINES: usize = 64;

/// What the headers of an upload ask for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Whether they name the file; if not, a multipart part may.
    pub(crate) named: bool,
    /// The workflow that they name; if none, the batch's or the key's counts.
    pub(crate) workflow: Option<String>,
    pub(crate) submission: Submission,
}

/// Headers of services that this release does not have. A caller that sends one relies on it, so
/// it is told rather than left to wait.
const NOT_SERVED: [(&str, &str); 6] = [
    ("sanitizedurl", "Sanitized copies"),
    ("downloadfrom", "Fetching a file from a URL (send its bytes instead)"),
    ("sandbox", "The sandbox"),
    ("rescan-count", "Scheduled rescans"),
    ("rescan_count", "Scheduled rescans"),
    ("rescan-interval", "Scheduled rescans"),
];

/// Reads the headers of an upload.
///
/// # Errors
/// One that names the header and what to send instead.
pub(crate) fn parse(headers: &HeaderMap, workflows: &Workflows) -> Result<Asked, ApiError> {
    for (name, what) in NOT_SERVED {
        if raw(headers, name).is_some_and(|value| !matches!(value, b"0" | b"false" | b"False")) {
            return Err(ApiError::not_served(&format!("{what} (header {name})")));
        }
    }
    let name = text(headers, "filename", MAX_NAME)?;
    let named = name.is_some();
    let mut submission = Submission::new(name.unwrap_or_default());
    let workflow = workflow(headers, workflows)?;
    submission.batch = batch(headers)?;
    submission.tell = callback(headers)?;
    submission.passwords = passwords(headers)?;
    submission.metadata = metadata(headers)?;
    submission.priority = priority(headers)?;
    submission.deadline_ms = deadline_ms(headers)?;
    submission.engines = engines(headers)?;
    submission.cache = cache(headers);
    submission.user_agent = agent(headers);
    Ok(Asked { named, workflow, submission })
}

/// A header's bytes; empty counts as absent.
fn raw<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let value = headers.get(name)?.as_bytes().trim_ascii();
    (!value.is_empty()).then_some(value)
}

fn text(headers: &HeaderMap, name: &str, max: usize) -> Result<Option<String>, ApiError> {
    let Some(bytes) = raw(headers, name) else { return Ok(None) };
    let text = decode(bytes).ok_or_else(|| {
        ApiError::header(name, "is not URL-encoded UTF-8: encode it, and a percent sign as %25")
    })?;
    if text.len() > max {
        return Err(ApiError::header(name, &format!("is longer than {max} bytes: shorten it")));
    }
    Ok(Some(text))
}

/// The workflow that `rule`, or in older clients `workflow`, names: one of the operator's, words of
/// MetaDefender Cloud which all mean the default one, or both together (`mail,unarchive`).
pub(crate) fn workflow(
    headers: &HeaderMap,
    workflows: &Workflows,
) -> Result<Option<String>, ApiError> {
    let rule = text(headers, "rule", 256)?;
    let Some(name) = rule.map_or_else(|| text(headers, "workflow", 256), |rule| Ok(Some(rule)))?
    else {
        return Ok(None);
    };
    if workflows.get(&name).is_some() {
        return Ok(Some(name));
    }
    let mut chosen: Option<&str> = None;
    for word in name.split(['_', ',']).map(str::trim) {
        match word {
            "multiscan" | "unarchive" => {}
            "sanitize" | "cdr" | "dlp" => {
                return Err(ApiError::not_served(&format!("The rule {word}")));
            }
            word if workflows.get(word).is_some() => {
                if chosen.is_some_and(|chosen| chosen != word) {
                    let message = format!("The rule {name:?} names two workflows: name one");
                    return Err(ApiError::new(ErrorCode::UnknownWorkflow, message));
                }
                chosen = Some(word);
            }
            _ => {
                let message = format!(
                    "There is no workflow named {name:?}: leave out the header rule, or use one of \
                     {}, multiscan, unarchive",
                    workflows.names()
                );
                return Err(ApiError::new(ErrorCode::UnknownWorkflow, message));
            }
        }
    }
    Ok(Some(chosen.unwrap_or(DEFAULT_WORKFLOW).to_owned()))
}

fn batch(headers: &HeaderMap) -> Result<Option<BatchId>, ApiError> {
    let Some(id) = text(headers, "batch", 64)? else { return Ok(None) };
    id.parse().map(Some).map_err(|_| GatewayError::UnknownBatch.into())
}

/// The URL to tell when it is done.
pub(crate) fn callback(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(bytes) = raw(headers, "callbackurl") else { return Ok(None) };
    // As it is: a URL has percent signs of its own.
    let url = String::from_utf8_lossy(bytes).into_owned();
    match Target::parse(&url) {
        Ok(_) => Ok(Some(url)),
        Err(error) => {
            let message = format!("The header callbackurl is no URL that can be called: {error}");
            Err(ApiError::new(ErrorCode::BadCallback, message))
        }
    }
}

/// The caller's own text of a batch, `user-data` or `user_data`.
pub(crate) fn user_data(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let name = if headers.contains_key("user-data") { "user-data" } else { "user_data" };
    text(headers, name, MAX_METADATA)
}

/// `archivepwd`, `archivepwd1` … in the order of their numbers, `filepassword`.
fn passwords(headers: &HeaderMap) -> Result<Vec<String>, ApiError> {
    let mut numbered = Vec::new();
    for (name, value) in headers {
        let place = match name.as_str() {
            "archivepwd" => 0,
            "filepassword" => u32::MAX,
            name => match name.strip_prefix("archivepwd").map(str::parse::<u32>) {
                Some(Ok(number)) => number.min(u32::MAX - 1),
                _ => continue,
            },
        };
        numbered.push((place, name, value.as_bytes()));
    }
    numbered.sort_by_key(|(place, ..)| *place);
    let mut passwords = Vec::new();
    for (_, name, bytes) in numbered {
        if bytes.len() > MAX_PASSWORD {
            let why = format!("is longer than {MAX_PASSWORD} bytes: no password is");
            return Err(ApiError::header(name.as_str(), &why));
        }
        // Encoded or as it is: `50%25` may stand for itself, so both are tried.
        let as_is = String::from_utf8_lossy(bytes).into_owned();
        for password in [decode(bytes), Some(as_is)].into_iter().flatten() {
            if !password.is_empty() && !passwords.contains(&password) {
                passwords.push(password);
            }
        }
        if passwords.len() > MAX_PASSWORDS {
            let why = format!("is one too many: at most {MAX_PASSWORDS} passwords are tried");
            return Err(ApiError::header(name.as_str(), &why));
        }
    }
    Ok(passwords)
}

fn metadata(headers: &HeaderMap) -> Result<Option<serde_json::Value>, ApiError> {
    let Some(bytes) = raw(headers, "metadata") else { return Ok(None) };
    if bytes.len() > MAX_METADATA {
        let why = format!("is longer than {MAX_METADATA} bytes: shorten it");
        return Err(ApiError::header("metadata", &why));
    }
    let parse = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let encoded = || decode(bytes).and_then(|text| parse(text.as_bytes()));
    match parse(bytes).or_else(encoded) {
        Some(value @ serde_json::Value::Object(_)) => Ok(Some(value)),
        _ => Err(ApiError::header("metadata", "is not a JSON object, plain or URL-encoded")),
    }
}

fn priority(headers: &HeaderMap) -> Result<Priority, ApiError> {
    match raw(headers, "priority") {
        None | Some(b"interactive") => Ok(Priority::Interactive),
        Some(b"batch") => Ok(Priority::Batch),
        // RFC 9218 has a header of this name (`u=3, i`): proxies and browsers add it.
        Some(value) if value.starts_with(b"u=") || value == b"i" => Ok(Priority::Interactive),
        Some(_) => Err(ApiError::header("priority", "is neither interactive nor batch")),
    }
}

fn deadline_ms(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = raw(headers, "global-timeout") else { return Ok(None) };
    let seconds = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u32>().ok());
    match seconds {
        Some(seconds) if seconds > 0 => Ok(Some(u64::from(seconds) * 1000)),
        _ => Err(ApiError::header("global-timeout", "is not a number of seconds above 0")),
    }
}

fn engines(headers: &HeaderMap) -> Result<Option<Vec<EngineName>>, ApiError> {
    let Some(text) = text(headers, "engines", 4_096)? else { return Ok(None) };
    let mut engines = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let engine: EngineName = word.parse().map_err(|_| {
            let message = format!(
                "There is no engine named {word:?}; GET /stat/engines lists those there are"
            );
            ApiError::new(ErrorCode::UnknownEngine, message)
        })?;
        if !engines.contains(&engine) {
            engines.push(engine);
        }
        if engines.len() > MAX_ENGINES {
            let why = format!("names more than {MAX_ENGINES} engines");
            return Err(ApiError::header("engines", &why));
        }
    }
    if engines.is_empty() {
        return Err(ApiError::header("engines", "names no engine: leave it out for all"));
    }
    Ok(Some(engines))
}

/// Whether an earlier report may answer.
fn cache(headers: &HeaderMap) -> bool {
    let is = |name, words: &[&[u8]]| {
        raw(headers, name)
            .is_some_and(|value| words.iter().any(|word| value.eq_ignore_ascii_case(word)))
    };
    !is("rescan", &[b"true", b"1", b"yes"]) && !is("x-palisade-cache", &[b"no", b"off", b"false"])
}

/// The caller's program. The vendor's client sends two `user-agent` lines when its user sets one;
/// the first is the user's.
pub(crate) fn agent(headers: &HeaderMap) -> Option<String> {
    let bytes = raw(headers, "user_agent").or_else(|| raw(headers, "user-agent"))?;
    let mut agent = String::from_utf8_lossy(bytes).into_owned();
    let mut end = agent.len().min(MAX_AGENT);
    while !agent.is_char_boundary(end) {
        end -= 1;
    }
    agent.truncate(end);
    Some(agent)
}

#[cfg(test)]
mod tests {
    use palisade_pipeline::gateway::Workflow;

    use super::*;

    fn asked(headers: &[(&'static str, &str)]) -> Result<Asked, ApiError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let names = ["mail", "Web Upload"].map(|name| (name.to_owned(), Workflow::default()));
        parse(&map, &Workflows::new(names.into()).unwrap())
    }

    #[test]
    fn nothing_asked_is_the_default() {
        let Asked { named, workflow, submission } = asked(&[]).unwrap();
        assert!(!named && submission.cache && submission.passwords.is_empty());
        assert_eq!((workflow, submission.deadline_ms), (None, None));
        assert_eq!((submission.batch, submission.tell), (None, None));
    }

    #[test]
    fn everything_asked_arrives() {
        let Asked { workflow, submission, .. } = asked(&[
            ("filename", "a%20b.txt"),
            ("rule", "multiscan_unarchive"),
            ("archivepwd2", "zwei"),
            ("archivepwd10", "zehn"),
            ("archivepwd", "first"),
            ("filepassword", "last"),
            ("metadata", "{\"a\":1}"),
            ("priority", "batch"),
            ("global-timeout", "7"),
            ("engines", "yara, filetype,yara"),
            ("rescan", "True"),
            ("user-agent", "me"),
            ("user-agent", "sdk"),
            ("sandbox", "False"),
            ("callbackurl", "https://a.example/x%20y"),
            ("batch", "018bcfe568000102030405060708090a"),
        ])
        .unwrap();
        assert_eq!(submission.name, "a b.txt");
        assert_eq!(workflow.as_deref(), Some("default"));
        assert_eq!(submission.tell.as_deref(), Some("https://a.example/x%20y"));
        assert!(submission.batch.is_some());
        assert_eq!(submission.passwords, ["first", "zwei", "zehn", "last"]);
        assert_eq!(submission.metadata, Some(serde_json::json!({"a": 1})));
        assert_eq!(submission.priority, Priority::Batch);
        assert_eq!(submission.deadline_ms, Some(7_000));
        let engines: Vec<_> = submission.engines.unwrap().iter().map(|e| e.to_string()).collect();
        assert_eq!(engines, ["yara", "filetype"]);
        assert!(!submission.cache);
        assert_eq!(submission.user_agent.as_deref(), Some("me"));
        for (header, value, name) in [
            ("workflow", "mail", "mail"),
            ("rule", "Web%20Upload", "Web Upload"),
            ("rule", "mail,unarchive", "mail"),
            ("rule", "multiscan, mail", "mail"),
            ("rule", "default", "default"),
            ("rule", "multiscan,unarchive", "default"),
        ] {
            assert_eq!(asked(&[(header, value)]).unwrap().workflow.as_deref(), Some(name));
        }
        let encoded = asked(&[("metadata", "%7B%22a%22%3A1%7D")]).unwrap().submission;
        assert_eq!(encoded.metadata, submission.metadata);
        let both = asked(&[("archivepwd", "50%25")]).unwrap().submission;
        assert_eq!(both.passwords, ["50%", "50%25"]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let long = "a".repeat(1_025);
        let json = format!("{{\"a\":\"{}\"}}", "a".repeat(16 << 10));
        let many: Vec<_> = (0..65).map(|number| format!("e{number}")).collect();
        let many = many.join(",");
        for (name, value, code) in [
            ("filename", "%FF", ErrorCode::BadHeader),
            ("filename", "50%", ErrorCode::BadHeader),
            ("filename", &long, ErrorCode::BadHeader),
            ("rule", "nonsense", ErrorCode::UnknownWorkflow),
            ("rule", "multiscan_sanitize", ErrorCode::NotServed),
            ("archivepwd", &long, ErrorCode::BadHeader),
            ("metadata", "{", ErrorCode::BadHeader),
            ("metadata", "[1]", ErrorCode::BadHeader),
            ("metadata", &json, ErrorCode::BadHeader),
            ("priority", "high", ErrorCode::BadHeader),
            ("global-timeout", "0", ErrorCode::BadHeader),
            ("global-timeout", "-1", ErrorCode::BadHeader),
            ("global-timeout", "soon", ErrorCode::BadHeader),
            ("engines", ",", ErrorCode::BadHeader),
            ("engines", "Yara!", ErrorCode::UnknownEngine),
            ("engines", &many, ErrorCode::BadHeader),
            ("rule", "mail,Web Upload", ErrorCode::UnknownWorkflow),
            ("callbackurl", "ftp://x/", ErrorCode::BadCallback),
            ("callbackurl", "http://user:pass@x/", ErrorCode::BadCallback),
            ("downloadfrom", "http://x/", ErrorCode::NotServed),
            ("batch", "b1", ErrorCode::UnknownBatch),
            ("sandbox", "windows10", ErrorCode::NotServed),
            ("rescan-count", "3", ErrorCode::NotServed),
        ] {
            assert_eq!(asked(&[(name, value)]).unwrap_err().code(), code, "{name}: {value}");
        }
        let passwords: Vec<(&'static str, String)> =
            (0..33).map(|number| ("archivepwd", format!("p{number}"))).collect();
        let passwords: Vec<_> = passwords.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(asked(&passwords).unwrap_err().code(), ErrorCode::BadHeader);
    }
}
