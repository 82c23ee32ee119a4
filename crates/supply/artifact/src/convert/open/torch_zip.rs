//! What torch writes since version 1.6: a zip of a pickle and a record for each storage.

use std::collections::{HashMap, HashSet};

use casemate_container::{Contents, Member};
use casemate_core::Source;

use super::{ConvertError, Here, Opened, TORCH, Terms, broken, entries, located, members};
use crate::{
    convert::bytes::{Around, Bytes},
    pickle::tree::Tree,
    tensor::{
        Place, Refusal,
        walk::{Content, Entry},
    },
};

pub(super) fn open<'a>(
    contents: &Contents<'a>,
    folder: &str,
    terms: Terms<'_>,
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
    let (mut entries, explained) = entries(&tree, None, terms)?;
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
