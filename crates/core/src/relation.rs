//! Edges between assets, each with its proof.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AssetId, Location};

/// That one asset stands in some relation to another. Lineage, reachability and attack paths are
/// all made of these; nothing else draws edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Relation {
    /// Where the edge begins.
    pub from: AssetId,
    /// What it says.
    pub kind: RelationKind,
    /// Where it ends.
    pub to: AssetId,
    /// Why we say so; never empty.
    pub proof: Vec<Proof>,
}

/// What an edge says; read *from* – kind – *to*.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RelationKind {
    /// A file or archive holds another asset.
    Contains,
    /// A model was trained on a dataset.
    TrainedOn,
    /// A model was made from another one.
    DerivedFrom,
    /// Code or a workload reads a model.
    Loads,
    /// A workload answers requests with a model.
    Serves,
    /// A manifest, module or file refers to another.
    References,
    /// A principal or workload can open a connection.
    CanReach,
    /// A principal can act as another.
    CanAssume,
    /// An artifact carries a valid signature of a principal.
    SignedBy,
}

/// One step of the reason for an edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The step, in words.
    pub statement: String,
    /// Where it can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}
