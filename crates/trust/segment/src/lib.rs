//! Who can reach whom in a cluster, and by which rule.
//!
//! ```text
//!   posture's World ──► Cluster  {namespaces, workloads}          ┐
//!                   ──► Mesh     {who has a proxy, what it sees}  ┤
//!                   ──► Policy   {tier, subject, rules}           ├──► Analysis ──► Relation: what passes
//!                   ──► Entry    {Ingress, Route, LoadBalancer}   ┘             ──► Proof: why
//!                   ──► Identities {accounts, powers, roles of clouds}  ──► ways that walk through both
//!                   ──► Gap: what is not known, so that no answer that hangs on it is called exact
//! ```
//!
//! An endpoint is a workload, the way in from outside (an ingress controller), or addresses outside of
//! the cluster that no policy tells apart. A connection passes if the policies of its source let it go and
//! those of its destination take it, in each plane: on the network, and in a mesh. Each asks the tiers of a plane
//! in their order (network-policy-api: Admin, NetworkPolicy, Baseline; Calico has others between them), and without
//! a policy everything passes. Each kind is read into one form, those of Cilium and Calico as well.
//! A connection of which only some requests pass is one that passes.
//!
//! What is unknown is carried through: of each pair it is said what surely passes and what may
//! ([`Bounds`]), and the proof names the rule and the reason.
//!
//! The relation is computed for all endpoints at once, upon sets; a [`Proof`] decides one pair anew and
//! keeps every rule on the way, those that did not fire included. The tests hold both against each other.
#![forbid(unsafe_code)]

mod addresses;
mod analysis;
mod assumptions;
mod bounds;
mod calls;
mod cluster;
mod connections;
mod diff;
mod directory;
mod document;
pub mod draw;
mod entry;
pub mod generate;
mod grants;
mod held;
pub mod identity;
mod index;
pub mod intent;
mod intervals;
mod labels;
mod listed;
mod matching;
mod mention;
mod mesh;
pub mod observed;
mod policy;
mod proof;
mod relation;
mod selector;
mod set;

pub use addresses::Addresses;
pub use analysis::{Analysis, Edge, Endpoint, Gap};
pub use assumptions::Assumptions;
pub use bounds::Bounds;
pub use calls::{Call, Calls};
pub use cluster::{Cluster, ContainerPort, Namespace, Workload};
pub use connections::{Connections, Protocol};
pub use diff::{Change, Difference, diff};
pub use entry::Entry;
pub use intervals::{Intervals, Number};
pub use labels::Labels;
pub use mention::Mention;
pub use policy::{Action, Direction, Plane, Policy, Rule, Tier};
pub use proof::{Effect, Proof, Side, Step};
pub use relation::TooLarge;
