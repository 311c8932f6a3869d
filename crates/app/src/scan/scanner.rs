//! Scans one file with everything in it, and folds what the engines say into a report.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use palisade_engines::{engine_name, reputation, unpack};
use palisade_jail::{Job, JobOutcome, Pool};
use palisade_model::{
    ArtifactRef, ChildRef, CommandId, Definitions, EngineName, EngineResult, Failure, FileType,
    Lineage, NodeEvent, NodeId, Outcome, Plan, Planned, PlannedEngine, Priority, Problem,
    ProblemKind, Request, RequestId, UnixMillis, UnpackLimits, Verdict,
};
use palisade_pipeline::aggregator::tree::Tree;
use palisade_pipeline::artifacts::Wanted;
use palisade_pipeline::extractor::Workflow;
use palisade_pipeline::runner::{apply, join_path};
use palisade_ports::engine::{Artifact, Opinion, ScanContext, ScanError};
use palisade_storage::SystemClock;
use rand::Rng;

use super::artifact::{self, ReadError};
use super::file::open;
use super::pending::{PendingChild, Spent, Spool};
use super::walk::Source;
use super::{Scanned, gives_children};

/// How often an artifact is given to another worker after one died of it.
const TRIES: u32 = 2;

/// What looks at the files.
pub(super) struct Engines {
    pub(super) pool: Option<Pool>,
    pub(super) index: Option<reputation::Index>,
    /// What the lists and the output need.
    pub(super) hashes: Wanted,
    /// Those asked for, in the order of a report.
    pub(super) chosen: Vec<EngineName>,
    /// Which of them reads which types.
    pub(super) workflow: Workflow,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) limits: UnpackLimits,
    pub(super) max_file_bytes: u64,
    pub(super) timeout_ms: u64,
    pub(super) scan_timeout_ms: u64,
    pub(super) passwords: Vec<String>,
}

pub(super) struct Scanner {
    engines: Arc<Engines>,
    settings: Settings,
    /// The file being read: its memory is used again.
    buffer: RefCell<Vec<u8>>,
}

/// One scan of one source.
struct Run<'s> {
    scanner: &'s Scanner,
    tree: Tree,
    spent: Spent,
    started: Instant,
    accepted: UnixMillis,
}

/// An artifact of the tree that waits for its scan.
struct Waiting {
    request: Request,
    body: PendingChild,
}

impl Scanner {
    pub(super) fn new(engines: Arc<Engines>, settings: Settings) -> Self {
        Self { engines, settings, buffer: RefCell::default() }
    }

    pub(super) fn scan(&self, source: Source) -> Scanned {
        let (name, opened): (String, io::Result<Box<dyn Read>>) = match source {
            Source::File { path, .. } => {
                let opened = open(&path).map(|file: File| Box::new(file) as Box<dyn Read>);
                (path.display().to_string(), opened)
            }
            Source::StandardInput { name } => (name, Ok(Box::new(io::stdin().lock()))),
            Source::Unreadable { name, reason } => return Scanned::Unreadable { name, reason },
        };
        let unreadable = |reason: String| Scanned::Unreadable { name: name.clone(), reason };
        let mut input = match opened {
            Ok(input) => input,
            Err(error) => return unreadable(error.to_string()),
        };
        let artifact = match self.read(&mut *input, self.settings.max_file_bytes) {
            Ok(artifact) => artifact,
            Err(ReadError::TooLarge) => {
                let limit = crate::text::size(self.settings.max_file_bytes);
                return unreadable(format!("larger than {limit}; see --max-file-size"));
            }
            Err(ReadError::Io(error)) => return unreadable(error.to_string()),
        };
        drop(input);
        let accepted = SystemClock::time();
        let mut run = Run {
            scanner: self,
            tree: Tree::default(),
            spent: Spent::default(),
            started: Instant::now(),
            accepted,
        };
        run.all(name.clone(), artifact);
        match run.tree.report(SystemClock::time()) {
            Some(report) => Scanned::Report(Box::new(report)),
            None => unreadable("no report could be made".to_owned()),
        }
    }

    fn read(&self, input: &mut dyn Read, limit: u64) -> Result<Artifact, ReadError> {
        artifact::read(input, limit, self.engines.hashes, &mut self.buffer.borrow_mut())
    }
}

