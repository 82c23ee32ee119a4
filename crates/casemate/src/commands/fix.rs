//! `casemate fix`.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use casemate_core::{Digest, RuleId, Source, Subject};
use casemate_inventory::{Entry, Options, each_file};
use casemate_posture::{
    PostureSurvey,
    check::UserChecks,
    fix::{Change, Fixed, fix},
};
use similar::TextDiff;

use crate::{
    NEGATIVE,
    cli::{self, Format, Global},
    clock,
    commands::signing::replace_whole,
    config::Configuration,
    output, policies,
    progress::Ticker,
};

/// Shows repairs, or makes them.
pub(crate) fn run(
    global: &Global,
    configuration: Configuration,
    arguments: &cli::Fix,
) -> Result<ExitCode> {
    if global.format != Format::Text {
        bail!("repairs are told of as text: a patch that `git apply` takes");
    }
    if let Some(theirs) = arguments.rule.iter().find(|rule| rule.tool().is_some()) {
        bail!("{theirs} is another tool's rule, and repairs are of rules of ours");
    }
    let settings = configuration.assess;
    let policy = arguments.policy.clone().or(&settings);
    let now = clock::of(global)?.now();
    let bundle = policies::load(global, &policy, now)?;
    let persona = arguments.persona.or(settings.persona);
    let checks = UserChecks::of(&bundle, now)?;
    let survey = PostureSurvey::new(persona.unwrap_or_default().into()).with_checks(checks);
    let files = read(global, &arguments.path, &survey)?;
    let wants = |id: &RuleId| arguments.rule.is_empty() || arguments.rule.contains(id);
    let fixed = fix(&survey, &files, |found| wants(&found.rule.id));
    let mut unwritten = Vec::new();
    if arguments.write {
        let written = fixed
            .files
            .values()
            .map(|change| write(&arguments.path, change));
        unwritten.extend(written.filter_map(Result::err));
    } else {
        output::print(&patch(&fixed))?;
    }
    tell(global, &fixed, arguments.write, unwritten.len());
    // One file that cannot be written is in no other's way, and is a failure all the same.
    if let Some(last) = unwritten.pop() {
        unwritten
            .iter()
            .for_each(|error| output::complain(global, error));
        return Err(last);
    }
    let is_done = fixed.left.is_empty() && (arguments.write || fixed.files.is_empty());
    Ok(if is_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEGATIVE)
    })
}

/// Every file that the survey has something to say of.
fn read(
    global: &Global,
    root: &Path,
    survey: &PostureSurvey,
) -> Result<Vec<Arc<casemate_posture::File>>> {
    let ticker = Ticker::new(global.quiet);
    let file = |entry: &Entry, source: &dyn Source| survey.file(&subject(entry), source);
    let roots = [root.to_owned()];
    let seen = each_file(&roots, &Options::default(), file, Ticker::progress(&ticker))?;
    let files = seen.into_iter().filter_map(|(_, file)| file.ok().flatten());
    Ok(files.collect())
}

fn subject(entry: &Entry) -> Subject {
    let repository = Options::default().repository;
    // Nobody asks for the digest here.
    let digest = Digest::of(b"");
    Subject::of_file(&repository, entry.path.clone(), entry.file.clone(), digest)
}

/// The changes as one patch, its paths from the root.
fn patch(fixed: &Fixed) -> String {
    let mut patch = String::new();
    for (path, change) in &fixed.files {
        let diff = TextDiff::from_lines(&*change.file.text, &*change.text);
        let mut unified = diff.unified_diff();
        let (before, after) = (named(&format!("a/{path}")), named(&format!("b/{path}")));
        // Writing to a string cannot fail.
        let _ = write!(patch, "{}", unified.header(&before, &after));
    }
    patch
}

/// A path as git writes it in patches: quoted, as in C, where it has what would end the line or the quotes.
fn named(path: &str) -> String {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\\');
    if path.chars().all(is_plain) {
        return path.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in path.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(quoted, "\\{byte:03o}");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn tell(global: &Global, fixed: &Fixed, is_written: bool, unwritten: usize) {
    // Whose file could not be written is not repaired either.
    let what = match is_written && unwritten == 0 {
        true => "repaired",
        false => "can be repaired",
    };
    for found in &fixed.gone {
        let place = found.attribute.origin.location();
        output::detail(global, || format!("{place}: {}: {what}", found.rule.id));
    }
    for (found, why) in &fixed.left {
        let place = found.attribute.origin.location();
        output::hint(
            global,
            &format!("{place}: {} is not repaired: {why}", found.rule.id),
        );
    }
    let files = counted(fixed.files.len() - unwritten, "file");
    let repairs = counted(fixed.gone.len(), "finding");
    let hint = match (fixed.gone.len(), is_written) {
        (0, _) => "nothing to repair".to_owned(),
        (_, true) if unwritten == 0 => format!("repaired {repairs} in {files}"),
        (_, true) => format!("repaired {files} of {}", fixed.files.len()),
        (_, false) => format!("{repairs} in {files} can be repaired; --write does it"),
    };
    output::hint(global, &hint);
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Replaces a file that is still what was read, and nothing else.
fn write(root: &Path, change: &Change) -> Result<()> {
    let bytes = change.file.subject.path.to_bytes();
    let path = match root.is_dir() {
        true => root.join(OsStr::from_bytes(&bytes)),
        false => root.to_owned(),
    };
    let cannot = || format!("cannot repair {}", path.display());
    let there = fs::symlink_metadata(&path).with_context(cannot)?;
    if !there.is_file() {
        bail!("{} is no regular file", path.display());
    }
    let mut now = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(there.len() + 1).read_to_end(&mut now))
        .with_context(cannot)?;
    if now != change.file.text.as_bytes() {
        bail!(
            "{} is not what was read, or not UTF-8 from its first byte",
            path.display()
        );
    }
    replace_whole(&path, change.text.as_bytes(), there.permissions())
}
