//! Signing a model.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use casemate_attest::{
    Bundle, CannotSign, Certificate, Envelope, Material, ResourceDescriptor, Sign, Statement,
    dsse::IN_TOTO,
};
use casemate_core::{PathText, Source};
use rayon::prelude::*;

use crate::{
    DigestStore, HashType, Manifest, Resource, Reuse, Serialization,
    ignore::{ignore_paths, own_files},
    manifest::{LONGEST_STATEMENT, MOST_RESOURCES, WHOLE},
    model::{Fault, File, Found, Identity, Ignored, Meter, Model, digest, own_name},
    name::DEFAULT_IGNORES,
    predicate::Predicate,
    signed::LONGEST_CLAIM,
};

/// How a model is to be signed.
#[derive(Clone, Debug)]
pub struct SignOptions {
    /// How its files are digested.
    pub hash: HashType,
    /// How many bytes a shard has, if files are to be signed in shards.
    pub shard_size: Option<u64>,
    /// Whether symbolic links are followed, instead of refused.
    pub allow_symlinks: bool,
    /// Whether git's own files at the top are left out.
    pub ignore_git: bool,
    /// What else to leave out: relative to the model, or absolute.
    pub ignore_paths: Vec<PathBuf>,
    /// What will be written, which is left out too: the bundle, and the digest store.
    pub outputs: Vec<PathBuf>,
    /// What may be taken from an earlier signing instead of being read.
    pub reuse: Option<Reuse>,
}

/// Says of a file, by its name in the model and its content, why it should not be signed.
pub type Inspect<'a> = dyn Fn(&str, &dyn Source) -> Option<String> + Sync + 'a;

impl Default for SignOptions {
    fn default() -> Self {
        Self {
            hash: HashType::Sha256,
            shard_size: None,
            allow_symlinks: false,
            ignore_git: true,
            ignore_paths: Vec::new(),
            outputs: Vec::new(),
            reuse: None,
        }
    }
}

/// What was found of a model before it is signed.
#[derive(Debug)]
pub struct Inventory {
    /// What will be signed.
    pub manifest: Manifest,
    /// What somebody should know: links that lead out of the model or in circles.
    pub notes: Vec<String>,
    /// How many files were taken from an earlier signing and not read.
    pub reused: usize,
    /// The files that should not be signed, by their names, and why.
    pub objections: Vec<(String, String)>,
    identities: BTreeMap<String, Identity>,
}

impl Inventory {
    /// What the file system says of the files, for the next signing. `bundle` is the JSON that was made of
    /// the manifest, and `begun` when the model began to be read, in seconds since 1970 by the clock of the
    /// file system.
    pub fn digest_store(&self, bundle: &[u8], begun: i64) -> DigestStore {
        DigestStore::new(bundle, begun, self.identities.clone())
    }
}

