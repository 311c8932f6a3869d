//! `unpack`: opens containers; what is inside becomes artifacts of the same request.

use std::io::Read;

use palisade_formats::filetype;
use palisade_formats::unpack::{self, Child, ChildKind, Limits, Options, Sink, SinkError};
use palisade_jail::Loaded;
use palisade_model::{Definitions, Failure, Outcome, Problem, ProblemKind};
use palisade_ports::Analyzer;
use palisade_ports::engine::{ChildHead, Opinion, Scan, ScanContext};

use crate::filetype::NO_TIME;

/// Its name.
pub const NAME: &str = "unpack";

/// For people.
pub const DESCRIPTION: &str = "archives, mail, documents and encoded text, recursively";

/// Problems listed for one container; the rest are counted.
const MAX_PROBLEMS: usize = 200;

struct UnpackEngine;

/// Loads it; it has no settings and no definitions of its own.
///
/// # Errors
/// None.
pub fn load(_: &serde_json::Value, _: &[&[u8]]) -> Result<Box<dyn Loaded>, String> {
    Ok(Box::new(UnpackEngine))
}

/// Containers outside the archive category that hold other files and that we do not open.
const CLOSED: [&str; 5] = ["chm", "sis", "pst", "dbx", "nsf"];

/// Whether a type holds other files and no reader of ours opens it: it must be said to be closed,
/// because nothing is clean that could not be read (law 10).
fn is_closed(ty: &filetype::Type) -> bool {
    let holds = ty.category == filetype::Category::Archive || CLOSED.contains(&ty.id);
    holds && unpack::unpacker(ty.id).is_none()
}

/// The type ids that it has something to say about.
pub fn types() -> Vec<&'static str> {
    filetype::all()
        .filter(|ty| unpack::unpacker(ty.id).is_some() || is_closed(ty))
        .map(|ty| ty.id)
        .collect()
}

/// Definitions of engines whose knowledge is the program itself.
pub(crate) fn program_definitions() -> Definitions {
    Definitions { version: env!("CARGO_PKG_VERSION").to_owned(), time: NO_TIME }
}

impl Loaded for UnpackEngine {
    fn definitions(&self) -> Definitions {
        program_definitions()
    }

    fn analyzer(&self) -> Box<dyn Analyzer + '_> {
        Box::new(UnpackAnalyzer)
    }
}

struct UnpackAnalyzer;

impl Analyzer for UnpackAnalyzer {
    fn analyze(&mut self, bytes: &[u8], context: &ScanContext, scan: &mut dyn Scan) -> Opinion {
        let id = match context.file_type.id.as_str() {
            "" | "unknown" => filetype::detect(bytes).ty.id,
            id => id,
        };
        let options = Options { limits: limits(context), passwords: context.passwords.clone() };
        let mut out = Out { scan, context, problems: Vec::new(), more: 0 };
        if !unpack::unpack(bytes, id, &options, &mut out)
            && let Some(ty) = filetype::by_id(id).filter(|ty| is_closed(ty))
        {
            let detail = format!("{}: no reader for this format", ty.description);
            out.problem(None, unpack::Problem::Unsupported, &detail);
        }
        let (mut problems, more) = (out.problems, out.more);
        if more > 0 {
            let kind = problems.iter().map(|p| p.kind).min().unwrap_or(ProblemKind::Corrupt);
            problems.push(Problem {
                kind,
                name: String::new(),
                detail: format!("and {more} more problems in this container"),
            });
        }
        let outcome = problems.iter().map(|problem| problem.kind).min().and_then(failure);
        let reason = outcome.and_then(|_| {
            problems.iter().min_by_key(|problem| problem.kind).map(|problem| problem.detail.clone())
        });
        Opinion { outcome: outcome.map(Outcome::Failure), reason, problems, ..Opinion::default() }
    }
}

/// The outcome that a problem gives the entry. What was broken inside an otherwise opened container
/// is a problem, not a failure of the engine.
fn failure(kind: ProblemKind) -> Option<Failure> {
    match kind {
        ProblemKind::EncryptedArchive | ProblemKind::EncryptedDocument => Some(Failure::Encrypted),
        ProblemKind::TooDeep
        | ProblemKind::TooManyFiles
        | ProblemKind::TooLarge
        | ProblemKind::Unsupported => Some(Failure::NotScanned),
        ProblemKind::TimedOut => Some(Failure::TimedOut),
        ProblemKind::Truncated | ProblemKind::Corrupt => None,
    }
}

fn limits(context: &ScanContext) -> Limits {
    let asked = &context.limits;
    Limits {
        max_children: asked.max_files,
        max_child_bytes: asked.max_file_bytes,
        max_total_bytes: asked.max_total_bytes,
        max_ratio: asked.max_ratio,
        ..Limits::default()
    }
}

/// The door of the formats crate, opened towards the jail's.
struct Out<'a> {
    scan: &'a mut dyn Scan,
    context: &'a ScanContext,
    problems: Vec<Problem>,
    more: usize,
}

impl Sink for Out<'_> {
    fn child(&mut self, child: &Child, body: &mut dyn Read) -> Result<(), SinkError> {
        let name =
            if child.name.is_empty() { self.derived_name(child) } else { child.name.clone() };
        let head = ChildHead { name, encrypted: child.encrypted };
        self.scan.child(&head, body).map_err(|_| SinkError)
    }

    fn problem(&mut self, name: Option<&str>, problem: unpack::Problem, detail: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        self.problems.push(Problem {
            kind: kind(problem),
            name: name.unwrap_or_default().to_owned(),
            detail: detail.to_owned(),
        });
    }

    fn should_stop(&mut self) -> bool {
        self.scan.should_stop()
    }
}

impl Out<'_> {
    /// A compressed stream's content is called like the file without its last extension; anything
    /// else without a name is numbered by the host.
    fn derived_name(&self, child: &Child) -> String {
        let own = self.context.name.rsplit(['/', '\\']).next().unwrap_or_default();
        match (child.kind, own.rsplit_once('.')) {
            (ChildKind::Stream, Some((stem, "tgz" | "tbz2" | "txz" | "tzst"))) => {
                format!("{stem}.tar")
            }
            (ChildKind::Stream, Some((stem, _))) if !stem.is_empty() => stem.to_owned(),
            (ChildKind::Stream, _) => "content".to_owned(),
            _ => String::new(),
        }
    }
}

fn kind(problem: unpack::Problem) -> ProblemKind {
    use unpack::Problem as P;
    match problem {
        P::Encrypted | P::WrongPassword => ProblemKind::EncryptedArchive,
        P::ProtectedDocument => ProblemKind::EncryptedDocument,
        P::Truncated => ProblemKind::Truncated,
        P::Corrupt => ProblemKind::Corrupt,
        P::Unsupported => ProblemKind::Unsupported,
        P::TooManyChildren => ProblemKind::TooManyFiles,
        P::Overlap | P::ChildTooLarge | P::TotalTooLarge | P::RatioTooHigh | P::MemoryTooHigh => {
            ProblemKind::TooLarge
        }
        P::Stopped => ProblemKind::TimedOut,
    }
}
