use super::super::test_support::{assert_survives, collect};
use super::*;
use crate::samples::{IsoNames, iso9660};

const FILES: &[(&str, &[u8])] = &[("A.TXT", b"first"), ("DIR/LONG.BIN", &[7; 5_000])];

#[test]
fn names_of_every_kind() {
    collect(unpack, &iso9660(IsoNames::Plain, FILES)).assert_clean(FILES);
    let files: &[(&str, &[u8])] = &[("a long name, really.txt", b"first"), ("dir/ü", &[7; 5_000])];
    for names in [IsoNames::Joliet, IsoNames::RockRidge] {
        collect(unpack, &iso9660(names, files)).assert_clean(files);
    }
}

#[test]
fn cut_images_are_told() {
    let image = iso9660(IsoNames::Plain, FILES);
    let collected = collect(unpack, &image[..image.len() - 3_000]);
    assert_eq!(collected.problems(), [(Some("DIR/LONG.BIN"), Problem::Truncated)]);
    // Only the root is left.
    let collected = collect(unpack, &image[..40_000]);
    assert_eq!(collected.files(), [("A.TXT", &b""[..])]);
    assert!(collected.has(Problem::Truncated));
    assert!(collect(unpack, &image[..1_000]).has(Problem::Corrupt));
}

#[test]
fn a_folder_in_itself_ends() {
    let mut image = iso9660(IsoNames::Plain, FILES);
    // The folder's record in the root points at the root.
    let at = crate::bytes::find(&image, b"DIR", 0x8800).unwrap() - 33;
    let root = image[0x8000 + 158..0x8000 + 162].to_vec();
    image[at + 2..at + 6].copy_from_slice(&root);
    let collected = collect(unpack, &image);
    assert_eq!(collected.files(), [("A.TXT", &b"first"[..])]);
}

#[test]
fn udf_alone_is_told() {
    let mut image = vec![0; 0x9000];
    image[0x8801..0x8806].copy_from_slice(b"NSR02");
    assert_eq!(collect(unpack, &image).problems(), [(None, Problem::Unsupported)]);
}

#[test]
fn survives_anything() {
    let files: &[(&str, &[u8])] = &[("A", b"first"), ("DIR/B", b"second")];
    for names in [IsoNames::Plain, IsoNames::Joliet, IsoNames::RockRidge] {
        // The first 16 sectors mean nothing: let the mutations hit the rest.
        let image = iso9660(names, files);
        let unpack_rest: super::super::test_support::Unpack = |rest, unpacking| {
            let mut image = vec![0; 16 * SECTOR];
            image.extend_from_slice(rest);
            unpack(&image, unpacking)
        };
        assert_survives(&image[16 * SECTOR..], unpack_rest);
    }
}
