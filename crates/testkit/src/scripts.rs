//! The engines that most tests want: a prober, an unpacker and scanners that go by plain words in
//! the artifact.

use palisade_model::{
    Failure, FileType, Finding, Outcome, Problem, ProblemKind, Severity, Verdict,
};
use palisade_ports::engine::Opinion;

use crate::engine::{Act, ScriptedEngine};
use crate::packing;

/// The name of [`prober`].
pub const PROBER: &str = "filetype";
/// The name of [`unpacker`].
pub const UNPACKER: &str = "unpack";

/// Tells boxes (see [`packing`]) and everything that starts with `QUINE` from text.
pub fn prober() -> ScriptedEngine {
    ScriptedEngine::new(PROBER, |scene| {
        let boxed = packing::is_box(scene.bytes) || scene.bytes.starts_with(b"QUINE");
        Act::Say(Opinion {
            file_type: Some(file_type(if boxed { "box" } else { "text" })),
            ..Opinion::default()
        })
    })
}

/// A file type of this id.
pub fn file_type(id: &str) -> FileType {
    FileType {
        id: id.to_owned(),
        description: format!("a {id}"),
        mime: "application/octet-stream".to_owned(),
        extension: id.to_owned(),
        category: "other".to_owned(),
    }
}

/// Opens boxes. One that starts with `QUINE` contains itself; one that ends early gives what it
/// has, and says so.
pub fn unpacker() -> ScriptedEngine {
    ScriptedEngine::new(UNPACKER, |scene| {
        if scene.bytes.starts_with(b"QUINE") {
            let itself = vec![("itself".to_owned(), scene.bytes.to_vec())];
            return Act::Unpack(itself, Opinion::default());
        }
        let (members, whole) = packing::open(scene.bytes);
        let problems = match whole {
            true => Vec::new(),
            false => vec![problem(ProblemKind::Truncated)],
        };
        Act::Unpack(members, Opinion { problems, ..Opinion::default() })
    })
}

/// Something that could not be read.
pub fn problem(kind: ProblemKind) -> Problem {
    Problem { kind, name: String::new(), detail: format!("{kind:?}") }
}

/// Finds `evil` malicious and `odd` suspicious; `locked` is encrypted, `cut` is truncated, `alien`
/// unsupported.
pub fn scanner(name: &str) -> ScriptedEngine {
    ScriptedEngine::new(name, |scene| Act::Say(opinion_on(scene.bytes)))
}

/// What [`scanner`] says of these bytes. Of a box it says nothing: what is in it speaks for itself.
pub fn opinion_on(bytes: &[u8]) -> Opinion {
    let has = |word: &str| {
        !packing::is_box(bytes) && bytes.windows(word.len()).any(|bytes| bytes == word.as_bytes())
    };
    if has("evil") {
        return found("evil", Severity::Malicious, Verdict::Malicious);
    }
    if has("odd") {
        return found("odd", Severity::Suspicious, Verdict::Suspicious);
    }
    if has("locked") {
        return unread(Some(Failure::Encrypted), ProblemKind::EncryptedArchive);
    }
    if has("alien") {
        return unread(Some(Failure::NotScanned), ProblemKind::Unsupported);
    }
    if has("cut") {
        return unread(None, ProblemKind::Truncated);
    }
    Opinion::default()
}

fn found(id: &str, severity: Severity, verdict: Verdict) -> Opinion {
    let finding = Finding {
        id: id.to_owned(),
        severity,
        explanation: format!("contains the word {id}"),
        ..Finding::default()
    };
    Opinion {
        outcome: Some(Outcome::Verdict(verdict)),
        threat: Some(format!("Test.{id}")),
        findings: vec![finding],
        ..Opinion::default()
    }
}

fn unread(failure: Option<Failure>, kind: ProblemKind) -> Opinion {
    Opinion {
        outcome: failure.map(Outcome::Failure),
        problems: vec![problem(kind)],
        ..Opinion::default()
    }
}
