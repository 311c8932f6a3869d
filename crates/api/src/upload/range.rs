//! Where a part stands in its file.

use http::HeaderMap;

/// A range of bytes of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartRange {
    pub(crate) offset: u64,
    /// Never 0; the range ends within `total`.
    pub(crate) size: u64,
    pub(crate) total: u64,
}

/// The header `content-range`: `bytes first-last/total` as RFC 9110, section 14.4, has it, or
/// `offset-size/total` without a unit, as MetaDefender Core and its clients do. `None` when it is
/// neither, or leaves its total.
pub(crate) fn range(headers: &HeaderMap) -> Option<PartRange> {
    let text = headers.get("content-range")?.to_str().ok()?.trim();
    let (rfc, rest) = match text.get(..6) {
        Some(unit) if unit.eq_ignore_ascii_case("bytes ") => (true, text.get(6..)?),
        _ => (false, text),
    };
    let (place, total) = rest.split_once('/')?;
    let (from, to) = place.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (offset, second, total) = (number(from)?, number(to)?, number(total)?);
    let size = if rfc { second.checked_sub(offset)?.checked_add(1)? } else { second };
    (size > 0 && offset.checked_add(size)? <= total).then_some(PartRange { offset, size, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_in_two_ways() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-range", text.parse().unwrap());
            range(&headers).map(|range| (range.offset, range.size, range.total))
        };
        assert_eq!(read("bytes 0-9/100"), Some((0, 10, 100)));
        assert_eq!(read("Bytes 90-99/100"), Some((90, 10, 100)));
        assert_eq!(read("4000000-6485760/10485760"), Some((4_000_000, 6_485_760, 10_485_760)));
        assert_eq!(read("0-2000000/10485760"), Some((0, 2_000_000, 10_485_760)));
        for bad in [
            "",
            "bytes 0-100/100",
            "bytes 9-8/100",
            "bytes */100",
            "bytes 0-9/*",
            "0-0/100",
            "99-2/100",
            "0-10",
            "-1-5/10",
            "a-b/c",
            "18446744073709551615-2/18446744073709551615",
            "bytes 0-18446744073709551615/18446744073709551615",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
