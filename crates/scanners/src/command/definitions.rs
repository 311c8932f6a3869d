//! Which version a command and its definitions have.

use palisade_jail::command::CommandEnd;
use palisade_model::{Definitions, UnixMillis};
use regex::Regex;
use sha2::{Digest, Sha256};

use super::config::{CommandConfig, VersionForm};
use super::reading::regex;
use crate::{fingerprint, text, time};

/// Finds a version in a command's output.
pub(super) struct VersionReading {
    regex: Regex,
    date_format: Option<String>,
}

impl VersionReading {
    pub(super) fn new(form: &VersionForm) -> Result<Self, String> {
        let regex = regex(&form.regex)?;
        let known = ["engine", "definitions", "date"];
        if !regex.capture_names().flatten().any(|name| known.contains(&name)) {
            return Err(
                "`version.regex` has none of the groups engine, definitions, date".to_owned()
            );
        }
        Ok(Self { regex, date_format: form.date_format.clone() })
    }

    pub(super) fn read(&self, end: &CommandEnd) -> Option<Definitions> {
        let output =
            [&end.stdout, &end.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let output = output.join("\n");
        let groups = self.regex.captures(&output)?;
        let group = |name| groups.name(name).map(|found| text::line(found.as_str(), 128));
        let date = group("date");
        let parts = [group("engine"), group("definitions"), date.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let time = date.and_then(|date| match &self.date_format {
            Some(format) => time::formatted(&date, format),
            None => time::rfc3339(&date),
        });
        Some(Definitions { version: parts.join("/"), time: time.unwrap_or(UnixMillis(0)) })
    }
}

/// The version of its files: the program's own, and those of its databases.
pub(super) fn of_files(config: &CommandConfig) -> Result<Definitions, String> {
    let mut paths = config.databases.clone();
    paths.push(config.program.clone());
    fingerprint::of(&paths)
}

/// A mark of the settings: other arguments or other patterns give other answers.
pub(super) fn of_settings(config: &CommandConfig) -> Result<String, String> {
    let bytes = serde_json::to_vec(config).map_err(|error| error.to_string())?;
    let digest = Sha256::digest(&bytes);
    Ok(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use palisade_jail::Layers;
    use palisade_jail::command::How;

    use super::*;

    #[test]
    fn parts_and_dates() {
        let form = VersionForm {
            program: None,
            arguments: Vec::new(),
            regex: r"Engine (?<engine>[\d.]+)[\s\S]*Base (?<definitions>\d+) of (?<date>\S+)"
                .to_owned(),
            date_format: Some("%Y-%m-%d".to_owned()),
        };
        let reading = VersionReading::new(&form).unwrap();
        let end = |stdout: &[u8]| CommandEnd {
            how: How::Exited(0),
            stdout: stdout.to_vec(),
            stderr: Vec::new(),
            layers: Layers::default(),
        };
        let read = reading.read(&end(b"Engine 1.2\nBase 77 of 2024-11-10\n")).unwrap();
        assert_eq!(read.version, "1.2/77/2024-11-10");
        assert_eq!(read.time.0, 1_731_196_800_000);
        assert_eq!(reading.read(&end(b"Engine 1.2 of 2024-11-10")), None);
        let none = VersionForm { regex: "x".to_owned(), ..form };
        assert!(VersionReading::new(&none).is_err());
    }
}
