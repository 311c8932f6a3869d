//! Versions of the rule language.

/// The version of Falco's rule engine (`falco_engine_version.h`) whose language this is: that of Falco
/// 0.42, which the rule files of the 5.0 series require. Of later ones there are `join`, and `oneof`, `anyof`
/// and `allof` of 0.62.0 (Falco 0.44); there is no `concat`, and of the escapes `\xHH` of 0.63.0 (Falco
/// 0.45) only those of ASCII. A file that requires a later version is loaded all the same, with a warning:
/// what is missing is named where it is used.
pub const ENGINE_VERSION: (u32, u32, u32) = (0, 57, 0);

/// Reads what `required_engine_version` may say: `x.y.z`, or a number alone, which is the middle one as
/// older files have it. What follows a third number (`-rc1`, `+build`) does not count.
pub(crate) fn read(text: &str) -> Option<(u32, u32, u32)> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some((0, number, 0));
    }
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let mut parts = text.get(..end)?.split('.').map(|part| part.parse().ok());
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(x)), Some(Some(y)), Some(Some(z)), None) => Some((x, y, z)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_forms_of_a_version() {
        for (text, version) in [
            ("26", Some((0, 26, 0))),
            ("0.57.0", Some((0, 57, 0))),
            (" 1.2.3-rc1", Some((1, 2, 3))),
            ("0.31", None),
            ("0.31.0.1", None),
            ("x", None),
            ("", None),
            ("-1", None),
        ] {
            assert_eq!(read(text), version, "{text}");
        }
    }
}
