//! Beside `yr scan` of YARA-X and Debian's `yara`: the same rules, the same tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::super::Bench;
use super::super::table::{Table, Target, say};
use super::{ROUNDS, Times, Tree, file_name, install, mib, palisade, run};

/// Rules that come with Palisade.
const STARTER_RULES: &str = "crates/engines/src/yara/rules";

/// Rules that match some harmless files, so that there is something to agree on.
const MATCHING_RULES: &str = r#"
rule bench_dynamic_program { strings: $a = "GLIBC_2." $b = "getenv" condition: uint32(0) == 0x464c457f and all of them }
rule bench_license { strings: $a = "GNU General Public License" nocase $b = /copyright \(c\) [12][0-9]{3}/ nocase condition: any of them }
rule bench_hex { strings: $a = { 50 4B 03 04 [22] 4D 45 54 41 } condition: $a at 0 }
"#;

pub(in crate::bench) fn measure(bench: &Bench, table: &mut Table) -> anyhow::Result<()> {
    let version = install::locked_version(&bench.workspace, "yara-x");
    let yr = install::from_crates("yr", "yara-x-cli", version.as_deref(), &bench.workspace)?;
    let yara = install::from_debian("yara", "yara")?;
    let (rules, left_out) = common_rules(bench, &yara)?;
    let tree = Tree::write(bench)?;
    say(&format!(
        "beside yr and yara: {} files, {} MiB; the starter rules that all three compile ({}); \
         left out: {}; with three rules that match something",
        tree.files,
        mib(tree.bytes),
        rules.iter().map(|rule| file_name(rule)).collect::<Vec<_>>().join(", "),
        if left_out.is_empty() { "none".to_owned() } else { left_out.join(", ") }
    ));
    // `yara` takes files, `palisade` and `yr` directories too: one file for all. The names of rules
    // are distinct over all files.
    let one = bench.directory.join("rules.yar");
    let mut all = MATCHING_RULES.to_owned();
    for rule in &rules {
        all.push_str(&fs::read_to_string(rule)?);
        all.push('\n');
    }
    fs::write(&one, all)?;

    let ours = || {
        let mut command = palisade(bench);
        command.args(["--engines", "yara", "--no-built-in-rules", "--rules"]);
        command.arg(&one).arg(&tree.path);
        command
    };
    let theirs = |program: &Path, recursive: &str| {
        let mut command = Command::new(program);
        if recursive == "--recursive" {
            command.arg("scan");
        }
        command.arg(recursive).arg(&one).arg(&tree.path);
        command
    };
    let with_yr = || theirs(&yr, "--recursive");
    let with_yara = || theirs(&yara, "-r");

    // Not timed: fills caches, and tells whether all three find the same.
    let found = [
        matches_of_palisade(&run(bench, ours().args(["--format", "jsonl"]))?.printed)?,
        matches_of(&run(bench, &mut with_yr())?.printed),
        matches_of(&run(bench, &mut with_yara())?.printed),
    ];
    let [mut a, mut b, mut c] = [Times::default(), Times::default(), Times::default()];
    for _ in 0..ROUNDS {
        a.0.push(run(bench, &mut ours())?.seconds);
        b.0.push(run(bench, &mut with_yr())?.seconds);
        c.0.push(run(bench, &mut with_yara())?.seconds);
    }
    let fastest = b.median().min(c.median());
    let row = |table: &mut Table, name: &str, times: &Times, found: usize, goal| {
        let seconds = times.median();
        let note =
            format!("{:.0} files/s, {found} matches; {}", tree.per_second(seconds), times.note());
        table.add(name, seconds, "s", goal, note);
    };
    let goal = Some(Target::AtMost((fastest * 1e3).round() / 1e3));
    row(table, "palisade scan --engines yara", &a, found[0], goal);
    row(table, "yr scan", &b, found[1], None);
    row(table, "yara", &c, found[2], None);
    Ok(())
}

/// The starter rules that Debian's yara compiles too, and those that it does not.
fn common_rules(bench: &Bench, yara: &Path) -> anyhow::Result<(Vec<PathBuf>, Vec<String>)> {
    let directory = bench.workspace.join(STARTER_RULES);
    let mut common = Vec::new();
    let mut left_out = Vec::new();
    let entries = fs::read_dir(&directory)
        .with_context(|| format!("{} cannot be read", directory.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort_unstable();
    for file in files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "yar")) {
        let compiles = Command::new(yara).arg("-w").arg(&file).arg(&file).output()?;
        if compiles.status.success() {
            common.push(file);
        } else {
            left_out.push(file_name(&file));
        }
    }
    ensure!(!common.is_empty(), "yara compiles none of {}", directory.display());
    Ok((common, left_out))
}

/// Lines of `RULE PATH`.
fn matches_of(printed: &str) -> usize {
    printed.lines().filter(|line| line.split_once(' ').is_some()).count()
}

/// Rules that matched, over all reports.
fn matches_of_palisade(printed: &str) -> anyhow::Result<usize> {
    let mut matches = 0;
    for line in printed.lines() {
        let report: serde_json::Value = serde_json::from_str(line)?;
        let findings = &report["scan_results"]["scan_details"]["yara"]["findings"];
        matches += findings.as_array().map_or(0, Vec::len);
    }
    Ok(matches)
}
