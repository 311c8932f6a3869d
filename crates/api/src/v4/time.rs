use palisade_model::UnixMillis;

/// RFC 3339 in UTC with milliseconds, as the vendor writes times: `2026-11-02T10:00:00.000Z`. A
/// time beyond the year 9999 becomes the empty text.
pub fn timestamp(time: UnixMillis) -> String {
    let milliseconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds)
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_an_end() {
        assert_eq!(timestamp(UnixMillis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(UnixMillis(1_793_613_600_007)), "2026-11-02T10:00:00.007Z");
        assert_eq!(timestamp(UnixMillis(u64::MAX)), "");
    }
}
