use super::samples::samples;
use crate::filetype;
use crate::unpack::{Options, unpack, unpacker};

use super::test_support::Collected;

/// Every sample is detected as what it is, and its unpacker finds something in it.
#[test]
fn samples_are_what_they_claim() {
    for (id, name, bytes) in samples() {
        assert_eq!(filetype::detect(&bytes).ty.id, id, "{name}");
        let mut found = Collected::default();
        assert!(unpack(&bytes, id, &Options::default(), &mut found), "{name}");
        assert!(!found.children.is_empty() && found.problems.is_empty(), "{name}");
    }
}

/// Every listed id is a type, and no other room lists it too.
#[test]
fn listed_ids_are_types() {
    for listed in super::UNPACKERS {
        for id in listed.types {
            assert!(filetype::by_id(id).is_some(), "{id}");
            assert!(unpacker(id).is_some_and(|found| found.types == listed.types), "{id}");
        }
    }
}
