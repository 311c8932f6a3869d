//! clamd's replies.

use palisade_model::Definitions;
use palisade_ports::engine::Opinion;

use crate::answer::{self, Answer, ENCRYPTED_DOCUMENT, Meaning, Treatment};
use crate::{text, time};

/// A reply to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing found.
    Ok,
    /// Something of this name was found.
    Found(String),
    /// It could not scan, in its words.
    Error(String),
}

/// Reads the reply to a scan: `LABEL: OK`, `LABEL: NAME FOUND`, `[LABEL: ]TEXT ERROR` (clamd(8), and
/// libclamav's and clamd's own reply formats). `None` for anything else.
pub(super) fn scan_reply(line: &str) -> Option<Reply> {
    let line = line.trim_end();
    if let Some(words) = line.strip_suffix(" ERROR") {
        let words = words.trim().trim_end_matches('.');
        return Some(Reply::Error(text::line(words, text::LINE_BYTES)));
    }
    let (_, said) = line.split_once(": ")?;
    if said == "OK" {
        return Some(Reply::Ok);
    }
    let name = said.strip_suffix(" FOUND")?.trim();
    (!name.is_empty()).then(|| Reply::Found(name.to_owned()))
}

/// Takes the number of a session's request off its reply (`7: stream: OK`).
pub(super) fn numbered(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = line.split_once(": ")?;
    Some((number.parse().ok()?, rest))
}

/// What the names of a class count as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Classes {
    pub(super) pua: Treatment,
    pub(super) heuristics: Treatment,
}

/// A reply as the opinion of the engine `scanner`.
pub(super) fn opinion(reply: Reply, scanner: &str, classes: Classes) -> Opinion {
    let name = match reply {
        Reply::Ok => return Answer::new(Meaning::Clean).opinion(scanner),
        Reply::Error(words) => return error(words).opinion(scanner),
        Reply::Found(name) => name,
    };
    if name.starts_with("Heuristics.Limits.Exceeded") {
        let reason = format!("clamd reached a limit of its own: {name}");
        return Answer::not_scanned(reason).opinion(scanner);
    }
    if let Some(format) = name.strip_prefix("Heuristics.Encrypted") {
        // `.PDF`, `.Doc`, `.OLE2`, … against `.Zip`, `.RAR`, `.7Zip`, `.Arj`, `.EGG`.
        let format = format.trim_start_matches('.').to_ascii_lowercase();
        let document = ["pdf", "doc", "ole2", "xls", "ppt", "office"]
            .iter()
            .any(|kind| format.starts_with(kind));
        let tags = if document { vec![ENCRYPTED_DOCUMENT.to_owned()] } else { Vec::new() };
        let reason = format!("it is encrypted: {name}");
        return Answer { meaning: Meaning::Encrypted, reason, tags, ..Answer::default() }
            .opinion(scanner);
    }
    let treatment = if name.starts_with("PUA.") {
        classes.pua
    } else if name.starts_with("Heuristics.") {
        classes.heuristics
    } else {
        Treatment::Malicious
    };
    answer::detection(scanner, treatment.severity(), Some(&name), tags(&name))
}

/// Sorts clamd's errors by their words; they have no codes.
fn error(words: String) -> Answer {
    let lower = words.to_ascii_lowercase();
    let meaning = if lower.contains("size limit exceeded") {
        Meaning::NotScanned
    } else if lower.contains("time limit reached") || lower.contains("timed out") {
        Meaning::TimedOut
    } else {
        Meaning::Failed
    };
    Answer { meaning, reason: format!("clamd says: {words}"), ..Answer::default() }
}

/// The words in a signature's name that say what kind of threat it is: its first two parts (platform
/// and category, by ClamAV's naming guidelines), and `unofficial` for signatures of others.
fn tags(name: &str) -> Vec<String> {
    let unofficial = name.strip_suffix(".UNOFFICIAL");
    let mut parts = unofficial.unwrap_or(name).split('.');
    let mut tags = Vec::new();
    if let (Some(platform), Some(category), Some(_)) = (parts.next(), parts.next(), parts.next()) {
        for part in [platform, category] {
            tags.push(text::line(part, 32).to_ascii_lowercase());
        }
    }
    if unofficial.is_some() {
        tags.push("unofficial".to_owned());
    }
    tags
}

