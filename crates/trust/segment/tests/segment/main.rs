//! What `casemate-segment` says of clusters, as manifests and answers.

mod agreement;
mod calico;
mod cilium;
mod identity;
mod intent;
mod kit;
mod mesh;
mod requests;
mod rights;
mod semantics;