/// Digests every file of the model at `path`, and has each looked at by `inspect` while it is at hand: a
/// small file is read once for both. `meter` counts what is digested.
///
/// # Errors
///
/// When there is nothing to sign, or something that cannot be signed.
pub fn inventory(
    path: &Path,
    options: &SignOptions,
    inspect: Option<&Inspect<'_>>,
    meter: &Meter,
) -> Result<Inventory, SignError> {
    if options.shard_size == Some(0) {
        return Err(SignError::ShardSize);
    }
    let model = Model::open(path, options.allow_symlinks).map_err(SignError::Open)?;
    let mut notes = Vec::new();
    let asked = ignore_paths(path, &options.ignore_paths, &mut notes);
    let outputs = own_files(path, &options.outputs);
    let defaults = DEFAULT_IGNORES.iter().filter(|_| options.ignore_git);
    let left_out = defaults
        .map(|it| it.as_bytes().to_vec())
        .chain(asked)
        .collect::<Vec<_>>();
    let recorded = left_out.iter().chain(&outputs).cloned();
    let mut recorded: Vec<String> = recorded
        .filter_map(|path| String::from_utf8(path).ok())
        .collect();
    recorded.sort();
    recorded.dedup();
    let ignored = Ignored::new(left_out).and_files(outputs);
    let walk = model.walk(&ignored);
    notes.extend(walk.notes());
    if let Some((directory, fault)) = walk.unreadable.into_iter().next() {
        return Err(refuse(&directory, &fault));
    }
    if walk.is_cut {
        return Err(SignError::Many);
    }
    let mut names = Vec::with_capacity(walk.found.len());
    for (name, found) in walk.found {
        match found {
            Found::File => {}
            Found::LinkedFile => {
                if leads_out(path, &name) {
                    let shown = PathText::from_bytes(&name);
                    notes.push(format!(
                        "{shown} is a link out of the model; what it leads to is signed"
                    ));
                }
            }
            Found::Link => return Err(refuse(&name, &Fault::Link)),
            Found::Other(kind) => return Err(refuse(&name, &Fault::Other(kind))),
        }
        let shown = PathText::from_bytes(&name);
        names.push(String::from_utf8(name).map_err(|_| SignError::NotText(shown))?);
    }
    let serialization = Serialization {
        shard_size: options.shard_size,
        hash: options.hash,
        allow_symlinks: options.allow_symlinks,
        ignore_paths: recorded,
    };
    let reader = Reader {
        model: &model,
        serialization: &serialization,
        reuse: options.reuse.as_ref(),
        inspect,
        meter,
        resources: AtomicU64::new(0),
        is_unsure: AtomicBool::new(false),
    };
    let (mut resources, mut identities, mut reused) = (Vec::new(), BTreeMap::new(), 0);
    let mut objections = Vec::new();
    let name = String::from_utf8_lossy(&own_name(path)).into_owned();
    for digested in reader.all(&names)? {
        if let Some(objection) = digested.objection {
            let name = match digested.name == WHOLE {
                true => name.clone(),
                false => digested.name.clone(),
            };
            objections.push((name, objection));
        }
        resources.extend(digested.resources);
        identities.insert(digested.name, digested.identity);
        reused += usize::from(digested.is_reused);
    }
    if reader.is_unsure.into_inner() {
        notes.push(
            "files were read again whose file system is not known to tell of every change".into(),
        );
    }
    if resources.is_empty() {
        return Err(SignError::Empty);
    }
    // By the names as they are written, of shards too.
    resources.sort_by_cached_key(|it| match &it.range {
        Some(range) => format!("{}:{}:{}", it.name, range.start, range.end),
        None => it.name.clone(),
    });
    Ok(Inventory {
        manifest: Manifest {
            name,
            resources,
            serialization,
            is_legacy: false,
        },
        notes,
        reused,
        objections,
        identities,
    })
}

/// Digests the files of a model.
struct Reader<'a> {
    model: &'a Model,
    serialization: &'a Serialization,
    reuse: Option<&'a Reuse>,
    inspect: Option<&'a Inspect<'a>>,
    meter: &'a Meter,
    /// How many there are so far.
    resources: AtomicU64,
    /// Whether a file was read again because its file system is not known to tell that it changed.
    is_unsure: AtomicBool,
}

/// One file, digested.
struct Digested {
    name: String,
    identity: Identity,
    resources: Vec<Resource>,
    is_reused: bool,
    objection: Option<String>,
}

enum Sorted {
    Done(Digested),
    Large(u64, String),
}

