//! Checks that no reviewer should have to make.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::command::{cargo, complain, output, say};
use crate::root;

/// Lines of a source file beyond which it should be split by noun.
const LINES: usize = 1_000;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut wrong = edges()?;
    wrong.extend(files()?);
    for line in &wrong {
        complain(line);
    }
    if !wrong.is_empty() {
        bail!("{} things are not tidy", wrong.len());
    }
    say("tidy");
    Ok(())
}

/// Compares the workspace's own dependency edges with the committed list.
fn edges() -> anyhow::Result<Vec<String>> {
    let text = output(cargo().current_dir(root()).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let mut real = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let from = package["name"].as_str().unwrap_or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            if !to.starts_with("palisade") {
                continue;
            }
            // A crate's tests may use what the crate itself may not.
            let arrow = if dependency["kind"] == "dev" { "~>" } else { "->" };
            real.insert(format!("{from} {arrow} {to}"));
        }
    }
    let path = root().join("xtask/edges.txt");
    let committed: BTreeSet<String> = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let mut wrong = Vec::new();
    for edge in real.difference(&committed) {
        wrong.push(format!("xtask/edges.txt does not allow: {edge}"));
    }
    for edge in committed.difference(&real) {
        wrong.push(format!("xtask/edges.txt has an edge that is gone: {edge}"));
    }
    Ok(wrong)
}

/// The house rules that a line of text can break.
fn files() -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut waiting = vec![root().join("crates"), root().join("xtask"), root().join("fuzz/src")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            check(&path, &mut wrong)?;
        }
    }
    wrong.sort();
    Ok(wrong)
}

fn check(path: &Path, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let lines = text.lines().count();
    if lines > LINES {
        wrong.push(format!("{shown}: {lines} lines; split it by noun"));
    }
    // Both talk to the kernel where no library does.
    let allowed = shown.starts_with("crates/jail/") || shown.starts_with("crates/sensor/");
    // Written in parts, so that this file does not break its own rules.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX:")];
    for (number, line) in text.lines().enumerate() {
        let at = format!("{shown}:{}", number + 1);
        if marks.iter().any(|mark| line.contains(mark)) {
            wrong.push(format!("{at}: finish it, or write an issue"));
        }
        let word = concat!("un", "safe ");
        let is_unsafe = line.trim_start().starts_with(word) || line.contains(&format!("= {word}"));
        if is_unsafe && !allowed {
            wrong.push(format!("{at}: `unsafe` is confined to the jail and the sensor"));
        }
    }
    Ok(())
}
