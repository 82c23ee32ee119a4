//! Tensors of a checkpoint that is a tar, as torch wrote it before version 0.1.10: its object asks
//! for each by a number, under which another member has its shape and a third its storage.
//!
//! After `legacy_load` in `torch/serialization.py` of torch 2.15.

use std::collections::HashMap;

use casemate_core::Source;

use super::{Dtype, Place, Refusal, Storage, Tensor};
use crate::{
    cursor::Extent,
    formats::torch_tar::{self, Item},
    pickle::tree::{Id, Tree},
};

pub(crate) use crate::formats::torch_tar::Fault;

/// What the object of a checkpoint may ask for.
#[derive(Default)]
pub(crate) struct Objects {
    storages: HashMap<i64, Part>,
    tensors: HashMap<i64, Result<Tensor, Refusal>>,
    /// Where the bytes of a storage lie in their member, by the key of the storage.
    extents: HashMap<String, Extent>,
}

/// A storage, or the part of one that counts as one.
#[derive(Clone)]
struct Part {
    /// The storage that has the bytes.
    root: String,
    /// The class that says what its elements are.
    class: String,
    /// Its elements, counted from the beginning of the root.
    from: u64,
    numel: u64,
}

impl Objects {
    /// What is in the members `storages` and `tensors`.
    ///
    /// # Errors
    ///
    /// Where one of them is not what torch wrote, or what the medium says.
    pub(crate) fn read(storages: &dyn Source, tensors: &dyn Source) -> Result<Self, Fault> {
        let mut objects = Self::default();
        torch_tar::list(storages, tensors, &mut |item| objects.take(item))?;
        Ok(objects)
    }

    /// Where the bytes of a storage lie in their member.
    pub(crate) fn extent(&self, key: &str) -> Option<Extent> {
        self.extents.get(key).copied()
    }

    /// What the object gets for the persistent id `id`.
    pub(crate) fn tensor(&self, tree: &Tree<'_>, id: Id) -> Result<Tensor, Refusal> {
        let key = match tree.int(id) {
            Some(key) => key,
            None => (tree.text(id).and_then(|key| key.parse().ok())).ok_or(Refusal::Persistent)?,
        };
        match self.tensors.get(&key) {
            Some(tensor) => tensor.clone(),
            None if self.storages.contains_key(&key) => Err(Refusal::Storage),
            None => Err(Refusal::Missing(key.to_string())),
        }
    }

    fn take(&mut self, item: Item) -> Result<(), Fault> {
        if self.storages.len() + self.tensors.len() >= MOST_OBJECTS {
            return Err(Fault::Says("more tensors than any file has".to_owned()));
        }
        match item {
            Item::Storage {
                key,
                class,
                numel,
                at,
            } => {
                let root = key.to_string();
                let size = Dtype::of_storage(name(&class)).map_or(1, Dtype::size);
                let len = numel.saturating_mul(size);
                self.extents.insert(root.clone(), Extent { at, len });
                let part = Part {
                    root,
                    class,
                    from: 0,
                    numel,
                };
                self.storages.insert(key, part);
            }
            Item::View {
                key,
                root,
                offset,
                numel,
            } => {
                if let Some(part) = self.storages.get(&root).cloned() {
                    let from = part.from.saturating_add(offset);
                    self.storages.insert(
                        key,
                        Part {
                            from,
                            numel,
                            ..part
                        },
                    );
                }
            }
            Item::Tensor {
                key,
                storage,
                sizes,
                strides,
                offset,
            } => {
                let tensor = match self.storages.get(&storage) {
                    Some(part) => part.view(sizes, strides, offset),
                    None => Err(Refusal::Missing(storage.to_string())),
                };
                self.tensors.insert(key, tensor);
            }
        }
        Ok(())
    }
}

impl Part {
    fn view(&self, sizes: Vec<u64>, strides: Vec<u64>, offset: u64) -> Result<Tensor, Refusal> {
        let dtype = Dtype::of_storage(name(&self.class));
        let dtype = dtype.ok_or_else(|| Refusal::Dtype(self.class.clone()))?;
        let end = self.from.checked_add(self.numel);
        let len = end.and_then(|end| end.checked_mul(dtype.size()));
        let offset = self.from.checked_add(offset);
        let (Some(len), Some(offset)) = (len, offset) else {
            return Err(Refusal::Malformed("its storage is too large"));
        };
        let storage = Storage {
            place: Place::Key(self.root.clone()),
            len,
            dtype: Some(dtype),
            big_endian: false,
        };
        Tensor::new(dtype, sizes, strides, offset, storage)
    }
}

/// The name of a class without its module.
fn name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// The largest real checkpoints have some hundred thousand, and those of this form were small.
const MOST_OBJECTS: usize = 1 << 20;
