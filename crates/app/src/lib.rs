//! The wiring: configuration, command line, roles. Only this crate sees implementations together.

mod cli;
mod config;
mod dead_letters;
mod defend;
mod engines;
mod keys;
mod role;
mod rules;
mod scan;
mod serve;
mod stores;
mod text;
mod topics;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use palisade_engines::Loaders;

use cli::{Cli, Command};

/// Argument that makes the program a jail template.
const TEMPLATE: &str = "jail-template";

/// Argument that makes the program a rule compiler.
const COMPILE: &str = "compile-rules";

/// Runs the program with these engines in the jail, by its command line.
pub fn run(loaders: Loaders) -> ExitCode {
    // The program starts itself again as these; neither needs, nor should have, anything else.
    match std::env::args().nth(1).as_deref() {
        Some(TEMPLATE) => return exit(palisade_jail::run_template(&loaders)),
        Some(palisade_jail::command::ARGUMENT) => {
            return exit(palisade_jail::command::run_helper());
        }
        Some(palisade_defender::agent::canary::ARGUMENT) => {
            return palisade_defender::agent::canary::main(std::env::args().nth(2).as_deref());
        }
        Some(COMPILE) => return exit(palisade_engines::yara::compile_main()),
        _ => {}
    }
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Scan(arguments) => scan::run(*arguments),
        Command::Serve(arguments) => serve::run(*arguments).map(|()| ExitCode::SUCCESS),
        Command::Defend(arguments) => defend::run(*arguments),
        Command::Policy(arguments) => defend::policy::run(arguments),
        Command::Models(arguments) => defend::models::run(arguments),
        Command::Engine(arguments) => serve::engine(*arguments).map(|()| ExitCode::SUCCESS),
        Command::Topics(arguments) => topics::run(arguments),
        Command::Keys(arguments) => keys::run(arguments).map(|()| ExitCode::SUCCESS),
        Command::DeadLetters(arguments) => dead_letters::run(arguments).map(|()| ExitCode::SUCCESS),
        Command::Rules(arguments) => rules::run(arguments),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "palisade", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        text::complain(&format!("error: {error:#}"));
        ExitCode::from(2)
    })
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
