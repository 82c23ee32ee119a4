//! What is in a file, whichever format it has: entries, and where the bytes of their tensors are.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io,
};

use casemate_container::{Budget, ContainerError, Contents, Magic, Member, View, sniff};
use casemate_core::{Source, Window};

use super::{
    ConvertError,
    bytes::{Around, Bytes, is_of_the_medium},
    cause,
};
use crate::{
    Allowlist, Limits,
    formats::{torch_legacy, torch_zip},
    pickle::{
        tree::{Act, Node, Tree},
        value::Shape,
    },
    tensor::{
        Place, Refusal, Tensor, npy, safetensors, torch,
        walk::{self, Content, Entry},
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

/// Opens a file. Findings about it begin at `places`.
///
/// # Errors
///
/// Where it is of another format, or broken as a whole, or what the medium says.
pub(super) fn open<'a>(
    source: &'a dyn Source,
    allowlist: &Allowlist,
    limits: &Limits,
    places: &BTreeSet<u64>,
) -> Result<Opened<'a>, ConvertError> {
    let magic = sniff(source)?.magic;
    match magic {
        Magic::Zip => zip(source, allowlist, limits, places),
        Magic::Pickle(_) if torch_legacy::is_legacy(source)? => legacy(source, allowlist, places),
        Magic::Pickle(_) => pickle(source, allowlist, places),
        Magic::Safetensors => {
            let mut entries = Vec::new();
            safetensors::entries(source, |entry| entries.push(entry))?;
            let mut here = Here::new(Around::File(source));
            Ok(Opened {
                framework: None,
                described_in: None,
                explained: BTreeSet::new(),
                found: located(entries, |place| here.find(place)),
            })
        }
        Magic::Npy => {
            let tensor = npy::tensor(source)?;
            let mut here = Here::new(Around::File(source));
            let entry = Entry {
                name: walk::ALONE.to_owned(),
                content: tensor.into(),
            };
            Ok(Opened {
                framework: Some(NUMPY),
                described_in: None,
                explained: BTreeSet::new(),
                found: located(vec![entry], |place| here.find(place)),
            })
        }
        other => Err(ConvertError::Format(other.as_str())),
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

/// A pickle by itself, as joblib or `pickle.dump` writes it.
fn pickle<'a>(
    source: &'a dyn Source,
    allowlist: &Allowlist,
    places: &BTreeSet<u64>,
) -> Result<Opened<'a>, ConvertError> {
    let tree = Tree::read(source, 0)?;
    let (entries, explained) = entries(&tree, allowlist, places)?;
    let mut here = Here::new(Around::File(source));
    Ok(Opened {
        framework: Some(NUMPY),
        described_in: None,
        explained,
        found: located(entries, |place| here.find(place)),
    })
}

/// What a pickle holds, and which of the findings at `places` are about what of it is refused.
fn entries(
    tree: &Tree<'_>,
    allowlist: &Allowlist,
    places: &BTreeSet<u64>,
) -> Result<(Vec<Entry>, BTreeSet<u64>), ConvertError> {
    let Some(root) = tree.root() else {
        let why = tree.fault().map(ToString::to_string);
        let why = format!("its pickle breaks off: {}", why.unwrap_or_default());
        return Err(ConvertError::Broken(why));
    };
    let mut entries = Vec::new();
    walk::walk(tree, root, allowlist, |entry| entries.push(entry))
        .map_err(|error| ConvertError::Broken(error.to_string()))?;
    let explained = cause::explained(tree, root, &entries, places);
    Ok((entries, explained))
}

fn zip<'a>(
    source: &'a dyn Source,
    allowlist: &Allowlist,
    limits: &Limits,
    places: &BTreeSet<u64>,
) -> Result<Opened<'a>, ConvertError> {
    let mut budget = Budget::default();
    budget.members = limits.members;
    // Members are read once for each tensor in them, and more often where a tensor is turned.
    budget.total = limits.bytes.saturating_mul(64);
    budget.memory = LARGEST_PICKLE;
    let opened = casemate_container::open(source, Magic::Zip, &budget);
    let contents = opened.map_err(broken)?;
    let contents = contents.ok_or(ConvertError::Format("zip"))?;
    match torch_zip::folder(&contents).map(str::to_owned) {
        Some(folder) => torch(&contents, &folder, allowlist, places),
        None => npz(&contents),
    }
}

