use palisade_model::{Failure, ProblemKind, ReportVerdict, Verdict};

/// The outcome codes of the API that Palisade uses, with the vendor's texts. Clients compare both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum ScanCode {
    /// Looked at whole, nothing found.
    NoThreat = 0,
    /// Conclusive evidence.
    Infected = 1,
    /// Something that legitimate files rarely have.
    Suspicious = 2,
    /// An engine broke, was absent or late, or the content is damaged.
    Failed = 3,
    /// Nothing is known of it: an answer of the bulk hash look-up.
    NotFound = 5,
    /// Its hash is on the allow-list.
    Allowlisted = 7,
    /// Its hash is on the block-list.
    Blocklisted = 8,
    /// Nested deeper than the limit.
    ArchiveDepth = 9,
    /// Left out for a stated reason.
    NotScanned = 10,
    /// An encrypted archive, and no password that fits.
    EncryptedArchive = 12,
    /// Unpacks to more bytes than the limit.
    ArchiveSize = 13,
    /// Holds more files than the limit.
    ArchiveFiles = 14,
    /// A password-protected document.
    ProtectedDocument = 15,
    /// Unpacking did not end by the deadline.
    ArchiveTimeout = 16,
    /// Whoever asked took it back.
    Cancelled = 19,
    /// A type, method or version that is not read.
    Unsupported = 23,
    /// Engines looked, and none knows.
    Unknown = 40,
    /// No report yet.
    InProgress = 255,
}

impl ScanCode {
    /// Every code, in numeric order.
    pub const ALL: [Self; 18] = [
        Self::NoThreat,
        Self::Infected,
        Self::Suspicious,
        Self::Failed,
        Self::NotFound,
        Self::Allowlisted,
        Self::Blocklisted,
        Self::ArchiveDepth,
        Self::NotScanned,
        Self::EncryptedArchive,
        Self::ArchiveSize,
        Self::ArchiveFiles,
        Self::ProtectedDocument,
        Self::ArchiveTimeout,
        Self::Cancelled,
        Self::Unsupported,
        Self::Unknown,
        Self::InProgress,
    ];

    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The text on the wire, exactly as the vendor's client knows it.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoThreat => "No Threat Detected",
            Self::Infected => "Infected",
            Self::Suspicious => "Suspicious",
            Self::Failed => "Failed",
            Self::NotFound | Self::Unknown => "Unknown",
            Self::Allowlisted => "Whitelisted",
            Self::Blocklisted => "Blacklisted",
            Self::ArchiveDepth => "Exceeded Archive Depth",
            Self::NotScanned => "Not Scanned",
            Self::EncryptedArchive => "Encrypted Archive",
            Self::ArchiveSize => "Exceeded Archive Size",
            Self::ArchiveFiles => "Exceeded Archive File Number",
            Self::ProtectedDocument => "Password Protected Document",
            Self::ArchiveTimeout => "Exceeded Archive Timeout",
            Self::Cancelled => "Cancelled",
            Self::Unsupported => "Unsupported File Type",
            Self::InProgress => "In Progress",
        }
    }

    /// Whether a file with this code may pass: no other code may ever stand for a file that was
    /// not read whole (laws 3 and 10).
    pub fn allows(self) -> bool {
        matches!(self, Self::NoThreat | Self::Allowlisted)
    }

    /// The code of a problem.
    pub fn of_problem(problem: ProblemKind) -> Self {
        match problem {
            ProblemKind::EncryptedArchive => Self::EncryptedArchive,
            ProblemKind::EncryptedDocument => Self::ProtectedDocument,
            ProblemKind::TooDeep => Self::ArchiveDepth,
            ProblemKind::TooManyFiles => Self::ArchiveFiles,
            ProblemKind::TooLarge => Self::ArchiveSize,
            ProblemKind::TimedOut => Self::ArchiveTimeout,
            // Not 10: a damaged file was tried and could not be read, and a client that retries or
            // alerts on failures should do so here.
            ProblemKind::Truncated | ProblemKind::Corrupt => Self::Failed,
            ProblemKind::Unsupported => Self::Unsupported,
        }
    }

    /// The code of a failure. `document` says that the artifact is a document and no archive.
    pub fn of_failure(failure: Failure, document: bool) -> Self {
        match failure {
            // Not 31 (global time-out): clients older than that code know 3.
            Failure::Failed | Failure::TimedOut => Self::Failed,
            Failure::Encrypted if document => Self::ProtectedDocument,
            Failure::Encrypted => Self::EncryptedArchive,
            Failure::NotScanned => Self::NotScanned,
            Failure::Cancelled => Self::Cancelled,
        }
    }

    /// Order among all codes, gravest first: of several files, what is to be said of all.
    pub(super) fn gravity(self) -> u8 {
        match self {
            Self::Infected | Self::Blocklisted => 0,
            Self::Suspicious => 1,
            // What nobody knows yet is graver than what was found clean.
            Self::Unknown | Self::NotFound => 100,
            Self::Allowlisted => 101,
            Self::NoThreat => 102,
            other => 2 + other.rank(),
        }
    }

    /// Order among the codes of what was not read: those of encryption and bounds say most, and
    /// stand before those that could mean anything.
    fn rank(self) -> u8 {
        match self {
            Self::EncryptedArchive => 0,
            Self::ProtectedDocument => 1,
            Self::ArchiveDepth => 2,
            Self::ArchiveFiles => 3,
            Self::ArchiveSize => 4,
            Self::ArchiveTimeout => 5,
            Self::Failed => 6,
            Self::Cancelled => 7,
            Self::Unsupported => 8,
            _ => 9,
        }
    }
}

