//! The array of a NumPy file.

use std::io;

use casemate_core::Source;

use super::{Refusal, Tensor, numpy};
use crate::{cursor::Extent, formats::npy::Header};

/// The array, whose storage is an extent of `source`.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn tensor(source: &dyn Source) -> io::Result<Result<Tensor, Refusal>> {
    let (header, at) = match Header::read(source)? {
        Ok(read) => read,
        Err(stop) => return Ok(Err(Refusal::Malformed(stop.why))),
    };
    let Some(code) = header.code else {
        return Ok(Err(Refusal::Structured));
    };
    let len = source.len().saturating_sub(at);
    Ok(numpy::of_code(&code).and_then(|(dtype, big_endian)| {
        let extent = Extent { at, len };
        numpy::laid_out(
            dtype,
            big_endian,
            header.shape,
            header.fortran_order,
            extent,
        )
    }))
}
