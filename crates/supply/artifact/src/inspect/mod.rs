//! What a file holds, without loading it: tensors, values, objects, metadata, imports, members.
//!
//! Told by a witness of the examination, as [`explain`](crate::explain()) is, so that what is listed is
//! what was judged.

mod outline;
mod surveyor;
#[cfg(test)]
mod tests;

use std::io;

use casemate_core::Source;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Allowlist, Detail, Examination, Limits, Verdict,
    examine::examine_into,
    notes::Notes,
    witness::{Attendance, Origin},
};

/// Says what a file holds.
///
/// # Errors
///
/// What the medium says, where it fails before anything is found.
pub fn inspect(
    source: &dyn Source,
    allowlist: &Allowlist,
    limits: &Limits,
    detail: Detail,
) -> io::Result<Inspection> {
    let mut surveyor = surveyor::Surveyor::new(allowlist, detail);
    let notes = Notes::attended(limits, Attendance::new(&mut surveyor));
    let examination = examine_into(source, allowlist, notes)?;
    Ok(surveyor.conclude(examination))
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What [`examine`](crate::examine) says of the file.
    pub examination: Examination,
    /// The content proper.
    pub content: Content,
}

/// What a file holds, apart from the judgement of it.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Content {
    /// The tensors and arrays, in the order of the file.
    pub tensors: Vec<TensorRow>,
    /// What they come to.
    pub totals: Totals,
    /// Metadata: of a safetensors header, of GGUF.
    pub metadata: Vec<Metadata>,
    /// The plain values of checkpoints, such as the epoch and the arguments.
    pub values: Vec<PlainValue>,
    /// What each pickle gives, as a tree.
    pub outlines: Vec<Outline>,
    /// What pickles import, in the order of names.
    pub imports: Vec<ImportRow>,
    /// The members of containers, in the order in which they were judged.
    pub members: Vec<MemberRow>,
    /// What is not listed, because there is more of it than any real file has.
    pub left_out: Vec<String>,
}

/// One tensor.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TensorRow {
    /// The way into nested containers, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Its name, as a state dictionary would have it.
    pub name: String,
    /// What its elements are: names of torch, or of ggml in GGUF.
    pub dtype: String,
    /// How many elements it has in each dimension.
    pub shape: Vec<u64>,
    /// How many bytes its elements take.
    pub bytes: u64,
    /// The tensor before it whose storage it shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<String>,
}

/// What all tensors come to. A view of the same elements counts once.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// How many elements.
    pub parameters: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The same for each dtype.
    pub dtypes: Vec<DtypeRow>,
}

/// What the tensors of one dtype come to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DtypeRow {
    /// The dtype.
    pub dtype: String,
    /// How many tensors.
    pub tensors: u64,
    /// How many elements.
    pub parameters: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// One entry of a header.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Metadata {
    /// The way into nested containers, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// The key.
    pub key: String,
    /// Its type, where the format has types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its value; the first elements of an array.
    pub value: String,
}

/// A value without a tensor in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlainValue {
    /// The way into nested containers, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Its name; empty where it is all that a pickle gives.
    pub name: String,
    /// The value, as JSON.
    pub json: String,
}

/// What a pickle gives, as a tree.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outline {
    /// The way into nested containers, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// Where the byte strings begin that are pickles around this one, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<u64>,
    /// How a reader comes upon it.
    pub origin: Origin,
    /// Where it begins.
    pub start: u64,
    /// The tree, top down.
    pub lines: Vec<OutlineLine>,
    /// How many lines are not here.
    pub left_out: u64,
}

/// One line of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutlineLine {
    /// How deep it stands.
    pub depth: u8,
    /// The attribute, key or index; empty for what the pickle gives.
    pub name: String,
    /// What stands there, escaped.
    pub text: String,
}

/// One name that pickles import.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ImportRow {
    /// Module and path, joined.
    pub name: String,
    /// What the lists say of it: `known`, `unknown` or `dangerous`.
    pub standing: Verdict,
    /// How often it is imported.
    pub imports: u64,
    /// How often it is called.
    pub calls: u64,
}

/// A member of a container.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MemberRow {
    /// The way to it, outermost first.
    pub path: Vec<String>,
    /// How many bytes the container says it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What it is, where it was looked at as a file of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
}