fn broken(error: ContainerError) -> ConvertError {
    match error {
        ContainerError::Io(error) if is_of_the_medium(&error) => ConvertError::Io(error),
        error => ConvertError::Broken(error.to_string()),
    }
}

/// The members that a reader finds which goes by the archive's directory, as torch and NumPy do.
fn members<'c, 'a>(contents: &'c Contents<'a>) -> impl Iterator<Item = &'c Member<'a>> {
    let members = contents.members.iter();
    members.filter(|member| member.holds_bytes() && member.view() != View::Local)
}

fn torch<'a>(
    contents: &Contents<'a>,
    folder: &str,
    allowlist: &Allowlist,
    places: &BTreeSet<u64>,
) -> Result<Opened<'a>, ConvertError> {
    let mut records: HashMap<&str, &Member<'a>> = HashMap::new();
    let mut twice = HashSet::new();
    for member in members(contents) {
        if let Some(inside) = member.name.as_str().strip_prefix(folder)
            && records.insert(inside, member).is_some()
        {
            twice.insert(inside);
        }
    }
    let description = records
        .get("data.pkl")
        .filter(|_| !twice.contains("data.pkl"));
    let description = description.ok_or(ConvertError::Format("zip"))?;
    let around = Around::loaded(description.load().map_err(broken)?);
    let tree = Tree::read(around.source(), 0)?;
    let (mut entries, explained) = entries(&tree, allowlist, places)?;
    drop(tree);
    if let Some(order) = records.get("byteorder") {
        let order = order.load().map_err(broken)?.read_vec(0, 16)?;
        match &order[..] {
            b"little" => {}
            b"big" => entries.iter_mut().for_each(in_big_endian),
            _ => return Err(ConvertError::Broken("its byte order is unknown".to_owned())),
        }
    }
    let sizes = Sizes::of(&entries);
    let mut here = Here::new(around);
    let mut failure = None;
    let found = located(entries, |place| {
        let Place::Key(key) = place else {
            return here.find(place);
        };
        let record = format!("data/{key}");
        let member = records
            .get(record.as_str())
            .ok_or_else(|| Refusal::Missing(key.clone()))?;
        if twice.contains(record.as_str()) || sizes.differ.contains(key) {
            return Err(Refusal::Sizes(key.clone()));
        }
        let unreadable = |why| Refusal::Unreadable(key.clone(), why);
        Bytes::of_member(member)
            .unwrap_or_else(|error| {
                let why = error.to_string();
                failure.get_or_insert(error);
                Err(why)
            })
            .map_err(unreadable)
    });
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    Ok(Opened {
        framework: Some(TORCH),
        described_in: Some(description.name.as_str().to_owned()),
        explained,
        found,
    })
}

fn in_big_endian(entry: &mut Entry) {
    let Content::Tensor(tensor) = &entry.content else {
        return;
    };
    // Only what is outside of the pickle is in the byte order of the machine.
    if matches!(tensor.storage().place, Place::Key(_)) {
        entry.content = tensor.clone().in_big_endian().into();
    }
}

/// The storages that are said to have more than one size.
struct Sizes {
    differ: HashSet<String>,
}

impl Sizes {
    fn of(entries: &[Entry]) -> Self {
        let mut sizes: HashMap<&str, u64> = HashMap::new();
        let mut differ = HashSet::new();
        for entry in entries {
            if let Content::Tensor(tensor) = &entry.content
                && let Place::Key(key) = &tensor.storage().place
            {
                let len = tensor.storage().len;
                if *sizes.entry(key).or_insert(len) != len {
                    differ.insert(key.clone());
                }
            }
        }
        Self { differ }
    }
}

/// What torch wrote before version 1.6: five pickles, then the storages one after another, each
/// behind its number of elements.
fn legacy<'a>(
    source: &'a dyn Source,
    allowlist: &Allowlist,
    places: &BTreeSet<u64>,
) -> Result<Opened<'a>, ConvertError> {
    let mut at = 0;
    for _ in 0..3 {
        let tree = Tree::read(source, at)?;
        unbroken(&tree)?;
        at = tree.end();
    }
    let tree = Tree::read(source, at)?;
    let (entries, explained) = entries(&tree, allowlist, places)?;
    let keys = Tree::read(source, tree.end())?;
    unbroken(&keys)?;
    let windows = storages(source, &tree, &keys)?;
    let mut here = Here::new(Around::File(source));
    let found = located(entries, |place| match place {
        Place::Key(key) => {
            let window = windows
                .get(key)
                .ok_or_else(|| Refusal::Missing(key.clone()))?;
            Ok(Bytes::Window(*window))
        }
        _ => here.find(place),
    });
    Ok(Opened {
        framework: Some(TORCH),
        described_in: None,
        explained,
        found,
    })
}

