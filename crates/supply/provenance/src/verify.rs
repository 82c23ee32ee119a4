//! Verifying a model.

use std::{
    cell::{Cell, OnceCell},
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use casemate_attest::{Bundle, Distrust, Envelope, PublicKey, Signer, TrustStore, dsse, matches};
use casemate_core::{Digest, LogProof, Logged, PathText, Source as _, Timestamp};
use rayon::prelude::*;

use crate::{
    Class, Manifest, Problem, Resource, Verdict,
    hash::hex,
    ignore::{ignore_paths, own_files},
    legacy,
    logged::InLogs,
    manifest::WHOLE,
    model::{Fault, Found, Ignored, Meter, Model, digest},
    name::is_under,
    sign::LARGE,
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
    /// Where the bundles are, which are no part of the model.
    pub bundles: Vec<PathBuf>,
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
    let mut verdict = Verdict {
        class: Class::Ok,
        problems: Vec::new(),
        signers: Vec::new(),
        name: None,
        root: None,
        bundles: bundles.iter().map(|bundle| Digest::of(bundle)).collect(),
        logged: Vec::new(),
        signed_files: 0,
        verified_files: 0,
        ignored: Vec::new(),
        notes: Vec::new(),
    };
    if let Some(manifest) = count_signatures(bundles, trust, options, now, &mut verdict) {
        verdict.root = Some(manifest.root());
        verdict.name = Some(manifest.name.clone()).filter(|name| !name.is_empty());
        compare(path, &manifest, options, meter, &mut verdict);
    }
    // Of a log that says one thing to one and another to others, nothing counts, asked for or not.
    for told in options.logs.iter().flat_map(|logs| logs.equivocations()) {
        let problem = Problem::new(Class::Equivocation, told);
        verdict.problems.push(problem);
    }
    verdict
        .problems
        .sort_by(|a, b| b.class.cmp(&a.class).then_with(|| a.path.cmp(&b.path)));
    let worst = verdict.problems.iter().map(|problem| problem.class).max();
    verdict.class = match worst {
        Some(worst) => worst,
        None if !options.only.is_empty() => Class::Partial,
        None => Class::Ok,
    };
    verdict
}

/// The manifest that enough of the bundles sign.
fn count_signatures(
    bundles: &[Vec<u8>],
    trust: &TrustStore,
    options: &VerifyOptions,
    now: Timestamp,
    verdict: &mut Verdict,
) -> Option<Manifest> {
    let unreadable = options.unreadable.iter();
    let mut refused: Vec<Problem> = unreadable
        .map(|told| Problem::new(Class::Malformed, told))
        .collect();
    // Those that signed the same, in the order in which the first of each came.
    let mut groups: Vec<(Vec<Signer>, Manifest)> = Vec::new();
    let logs = options.logs.as_deref();
    for bytes in bundles {
        let Signed {
            signer,
            manifest,
            logged,
        } = match read_signed(bytes, trust, logs, now, &mut verdict.notes) {
            Ok(signed) => signed,
            Err(problem) => {
                refused.push(problem);
                continue;
            }
        };
        verdict.logged.extend(logged);
        match groups.iter_mut().find(|(_, it)| is_same(it, &manifest)) {
            None => groups.push((vec![signer], manifest)),
            Some((signers, _)) if signers.iter().any(|it| is_one(it, &signer)) => {
                let told = format!("`{}` signed more than once, and counts once", signer.name);
                verdict.notes.push(told);
            }
            Some((signers, common)) => {
                signers.push(signer);
                leave_out_less(common, &manifest);
            }
        }
    }
    let enough = |group: &(Vec<Signer>, Manifest)| group.0.len() >= trust.threshold();
    let chosen = groups.iter().position(enough);
    let most = || (0..groups.len()).rev().max_by_key(|&at| groups[at].0.len());
    let have = chosen.or_else(most).map(|at| groups.remove(at));
    if let Some((signers, _)) = &have {
        for (others, _) in &groups {
            let (other, name) = (&others[0].name, &signers[0].name);
            let told = format!("`{other}` signed other content than `{name}`");
            refused.push(Problem::new(Class::ContentMismatch, told));
        }
        verdict.signers.clone_from(signers);
    }
    if chosen.is_some() {
        let told = refused.into_iter().map(|problem| problem.message);
        verdict.notes.extend(told);
        return have.map(|(_, manifest)| manifest);
    }
    verdict.problems.append(&mut refused);
    if trust.threshold() > 1 {
        let (have, need) = (verdict.signers.len(), trust.threshold());
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

/// Whether two signers are one: by their key, or by what the same root calls them.
fn is_one(a: &Signer, b: &Signer) -> bool {
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

/// What one bundle says that counts.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Who signed.
    pub signer: Signer,
    /// What is signed.
    pub manifest: Manifest,
    /// The records of it that are proven to be in logs.
    pub logged: Vec<Logged>,
}

/// Who signed what, of one bundle (as JSON) that `trust` counts, by `logs` too where there are any; `notes`
/// gets what its time stamps and the logs say. What is signed is parsed once its signature has verified.
///
/// # Errors
///
/// Why it does not count.
pub fn read_signed(
    bytes: &[u8],
    trust: &TrustStore,
    logs: Option<&dyn LogProof>,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Signed, Problem> {
    let malformed = |told: String| Problem::new(Class::Malformed, told);
    let bundle = Bundle::from_json(bytes, usize::try_from(LONGEST_BUNDLE).unwrap_or(usize::MAX))
        .map_err(|error| malformed(error.to_string()))?;
    let is_old = Cell::new(false);
    let verify = |envelope: &Envelope, key: &PublicKey| {
        if envelope.verify(key).is_ok() {
            return true;
        }
        let old = legacy::verify(envelope, key).is_ok();
        is_old.set(old);
        old
    };
    let parsed = OnceCell::new();
    let parse = || parsed.get_or_init(|| Manifest::from_statement(&bundle.envelope.payload.0));
    // What names no model is refused below, whatever its signer may sign.
    let subject = || parse().as_ref().ok().map(|manifest| manifest.name.clone());
    let in_logs = InLogs::of(&Digest::of(bytes), logs);
    let (signed_at, told) = trust.signed_at(&bundle, in_logs.seen(), now);
    notes.extend(told);
    let signer = trust
        .judge(&bundle, &subject, signed_at, now, &verify)
        .map_err(|distrust| {
            let class = match &distrust {
                Distrust::BadSignature(_) => Class::BadSignature,
                Distrust::Stranger(_) | Distrust::Untrusted(_) => Class::UntrustedSigner,
                Distrust::Expired(_) => Class::Expired,
                Distrust::Revoked(_) => Class::Revoked,
            };
            Problem::new(class, distrust.to_string())
        })?;
    if bundle.envelope.payload_type != dsse::IN_TOTO {
        let shown: String = bundle.envelope.payload_type.chars().take(100).collect();
        return Err(malformed(format!(
            "what is signed is no in-toto statement, but {shown:?}"
        )));
    }
    parse();
    let manifest = parsed.into_inner().expect("it was parsed just now");
    let manifest = manifest.map_err(|error| malformed(error.to_string()))?;
    if is_old.get() && !manifest.is_legacy {
        let told = "it is signed in the way of model-signing 0.2, and is not of its form";
        return Err(Problem::new(Class::BadSignature, told));
    }
    let model = [manifest.root()];
    let logged = in_logs.about(&model, manifest.predicate_type(), trust, notes)?;
    Ok(Signed {
        signer,
        manifest,
        logged,
    })
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
