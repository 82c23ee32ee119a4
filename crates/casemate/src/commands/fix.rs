//! `casemate fix`.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read, Write as _},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use casemate_core::{Asset, AssetId, AssetKind, Digest, RuleId, Source, Subject};
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
    let named = arguments.policy.clone();
    let settings = configuration.assess;
    let policy = cli::policy::Source {
        policy: named.policy.or(settings.policy),
        policy_trust_store: named.policy_trust_store.or(settings.policy_trust_store),
    };
    let now = clock::of(global)?.now();
    let bundle = policies::load(global, &policy, now)?;
    let persona = arguments.persona.or(settings.persona);
    let checks = UserChecks::of(&bundle, now)?;
    let survey = PostureSurvey::new(persona.unwrap_or_default().into()).with_checks(checks);
    let files = read(global, &arguments.path, &survey)?;
    let wants = |id: &RuleId| arguments.rule.is_empty() || arguments.rule.contains(id);
    let fixed = fix(&survey, &files, |found| wants(&found.rule.id));
    if arguments.write {
        let changes = fixed.files.values();
        changes
            .clone()
            .try_for_each(|change| write(&arguments.path, change))?;
    } else {
        output::print(&patch(&fixed))?;
    }
    tell(global, &fixed, arguments.write);
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
    Subject {
        asset: Asset {
            id: AssetId::File {
                repository: Options::default().repository,
                path: entry.path.clone(),
            },
            kind: AssetKind::Other,
            name: entry.file.as_str().to_owned(),
            labels: std::collections::BTreeMap::new(),
        },
        file: entry.file.clone(),
        path: entry.path.clone(),
        digest: entry.digest.unwrap_or_else(|| Digest::of(b"")),
    }
}

/// The changes as one patch, its paths from the root.
fn patch(fixed: &Fixed) -> String {
    let mut patch = String::new();
    for (path, change) in &fixed.files {
        let diff = TextDiff::from_lines(&*change.file.text, &*change.text);
        let mut unified = diff.unified_diff();
        let (before, after) = (format!("a/{path}"), format!("b/{path}"));
        // Writing to a string cannot fail.
        let _ = write!(patch, "{}", unified.header(&before, &after));
    }
    patch
}

fn tell(global: &Global, fixed: &Fixed, is_written: bool) {
    for found in &fixed.gone {
        let place = found.attribute.origin.location();
        output::detail(global, || format!("{place}: {}: repaired", found.rule.id));
    }
    for (found, why) in &fixed.left {
        let place = found.attribute.origin.location();
        output::hint(
            global,
            &format!("{place}: {} is not repaired: {why}", found.rule.id),
        );
    }
    let (gone, files) = (fixed.gone.len(), fixed.files.len());
    let hint = match (gone, is_written) {
        (0, _) => "nothing to repair".to_owned(),
        (_, true) => format!("{gone} findings in {files} files are repaired"),
        (_, false) => {
            format!("{gone} findings in {files} files would be repaired; --write does it")
        }
    };
    output::hint(global, &hint);
}

/// Replaces a file that is still what was read, and nothing else.
fn write(root: &Path, change: &Change) -> Result<()> {
    let path = root.join(Path::new(std::ffi::OsStr::from_bytes(
        change.file.subject.path.as_str().as_bytes(),
    )));
    let path = if root.is_file() {
        root.to_owned()
    } else {
        path
    };
    replace(&path, change).with_context(|| format!("cannot repair {}", path.display()))
}

fn replace(path: &PathBuf, change: &Change) -> Result<()> {
    let there = fs::symlink_metadata(path)?;
    if !there.is_file() {
        bail!("it is no regular file");
    }
    let mut now = Vec::new();
    File::open(path)?
        .take(there.len() + 1)
        .read_to_end(&mut now)?;
    if now != change.file.text.as_bytes() {
        bail!("it is not what was read, or is not UTF-8 from its first byte");
    }
    let folder = path.parent().context("it has no folder")?;
    let mut beside = tempfile_in(folder, path)?;
    beside.1.write_all(change.text.as_bytes())?;
    beside.1.set_permissions(there.permissions())?;
    beside.1.sync_all()?;
    fs::rename(&beside.0, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside.0);
    })?;
    Ok(())
}

/// A new file beside `path`.
fn tempfile_in(folder: &Path, path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.casemate", std::process::id()));
    let file = File::create_new(&beside)?;
    Ok((beside, file))
}