impl Run<'_> {
    fn all(&mut self, name: String, artifact: Artifact) {
        let request = self.root(name, artifact.reference.clone());
        let mut waiting = Vec::new();
        self.one(request, artifact, &mut waiting);
        while let Some(next) = waiting.pop() {
            self.spent.in_memory -= next.body.in_memory();
            let mut request = next.request;
            let read = next
                .body
                .open()
                .map_err(ReadError::Io)
                .and_then(|mut body| self.scanner.read(&mut *body, u64::MAX));
            let artifact = match read {
                Ok(artifact) => artifact,
                Err(_) => {
                    // The spool broke (a full disk). The tree misses the node, and says so.
                    continue;
                }
            };
            request.artifact = artifact.reference.clone();
            self.one(request, artifact, &mut waiting);
        }
    }

    /// Milliseconds that are left for the whole file.
    fn left_ms(&self) -> u64 {
        let spent = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.scanner.settings.timeout_ms.saturating_sub(spent)
    }

    fn root(&self, name: String, artifact: ArtifactRef) -> Request {
        let settings = &self.scanner.settings;
        let id = RequestId::new(self.accepted, rand::rng().random());
        Request {
            node: NodeId::root(id),
            lineage: None,
            inline: None,
            artifact,
            name,
            path: String::new(),
            workflow: "default".to_owned(),
            engines: None,
            passwords: Vec::new(),
            limits: settings.limits,
            accepted: self.accepted,
            deadline: self.accepted.plus(settings.timeout_ms),
            priority: Priority::Interactive,
            key: None,
            user_agent: None,
            metadata: None,
            callback: None,
            policy: None,
            facets: None,
        }
    }

    /// Scans one artifact; its children go to `waiting`.
    fn one(&mut self, request: Request, artifact: Artifact, waiting: &mut Vec<Waiting>) {
        let engines = Arc::clone(&self.scanner.engines);
        let node = request.node;
        let (outcomes, children, exceeded) = self.jailed(&engines, &request, artifact);

        let mut file_type = FileType::default();
        let mut events = Vec::with_capacity(engines.chosen.len());
        // The children of all engines come through one sink: one of them answers for all.
        let unpacker = engine_name(unpack::NAME);
        let taker = match engines.chosen.contains(&unpacker) {
            true => Some(unpacker),
            false => engines.chosen.iter().find(|name| gives_children(name)).cloned(),
        };
        let mut children = Some(children);
        for outcome in outcomes {
            let mut result = empty(node, outcome.engine, outcome.definitions, outcome.micros);
            match outcome.opinion {
                Ok(opinion) => {
                    if let Some(detected) = &opinion.file_type {
                        file_type = detected.clone();
                    }
                    apply(&mut result, opinion);
                }
                Err(error) => fail(&mut result, &error),
            }
            if Some(&result.command.engine) == taker.as_ref() {
                if let Some(kind) = exceeded {
                    limit(&mut result, kind);
                }
                let (references, requests) =
                    self.adopt(&request, children.take().unwrap_or_default());
                result.children = references;
                waiting.extend(requests);
            }
            events.push(result);
        }
        if let Some(index) = &engines.index {
            let hashes = request.artifact.hashes.keys();
            let opinion = reputation::look_up(index, hashes.into_iter().flatten());
            let definitions = Definitions { version: index.version(), time: UnixMillis(0) };
            let mut result = empty(node, engine_name(reputation::NAME), definitions, 0);
            apply(&mut result, opinion);
            events.push(result);
        }
        let planned = engines.chosen.iter().map(|engine| PlannedEngine {
            engine: engine.clone(),
            planned: planned(engine, &file_type, &events, &engines.workflow),
            definitions: Definitions::default(),
        });
        let engines = planned.collect();
        let plan = Plan { request, file_type, engines };
        let now = self.accepted;
        self.tree.take(NodeEvent::Plan(Box::new(plan)), now);
        for result in events {
            self.tree.take(NodeEvent::Result(Box::new(result)), now);
        }
    }

    /// Every engine of the jail over one artifact. An engine whose worker died gets another try, in
    /// case the worker died of something else.
    fn jailed(
        &mut self,
        engines: &Engines,
        request: &Request,
        artifact: Artifact,
    ) -> (Vec<JobOutcome>, Vec<PendingChild>, Option<ProblemKind>) {
        let Some(pool) = &engines.pool else { return (Vec::new(), Vec::new(), None) };
        let settings = &self.scanner.settings;
        let context = ScanContext {
            command: None,
            name: request.name.rsplit('/').next().unwrap_or_default().to_owned(),
            file_type: FileType::default(),
            passwords: settings.passwords.clone(),
            limits: settings.limits,
        };
        let mut job = Job { artifact, context, engines: None, timeout_ms: 0 };
        let mut outcomes: Vec<JobOutcome> = Vec::new();
        let mut children = Vec::new();
        let mut exceeded = None;
        for attempt in 1..=TRIES {
            job.timeout_ms = self.left_ms().min(settings.scan_timeout_ms);
            let mut spool = Spool::new(&settings.limits, &mut self.spent);
            let tried = pool.scan(&job, &mut spool);
            let unpacked = tried.iter().any(|o| o.engine.as_str() == unpack::NAME);
            if unpacked {
                children.clear();
            }
            exceeded = spool.exceeded.or(exceeded);
            children.append(&mut spool.children);
            let (died, done): (Vec<_>, Vec<_>) = tried
                .into_iter()
                .partition(|outcome| matches!(outcome.opinion, Err(ScanError::WorkerDied(_))));
            outcomes.extend(done);
            if died.is_empty() {
                break;
            }
            if attempt == TRIES {
                outcomes.extend(died);
            } else {
                job.engines = Some(died.into_iter().map(|outcome| outcome.engine).collect());
            }
        }
        (outcomes, children, exceeded)
    }

    /// Makes requests of children.
    fn adopt(
        &self,
        parent: &Request,
        children: Vec<PendingChild>,
    ) -> (Vec<ChildRef>, Vec<Waiting>) {
        let (depth, mut ancestors) = match &parent.lineage {
            Some(lineage) => (lineage.depth, lineage.ancestors.clone()),
            None => (0, Vec::new()),
        };
        ancestors.push(parent.artifact.sha256());
        let lineage = Lineage { parent: parent.node, depth: depth + 1, ancestors };
        let mut references = Vec::with_capacity(children.len());
        let mut requests = Vec::with_capacity(children.len());
        for (index, body) in children.into_iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let node = parent.node.child(index);
            let mut name = body.head.name.clone();
            if name.is_empty() {
                name = format!("member-{}", index + 1);
            }
            let path = join_path(&parent.path, &name);
            let sha256 = body.sha256();
            let quine = lineage.ancestors.contains(&sha256);
            let left_out =
                (quine || lineage.depth > parent.limits.max_depth).then_some(ProblemKind::TooDeep);
            references.push(ChildRef {
                node,
                name: name.clone(),
                sha256,
                size: body.size,
                encrypted: body.head.encrypted,
                left_out,
            });
            if left_out.is_some() {
                continue;
            }
            let request =
                Request { node, lineage: Some(lineage.clone()), name, path, ..parent.clone() };
            requests.push(Waiting { request, body });
        }
        (references, requests)
    }
}

