use std::collections::BTreeMap;
use std::path::PathBuf;

use palisade_jail::command::{CommandLimits, User};
use serde::{Deserialize, Deserializer, Serialize};

use super::reading::{ExitMeaning, JsonForm, PatternForm};
use crate::Secret;
use crate::config::within;
use crate::profiles;

/// How a command gets its artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Give {
    /// A file in its private directory.
    #[default]
    File,
    /// The sealed memory file, as `/proc/self/fd/3`: nothing is copied.
    Memory,
    /// A file below `shared_directory`, which a daemon of the scanner's can open too.
    Shared,
}

/// What the file is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileName {
    /// `artifact.bin`, whatever it is.
    #[default]
    Neutral,
    /// `artifact.` and the usual extension of its type by content.
    Extension,
}

/// How a command tells its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionForm {
    /// Another program than the scanner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<PathBuf>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Finds the version in what it prints, by the groups `engine`, `definitions` and `date`.
    pub regex: String,
    /// The form of `date`, as in strptime(3); without it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
}

/// How a command gets new definitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateForm {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Seconds between two runs; the first is at the start. Default 3,600, at least 60.
    #[serde(default = "hour")]
    pub every_seconds: u64,
    /// Milliseconds for one run. Default 600,000.
    #[serde(default = "ten_minutes")]
    pub time_limit_ms: u64,
    /// Whether it has the host's network. Default true.
    #[serde(default = "yes")]
    pub network: bool,
    /// What it may write.
    #[serde(default)]
    pub write_paths: Vec<PathBuf>,
    /// Exit codes that are no failure. Default 0.
    #[serde(default = "zero")]
    pub success: Vec<i32>,
    /// Whether scans wait while it runs. Default false: most scanners put their new definitions in
    /// place at once.
    #[serde(default)]
    pub exclusive: bool,
}

/// Settings of a `command` scanner: those of its profile, where they are not given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommandConfig {
    /// The ready-made profile that fills what is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The absolute path of the program.
    pub program: PathBuf,
    /// Its arguments: `{file}` stands for the artifact's path, `{directory}` for the private directory.
    /// No shell reads them.
    pub arguments: Vec<String>,
    /// How it gets the artifact. Default `file`.
    pub artifact: Give,
    /// Where shared files are made. Default the system's directory for temporary files.
    pub shared_directory: PathBuf,
    /// What the file is called. Default `neutral`.
    pub file_name: FileName,
    /// Its environment, besides `PATH`, `HOME`, `TMPDIR` and `LANG`. Values are not printed.
    pub environment: BTreeMap<String, Secret>,
    /// Variables that it gets from our environment, by name: for licence keys.
    pub inherit_environment: Vec<String>,
    /// What it may read and execute besides the system's programs and libraries: its own files, its
    /// definitions, the directory of its daemon's socket.
    pub read_paths: Vec<PathBuf>,
    /// Whether it has the host's network: for scanners that look things up elsewhere. Default false.
    pub network: bool,
    /// Who it runs as, where we are root. Default nobody.
    pub user: User,
    /// What its exit codes mean; any other code means `failed`.
    pub exit_codes: BTreeMap<String, ExitMeaning>,
    /// What its output means.
    pub patterns: Vec<PatternForm>,
    /// What its output means, when it is one JSON value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonForm>,
    /// Whether its output is SARIF 2.1.0. Default false.
    pub sarif: bool,
    /// How it tells its version; without it, the version is that of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionForm>,
    /// Files and directories whose change is a change of definitions.
    pub databases: Vec<PathBuf>,
    /// How it gets new definitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateForm>,
    /// Scans at once. Default 2, 1 to 64.
    pub concurrency: usize,
    /// The largest artifact that is given to it, in bytes. Default 100 MiB.
    pub max_bytes: u64,
    /// Milliseconds for one run, where the request gives more. Default 120,000.
    pub time_limit_ms: u64,
    /// Seconds between two polls of its version. Default 60.
    pub poll_seconds: u64,
    /// What it may take.
    pub limits: CommandLimits,
}

/// As [`CommandConfig`], with everything optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandForm {
    profile: Option<String>,
    program: Option<PathBuf>,
    arguments: Option<Vec<String>>,
    artifact: Option<Give>,
    shared_directory: Option<PathBuf>,
    file_name: Option<FileName>,
    environment: Option<BTreeMap<String, Secret>>,
    inherit_environment: Option<Vec<String>>,
    read_paths: Option<Vec<PathBuf>>,
    network: Option<bool>,
    user: Option<User>,
    exit_codes: Option<BTreeMap<String, ExitMeaning>>,
    patterns: Option<Vec<PatternForm>>,
    json: Option<JsonForm>,
    sarif: Option<bool>,
    version: Option<VersionForm>,
    databases: Option<Vec<PathBuf>>,
    update: Option<UpdateForm>,
    concurrency: Option<usize>,
    max_bytes: Option<u64>,
    time_limit_ms: Option<u64>,
    poll_seconds: Option<u64>,
    limits: Option<CommandLimits>,
}

