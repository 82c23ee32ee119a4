//! A safetensors file as the reference library lays it out: tensors by their dtype, the widest
//! first, then by name; a compact header, padded to eight bytes.
//!
//! After `prepare` in `safetensors/src/tensor.rs`, version 0.8.

use std::{collections::BTreeMap, fmt::Write};

use super::ConvertError;
use crate::tensor::{Dtype, Tensor, plain::quote};

/// One output file.
pub(super) struct Layout {
    /// The length of the header, and the header.
    pub(super) head: Vec<u8>,
    /// Which tensors are in it, and where each begins in the file.
    pub(super) places: Vec<(usize, u64)>,
    pub(super) len: u64,
}

impl Layout {
    /// The file of those of `tensors` that `chosen` names by their numbers.
    pub(super) fn new(
        tensors: &[(String, Tensor)],
        mut chosen: Vec<usize>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self, ConvertError> {
        chosen.sort_by(|&a, &b| {
            let ((a, left), (b, right)) = (&tensors[a], &tensors[b]);
            right.dtype().cmp(&left.dtype()).then_with(|| a.cmp(b))
        });
        let mut header = String::from("{");
        if !metadata.is_empty() {
            header.push_str("\"__metadata__\":{");
            for (at, (key, value)) in metadata.iter().enumerate() {
                if at > 0 {
                    header.push(',');
                }
                quote(key, &mut header);
                header.push(':');
                quote(value, &mut header);
            }
            header.push('}');
        }
        let mut places = Vec::new();
        let mut at = 0u64;
        for which in chosen {
            let (name, tensor) = &tensors[which];
            if header.len() > 1 {
                header.push(',');
            }
            let end = at.saturating_add(tensor.bytes());
            entry(name, tensor, at, end, &mut header);
            places.push((which, at));
            at = end;
        }
        header.push('}');
        let padded = header.len().next_multiple_of(8);
        if padded > LONGEST_HEADER {
            return Err(ConvertError::Header(padded));
        }
        let mut head = (padded as u64).to_le_bytes().to_vec();
        head.extend(header.into_bytes());
        head.resize(padded + 8, b' ');
        let start = head.len() as u64;
        places.iter_mut().for_each(|(_, at)| *at += start);
        Ok(Self {
            head,
            places,
            len: start.saturating_add(at),
        })
    }
}

fn entry(name: &str, tensor: &Tensor, begin: u64, end: u64, header: &mut String) {
    quote(name, header);
    let mut shape = tensor.shape().to_vec();
    if tensor.dtype() == Dtype::F4x2
        && let Some(last) = shape.last_mut()
    {
        // A byte of two numbers is one element to torch and two to safetensors.
        *last = last.saturating_mul(2);
    }
    let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
    let dtype = tensor.dtype().safetensors().unwrap_or_default();
    let shape = shape.join(",");
    // Writing to a string cannot fail.
    let _ = write!(
        header,
        ":{{\"dtype\":\"{dtype}\",\"shape\":[{shape}],\"data_offsets\":[{begin},{end}]}}"
    );
}

/// Cuts tensors of these sizes into files of at most `most` bytes each, in their order. One that is
/// larger has a file of its own.
pub(super) fn cut(sizes: impl Iterator<Item = u64>, most: u64) -> Vec<Vec<usize>> {
    let mut files: Vec<Vec<usize>> = vec![Vec::new()];
    let mut filled = 0u64;
    for (which, size) in sizes.enumerate() {
        let more = filled.saturating_add(size);
        match files.last_mut() {
            Some(file) if more <= most || file.is_empty() => {
                file.push(which);
                filled = more;
            }
            _ => {
                files.push(vec![which]);
                filled = size;
            }
        }
    }
    files
}

/// What the reference reader takes.
const LONGEST_HEADER: usize = 100_000_000;