/// What besides the verdict decides the code of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances {
    /// The reputation engine knows the artifact itself.
    pub(super) listed: Option<Listed>,
    /// Something planned did not end.
    pub(super) partial: bool,
    /// It is a document and no archive.
    pub(super) document: bool,
}

/// A list of the operator's that holds the artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Allow,
    Block,
}

/// Everything that is to be said of a node, gravest first; never empty. The first is its code.
pub(super) fn outcomes(whole: ReportVerdict, circumstances: Circumstances) -> Vec<ScanCode> {
    let Circumstances { listed, partial, document } = circumstances;
    let mut outcomes = Vec::with_capacity(3);
    match whole.verdict {
        Verdict::Malicious if listed == Some(Listed::Block) => outcomes.push(ScanCode::Blocklisted),
        Verdict::Malicious => outcomes.push(ScanCode::Infected),
        Verdict::Suspicious => outcomes.push(ScanCode::Suspicious),
        Verdict::Unknown | Verdict::NoThreat => {}
    }
    let problem = whole.problem.map(ScanCode::of_problem);
    let failure = whole.failure.map(|failure| ScanCode::of_failure(failure, document));
    // What was taken back is partial for that reason and no other.
    let cancelled = whole.failure == Some(Failure::Cancelled);
    let late = (partial && !cancelled).then_some(ScanCode::Failed);
    let mut unread: Vec<ScanCode> = [problem, failure, late].into_iter().flatten().collect();
    unread.sort_unstable_by_key(|code| (*code != ScanCode::Cancelled, code.rank()));
    unread.dedup();
    // A failure by encryption says the same as the problem that names what is encrypted.
    if problem == Some(ScanCode::ProtectedDocument) && whole.failure == Some(Failure::Encrypted) {
        unread.retain(|code| *code != ScanCode::EncryptedArchive);
    }
    outcomes.extend(unread);
    if outcomes.is_empty() {
        outcomes.push(match (whole.verdict, listed) {
            (Verdict::Unknown, _) => ScanCode::Unknown,
            (_, Some(Listed::Allow)) => ScanCode::Allowlisted,
            _ => ScanCode::NoThreat,
        });
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERDICTS: [Verdict; 4] =
        [Verdict::NoThreat, Verdict::Unknown, Verdict::Suspicious, Verdict::Malicious];
    const FAILURES: [Option<Failure>; 6] = [
        None,
        Some(Failure::Failed),
        Some(Failure::TimedOut),
        Some(Failure::Encrypted),
        Some(Failure::NotScanned),
        Some(Failure::Cancelled),
    ];
    const PROBLEMS: [Option<ProblemKind>; 10] = [
        None,
        Some(ProblemKind::EncryptedArchive),
        Some(ProblemKind::EncryptedDocument),
        Some(ProblemKind::TooDeep),
        Some(ProblemKind::TooManyFiles),
        Some(ProblemKind::TooLarge),
        Some(ProblemKind::TimedOut),
        Some(ProblemKind::Truncated),
        Some(ProblemKind::Corrupt),
        Some(ProblemKind::Unsupported),
    ];
    const LISTED: [Option<Listed>; 3] = [None, Some(Listed::Allow), Some(Listed::Block)];

    fn every(mut check: impl FnMut(ReportVerdict, Circumstances, &[ScanCode])) {
        for verdict in VERDICTS {
            for failure in FAILURES {
                for problem in PROBLEMS {
                    for listed in LISTED {
                        for partial in [false, true] {
                            for document in [false, true] {
                                let whole = ReportVerdict { verdict, failure, problem };
                                let around = Circumstances { listed, partial, document };
                                check(whole, around, &outcomes(whole, around));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Laws 3 and 10 over all 2,880 combinations.
    #[test]
    fn nothing_passes_that_was_not_read_whole() {
        let mut seen = 0;
        every(|whole, around, codes| {
            seen += 1;
            let clean = whole.is_clean() && !around.partial;
            assert_eq!(codes[0].allows(), clean, "{whole:?} {around:?} {codes:?}");
            assert!(clean || codes.iter().all(|code| !code.allows()), "{whole:?} {codes:?}");
        });
        assert_eq!(seen, 4 * 6 * 10 * 3 * 2 * 2);
    }

    #[test]
    fn the_gravest_comes_first() {
        every(|whole, around, codes| {
            let first = codes[0];
            match whole.verdict {
                Verdict::Malicious if around.listed == Some(Listed::Block) => {
                    assert_eq!(first, ScanCode::Blocklisted);
                }
                Verdict::Malicious => assert_eq!(first, ScanCode::Infected),
                Verdict::Suspicious => assert_eq!(first, ScanCode::Suspicious),
                _ => {
                    let bound = matches!(
                        whole.problem,
                        Some(kind) if !matches!(kind, ProblemKind::Truncated
                            | ProblemKind::Corrupt | ProblemKind::Unsupported)
                    );
                    let broken = matches!(whole.failure, Some(Failure::Failed | Failure::TimedOut));
                    if whole.failure == Some(Failure::Cancelled) {
                        assert_eq!(first, ScanCode::Cancelled, "{whole:?} {around:?}");
                    } else if bound && whole.failure != Some(Failure::Encrypted) {
                        assert_eq!(Some(first), whole.problem.map(ScanCode::of_problem));
                    } else if !bound && broken {
                        assert_eq!(first, ScanCode::Failed, "{whole:?} {around:?}");
                    }
                }
            }
            let mut unique = codes.to_vec();
            unique.dedup();
            assert_eq!(unique, codes);
        });
    }

    #[test]
    fn the_table() {
        let only = |verdict, failure, problem| {
            outcomes(ReportVerdict { verdict, failure, problem }, Circumstances::default())[0]
                .number()
        };
        let clean = Verdict::NoThreat;
        assert_eq!(only(clean, None, None), 0);
        assert_eq!(only(Verdict::Malicious, None, None), 1);
        assert_eq!(only(Verdict::Suspicious, None, None), 2);
        assert_eq!(only(Verdict::Unknown, None, None), 40);
        let failures = [3, 3, 12, 10, 19];
        for (failure, code) in FAILURES.into_iter().skip(1).zip(failures) {
            assert_eq!(only(clean, failure, None), code, "{failure:?}");
        }
        let problems = [12, 15, 9, 14, 13, 16, 3, 3, 23];
        for (problem, code) in PROBLEMS.into_iter().skip(1).zip(problems) {
            assert_eq!(only(clean, None, problem), code, "{problem:?}");
        }
        let with = |circumstances| outcomes(ReportVerdict::default(), circumstances)[0].number();
        assert_eq!(with(Circumstances { partial: true, ..Default::default() }), 3);
        assert_eq!(with(Circumstances { listed: Some(Listed::Allow), ..Default::default() }), 7);
        let encrypted = ReportVerdict { failure: Some(Failure::Encrypted), ..Default::default() };
        let document = Circumstances { document: true, ..Default::default() };
        assert_eq!(outcomes(encrypted, document), [ScanCode::ProtectedDocument]);
    }

    #[test]
    fn codes_are_known_to_the_vendors_synchronous_model() {
        // The numbers that its strict list takes, apart from 5, which only bulk answers use.
        let known = [0, 1, 2, 3, 7, 8, 9, 10, 12, 13, 14, 15, 16, 19, 23, 40, 255];
        for code in ScanCode::ALL {
            assert!(code == ScanCode::NotFound || known.contains(&code.number()), "{code:?}");
        }
    }
}