impl Reader<'_> {
    /// Small files first, each by one core; then the large ones, the largest first, so that no core is
    /// left with one at the end.
    fn all(&self, names: &[String]) -> Result<Vec<Digested>, SignError> {
        let first = names.par_iter().map(|name| self.sort(name));
        let first: Vec<Sorted> = first.collect::<Result<_, _>>()?;
        let (mut done, mut large) = (Vec::with_capacity(names.len()), Vec::new());
        for sorted in first {
            match sorted {
                Sorted::Done(digested) => done.push(digested),
                Sorted::Large(len, name) => large.push((len, name)),
            }
        }
        large.sort_unstable_by(|a, b| b.cmp(a));
        let large = large.into_par_iter().with_max_len(1);
        let large = large.map(|(_, name)| self.read(&name, &self.open(&name)?));
        done.extend(large.collect::<Result<Vec<_>, _>>()?);
        Ok(done)
    }

    fn open(&self, name: &str) -> Result<File, SignError> {
        self.model
            .file(name.as_bytes())
            .map_err(|fault| refuse(name.as_bytes(), &fault))
    }

    fn sort(&self, name: &str) -> Result<Sorted, SignError> {
        let file = self.open(name)?;
        let identity = file.identity();
        let known = self
            .reuse
            .and_then(|reuse| reuse.of(name, identity, self.serialization));
        let known = known.filter(|_| {
            let keeps = file.keeps_time_of_change();
            self.is_unsure.fetch_or(!keeps, Ordering::Relaxed);
            keeps
        });
        if let Some(resources) = known {
            return Ok(Sorted::Done(Digested {
                name: name.to_owned(),
                identity,
                resources: resources.to_vec(),
                is_reused: true,
                objection: self.inspect.and_then(|inspect| inspect(name, &file)),
            }));
        }
        match file.len() > LARGE {
            true => Ok(Sorted::Large(file.len(), name.to_owned())),
            false => self.read(name, &file).map(Sorted::Done),
        }
    }

    fn read(&self, name: &str, file: &File) -> Result<Digested, SignError> {
        let shard_size = self.serialization.shard_size;
        // A file with holes is as long as anybody likes, and costs nobody anything but us.
        let count = shard_size.map_or(1, |size| file.len().div_ceil(size));
        let before = self.resources.fetch_add(count, Ordering::Relaxed);
        if count > MOST_RESOURCES || before > MOST_RESOURCES - count {
            return Err(SignError::Shards);
        }
        let ranges: Vec<Range<u64>> = match shard_size {
            Some(size) => shards(file.len(), size),
            None => std::iter::once(0..file.len()).collect(),
        };
        let refused = |fault: Fault| refuse(name.as_bytes(), &fault);
        let loaded = match self.inspect.is_some() && file.len() <= LARGE {
            true => Some(file.load().map_err(refused)?),
            false => None,
        };
        let content: &dyn Source = match &loaded {
            Some(loaded) => loaded,
            None => file,
        };
        let objection = self.inspect.and_then(|inspect| inspect(name, content));
        let digests = digest(file, content, &ranges, self.serialization.hash, self.meter);
        let digests = digests.map_err(refused)?;
        let resource = |(digest, range): (Box<[u8]>, Range<u64>)| Resource {
            name: name.to_owned(),
            range: shard_size.map(|_| range),
            digest,
        };
        Ok(Digested {
            name: name.to_owned(),
            identity: file.identity(),
            resources: digests.into_iter().zip(ranges).map(resource).collect(),
            is_reused: false,
            objection,
        })
    }
}

/// The ranges of a file of `len` bytes in shards of `size`; none, of an empty file.
fn shards(len: u64, size: u64) -> Vec<Range<u64>> {
    let count = len.div_ceil(size);
    (0..count)
        .map(|at| at * size..((at + 1).saturating_mul(size)).min(len))
        .collect()
}

/// Whether a link of the model leads out of it; into the blobs of the Hugging Face cache that it is
/// a snapshot of is not out.
fn leads_out(root: &Path, name: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt as _;

    let file = root.join(std::ffi::OsStr::from_bytes(name));
    let (Ok(root), Ok(target)) = (root.canonicalize(), file.canonicalize()) else {
        return true;
    };
    let cache = root
        .parent()
        .filter(|it| it.ends_with("snapshots"))
        .and_then(Path::parent);
    let in_cache = cache.is_some_and(|cache| target.starts_with(cache.join("blobs")));
    !target.starts_with(&root) && !in_cache
}

