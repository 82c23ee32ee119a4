//! Verifying a model.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use casemate_attest::{Signer, TrustStore, matches};
use casemate_core::{Digest, LogProof, PathText, Source as _, Timestamp};
use rayon::prelude::*;

use crate::{
    Attested, Claims, Class, Manifest, Problem, Resource, Verdict, claims,
    hash::hex,
    ignore::{ignore_paths, own_files},
    manifest::{PREDICATE, WHOLE},
    model::{Fault, Found, Ignored, Meter, Model, digest},
    name::is_under,
    sign::LARGE,
    signed::read_signed,
};

/// What a verification is to look at, and to overlook.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Only files whose name fits one of these; `*` stands for any text, `?` for one character.
    pub only: Vec<String>,
    /// What else is left out: relative to the model, or absolute.
    pub ignore_paths: Vec<PathBuf>,
    /// Whether files that nobody signed are no problem.
    pub ignore_unsigned: bool,
    /// Whether links are followed even where the signer did not follow any.
    pub allow_symlinks: bool,
    /// Where the bundles and claims files are, which are no part of the model.
    pub bundles: Vec<PathBuf>,
    /// What else is said of the model, with signatures of it among that.
    pub claims: Claims,
    /// Why others could not be read.
    pub unreadable: Vec<String>,
    /// What transparency logs say of the bundles.
    pub logs: Option<Arc<dyn LogProof>>,
}

/// Verifies the model at `path` against `bundles` (as JSON), and says what is wrong. A bundle is read
/// before the model is, and the model only if enough signatures count.
pub fn verify(
    path: &Path,
    bundles: &[Vec<u8>],
    trust: &TrustStore,
    options: &VerifyOptions,
    now: Timestamp,
    meter: &Meter,
) -> Verdict {
    let digests = bundles.iter().map(|bundle| Digest::of(bundle));
    let mut verdict = Verdict::unread(digests.collect());
    let mut said = claims::judge_lines(options, trust, now, &mut verdict);
    let counted = count_signatures(bundles, &mut said, trust, options, now, &mut verdict);
    if let Some(manifest) = counted {
        let root = manifest.root();
        verdict.root = Some(root);
        verdict.name = Some(manifest.name.clone()).filter(|name| !name.is_empty());
        compare(path, &manifest, options, meter, &mut verdict);
        claims::list(said, &root, trust, &mut verdict);
        verdict.manifest = Some(manifest);
    }
    // Of a log that says one thing to one and another to others, nothing counts, asked for or not.
    for told in options.logs.iter().flat_map(|logs| logs.equivocations()) {
        let problem = Problem::new(Class::Equivocation, told);
        verdict.problems.push(problem);
    }
    // Several bundles may have the same said of them.
    let mut told = BTreeSet::new();
    verdict.notes.retain(|note| told.insert(note.clone()));
    let order = |it: &Problem| (std::cmp::Reverse(it.class), it.path.clone(), it.line);
    verdict.problems.sort_by_cached_key(order);
    let worst = verdict.problems.iter().map(|problem| problem.class).max();
    verdict.class = match worst {
        Some(worst) => worst,
        None if !options.only.is_empty() => Class::Partial,
        None => Class::Ok,
    };
    verdict
}

/// Those who signed the same of a model.
struct Group {
    signers: Vec<Signer>,
    manifest: Manifest,
    /// The lines of the claims file with their signatures.
    lines: Vec<u64>,
}

