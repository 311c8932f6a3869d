//! The committed summary: counts and reasons, no files.

use std::fmt::Write;

use super::machine::Machine;
use super::report::Kind;
use super::sets::Set;
use super::tally::{Count, Row, Tally, Verdicts};

/// Types that have a line of their own.
const TYPES_SHOWN: usize = 40;

/// The whole document.
pub(super) fn text(machine: &Machine, sets: &[Set], tally: &Tally<'_>) -> String {
    let mut text = format!(
        "# False positives\n\nWhat the engines say of files that are known to be good. Made by `cargo xtask survey`; \
         the reasons\nare those in `xtask/survey/reasons.toml`, written by people who looked at the files. The command \
         fails\nwhen a file is called malicious, or when something has no reason.\n\n\
         {}, with {} at {}, all engines, its own rules only.\n{}, {} packages of it installed.\n",
        machine.date,
        machine.program,
        machine.revision,
        machine.system,
        number(machine.packages as u64),
    );
    scanned(&mut text, sets, tally);
    verdicts(&mut text, tally);
    remarks(
        &mut text,
        tally,
        &[Kind::Malicious, Kind::Suspicious],
        "What is called suspicious",
        FOUND,
    );
    remarks(&mut text, tally, &[Kind::Unread], "What could not be read", UNREAD);
    test_files(&mut text, tally);
    types(&mut text, tally);
    infos(&mut text, tally);
    text
}

const FOUND: &str = "*Files*: on disk, also those that only contain such a file. *Artifacts*: those files and the ones in \
                     them, one by one.";

const UNREAD: &str =
    "A file that could not be read, or not whole, is never called clean; here is why.";

fn scanned(text: &mut String, sets: &[Set], tally: &Tally<'_>) {
    text.push_str("\n## What was scanned\n\n| | files | MiB | files in them | what |\n|---|---:|---:|---:|---|\n");
    let (mut files, mut bytes, mut inside) = (0, 0, 0);
    for (set, of) in sets.iter().zip(&tally.sets) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            of.name,
            number(of.files),
            number(of.bytes >> 20),
            number(of.inside),
            set.about
        );
        files += of.files;
        bytes += of.bytes;
        inside += of.inside;
    }
    let _ = writeln!(
        text,
        "| all | {} | {} | {} | |",
        number(files),
        number(bytes >> 20),
        number(inside)
    );
}

fn verdicts(text: &mut String, tally: &Tally<'_>) {
    let mut all = Verdicts::new();
    // In the table also when there is none, because that is what one looks for.
    all.insert("Infected".to_owned(), 0);
    all.insert("Suspicious".to_owned(), 0);
    for set in &tally.sets {
        for (verdict, files) in &set.verdicts {
            *all.entry(verdict.clone()).or_default() += files;
        }
    }
    text.push_str("\n## Verdicts\n\nOne for each file with everything in it; of several, the gravest.\n\n| verdict |");
    tally.sets.iter().for_each(|set| {
        let _ = write!(text, " {} |", set.name);
    });
    text.push_str(" all |\n|---|");
    text.push_str(&"---:|".repeat(tally.sets.len() + 1));
    text.push('\n');
    let mut rows: Vec<(&String, &u64)> = all.iter().collect();
    rows.sort_by_key(|(verdict, files)| {
        (*verdict != "Infected", *verdict != "Suspicious", std::cmp::Reverse(**files))
    });
    for (verdict, files) in rows {
        let _ = write!(
            text,
            "| {} |",
            if verdict == "Infected" { "Infected (malicious)" } else { verdict }
        );
        for set in &tally.sets {
            let _ = write!(text, " {} |", number(set.verdicts.get(verdict).copied().unwrap_or(0)));
        }
        let _ = writeln!(text, " {} |", number(*files));
    }
    let partial: u64 = tally.sets.iter().map(|set| set.partial).sum();
    let _ = writeln!(
        text,
        "\nReports that are partial because an engine failed, was down or was late: {}.",
        number(partial)
    );
}

fn remarks(text: &mut String, tally: &Tally<'_>, kinds: &[Kind], title: &str, about: &str) {
    let _ = write!(text, "\n## {title}\n\n{about}\n\n");
    let rows: Vec<(&Row, &Count)> =
        tally.rows.iter().filter(|(row, _)| kinds.contains(&row.kind)).collect();
    if rows.is_empty() {
        text.push_str("None.\n");
        return;
    }
    text.push_str("| | severity | files | artifacts | in | why |\n|---|---|---:|---:|---|---|\n");
    for (row, count) in rows {
        let reason = row.reason.and_then(|place| tally.reasons.reasons.get(place));
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            row.what,
            severity(row.kind),
            number(count.files),
            number(count.artifacts),
            cell(reason.map_or("", |reason| reason.files.as_str())),
            cell(reason.map_or("**no reason yet**", |reason| reason.reason.as_str())),
        );
    }
}

fn test_files(text: &mut String, tally: &Tally<'_>) {
    text.push_str("\n## Test files of other scanners\n\nMade to be found. They are scanned, and counted only here.\n\n");
    if tally.test_files.is_empty() {
        text.push_str("None.\n");
        return;
    }
    text.push_str("| | files by verdict | why |\n|---|---|---|\n");
    for (place, verdicts) in &tally.test_files {
        let Some(files) = tally.reasons.test_files.get(*place) else { continue };
        let counts: Vec<String> = verdicts
            .iter()
            .map(|(verdict, files)| format!("{} {verdict}", number(*files)))
            .collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            cell(&files.name),
            counts.join(", "),
            cell(&files.reason)
        );
    }
}

fn types(text: &mut String, tally: &Tally<'_>) {
    text.push_str("\n## Types\n\n| type | files | files in files |\n|---|---:|---:|\n");
    let mut types: Vec<(&String, &Count)> = tally.types.iter().collect();
    types.sort_by_key(|(name, count)| (std::cmp::Reverse(count.files + count.artifacts), *name));
    let line = |text: &mut String, name: &str, files: u64, inside: u64| {
        let _ = writeln!(text, "| {} | {} | {} |", cell(name), number(files), number(inside));
    };
    for (name, count) in types.iter().take(TYPES_SHOWN) {
        line(text, name, count.files, count.artifacts);
    }
    let rest = types.get(TYPES_SHOWN..).unwrap_or_default();
    if !rest.is_empty() {
        let name = format!("{} other types", rest.len());
        let files = rest.iter().map(|(_, count)| count.files).sum();
        line(text, &name, files, rest.iter().map(|(_, count)| count.artifacts).sum());
    }
}

fn infos(text: &mut String, tally: &Tally<'_>) {
    text.push_str(
        "\n## What is worth knowing\n\nFindings of severity *info*: they say nothing about intent and do not change a verdict. \
         What\neach means stands in [findings.md](findings.md).\n\n| | files | artifacts |\n|---|---:|---:|\n",
    );
    for (row, count) in tally.rows.iter().filter(|(row, _)| row.kind == Kind::Info) {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            row.what,
            number(count.files),
            number(count.artifacts)
        );
    }
}

fn severity(kind: Kind) -> &'static str {
    match kind {
        Kind::Malicious => "malicious",
        Kind::Suspicious => "suspicious",
        Kind::Unread => "–",
        Kind::Info => "info",
    }
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// With commas: `12,345`.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{cell, number};

    #[test]
    fn numbers() {
        for (value, expect) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(number(value), expect);
        }
    }

    #[test]
    fn cells_stay_in_their_row() {
        assert_eq!(cell(" a\n  b|c "), "a b\\|c");
    }
}
