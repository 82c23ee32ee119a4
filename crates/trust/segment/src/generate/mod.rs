//! Policies from a declaration, and the proof that they say what it says.
//!
//! ```text
//!   Intent ──network──► NetworkPolicies  ┐
//!          ──guards───► guard rails      ┤
//!          ──cilium───► both, of Cilium  ┤
//!          ──mesh─────► Istio's policies ┴──► prove: the engine judges what was written, upon pods that
//!                                             stand for the zones; and again without each peer of each rule
//! ```

mod cilium;
mod guards;
mod held;
mod mesh;
mod network;
mod prove;

use casemate_document::yaml;
use serde_json::Value;

use crate::intent::{Intent, Members};

pub use mesh::{Accounts, mesh_policies, prove_mesh};
pub use prove::{Flaw, prove};

/// What is to enforce policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Whatever network plugin knows NetworkPolicies; guard rails are ClusterNetworkPolicies.
    #[default]
    NetworkPolicy,
    /// Cilium: its own policies, which mean addresses by themselves, and deny for the whole cluster.
    Cilium,
}

impl Target {
    /// The kinds of what is written for it: the policies, and the guard rails.
    pub fn kinds(self) -> [&'static str; 2] {
        match self {
            Self::NetworkPolicy => ["NetworkPolicy", "ClusterNetworkPolicy"],
            Self::Cilium => ["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"],
        }
    }
}

/// Policies that were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policies {
    /// What is declared passes, and nothing else.
    pub network: Vec<Value>,
    /// Policies for the whole cluster, which hold whatever of the others somebody adds or deletes.
    pub guards: Vec<Value>,
}

/// Why no policies can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct GenerateError {
    /// The line of the declaration, from 1.
    pub line: u64,
    /// What is wrong, in one line.
    pub message: String,
}

/// The policies that let pass what is declared.
///
/// # Errors
/// Where a flow cannot be said as a policy.
pub fn policies(intent: &Intent, target: Target) -> Result<Policies, GenerateError> {
    let is_outside = |at: usize| intent.zones[at].members == Members::Outside;
    let mut flows = intent.flows.iter();
    let outer = flows.find(|it| is_outside(it.from) || is_outside(it.to));
    // To Cilium no block of addresses means pods or nodes.
    let is_asked = intent.cluster.is_empty() && target != Target::Cilium;
    if let Some(flow) = outer.filter(|_| is_asked) {
        return Err(GenerateError {
            line: flow.line,
            message: "say under `cluster` which addresses pods, Services and nodes have: some network plugins hold blocks of addresses against pods as well".to_owned(),
        });
    }
    let table = intent.table();
    match target {
        Target::NetworkPolicy => Ok(Policies {
            network: network::policies(intent, &table)?,
            guards: guards::policies(intent, &table),
        }),
        Target::Cilium => Ok(Policies {
            network: cilium::policies(intent, &table)?,
            guards: cilium::guards(intent, &table),
        }),
    }
}

/// Why a flow from the controller cannot be written.
fn controller_is_not_said(line: u64) -> GenerateError {
    GenerateError {
        line,
        message: "where the ingress controller runs is not said: declare its pods as a zone, and let the flow be from that".to_owned(),
    }
}

/// Objects of Kubernetes as the documents of one file.
pub fn to_yaml(objects: &[Value]) -> String {
    let documents = objects.iter().filter_map(|it| yaml::write(it, usize::MAX));
    documents.collect::<Vec<_>>().join("---\n")
}

/// Marks what was written here, so that it can be found and pruned.
const MANAGED: (&str, &str) = ("app.kubernetes.io/managed-by", "casemate");
/// Begins the names of all policies, so that none has the name of one that somebody wrote.
const PREFIX: &str = "casemate-";