/// The manifest that enough of the bundles and claims sign. Of the claims, signatures of another
/// content are taken out, and are problems.
fn count_signatures(
    bundles: &[Vec<u8>],
    said: &mut Vec<(u64, Attested)>,
    trust: &TrustStore,
    options: &VerifyOptions,
    now: Timestamp,
    verdict: &mut Verdict,
) -> Option<Manifest> {
    let unreadable = options.unreadable.iter();
    let mut refused: Vec<Problem> = unreadable
        .map(|told| Problem::new(Class::Malformed, told))
        .collect();
    let mut groups = groups(bundles, said, trust, options, now, &mut refused, verdict);
    let need = trust.threshold_of(PREDICATE);
    let chosen = groups.iter().position(|it| it.signers.len() >= need);
    let most = || {
        (0..groups.len())
            .rev()
            .max_by_key(|&at| groups[at].signers.len())
    };
    let have = chosen.or_else(most).map(|at| groups.remove(at));
    if let Some(group) = &have {
        verdict.signers.clone_from(&group.signers);
        for other in &groups {
            let (theirs, ours) = (&other.signers[0].name, &group.signers[0].name);
            let told = format!("`{theirs}` signed other content than `{ours}`");
            let problem = Problem::new(Class::ContentMismatch, told);
            if other.lines.is_empty() {
                refused.push(problem);
                continue;
            }
            said.retain(|(line, _)| !other.lines.contains(line));
            let lines = other.lines.iter();
            let lines = lines.map(|&line| problem.clone().on(line));
            verdict.problems.extend(lines);
        }
    }
    if chosen.is_some() {
        let told = refused.into_iter().map(|problem| problem.message);
        verdict.notes.extend(told);
        return have.map(|group| group.manifest);
    }
    verdict.problems.append(&mut refused);
    let untrusted = |told| Problem::new(Class::UntrustedSigner, told);
    if have.is_none() && bundles.is_empty() {
        let told = "there is no signature of the model that counts among what is said of it";
        // Why one of the claims does not count is what is wrong, and what that is called must not depend
        // on how the signature was given.
        match verdict.problems.is_empty() {
            true => verdict.problems.push(untrusted(told.to_owned())),
            false => verdict.notes.push(told.to_owned()),
        }
    }
    if need > 1 {
        let have = verdict.signers.len();
        let told = format!("{need} signers must have signed, and the signatures of {have} count");
        // Where only the log is missing, that is what is wrong.
        let unlogged = |it: &&Problem| it.class == Class::NotLogged;
        let would_do = have + verdict.problems.iter().filter(unlogged).count() >= need;
        let class = match would_do && verdict.problems.iter().all(|it| unlogged(&it)) {
            true => Class::NotLogged,
            false => Class::UntrustedSigner,
        };
        verdict.problems.push(Problem::new(class, told));
    }
    None
}

/// Those that signed the same, in the order in which the first of each came.
fn groups(
    bundles: &[Vec<u8>],
    said: &[(u64, Attested)],
    trust: &TrustStore,
    options: &VerifyOptions,
    now: Timestamp,
    refused: &mut Vec<Problem>,
    verdict: &mut Verdict,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let logs = options.logs.as_deref();
    for bytes in bundles {
        match read_signed(bytes, trust, logs, now, &mut verdict.notes) {
            Ok(signed) => {
                verdict.logged.extend(signed.logged);
                let (signer, manifest) = (signed.signer, signed.content);
                group(&mut groups, signer, manifest, None, &mut verdict.notes);
            }
            Err(problem) => refused.push(problem),
        }
    }
    for (line, attested) in said {
        if let Some(manifest) = attested.manifest.clone() {
            let signer = attested.evidence.signers[0].clone();
            group(
                &mut groups,
                signer,
                manifest,
                Some(*line),
                &mut verdict.notes,
            );
        }
    }
    groups
}

fn group(
    groups: &mut Vec<Group>,
    signer: Signer,
    manifest: Manifest,
    line: Option<u64>,
    notes: &mut Vec<String>,
) {
    let Some(group) = groups
        .iter_mut()
        .find(|it| is_same(&it.manifest, &manifest))
    else {
        groups.push(Group {
            signers: vec![signer],
            manifest,
            lines: line.into_iter().collect(),
        });
        return;
    };
    group.lines.extend(line);
    if group.signers.iter().any(|it| is_one(it, &signer)) {
        let told = format!("`{}` signed more than once, and counts once", signer.name);
        notes.push(told);
        return;
    }
    group.signers.push(signer);
    leave_out_less(&mut group.manifest, &manifest);
}

/// Whether two signers are one: by their key, or by what the same root calls them.
pub(crate) fn is_one(a: &Signer, b: &Signer) -> bool {
    let same_name = a.certificate.is_some()
        && (a.certificate == b.certificate
            || a.identities.iter().any(|it| b.identities.contains(it)));
    a.key == b.key || (a.name == b.name && same_name)
}

/// Whether two say the same of a model. What they left out may differ: each leaves out its own bundle.
fn is_same(a: &Manifest, b: &Manifest) -> bool {
    let how = |it: &Manifest| {
        let it = &it.serialization;
        (it.shard_size, it.hash, it.allow_symlinks)
    };
    a.resources == b.resources && how(a) == how(b)
}

/// Leaves to `manifest` the ignored paths that `other` ignores too.
fn leave_out_less(manifest: &mut Manifest, other: &Manifest) {
    let ours = std::mem::take(&mut manifest.serialization.ignore_paths);
    let theirs = &other.serialization.ignore_paths;
    let covered = |path: &String, by: &[String]| {
        let mut by = by.iter();
        by.any(|it| is_under(path.as_bytes(), it.as_bytes()))
    };
    let of_both = theirs.iter().filter(|it| covered(it, &ours)).cloned();
    let of_both: BTreeSet<String> = of_both
        .chain(ours.iter().filter(|it| covered(it, theirs)).cloned())
        .collect();
    manifest.serialization.ignore_paths = of_both.into_iter().collect();
}

