//! The tensors of a safetensors file.

use std::io;

use casemate_core::Source;

use super::{Dtype, Place, Refusal, Storage, Tensor, walk::Content, walk::Entry};
use crate::{
    Limits, cursor::Extent, formats::safetensors, formats::safetensors::Item, notes::Notes,
};

/// Tells the tensors, and the metadata as they stand there.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn entries(source: &dyn Source, mut take: impl FnMut(Entry)) -> io::Result<()> {
    let limits = Limits::default();
    // Whoever asks for the tensors has the file judged as well, and knows what these notes say.
    let mut notes = Notes::new(&limits);
    safetensors::list(source, &mut notes, &mut |item| {
        take(match item {
            Item::Metadata { key, value } => Entry {
                name: key,
                content: Content::Text(value),
            },
            Item::Tensor {
                name,
                dtype,
                shape,
                at,
                len,
            } => Entry {
                name,
                content: tensor(&dtype, shape, Extent { at, len }).into(),
            },
        });
    })?;
    Ok(())
}

fn tensor(dtype: &str, mut shape: Vec<u64>, extent: Extent) -> Result<Tensor, Refusal> {
    let dtype = Dtype::of_safetensors(dtype).ok_or_else(|| Refusal::Dtype(dtype.to_owned()))?;
    if dtype == Dtype::F4x2 {
        // Safetensors counts each of the two numbers in a byte.
        let pairs = shape.last_mut().filter(|last| **last % 2 == 0);
        *pairs.ok_or(Refusal::Malformed("half of a byte is left"))? /= 2;
    }
    let storage = Storage {
        place: Place::extent(extent),
        len: extent.len,
        dtype: None,
        big_endian: false,
    };
    let tensor = Tensor::contiguous(dtype, shape, storage)?;
    match tensor.bytes() == extent.len {
        true => Ok(tensor),
        false => Err(Refusal::Malformed(
            "its bytes are not as many as its shape needs",
        )),
    }
}
