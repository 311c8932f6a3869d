//! Times as scanners write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use palisade_model::UnixMillis;

fn millis(time: Timestamp) -> Option<UnixMillis> {
    u64::try_from(time.as_millisecond()).ok().map(UnixMillis)
}

/// RFC 3339, with its offset.
pub(crate) fn rfc3339(text: &str) -> Option<UnixMillis> {
    millis(text.trim().parse().ok()?)
}

/// A time in a format of `strptime(3)`. A time without an offset is taken as UTC, a date without a
/// time as its first moment: scanners print the time zone of their host, which is not told.
pub(crate) fn formatted(text: &str, format: &str) -> Option<UnixMillis> {
    // `ctime(3)` pads the day with a space.
    let text: Vec<&str> = text.split_whitespace().collect();
    let parsed = strtime::parse(format, text.join(" ")).ok()?;
    if let Ok(time) = parsed.to_timestamp() {
        return millis(time);
    }
    let civil = parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from)).ok()?;
    millis(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_forms() {
        let noon = UnixMillis(1_731_240_000_000); // 2024-11-10T12:00:00Z
        assert_eq!(rfc3339("2024-11-10T12:00:00Z"), Some(noon));
        assert_eq!(rfc3339("2024-11-10T14:00:00+02:00"), Some(noon));
        assert_eq!(formatted("Sun Nov 10 12:00:00 2024", "%a %b %d %H:%M:%S %Y"), Some(noon));
        let midnight = noon.minus(12 * 3_600_000);
        assert_eq!(formatted("2024-11-10", "%Y-%m-%d"), Some(midnight));
        assert_eq!(
            formatted("Sun Nov  3 00:00:00 2024", "%a %b %d %H:%M:%S %Y"),
            Some(midnight.minus(7 * 86_400_000))
        );
        for bad in ["", "yesterday", "Sun Nov 99 12:00:00 2024"] {
            assert_eq!(formatted(bad, "%a %b %d %H:%M:%S %Y"), None);
            assert_eq!(rfc3339(bad), None);
        }
        // Before 1970 there were no definitions.
        assert_eq!(rfc3339("1960-01-01T00:00:00Z"), None);
    }
}
