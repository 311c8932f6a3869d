//! The list of known-bad hashes of another policy.

use palisade_defender::hashes::{KnownBad, ListSettings};
use palisade_model::Sha256;

#[test]
fn another_policys_list_is_read_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let list = |name: &str, hash: u8| {
        let path = directory.path().join(name);
        std::fs::write(&path, format!("{}  {name}\n", Sha256([hash; 32]))).unwrap();
        path
    };
    let (first, second) = (list("first", 1), list("second", 2));
    let settings = ListSettings {
        file: Some(first.clone()),
        directory: directory.path().join("own"),
        ..ListSettings::default()
    };
    let known_bad = KnownBad::open(settings).unwrap();
    let knows = |hash: u8| known_bad.find(&Sha256([hash; 32])).is_some();
    known_bad.reload().unwrap();
    assert!(knows(1) && !knows(2));
    known_bad.follow(Some(first));
    assert_eq!(known_bad.reload().unwrap(), None, "it is the same");
    known_bad.follow(Some(directory.path().join("missing")));
    assert!(known_bad.reload().is_err() && knows(1), "the one before stays");
    known_bad.follow(Some(second));
    assert!(known_bad.reload().unwrap().is_some());
    assert!(knows(2) && !knows(1));
    known_bad.follow(None);
    assert_eq!(known_bad.reload().unwrap(), None);
    assert!(!knows(2), "a policy without a list has none");
}
