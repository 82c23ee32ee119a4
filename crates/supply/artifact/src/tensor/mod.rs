//! Tensors: where they lie and how, as the files say it. Nothing here reads an element.
//!
//! ```text
//!  Tree ───► torch, numpy ──┐
//!  npy header ──► npy ──────┼──► Tensor (dtype, shape, strides, Storage) ──► convert
//!  safetensors header ──────┘
//! ```

pub(crate) mod dtype;
pub(crate) mod npy;
pub(crate) mod numpy;
pub(crate) mod plain;
pub(crate) mod refusal;
pub(crate) mod safetensors;
pub(crate) mod torch;
pub(crate) mod torch_tar;
pub(crate) mod walk;

pub(crate) use dtype::Dtype;
pub(crate) use refusal::Refusal;

use crate::cursor::Extent;

/// A tensor: a view of a storage, which has all the bytes that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tensor {
    dtype: Dtype,
    shape: Vec<u64>,
    strides: Vec<u64>,
    offset: u64,
    storage: Storage,
}

/// The bytes that tensors are views of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    pub(crate) place: Place,
    /// How many bytes the file says it has.
    pub(crate) len: u64,
    /// What its elements are, where the file says that of the storage too.
    pub(crate) dtype: Option<Dtype>,
    /// Whether the big end of an element comes first.
    pub(crate) big_endian: bool,
}

/// Where a storage lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Under this key, in the file around the pickle that names it.
    Key(String),
    /// In the same source as the description of the tensor.
    Extent { at: u64, len: u64 },
    /// In the same source, as text in UTF-8 whose characters stand for bytes.
    Latin1 { at: u64, len: u64 },
}

impl Tensor {
    /// A view, the strides and the offset in elements.
    ///
    /// # Errors
    ///
    /// Where it reaches beyond its storage, or beyond what can be counted.
    pub(crate) fn new(
        dtype: Dtype,
        shape: Vec<u64>,
        strides: Vec<u64>,
        offset: u64,
        storage: Storage,
    ) -> Result<Self, Refusal> {
        if shape.len() != strides.len() || shape.len() > MOST_DIMENSIONS {
            return Err(Refusal::Malformed("its shape and strides do not fit"));
        }
        let tensor = Self {
            dtype,
            shape,
            strides,
            offset,
            storage,
        };
        let (Some(_), Some(reach)) = (tensor.count(), tensor.reach()) else {
            return Err(Refusal::Malformed("its shape is too large"));
        };
        let has = tensor.storage.len;
        if reach > has {
            return Err(Refusal::Short { needs: reach, has });
        }
        Ok(tensor)
    }

    /// A tensor that is its storage from `offset` bytes on, row by row.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub(crate) fn contiguous(
        dtype: Dtype,
        shape: Vec<u64>,
        storage: Storage,
    ) -> Result<Self, Refusal> {
        let strides = row_major(&shape).ok_or(Refusal::Malformed("its shape is too large"))?;
        Self::new(dtype, shape, strides, 0, storage)
    }

    /// The same tensor in a file whose storages have the big end of an element first.
    ///
    /// # Errors
    ///
    /// Where its elements are not what torch turns around, which are those of the storage.
    pub(crate) fn in_big_endian(mut self) -> Result<Self, Refusal> {
        let unit = self.dtype.unit();
        if self.storage.dtype.is_some_and(|dtype| dtype.unit() != unit) {
            return Err(Refusal::Order(self.dtype.torch()));
        }
        self.storage.big_endian = unit > 1;
        Ok(self)
    }

    pub(crate) fn dtype(&self) -> Dtype {
        self.dtype
    }

    pub(crate) fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// In elements.
    pub(crate) fn strides(&self) -> &[u64] {
        &self.strides
    }

    /// In elements.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How many bytes its elements take when they are laid out row by row.
    pub(crate) fn bytes(&self) -> u64 {
        self.count().unwrap_or_default()
    }

    fn count(&self) -> Option<u64> {
        let elements = product(&self.shape)?;
        elements.checked_mul(self.dtype.size())
    }

    /// Up to which byte of its storage it goes.
    fn reach(&self) -> Option<u64> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut last = self.offset;
        for (extent, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((extent - 1).checked_mul(*stride)?)?;
        }
        last.checked_add(1)?.checked_mul(self.dtype.size())
    }
}

impl Place {
    /// In the same source as the description.
    pub(crate) fn extent(extent: Extent) -> Self {
        Self::Extent {
            at: extent.at,
            len: extent.len,
        }
    }
}

/// How many elements a shape has. A dimension of none makes it none, whatever the others are.
pub(crate) fn product(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .try_fold(1u64, |count, &extent| count.checked_mul(extent))
}

/// The strides of a shape that is laid out row by row.
pub(crate) fn row_major(shape: &[u64]) -> Option<Vec<u64>> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1u64;
    for (stride, &extent) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step = step.checked_mul(extent.max(1))?;
    }
    Some(strides)
}

/// The strides of a shape that is laid out column by column.
pub(crate) fn column_major(shape: &[u64]) -> Option<Vec<u64>> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1u64;
    for (stride, &extent) in strides.iter_mut().zip(shape) {
        *stride = step;
        step = step.checked_mul(extent.max(1))?;
    }
    Some(strides)
}

/// As many as torch and NumPy have, and no fewer.
pub(crate) const MOST_DIMENSIONS: usize = 64;
