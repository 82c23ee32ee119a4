//! What torch wrote before version 1.6: five pickles, then the storages one after another, each
//! behind its number of elements.

use std::{collections::HashMap, io};

use casemate_core::Source;

use super::{ConvertError, Here, Opened, TORCH, Terms, entries, located, unbroken};
use crate::{
    convert::bytes::Around,
    cursor::Extent,
    pickle::{
        tree::{Act, Node, Tree},
        value::Shape,
    },
    tensor::{Place, Refusal, torch},
};

pub(super) fn open<'a>(around: Around<'a>, terms: Terms<'_>) -> Result<Opened<'a>, ConvertError> {
    let source = around.source();
    let mut at = 0;
    for _ in 0..3 {
        let tree = Tree::read(source, at)?;
        unbroken(&tree)?;
        at = tree.end();
    }
    let tree = Tree::read(source, at)?;
    let (entries, explained) = entries(&tree, None, terms)?;
    let keys = Tree::read(source, tree.end())?;
    unbroken(&keys)?;
    let extents = storages(source, &tree, &keys)?;
    drop((tree, keys));
    let mut here = Here::new(around);
    let found = located(entries, |place| match place {
        Place::Key(key) => {
            let extent = extents.get(key);
            let extent = extent.ok_or_else(|| Refusal::Missing(key.clone()))?;
            here.find(&Place::extent(*extent))
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

/// The storages of a legacy file by their keys. One that is not as the pickle says ends the list,
/// because nobody can tell where the next begins.
fn storages(
    source: &dyn Source,
    object: &Tree<'_>,
    keys: &Tree<'_>,
) -> io::Result<HashMap<String, Extent>> {
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
    let mut extents = HashMap::new();
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
        extents.insert(key.clone(), Extent { at, len: bytes });
        at += bytes;
    }
    Ok(extents)
}
