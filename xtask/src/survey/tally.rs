//! Sums over all reports.

use std::collections::{BTreeMap, BTreeSet};

use super::PLACES_SHOWN;
use super::reasons::Reasons;
use super::report::{Kind, Remark, Report};

/// The verdict of files in which nothing was found and everything was read.
const NO_THREAT: &str = "No Threat Detected";

/// How many files of each verdict, in the API's words.
pub(super) type Verdicts = BTreeMap<String, u64>;

pub(super) struct Tally<'r> {
    pub(super) reasons: &'r Reasons,
    /// One for each set, in their order.
    pub(super) sets: Vec<SetTally>,
    /// By description: files, and files in files.
    pub(super) types: BTreeMap<String, Count>,
    pub(super) rows: BTreeMap<Row, Count>,
    /// Test files of other scanners, by their place in the data file.
    pub(super) test_files: BTreeMap<usize, Verdicts>,
    open: BTreeMap<String, Open>,
    malicious: u64,
}

/// A set of files.
#[derive(Debug, Default)]
pub(super) struct SetTally {
    pub(super) name: String,
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Files in files.
    pub(super) inside: u64,
    pub(super) verdicts: Verdicts,
    pub(super) partial: u64,
}

/// A line of the summary: something that is remarked, and why.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) what: String,
    /// The place in the data file.
    pub(super) reason: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Count {
    /// Files on disk that have it, in themselves or in a file in them.
    pub(super) files: u64,
    /// Files in files are counted one by one.
    pub(super) artifacts: u64,
}

/// What has no reason yet.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) count: u64,
    /// The first few.
    pub(super) places: Vec<Place>,
}

#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) detail: String,
}

impl<'r> Tally<'r> {
    pub(super) fn new(reasons: &'r Reasons) -> Self {
        Self {
            reasons,
            sets: Vec::new(),
            types: BTreeMap::new(),
            rows: BTreeMap::new(),
            test_files: BTreeMap::new(),
            open: BTreeMap::new(),
            malicious: 0,
        }
    }

    /// What follows belongs to this set.
    pub(super) fn begin(&mut self, set: &str) {
        self.sets.push(SetTally { name: set.to_owned(), ..SetTally::default() });
    }

    pub(super) fn add(&mut self, report: &Report) {
        let path = &report.file_info.display_name;
        let test_files = self.reasons.test_files(path);
        let verdict = match &report.error {
            Some(_) => "Not read",
            None => report.scan_results.scan_all_result_a.as_str(),
        };
        if let Some(set) = self.sets.last_mut() {
            set.files += 1;
            set.bytes += report.file_info.file_size;
            set.inside += report.tree_total.saturating_sub(1);
            if test_files.is_none() {
                *set.verdicts.entry(verdict.to_owned()).or_default() += 1;
                set.partial += u64::from(report.partial);
            }
        }
        let mut seen = BTreeSet::new();
        for (place, node) in report.tree.iter().enumerate() {
            let count = self.types.entry(node.file_type_description.clone()).or_default();
            match place {
                0 => count.files += 1,
                _ => count.artifacts += 1,
            }
        }
        if let Some(place) = test_files {
            let verdicts = self.test_files.entry(place).or_default();
            *verdicts.entry(verdict.to_owned()).or_default() += 1;
            return;
        }
        let (mut gravest, mut failed) = (Kind::Info, false);
        for node in &report.tree {
            for remark in node.remarks() {
                gravest = gravest.min(remark.kind);
                failed |= remark.what.contains("/failure/");
                self.remark(&node.path, remark, &mut seen);
            }
        }
        self.malicious += u64::from(gravest == Kind::Malicious);
        for remark in whole(report, gravest == Kind::Info, failed) {
            self.remark(path, remark, &mut seen);
        }
    }

    fn remark(&mut self, path: &str, remark: Remark, seen: &mut BTreeSet<(String, Option<usize>)>) {
        let needs_reason = remark.kind != Kind::Info;
        let reason = needs_reason.then(|| self.reasons.of(&remark.what, path)).flatten();
        if needs_reason && reason.is_none() {
            let open = self.open.entry(remark.what.clone()).or_default();
            open.count += 1;
            if open.places.len() < PLACES_SHOWN {
                open.places.push(Place { path: path.to_owned(), detail: remark.detail });
            }
        }
        let first = seen.insert((remark.what.clone(), reason));
        let row = Row { kind: remark.kind, what: remark.what, reason };
        let count = self.rows.entry(row).or_default();
        count.artifacts += 1;
        count.files += u64::from(first);
    }

    /// What has no reason, with its first places.
    pub(super) fn open(&self) -> impl Iterator<Item = (&String, &Open)> {
        self.open.iter()
    }

    /// Files called malicious, but for other scanners' test files.
    pub(super) fn malicious(&self) -> u64 {
        self.malicious
    }

    /// Reasons that nothing needed.
    pub(super) fn not_needed(&self) -> impl Iterator<Item = String> {
        let used: BTreeSet<usize> = self.rows.keys().filter_map(|row| row.reason).collect();
        let all = self.reasons.reasons.iter().enumerate();
        all.filter(move |(place, _)| !used.contains(place)).map(|(_, reason)| reason.title())
    }

    /// A line for who waits.
    pub(super) fn state(&self) -> String {
        let open: u64 = self.open.values().map(|open| open.count).sum();
        let Some(set) = self.sets.last() else { return String::new() };
        let found: Vec<String> = set
            .verdicts
            .iter()
            .filter(|(verdict, _)| *verdict != NO_THREAT)
            .map(|(verdict, files)| format!("{files} {verdict}"))
            .collect();
        format!(
            "  {} files, {} in them, {} MiB; {}; {open} places without a reason",
            set.files,
            set.inside,
            set.bytes >> 20,
            if found.is_empty() { "nothing found".to_owned() } else { found.join(", ") }
        )
    }
}

/// What no engine tells: `silent` when none remarks anything, `failed` when one says that it failed.
fn whole(report: &Report, silent: bool, failed: bool) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut note = |what: String, detail: String| {
        remarks.push(Remark { what, kind: Kind::Unread, detail });
    };
    if let Some(error) = &report.error {
        note("scan/unreadable".to_owned(), error.clone());
        return remarks;
    }
    let shown = report.tree.len() as u64;
    if report.tree_total > shown {
        let detail = format!("{shown} of {} files are in the report", report.tree_total);
        note("scan/tree-cut".to_owned(), detail);
    }
    if report.partial && !failed {
        note("scan/partial".to_owned(), "files in it were not scanned".to_owned());
    }
    let verdict = &report.scan_results.scan_all_result_a;
    if silent && verdict != NO_THREAT {
        // What is nested too deep, for one, is left out before an engine sees it.
        let name = verdict.to_lowercase().replace(' ', "-");
        note(format!("scan/{name}"), verdict.clone());
    }
    remarks
}
