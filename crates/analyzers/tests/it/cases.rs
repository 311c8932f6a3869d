//! Every finding has a sample that shows it and a near miss that does not.

use std::collections::BTreeSet;

use palisade_analyzers::ALL;
use palisade_analyzers::samples::cases;

use crate::support::{analyzer, examine, has};

#[test]
fn every_finding_has_a_sample_and_a_near_miss() {
    let covered: BTreeSet<(&str, &str)> =
        cases().iter().map(|case| (case.analyzer, case.finding)).collect();
    let listed: BTreeSet<(&str, &str)> = ALL
        .iter()
        .flat_map(|analyzer| analyzer.kinds.iter().map(|kind| (analyzer.name, kind.id)))
        .collect();
    let missing: Vec<_> = listed.difference(&covered).collect();
    let unknown: Vec<_> = covered.difference(&listed).collect();
    assert!(missing.is_empty(), "findings without a case: {missing:?}");
    assert!(unknown.is_empty(), "cases of findings that are not listed: {unknown:?}");
}

#[test]
fn samples_show_their_finding_and_near_misses_do_not() {
    let mut wrong = Vec::new();
    for case in cases() {
        let analyzer = analyzer(case.analyzer);
        let (shown, _) = examine(analyzer, case.name, &(case.sample)());
        if !has(&shown, case.finding) {
            wrong.push(format!("{}/{}: not in its sample: {shown:?}", case.analyzer, case.finding));
        }
        let miss = (case.near_miss)();
        let (missed, _) = examine(analyzer, case.name, &miss);
        if has(&missed, case.finding) {
            wrong.push(format!("{}/{}: in its near miss", case.analyzer, case.finding));
        }
        // A near miss that the analyser does not read would show nothing.
        if !analyzer.reads(palisade_formats::filetype::detect(&miss).ty.id) {
            wrong.push(format!(
                "{}/{}: its near miss is of another type",
                case.analyzer, case.finding
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_are_unique_and_explained() {
    for analyzer in ALL {
        let mut ids = BTreeSet::new();
        for kind in analyzer.kinds {
            assert!(ids.insert(kind.id), "{}/{} stands twice", analyzer.name, kind.id);
            assert!(kind.about.len() > 20, "{}/{} is not explained", analyzer.name, kind.id);
        }
    }
}

#[test]
fn damaged_samples_are_read_without_a_panic() {
    for case in cases() {
        let analyzer = analyzer(case.analyzer);
        let whole = (case.sample)();
        let step = (whole.len() / 64).max(1);
        for end in (0..whole.len()).step_by(step) {
            examine(analyzer, case.name, &whole[..end]);
        }
        for place in (0..whole.len()).step_by(step) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0xff;
            examine(analyzer, case.name, &damaged);
        }
    }
}