/// Holds the model against what was signed.
fn compare(
    path: &Path,
    manifest: &Manifest,
    options: &VerifyOptions,
    meter: &Meter,
    verdict: &mut Verdict,
) {
    let mut files: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for resource in &manifest.resources {
        files.entry(&resource.name).or_default().push(resource);
    }
    verdict.signed_files = files.len();
    let links = manifest.serialization.allow_symlinks || options.allow_symlinks;
    let model = match Model::open(path, links) {
        Ok(model) => model,
        Err(error) => {
            let told = format!("the model cannot be opened: {error}");
            verdict.problems.push(Problem::new(Class::Missing, told));
            return;
        }
    };
    let is_asked_for = |name: &str| {
        let own = model.file_name.as_deref().filter(|_| name == WHOLE);
        let own = own.and_then(|own| std::str::from_utf8(own).ok());
        let fits = |glob: &String| matches(glob, own.unwrap_or(name));
        options.only.is_empty() || options.only.iter().any(fits)
    };
    let asked: Vec<(&str, Vec<&Resource>)> = files
        .iter()
        .filter(|(name, _)| is_asked_for(name))
        .map(|(name, it)| (*name, it.clone()))
        .collect();
    if asked.is_empty() {
        let told = "no signed file fits what was asked for";
        verdict.problems.push(Problem::new(Class::Missing, told));
    }
    let problems = compare_files(&model, &asked, manifest, meter);
    verdict.verified_files = asked.len() - problems.len();
    verdict.problems.extend(problems);
    find_unsigned(
        path,
        &model,
        manifest,
        &files,
        &is_asked_for,
        options,
        verdict,
    );
}

/// Digests the files that are signed: the small ones first, then the large ones, the largest first.
fn compare_files(
    model: &Model,
    files: &[(&str, Vec<&Resource>)],
    manifest: &Manifest,
    meter: &Meter,
) -> Vec<Problem> {
    let first: Vec<Compared<'_>> = files
        .par_iter()
        .map(|(name, resources)| match model.file(name.as_bytes()) {
            Ok(file) if file.len() > LARGE => Compared::Later(file.len(), name, resources),
            _ => Compared::Now(compare_file(model, name, resources, manifest, meter)),
        })
        .collect();
    let (mut problems, mut later) = (Vec::new(), Vec::new());
    for compared in first {
        match compared {
            Compared::Now(problem) => problems.extend(problem),
            Compared::Later(len, name, resources) => later.push((len, name, resources)),
        }
    }
    later.sort_unstable_by_key(|(len, name, _)| (std::cmp::Reverse(*len), *name));
    let large = later.par_iter().with_max_len(1);
    let large =
        large.map(|(_, name, resources)| compare_file(model, name, resources, manifest, meter));
    problems.extend(large.collect::<Vec<_>>().into_iter().flatten());
    problems
}

