//! How a folder unpacks: one coder, then filters, where that is all it is.

use std::{borrow::Cow, sync::Arc};

use casemate_core::{Source, Window};

use super::header::{CoderHeader, FolderHeader};
use crate::{
    bytes::le32,
    reader::{Coder, Filter, Folder},
};

/// How a folder unpacks, if it does here.
pub(super) enum Unpacking<'a> {
    Folder(Arc<Folder<'a>>),
    Encrypted,
    /// What it would take.
    Unsupported(Cow<'static, str>),
}

/// Reads a folder's header.
pub(super) fn unpacking<'a>(
    source: &'a dyn Source,
    packed: Window<&'a dyn Source>,
    folder: &FolderHeader,
) -> Unpacking<'a> {
    if folder.coders.iter().any(|coder| coder.method == AES) {
        return Unpacking::Encrypted;
    }
    match chain(folder) {
        Ok((coder, filters)) => Unpacking::Folder(Folder::new(source, packed, coder, filters)),
        Err(method) => Unpacking::Unsupported(method),
    }
}

/// The coder that reads the packed stream, and the filters over it, the first first.
fn chain(folder: &FolderHeader) -> Result<(Coder, Vec<Filter>), Cow<'static, str>> {
    let plain = |coder: &CoderHeader| (coder.inputs, coder.outputs) == (1, 1);
    if let Some(coder) = folder.coders.iter().find(|coder| !plain(coder)) {
        return Err(method_name(coder.method));
    }
    // With one input and one output each, a coder's number is that of both.
    let coder = |index: u64| {
        let index = usize::try_from(index).ok();
        index
            .and_then(|index| folder.coders.get(index))
            .ok_or(LOOSE)
    };
    let mut at = *folder.inputs.first().ok_or(LOOSE)?;
    let size = usize::try_from(at).ok().and_then(|at| folder.sizes.get(at));
    let first = coder(at)?;
    let base = base(first, size.copied().unwrap_or(0));
    let base = base.ok_or_else(|| method_name(first.method))?;
    let mut filters = Vec::new();
    let mut left = folder.coders.len();
    while let Some(&(input, _)) = folder.bonds.iter().find(|(_, output)| *output == at) {
        at = input;
        let next = coder(at)?;
        // Bonds may lead in a circle.
        left = left.checked_sub(1).ok_or(LOOSE)?;
        if next.method != COPY {
            filters.push(filter(next).ok_or_else(|| method_name(next.method))?);
        }
    }
    match folder.main_output() == Some(at) {
        true => Ok((base, filters)),
        false => Err(LOOSE.into()),
    }
}

fn base(coder: &CoderHeader, size: u64) -> Option<Coder> {
    let properties = &coder.properties;
    Some(match coder.method {
        COPY => Coder::Copy,
        0x03_01_01 => Coder::Lzma {
            properties: *properties.first()?,
            dictionary: le32(properties, 1)?,
            size,
        },
        0x21 => Coder::Lzma2 {
            properties: *properties.first()?,
        },
        0x04_02_02 => Coder::Bzip2,
        0x04_01_08 => Coder::Deflate,
        0x04_01_09 => Coder::Deflate64,
        0x04_f7_11_01 => Coder::Zstd,
        0x04_f7_11_04 => Coder::Lz4,
        _ => return None,
    })
}

fn filter(coder: &CoderHeader) -> Option<Filter> {
    let at = match coder.properties[..] {
        [] => Some(0),
        _ => le32(&coder.properties, 0).and_then(|at| usize::try_from(at).ok()),
    };
    Some(match coder.method {
        0x03 => Filter::Delta(usize::from(*coder.properties.first()?) + 1),
        0x04 | 0x03_03_01_03 => Filter::X86(at?),
        0x05 | 0x03_03_02_05 => Filter::Ppc(at?),
        0x06 | 0x03_03_04_01 => Filter::Ia64(at?),
        0x07 | 0x03_03_05_01 => Filter::Arm(at?),
        0x08 | 0x03_03_07_01 => Filter::ArmThumb(at?),
        0x09 | 0x03_03_08_05 => Filter::Sparc(at?),
        0x0a => Filter::Arm64(at?),
        0x0b => Filter::RiscV(at?),
        _ => return None,
    })
}

/// The names of Methods.txt of the LZMA SDK, and of 7-Zip's forks.
fn method_name(method: u64) -> Cow<'static, str> {
    Cow::Borrowed(match method {
        0x03_01_01 => "LZMA without its properties",
        0x03_03_01_1b => "BCJ2",
        0x03_04_01 => "PPMd",
        0x02_03_02 => "Swap2",
        0x02_03_04 => "Swap4",
        0x04_f7_11_02 => "Brotli",
        0x04_f7_11_05 => "LZ5",
        0x04_f7_11_06 => "Lizard",
        other => return Cow::Owned(format!("method {other:x}")),
    })
}

const COPY: u64 = 0;
const AES: u64 = 0x06_f1_07_01;
const LOOSE: &str = "coders that do not fit together";