fn empty(node: NodeId, engine: EngineName, definitions: Definitions, micros: u64) -> EngineResult {
    EngineResult { scan_us: micros, ..EngineResult::new(CommandId { node, engine }, definitions) }
}

/// All engines of the jail see every artifact, because the type is only told there. One that does not
/// read the type, and had nothing to say, is shown as the server shows it, which does not ask it.
fn planned(
    engine: &EngineName,
    file_type: &FileType,
    results: &[EngineResult],
    workflow: &Workflow,
) -> Planned {
    let result = results.iter().find(|result| result.command.engine == *engine);
    // Without the engine that tells types, nothing is known of what is not read.
    match result.filter(|_| !file_type.id.is_empty()) {
        Some(result) if says_nothing(result) => {
            workflow.skips(engine, file_type).map_or(Planned::Run, Planned::NotApplicable)
        }
        _ => Planned::Run,
    }
}

fn says_nothing(result: &EngineResult) -> bool {
    result.outcome == Outcome::Verdict(Verdict::NoThreat)
        && result.findings.is_empty()
        && result.problems.is_empty()
        && result.observables.is_empty()
        && result.properties.is_empty()
        && result.children.is_empty()
}

fn fail(result: &mut EngineResult, error: &ScanError) {
    let failure = match error {
        ScanError::TimedOut => Failure::TimedOut,
        _ => Failure::Failed,
    };
    result.outcome = Outcome::Failure(failure);
    result.reason = Some(error.to_string());
}

/// A bound of the whole file was reached: what came out until then counts.
fn limit(result: &mut EngineResult, kind: ProblemKind) {
    let problem = Problem {
        kind,
        name: String::new(),
        detail: "a bound of the whole file was reached".to_owned(),
    };
    apply(result, Opinion { problems: vec![problem], ..Opinion::default() });
}