enum Compared<'a> {
    Now(Option<Problem>),
    Later(u64, &'a str, &'a [&'a Resource]),
}

/// What is wrong with one signed file.
fn compare_file(
    model: &Model,
    name: &str,
    resources: &[&Resource],
    manifest: &Manifest,
    meter: &Meter,
) -> Option<Problem> {
    let hash = manifest.serialization.hash;
    let problem = |class, told: &str| Problem::of(class, name.as_bytes(), told);
    let faulty = |fault: Fault| match fault {
        Fault::Missing => problem(Class::Missing, "is signed and is not there"),
        fault => problem(Class::ContentMismatch, &fault.to_string()),
    };
    let file = match model.file(name.as_bytes()) {
        Ok(file) => file,
        Err(fault) => return Some(faulty(fault)),
    };
    let ranges: Vec<Range<u64>> = match manifest.serialization.shard_size {
        None => std::iter::once(0..file.len()).collect(),
        Some(size) => {
            // No two begin at the same byte, so that as many as there must be are all of them.
            let is_shard = |range: &Range<u64>| {
                let end = range.start.saturating_add(size).min(file.len());
                range.start.is_multiple_of(size) && range.end == end
            };
            let signed: Vec<_> = resources.iter().filter_map(|it| it.range.clone()).collect();
            let is_all = file.len().div_ceil(size) == signed.len() as u64;
            if signed.is_empty() || !is_all || !signed.iter().all(is_shard) {
                return Some(problem(
                    Class::ContentMismatch,
                    "is not of the length that was signed",
                ));
            }
            signed
        }
    };
    let digests = match digest(&file, &file, &ranges, hash, meter) {
        Ok(digests) => digests,
        Err(fault) => return Some(faulty(fault)),
    };
    let different = resources
        .iter()
        .zip(&digests)
        .find(|(it, digest)| it.digest != **digest)?;
    let (resource, actual) = different;
    let mut found = problem(Class::ContentMismatch, "is not what was signed");
    if let Some(range) = &resource.range {
        found.message = format!(
            "is not what was signed, in bytes {} to {}",
            range.start, range.end
        );
    }
    found.expected = Some(format!("{hash}:{}", hex(&resource.digest)));
    found.actual = Some(format!("{hash}:{}", hex(actual)));
    Some(found)
}

/// Finds what is in the model and nobody signed.
fn find_unsigned(
    path: &Path,
    model: &Model,
    manifest: &Manifest,
    files: &BTreeMap<&str, Vec<&Resource>>,
    is_asked_for: &dyn Fn(&str) -> bool,
    options: &VerifyOptions,
    verdict: &mut Verdict,
) {
    if model.file_name.is_some() {
        return;
    }
    let signed = manifest.serialization.ignore_paths.iter();
    let signed = signed.map(|it| it.as_bytes().to_vec());
    let asked = ignore_paths(path, &options.ignore_paths, &mut verdict.notes);
    let ignored = Ignored::new(signed.chain(asked)).and_files(own_files(path, &options.bundles));
    let walk = model.walk(&ignored);
    verdict.notes.extend(walk.notes());
    for (directory, fault) in walk.unreadable {
        let told = format!("the directory {fault}, so that nobody knows what is in it");
        verdict
            .problems
            .push(Problem::of(Class::UnsignedPresent, &directory, told));
    }
    if walk.is_cut {
        let told = "the model has more files, deeper directories, or more links to one directory, than are looked at";
        verdict
            .problems
            .push(Problem::new(Class::UnsignedPresent, told));
    }
    verdict
        .ignored
        .extend(walk.ignored.iter().map(|name| PathText::from_bytes(name)));
    for (name, found) in walk.found {
        let text = std::str::from_utf8(&name).ok();
        if text.is_some_and(|name| files.contains_key(name)) {
            continue;
        }
        if text.is_some_and(|name| !is_asked_for(name))
            || (text.is_none() && !options.only.is_empty())
        {
            continue;
        }
        let is_plain = matches!(found, Found::File | Found::LinkedFile);
        // Shards of nothing are not signed, so that nobody can tell whose an empty file is.
        let may_be_signed = is_plain
            && manifest.serialization.shard_size.is_some()
            && model.file(&name).is_ok_and(|file| file.len() == 0);
        if options.ignore_unsigned || may_be_signed {
            verdict.ignored.push(PathText::from_bytes(&name));
            continue;
        }
        let told = match found {
            Found::File | Found::LinkedFile => "is there and nobody signed it",
            Found::Link => "is a symbolic link that nobody signed",
            Found::Other(kind) => {
                let told = format!("is {kind} and no file");
                verdict
                    .problems
                    .push(Problem::of(Class::UnsignedPresent, &name, told));
                continue;
            }
        };
        verdict
            .problems
            .push(Problem::of(Class::UnsignedPresent, &name, told));
    }
    verdict.ignored.sort();
    debug_assert!(!files.contains_key(WHOLE) || files.len() == 1);
}

/// How long a bundle may be: its statement in base64, and what comes with it.
pub const LONGEST_BUNDLE: u64 = crate::manifest::LONGEST_STATEMENT as u64 / 3 * 4 + (1 << 20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_two_certificates_is_one_signer() {
        let signer = |key: &str, subject: Option<&str>, identities: &[&str]| Signer {
            name: "root".into(),
            key: Digest::of(key.as_bytes()),
            certificate: subject.map(str::to_owned),
            identities: identities.iter().map(|it| (*it).to_owned()).collect(),
        };
        let alice = signer("1", Some("CN=alice"), &["alice@x.test"]);
        for (other, is_same) in [
            (signer("1", None, &[]), true),
            (signer("2", Some("CN=alice"), &[]), true),
            (signer("2", Some("CN=a"), &["alice@x.test"]), true),
            (signer("2", Some("CN=bob"), &["bob@x.test"]), false),
            (signer("2", None, &[]), false),
        ] {
            assert_eq!(is_one(&alice, &other), is_same, "{other:?}");
        }
        assert!(!is_one(&signer("1", None, &[]), &signer("2", None, &[])));
    }
}
