//! `palisade rules`.

use std::process::ExitCode;

use crate::cli::{RulesArguments, RulesCommand};
use crate::engines::{compiler, rule_files};
use crate::text::{printable, say};

pub(crate) fn run(arguments: RulesArguments) -> anyhow::Result<ExitCode> {
    let RulesCommand::Check { paths } = arguments.command;
    let (files, unreadable) = rule_files(false, &paths);
    let compiled = compiler(None).compile(&files)?;
    for problem in &unreadable {
        say(&format!("{}\n", printable(problem)))?;
    }
    for problem in &compiled.problems {
        say(&format!("{}\n", problem.message))?;
    }
    let wrong = unreadable.len() + compiled.problems.len();
    say(&format!("{} files, {} rules, {wrong} problems\n", files.len(), compiled.rules))?;
    Ok(ExitCode::from(u8::from(wrong > 0)))
}
