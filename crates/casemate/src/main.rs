//! The program: arguments, configuration and wiring. What it knows of security it has from the
//! rooms.
#![forbid(unsafe_code)]

mod catalogue;
mod cli;
mod clock;
mod commands;
mod config;
mod constraints;
mod http;
mod output;
mod policies;
mod progress;
mod report_dir;

use std::{panic::catch_unwind, process::ExitCode};

use anyhow::anyhow;
use clap::Parser;
use cli::{Cli, Command};
use config::Configuration;

fn main() -> ExitCode {
    quiet_fenced_panics();
    let cli = Cli::parse();
    let result = catch_unwind(|| run(&cli)).unwrap_or_else(|_| {
        Err(anyhow!(
            "this is a mistake in Casemate, and not a verdict; please report it"
        ))
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            output::complain(&cli.global, &error);
            ExitCode::from(MISTAKE)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    let configuration = Configuration::load(global.config.as_deref())?;
    match &cli.command {
        Command::Assess(arguments) => commands::assess::run(global, configuration, arguments),
        Command::Fix(arguments) => commands::fix::run(global, configuration, arguments),
        Command::Segment(command) => commands::segment::run(global, command),
        Command::Scan(arguments) => commands::scan::run(global, arguments),
        Command::Model(command) => commands::model::run(global, command),
        Command::Keygen(arguments) => commands::signing::keygen::run(global, arguments),
        Command::Sign(arguments) => commands::signing::sign::run(global, arguments),
        Command::Verify(arguments) => commands::signing::verify::run(global, arguments),
        Command::Attest(command) => commands::attest::run(global, command),
        Command::VerifyAttestation(arguments) => commands::attest::verify::run(global, arguments),
        Command::Policy(command) => commands::policy::run(global, command),
        Command::Admit(command) => commands::admit::run(global, configuration, command),
        Command::Sensor(command) => commands::sensor::run(global, command),
        Command::Detect(command) => commands::detect::run(global, command),
        Command::Log(command) => commands::log::run(global, command),
        Command::Explain { rules } => commands::rules::explain(global, rules),
        Command::Rules => commands::rules::list(global),
        Command::Schema { name } => commands::schema::run(name.as_deref()),
        Command::Init { file } => commands::init::run(global, file),
        Command::Completions { shell } => commands::shell::completions(*shell),
        Command::Man { dir } => commands::shell::manual(global, dir),
    }
}

/// Checks and policies run behind `catch_unwind`, and their panics become outcomes and denials. The
/// message and backtrace would only frighten whoever reads standard error, and could quote the
/// hostile file. Other panics of the main thread are our mistake and are told in full.
fn quiet_fenced_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_main = std::thread::current().name() == Some("main");
        if is_main && !casemate_policy::is_fenced() {
            default(panic);
        }
    }));
}

/// The exit status of a negative verdict.
const NEGATIVE: u8 = 1;
/// The exit status of wrong usage and of failed input or output.
const MISTAKE: u8 = 2;
