//! Ready-made settings for scanners that people run on Linux: `profiles/<name>.toml`. Each says where
//! its facts come from.

use crate::command::CommandForm;

macro_rules! profiles {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../profiles/", $name, ".toml")))),*]
    };
}

/// All of them, by name.
const PROFILES: &[(&str, &str)] = profiles![
    "avast",
    "bitdefender",
    "clamdscan",
    "clamscan",
    "comodo",
    "drweb",
    "eset-cls",
    "eset-odscan",
    "fsecure-fsav",
    "kaspersky-kesl",
    "mdatp",
    "sophos-savscan",
    "sophos-spl",
    "trellix-uvscan",
    "yara",
];

/// The names of all profiles.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

/// The settings of one.
pub(crate) fn find(name: &str) -> Result<CommandForm, String> {
    let (_, text) = PROFILES
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("there is no profile `{name}`"))?;
    toml::from_str(text).map_err(|error| format!("the profile `{name}`: {error}"))
}
