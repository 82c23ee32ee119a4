//! What is in a file, whichever format it has: entries, and where the bytes of their tensors are.

mod npz;
mod torch_legacy;
mod torch_tar;
mod torch_zip;

use std::collections::{BTreeSet, HashMap};

use casemate_container::{Budget, ContainerError, Contents, Magic, Member, View, sniff};
use casemate_core::Source;

use super::{
    ConvertError,
    bytes::{Around, Bytes, is_of_the_medium},
    cause, stream,
};
use crate::{
    Allowlist, Limits, formats,
    pickle::tree::Tree,
    tensor::{
        Place, Refusal, Tensor, npy, safetensors,
        torch_tar::Objects,
        walk::{self, Content, Entry, Walk},
    },
};

/// What one file holds.
pub(super) struct Opened<'a> {
    /// What safetensors' readers are told of where the tensors come from; nothing where the file
    /// says that itself.
    pub(super) framework: Option<&'static str>,
    /// The member that the entries are described in, where the file is an archive.
    pub(super) described_in: Option<String>,
    /// Where findings begin that are about entries which are refused.
    pub(super) explained: BTreeSet<u64>,
    pub(super) found: Vec<Found<'a>>,
}

/// One entry, and where its bytes are.
pub(super) struct Found<'a> {
    pub(super) name: String,
    pub(super) thing: Thing<'a>,
}

pub(super) enum Thing<'a> {
    Tensor(Tensor, Bytes<'a>),
    /// A value as JSON.
    Plain(String),
    /// Metadata as they are.
    Text(String),
    Refused(Refusal),
}

/// What a file is held against.
#[derive(Clone, Copy)]
pub(super) struct Terms<'t> {
    pub(super) allowlist: &'t Allowlist,
    pub(super) limits: &'t Limits,
    /// Where findings about the file begin.
    pub(super) places: &'t BTreeSet<u64>,
}

/// Opens a file.
///
/// # Errors
///
/// Where it is of another format, or broken as a whole, or what the medium says.
pub(super) fn open<'a>(
    source: &'a dyn Source,
    terms: Terms<'_>,
) -> Result<Opened<'a>, ConvertError> {
    let magic = sniff(source)?.magic;
    if !is_archive(magic) {
        return described(Around::File(source), magic, terms);
    }
    let contents = casemate_container::open(source, magic, &budget(terms.limits));
    let contents = contents.map_err(broken)?;
    let contents = contents.ok_or(ConvertError::Format(magic.as_str()))?;
    match magic {
        Magic::Zip => match formats::torch_zip::folder(&contents).map(str::to_owned) {
            Some(folder) => torch_zip::open(&contents, &folder, terms),
            None => npz::open(&contents),
        },
        Magic::Tar => torch_tar::open(&contents, terms),
        _ => {
            let inside = stream::unpacked(&contents)?;
            let magic = sniff(inside.source())?.magic;
            if is_archive(magic) {
                return Err(ConvertError::Twice(magic.as_str(), contents.format));
            }
            // Most streams have no name, and findings do not tell of such a member.
            let name = contents.members.first().map(|member| member.name.as_str());
            Ok(Opened {
                described_in: name.filter(|name| !name.is_empty()).map(str::to_owned),
                ..described(inside, magic, terms)?
            })
        }
    }
}

fn is_archive(magic: Magic) -> bool {
    matches!(magic, Magic::Zip | Magic::Tar) || is_compressed(magic)
}

/// Whether a file is one stream that is compressed.
fn is_compressed(magic: Magic) -> bool {
    matches!(
        magic,
        Magic::Gzip
            | Magic::Zlib
            | Magic::Bzip2
            | Magic::Xz
            | Magic::Lzma
            | Magic::Zstd
            | Magic::Lz4Frame
    )
}

fn budget(limits: &Limits) -> Budget {
    let mut budget = Budget::default();
    budget.members = limits.members;
    // Members are read once for each tensor in them, and more often where a tensor is turned.
    budget.total = limits.bytes.saturating_mul(64);
    budget.memory = LARGEST_PICKLE;
    budget
}

/// Opens what is no archive.
fn described<'a>(
    around: Around<'a>,
    magic: Magic,
    terms: Terms<'_>,
) -> Result<Opened<'a>, ConvertError> {
    let mut entries = Vec::new();
    let framework = match magic {
        Magic::Pickle(_) if formats::torch_legacy::is_legacy(around.source())? => {
            return torch_legacy::open(around, terms);
        }
        Magic::Pickle(_) => return pickle(around, terms),
        Magic::Safetensors => {
            safetensors::entries(around.source(), |entry| entries.push(entry))?;
            None
        }
        Magic::Npy => {
            entries.push(Entry {
                name: walk::ALONE.to_owned(),
                content: npy::tensor(around.source())?.into(),
            });
            Some(NUMPY)
        }
        other => return Err(ConvertError::Format(other.as_str())),
    };
    let mut here = Here::new(around);
    Ok(Opened {
        framework,
        described_in: None,
        explained: BTreeSet::new(),
        found: located(entries, |place| here.find(place)),
    })
}