/// Reads the reply to `VERSION`: `ClamAV 1.4.3/27452/Sun Nov 10 09:34:21 2024`, or the program's
/// version alone when there is no `daily` database. The date is in clamd's time zone, which it does
/// not tell; it is taken as UTC. Other products that speak the protocol answer in a form of their own,
/// which is a version all the same.
pub(super) fn version(line: &str) -> Option<Definitions> {
    let line = text::line(line, text::THREAT_BYTES);
    if line.is_empty() || line == "UNKNOWN COMMAND" || line == "COMMAND UNAVAILABLE" {
        return None;
    }
    let mut parts = line.splitn(3, '/');
    let (program, number, date) = (parts.next()?, parts.next(), parts.next());
    let time = date.and_then(|date| time::formatted(date, "%a %b %d %H:%M:%S %Y"));
    let version = match number {
        Some(number) => format!("{program}/{number}"),
        None => program.to_owned(),
    };
    Some(Definitions { version, time: time.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use palisade_model::{Failure, Outcome, ProblemKind, UnixMillis, Verdict};

    use super::*;

    const CLASSES: Classes =
        Classes { pua: Treatment::Suspicious, heuristics: Treatment::Suspicious };

    fn of(line: &str) -> Opinion {
        opinion(scan_reply(line).unwrap(), "clamav", CLASSES)
    }

    #[test]
    fn replies() {
        assert_eq!(scan_reply("stream: OK"), Some(Reply::Ok));
        assert_eq!(scan_reply("fd[12]: OK"), Some(Reply::Ok));
        let found = |name: &str| Some(Reply::Found(name.to_owned()));
        assert_eq!(scan_reply("stream: Win.Test.EICAR_HDB-1 FOUND"), found("Win.Test.EICAR_HDB-1"));
        assert_eq!(
            scan_reply("INSTREAM size limit exceeded. ERROR"),
            Some(Reply::Error("INSTREAM size limit exceeded".to_owned()))
        );
        for bad in [
            "",
            "OK",
            "PONG",
            "stream:OK",
            "stream: ",
            "stream:  FOUND",
            "stream: FOUND",
            "UNKNOWN COMMAND",
        ] {
            assert_eq!(scan_reply(bad), None, "{bad}");
        }
        assert_eq!(numbered("7: stream: OK"), Some((7, "stream: OK")));
        assert_eq!(numbered("stream: OK"), None);
        assert_eq!(numbered("99999999999999999999: x"), None);
    }

    #[test]
    fn names_have_classes() {
        let opinion = of("stream: Win.Trojan.Example-1 FOUND");
        assert_eq!(opinion.outcome, Some(Outcome::Verdict(Verdict::Malicious)));
        assert_eq!(opinion.threat.as_deref(), Some("Win.Trojan.Example-1"));
        assert_eq!(opinion.findings[0].tags, ["win", "trojan"]);
        let opinion = of("stream: House.Malware.Thing.UNOFFICIAL FOUND");
        assert_eq!(opinion.findings[0].tags, ["house", "malware", "unofficial"]);
        let suspicious = Some(Outcome::Verdict(Verdict::Suspicious));
        assert_eq!(of("stream: PUA.Win.Packer.Example-1 FOUND").outcome, suspicious);
        assert_eq!(of("stream: Heuristics.OLE2.ContainsMacros FOUND").outcome, suspicious);
    }

    #[test]
    fn what_was_not_read_is_never_clean() {
        let opinion = of("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND");
        assert_eq!(opinion.outcome, Some(Outcome::Failure(Failure::NotScanned)));
        for (name, kind) in [
            ("Heuristics.Encrypted.Zip", ProblemKind::EncryptedArchive),
            ("Heuristics.Encrypted.PDF", ProblemKind::EncryptedDocument),
            ("Heuristics.Encrypted.Doc", ProblemKind::EncryptedDocument),
        ] {
            let opinion = of(&format!("stream: {name} FOUND"));
            assert_eq!(opinion.outcome, Some(Outcome::Failure(Failure::Encrypted)));
            assert_eq!(opinion.problems[0].kind, kind);
        }
        for (words, failure) in [
            ("INSTREAM size limit exceeded. ERROR", Failure::NotScanned),
            ("stream: Time limit reached ERROR", Failure::TimedOut),
            ("stream: Can't allocate memory ERROR", Failure::Failed),
        ] {
            let opinion = of(words);
            assert_eq!(opinion.outcome, Some(Outcome::Failure(failure)));
            assert!(opinion.reason.unwrap().starts_with("clamd says: "));
        }
    }

    #[test]
    fn versions() {
        let known = version("ClamAV 1.4.3/27452/Sun Nov 10 12:00:00 2024").unwrap();
        assert_eq!(known.version, "ClamAV 1.4.3/27452");
        assert_eq!(known.time, UnixMillis(1_731_240_000_000));
        assert_eq!(version("ClamAV 1.4.6").unwrap().version, "ClamAV 1.4.6");
        assert_eq!(version("ClamAV 1/2/not a date").unwrap().time, UnixMillis(0));
        assert_eq!(version("UNKNOWN COMMAND"), None);
        assert_eq!(version(""), None);
    }
}
