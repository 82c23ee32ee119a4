//! The arrays that joblib writes into the middle of a pickle.
//!
//! `joblib.numpy_pickle.NumpyArrayWrapper` gets its state by BUILD; then the array's bytes follow,
//! where an unpickler that is not joblib's expects opcodes.

use std::io;

use super::{
    dtype,
    effect::View,
    value::{Ref, Value},
};
use crate::cursor::{Cursor, ReadError};

/// What follows a wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Array {
    /// Bytes, after padding where `aligned`.
    Bytes { len: u64, aligned: bool },
    /// A pickle of the array's objects.
    Pickle,
}

impl Array {
    /// Reads the wrapper's state; nothing where it is not as joblib writes it.
    pub(crate) fn of_state(state: Ref, view: &View<'_>) -> Option<Self> {
        // A second key of one name, or one that only equals it, is how a state says one thing to us
        // and another to joblib.
        if !view.has_plain_keys(state) || !view.has_only(state, ATTRIBUTES) {
            return None;
        }
        let count = dtype::elements(view.entry(state, "shape")?, view)?;
        let layout = dtype::layout(view.entry(state, "dtype")?, view)?;
        if layout.objects {
            return Some(Self::Pickle);
        }
        let alignment = view.entry(state, "numpy_array_alignment_bytes");
        let aligned = match alignment.map(|of| view.value(of)) {
            None | Some(Value::None) => false,
            Some(Value::Int(_)) => true,
            Some(_) => return None,
        };
        let len = count.checked_mul(layout.size)?;
        Some(Self::Bytes { len, aligned })
    }

    /// Steps over the array's bytes.
    pub(crate) fn skip(len: u64, aligned: bool, input: &mut Cursor<'_>) -> io::Result<bool> {
        let skipped = (|| {
            if aligned {
                let padding = input.byte()?;
                input.skip(padding.into())?;
            }
            input.skip(len)
        })();
        match skipped {
            Ok(_) => Ok(true),
            Err(ReadError::End) => Ok(false),
            Err(ReadError::Io(error)) => Err(error),
        }
    }
}

/// What `NumpyArrayWrapper` keeps. A method under the name of one of its own would be called.
const ATTRIBUTES: &[&str] = &[
    "allow_mmap",
    "dtype",
    "numpy_array_alignment_bytes",
    "order",
    "shape",
    "subclass",
];