fn unbroken(tree: &Tree<'_>) -> Result<(), ConvertError> {
    match tree.fault() {
        None => Ok(()),
        Some(fault) => Err(ConvertError::Broken(format!(
            "its pickle breaks off: {fault}"
        ))),
    }
}

/// The storages of a legacy file by their keys. One that is not as the pickle says ends the list,
/// because nobody can tell where the next begins.
fn storages<'a>(
    source: &'a dyn Source,
    object: &Tree<'_>,
    keys: &Tree<'_>,
) -> io::Result<HashMap<String, Window<&'a dyn Source>>> {
    let mut said: HashMap<String, (u64, u64)> = HashMap::new();
    for step in object.steps() {
        if let Act::Persistent(id) = step.act
            && let Ok(storage) = torch::Persistent::read(object, id)
        {
            let sizes = (storage.bytes, storage.dtype.size());
            // torch sizes a storage by the first id that names it.
            said.entry(storage.key).or_insert(sizes);
        }
    }
    let mut windows = HashMap::new();
    let mut at = keys.end();
    let list = keys
        .root()
        .and_then(|root| keys.items_of(root, Shape::List));
    for &key in list.unwrap_or_default() {
        let Node::Text { .. } = keys.node(key) else {
            break;
        };
        let sizes = keys.text(key).and_then(|key| said.get_key_value(&key));
        let Some((key, &(bytes, size))) = sizes else {
            break;
        };
        let mut count = [0; 8];
        if source.read_at(at, &mut count)? < count.len() {
            break;
        }
        if u64::from_le_bytes(count).checked_mul(size) != Some(bytes) {
            break;
        }
        at += 8;
        if bytes > source.len() - at {
            break;
        }
        windows.insert(key.clone(), Window::new(source, at, bytes));
        at += bytes;
    }
    Ok(windows)
}

/// Arrays under the names of their members.
fn npz<'a>(contents: &Contents<'a>) -> Result<Opened<'a>, ConvertError> {
    let mut found = Vec::new();
    let mut arrays = 0;
    for member in members(contents) {
        let name = member.name.as_str();
        let short = name.strip_suffix(".npy");
        arrays += usize::from(short.is_some());
        let thing = match short {
            None => Thing::Refused(Refusal::NotAnArray),
            Some(_) => array(member)?,
        };
        found.push(Found {
            name: short.unwrap_or(name).to_owned(),
            thing,
        });
    }
    if arrays == 0 {
        return Err(ConvertError::Format(contents.format));
    }
    Ok(Opened {
        framework: Some(NUMPY),
        described_in: None,
        explained: BTreeSet::new(),
        found,
    })
}

fn array<'a>(member: &Member<'a>) -> io::Result<Thing<'a>> {
    let unreadable = |why| {
        let name = member.name.as_str().to_owned();
        Thing::Refused(Refusal::Unreadable(name, why))
    };
    let bytes = match Bytes::of_member(member)? {
        Ok(bytes) => bytes,
        Err(why) => return Ok(unreadable(why)),
    };
    let tensor = bytes.with(|source| {
        let mut magic = [0; 6];
        source.read_at(0, &mut magic)?;
        if magic != *b"\x93NUMPY" {
            return Ok(Err(Refusal::NotAnArray));
        }
        npy::tensor(source)
    });
    let tensor = match tensor {
        Err(error) if !is_of_the_medium(&error) => return Ok(unreadable(error.to_string())),
        tensor => tensor?,
    };
    Ok(match tensor {
        Ok(tensor) => {
            let bytes = match tensor.storage().place {
                Place::Extent { at, len } => bytes.part(at, len),
                _ => bytes,
            };
            Thing::Tensor(tensor, bytes)
        }
        Err(refusal) => Thing::Refused(refusal),
    })
}

const TORCH: &str = "pt";
const NUMPY: &str = "np";
/// How large a compressed pickle may be, which is held in memory.
const LARGEST_PICKLE: u64 = 32 << 20;