/// A pickle by itself, as joblib or `pickle.dump` writes it.
fn pickle<'a>(around: Around<'a>, terms: Terms<'_>) -> Result<Opened<'a>, ConvertError> {
    let tree = Tree::read(around.source(), 0)?;
    let (entries, explained) = entries(&tree, None, terms)?;
    drop(tree);
    let mut here = Here::new(around);
    Ok(Opened {
        framework: Some(NUMPY),
        described_in: None,
        explained,
        found: located(entries, |place| here.find(place)),
    })
}

/// What a pickle holds, and which of the findings about it are about what of it is refused.
fn entries(
    tree: &Tree<'_>,
    objects: Option<&Objects>,
    terms: Terms<'_>,
) -> Result<(Vec<Entry>, BTreeSet<u64>), ConvertError> {
    unbroken(tree)?;
    let Some(root) = tree.root() else {
        return Err(ConvertError::Broken("its pickle gives nothing".to_owned()));
    };
    let mut entries = Vec::new();
    let mut walk = Walk::new(terms.allowlist);
    walk.objects = objects;
    walk.tell(tree, root, |entry| entries.push(entry))
        .map_err(|error| ConvertError::Broken(error.to_string()))?;
    let explained = cause::explained(tree, root, &entries, terms.places);
    Ok((entries, explained))
}

fn unbroken(tree: &Tree<'_>) -> Result<(), ConvertError> {
    match tree.fault() {
        None => Ok(()),
        Some(fault) => Err(ConvertError::Broken(format!(
            "its pickle breaks off: {fault}"
        ))),
    }
}

/// Why an archive cannot be opened.
pub(super) fn broken(error: ContainerError) -> ConvertError {
    match error {
        ContainerError::Io(error) if is_of_the_medium(&error) => ConvertError::Io(error),
        error => ConvertError::Broken(error.to_string()),
    }
}

/// The entries, each with its bytes as `resolve` finds them.
fn located<'a>(
    entries: Vec<Entry>,
    mut resolve: impl FnMut(&Place) -> Result<Bytes<'a>, Refusal>,
) -> Vec<Found<'a>> {
    let mut locate = |tensor: Tensor| {
        let bytes = resolve(&tensor.storage().place)?;
        let (has, says) = (bytes.len(), tensor.storage().len);
        if has < says {
            let key = match &tensor.storage().place {
                Place::Key(key) => key.clone(),
                _ => return Err(Refusal::Short { needs: says, has }),
            };
            return Err(Refusal::Size { key, says, has });
        }
        Ok((tensor, bytes))
    };
    let entries = entries.into_iter();
    let found = entries.map(|Entry { name, content }| Found {
        name,
        thing: match content {
            Content::Tensor(tensor) => match locate(tensor) {
                Ok((tensor, bytes)) => Thing::Tensor(tensor, bytes),
                Err(refusal) => Thing::Refused(refusal),
            },
            Content::Plain(json) => Thing::Plain(json),
            Content::Text(text) => Thing::Text(text),
            Content::Refused(refusal) => Thing::Refused(refusal),
        },
    });
    found.collect()
}

/// What is described and lies in the same file or member.
struct Here<'a> {
    around: Around<'a>,
    /// What was decoded, by where it stands.
    decoded: HashMap<u64, Result<Bytes<'a>, Refusal>>,
    /// How much may still be decoded.
    room: u64,
}

impl<'a> Here<'a> {
    fn new(around: Around<'a>) -> Self {
        Self {
            around,
            decoded: HashMap::new(),
            room: LARGEST_PICKLE,
        }
    }

    fn find(&mut self, place: &Place) -> Result<Bytes<'a>, Refusal> {
        match *place {
            Place::Extent { at, len } => Ok(self.around.extent(at, len)),
            Place::Latin1 { at, len } => {
                let Self {
                    around,
                    decoded,
                    room,
                } = self;
                let decode = || {
                    let left = room.checked_sub(len);
                    *room = left.ok_or(Refusal::Malformed("it is too much text"))?;
                    around.decoded(at, len).ok_or(Refusal::NotAnArray)
                };
                decoded.entry(at).or_insert_with(decode).clone()
            }
            Place::Key(ref key) => Err(Refusal::Missing(key.clone())),
        }
    }
}

/// The members that a reader finds which goes by the archive's directory, as torch and NumPy do.
fn members<'c, 'a>(contents: &'c Contents<'a>) -> impl Iterator<Item = &'c Member<'a>> {
    let members = contents.members.iter();
    members.filter(|member| member.holds_bytes() && member.view() != View::Local)
}

const TORCH: &str = "pt";
const NUMPY: &str = "np";
/// How large a compressed pickle may be, which is held in memory.
const LARGEST_PICKLE: u64 = 32 << 20;