impl CommandForm {
    /// With the profile's settings where it has none, and the defaults where neither has.
    fn fill(self) -> Result<CommandConfig, String> {
        let base = match &self.profile {
            Some(name) => profiles::find(name)?,
            None => Self::default(),
        };
        let program = self.program.or(base.program).ok_or("`program` or `profile` is missing")?;
        Ok(CommandConfig {
            profile: self.profile,
            program,
            arguments: self.arguments.or(base.arguments).unwrap_or_else(|| vec!["{file}".into()]),
            artifact: self.artifact.or(base.artifact).unwrap_or_default(),
            shared_directory: self
                .shared_directory
                .or(base.shared_directory)
                .unwrap_or_else(std::env::temp_dir),
            file_name: self.file_name.or(base.file_name).unwrap_or_default(),
            environment: self.environment.or(base.environment).unwrap_or_default(),
            inherit_environment: self
                .inherit_environment
                .or(base.inherit_environment)
                .unwrap_or_default(),
            read_paths: self.read_paths.or(base.read_paths).unwrap_or_default(),
            network: self.network.or(base.network).unwrap_or_default(),
            user: self.user.or(base.user).unwrap_or_default(),
            exit_codes: self.exit_codes.or(base.exit_codes).unwrap_or_default(),
            patterns: self.patterns.or(base.patterns).unwrap_or_default(),
            json: self.json.or(base.json),
            sarif: self.sarif.or(base.sarif).unwrap_or_default(),
            version: self.version.or(base.version),
            databases: self.databases.or(base.databases).unwrap_or_default(),
            update: self.update.or(base.update),
            concurrency: self.concurrency.or(base.concurrency).unwrap_or(2),
            max_bytes: self.max_bytes.or(base.max_bytes).unwrap_or(100 << 20),
            time_limit_ms: self.time_limit_ms.or(base.time_limit_ms).unwrap_or(120_000),
            poll_seconds: self.poll_seconds.or(base.poll_seconds).unwrap_or(60),
            limits: self.limits.or(base.limits).unwrap_or_default(),
        })
    }
}

impl<'de> Deserialize<'de> for CommandConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CommandForm::deserialize(deserializer)?.fill().map_err(serde::de::Error::custom)
    }
}

impl CommandConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        let update = self.update.as_ref();
        let programs = [
            Some(&self.program),
            self.version.as_ref().and_then(|version| version.program.as_ref()),
            update.map(|update| &update.program),
        ];
        let absolute = programs
            .into_iter()
            .flatten()
            .chain(&self.read_paths)
            .chain(update.into_iter().flat_map(|update| &update.write_paths))
            .chain([&self.shared_directory]);
        for path in absolute {
            if !path.is_absolute() {
                return Err(format!("`{}` is not an absolute path", path.display()));
            }
        }
        if !self.arguments.iter().any(|a| a.contains("{file}") || a.contains("{directory}")) {
            return Err("no argument has `{file}`: it would look at nothing".to_owned());
        }
        if self.user.uid == 0 || self.user.gid == 0 {
            return Err("no scanner runs as root: `user` must be another".to_owned());
        }
        within("concurrency", self.concurrency as u64, 1, 64)?;
        within("time_limit_ms", self.time_limit_ms, 1, 86_400_000)?;
        within("poll_seconds", self.poll_seconds, 1, 86_400)?;
        within("limits.output_bytes", self.limits.output_bytes as u64, 1 << 10, 64 << 20)?;
        within("limits.processes", self.limits.processes, 1, 65_536)?;
        within("limits.open_files", self.limits.open_files, 16, 1 << 20)?;
        within("limits.memory_bytes", self.limits.memory_bytes, 1 << 20, 1 << 40)?;
        if let Some(update) = update {
            within("update.every_seconds", update.every_seconds, 60, 30 * 86_400)?;
            within("update.time_limit_ms", update.time_limit_ms, 1, 86_400_000)?;
        }
        Ok(())
    }

    /// Its whole environment.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let named = self.environment.iter();
        let mut variables: BTreeMap<String, String> =
            named.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        for name in &self.inherit_environment {
            if let Ok(value) = std::env::var(name) {
                variables.entry(name.clone()).or_insert(value);
            }
        }
        variables
    }
}

fn hour() -> u64 {
    3_600
}

fn ten_minutes() -> u64 {
    600_000
}

fn yes() -> bool {
    true
}

fn zero() -> Vec<i32> {
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_fills_what_is_left_out() {
        let config: CommandConfig =
            toml::from_str("profile = \"clamscan\"\nconcurrency = 1").unwrap();
        assert_eq!(config.program, PathBuf::from("/usr/bin/clamscan"));
        assert_eq!(config.concurrency, 1);
        assert!(config.version.is_some());
        // What is printed can be read again.
        let printed = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<CommandConfig>(&printed).unwrap(), config);
        let error = toml::from_str::<CommandConfig>("profile = \"no-such\"").unwrap_err();
        assert!(error.to_string().contains("no-such"), "{error}");
    }

    #[test]
    fn wrong_settings_are_told_by_name() {
        let check = |toml: &str| {
            let config: CommandConfig = toml::from_str(toml).unwrap();
            config.check().unwrap_err()
        };
        assert!(check("program = \"scan\"").contains("absolute"));
        assert!(check("program = \"/s\"\narguments = [\"-x\"]").contains("{file}"));
        assert!(check("program = \"/s\"\nconcurrency = 0").contains("concurrency"));
        assert!(check("program = \"/s\"\nuser = { uid = 0, gid = 1 }").contains("root"));
        assert!(toml::from_str::<CommandConfig>("progam = \"/s\"").is_err());
        assert!(toml::from_str::<CommandConfig>("").is_err());
    }
}
