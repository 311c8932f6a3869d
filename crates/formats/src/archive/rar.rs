//! RAR: named, not read. The only decoder there is comes under a licence that forbids free use, so
//! a RAR is a stated outcome.

use crate::unpack::{Problem, Stop, Unpacking};

/// States that the archive was not opened.
pub(crate) fn unpack(_: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    unpacking.stop(Problem::Unsupported, "RAR archives cannot be opened: no free decoder exists")
}

#[cfg(test)]
mod tests {
    use super::super::test_support::collect;
    use super::*;

    #[test]
    fn it_is_told() {
        let collected = collect(unpack, b"Rar!\x1a\x07\x01\0");
        assert_eq!(collected.problems(), [(None, Problem::Unsupported)]);
    }
}
