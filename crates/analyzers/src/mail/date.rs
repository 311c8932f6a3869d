//! Dates of mail (RFC 5322 3.3), as far as comparing them goes.

/// Seconds from the start of 1970 in UTC; `None` when it cannot be read.
pub(super) fn seconds(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_whitespace();
    let day: i64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| month.starts_with(name))? as i64 + 1;
    let year: i64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut time = words.next()?.split(':');
    let hour: i64 = time.next()?.parse().ok().filter(|hour| (0..24).contains(hour))?;
    let minute: i64 = time.next()?.parse().ok().filter(|minute| (0..60).contains(minute))?;
    let zone = words.next().unwrap_or("+0000");
    let offset = zone
        .strip_prefix(['+', '-'])
        .filter(|digits| digits.len() == 4)
        .and_then(|digits| digits.parse::<i64>().ok())
        .map_or(0, |digits| digits / 100 * 60 + digits % 100);
    let offset = if zone.starts_with('-') { -offset } else { offset };
    // Days from the civil calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + (hour * 60 + minute - offset) * 60)
}
