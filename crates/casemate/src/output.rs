//! Standard output, standard error, and the difference a terminal makes.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};

use crate::cli::{Color, Format, Global};

/// Prints a result on standard output. A reader that went away (`| head`) is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    print_on(text).map(|_| ())
}

/// The same, and whether anybody still reads: who has more to print need not find it.
pub(crate) fn print_on(text: &str) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}

/// Prints lines that quote what others wrote.
pub(crate) fn print_lines(text: &str) -> Result<()> {
    let lines = text
        .lines()
        .flat_map(|line| [casemate_report::sanitise(line), "\n".into()]);
    print(&lines.collect::<String>())
}

/// Prints a value as indented JSON on standard output.
pub(crate) fn print_json<T: serde::Serialize>(value: &T) -> Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Prints a hint on standard error, in one line, unless the caller wants quiet. What it quotes may come from a
/// hostile tree: a runner of CI obeys lines, and a terminal more than that.
pub(crate) fn hint(global: &Global, text: &str) {
    if !global.quiet {
        // Nothing can be done for a standard error that cannot be written.
        let _ = writeln!(io::stderr(), "{}", casemate_report::sanitise(text));
    }
}

/// Prints a detail on standard error, if the caller wants to know more.
pub(crate) fn detail(global: &Global, text: impl FnOnce() -> String) {
    if global.verbose {
        hint(global, &text());
    }
}

/// Whether standard output gets colour: what the caller says, or else a terminal that wants it
/// (<https://no-color.org>, `TERM=dumb`).
fn colour(choice: Color) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
        }
    }
}

/// The form of report that the caller wants.
pub(crate) fn format(global: &Global) -> casemate_report::Format {
    match global.format {
        Format::Text => casemate_report::Format::Text,
        Format::Json => casemate_report::Format::Json,
        Format::Sarif => casemate_report::Format::Sarif,
        Format::Markdown => casemate_report::Format::Markdown,
    }
}

/// How text is laid out on standard output.
pub(crate) fn options(global: &Global) -> casemate_report::text::Options {
    casemate_report::text::Options {
        colour: colour(global.color),
        width: width(),
    }
}

/// Tells on standard error what went wrong, with its causes.
pub(crate) fn complain(global: &Global, error: &anyhow::Error) {
    let red = anstyle::AnsiColor::Red.on_default() | anstyle::Effects::BOLD;
    let stream = match global.color {
        Color::Auto => anstream::stderr(),
        Color::Always => anstream::AutoStream::always(io::stderr()),
        Color::Never => anstream::AutoStream::never(io::stderr()),
    };
    let mut stream = stream.lock();
    // Nothing can be done for a standard error that cannot be written. What the error quotes may
    // come from a hostile file.
    let text = format!("{error:#}");
    let lines = text
        .lines()
        .map(casemate_report::sanitise)
        .collect::<Vec<_>>()
        .join("\n");
    let _ = writeln!(stream, "{red}error:{red:#} {lines}");
}

/// How many columns standard output has: the terminal's, or what reads well elsewhere.
fn width() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(WIDTH, |(terminal_size::Width(columns), _)| {
            usize::from(columns).min(MAX_WIDTH)
        })
}

const WIDTH: usize = 100;
/// Longer lines are hard to read, however wide the terminal is.
const MAX_WIDTH: usize = 120;
