//! The formats, one file each.

pub(crate) mod archive;
pub(crate) mod arrow;
pub(crate) mod code;
pub(crate) mod config;
pub(crate) mod gguf;
mod index;
pub(crate) mod lfs;
mod literal;
pub(crate) mod npy;
pub(crate) mod opaque;
pub(crate) mod pt2;
pub(crate) mod safetensors;
mod source;
mod template;
pub(crate) mod text;
pub(crate) mod torch_legacy;
pub(crate) mod torch_tar;
pub(crate) mod torch_zip;
pub(crate) mod torchscript;
mod yaml;

use casemate_core::Rule;

/// The rules of all formats.
pub(crate) const RULES: &[&[&Rule]] = &[
    arrow::RULES,
    code::RULES,
    gguf::RULES,
    index::RULES,
    npy::RULES,
    opaque::RULES,
    pt2::RULES,
    safetensors::RULES,
    torch_zip::RULES,
    torchscript::RULES,
];