/// The bundle of a manifest that `key` signs. With certificates, the first is the key's own; those
/// that signed themselves stay out of the bundle, since nobody may trust them for coming along.
///
/// # Errors
///
/// When the first certificate is not of this key, or may not sign; when there is more to sign than is read
/// of a signature; when the key does not sign.
pub fn sign(
    manifest: &Manifest,
    key: &dyn Sign,
    certificates: &[Certificate],
) -> Result<Bundle, SignError> {
    sign_statement(
        manifest.to_statement(),
        LONGEST_STATEMENT,
        key,
        certificates,
    )
}

/// The bundle of a statement about `subject` that `key` signs, with certificates as for [`sign`].
///
/// # Errors
///
/// As those of [`sign`].
pub fn attest<P: Predicate>(
    subject: ResourceDescriptor,
    predicate: &P,
    key: &dyn Sign,
    certificates: &[Certificate],
) -> Result<Bundle, SignError> {
    let statement = Statement::about(subject, P::TYPE, predicate);
    let statement = serde_json::to_vec(&statement).expect("a statement has only text keys");
    sign_statement(statement, LONGEST_CLAIM, key, certificates)
}

fn sign_statement(
    statement: Vec<u8>,
    longest: usize,
    key: &dyn Sign,
    certificates: &[Certificate],
) -> Result<Bundle, SignError> {
    if statement.len() > longest {
        return Err(SignError::Long {
            bytes: statement.len(),
            longest,
        });
    }
    let material = match certificates.split_first() {
        None => Material::of_key(&key.public()),
        Some((leaf, rest)) => {
            if !leaf.public_key().is_ok_and(|public| public == key.public()) {
                return Err(SignError::OtherCertificate(leaf.subject()));
            }
            if !leaf.may_sign() {
                return Err(SignError::MayNotSign(leaf.subject()));
            }
            let issuers = rest.iter().filter(|it| !it.is_self_signed() && *it != leaf);
            Material::Chain([leaf].into_iter().chain(issuers).cloned().collect())
        }
    };
    Ok(Bundle {
        material,
        envelope: Envelope::sign(statement, IN_TOTO, key)?,
        timestamps: Vec::new(),
        log_entries: 0,
    })
}

/// Why a model cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It cannot be opened.
    #[error("the model cannot be opened: {0}")]
    Open(std::io::Error),
    /// It holds something that cannot be signed.
    #[error("{path} {reason}{}", advice(.reason))]
    Refused {
        /// What.
        path: PathText,
        /// Why.
        reason: String,
    },
    /// A name cannot be written into JSON without loss.
    #[error("the name {0} is not UTF-8 and cannot be signed; rename it, or leave it out")]
    NotText(PathText),
    /// There is no file.
    #[error("there is no file to sign: the model is empty, or all of it is left out")]
    Empty,
    /// There are more files than anybody signs.
    #[error(
        "the model has more files, deeper directories, or more links to one directory, than can be signed"
    )]
    Many,
    /// There are more shards than anybody reads.
    #[error("there would be more than {MOST_RESOURCES} shards; sign larger ones")]
    Shards,
    /// The statement is longer than anybody reads.
    #[error(
        "the signature would list more than is read of one: {bytes} bytes, and at most {longest} are"
    )]
    Long {
        /// How long it would be.
        bytes: usize,
        /// How much is read.
        longest: usize,
    },
    /// A shard of nothing.
    #[error("a shard has at least one byte")]
    ShardSize,
    /// The certificate is not of the key.
    #[error("the certificate of {0} is not of this key")]
    OtherCertificate(String),
    /// The certificate is for other things.
    #[error("the certificate of {0} is for neither digital signatures nor code signing")]
    MayNotSign(String),
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] CannotSign),
}

fn refuse(name: &[u8], fault: &Fault) -> SignError {
    let path = match name.is_empty() {
        true => PathText::from_bytes(b"the model"),
        false => PathText::from_bytes(name),
    };
    SignError::Refused {
        path,
        reason: fault.to_string(),
    }
}

fn advice(reason: &str) -> &'static str {
    match reason.contains("links are not allowed") {
        true => "; copy what it leads to, leave it out, or allow links",
        false => "",
    }
}

/// What is large enough to be put off until the small ones are done, in bytes.
pub(crate) const LARGE: u64 = 4 << 20;
