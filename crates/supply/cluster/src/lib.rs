//! A Kubernetes cluster, read through its API and never written.
//!
//! ```text
//!   kubeconfig ──► Access ──► Client: GET and nothing else ──► Api
//!                                                               │
//!   kinds that are judged ──► discovery ──► list, page by page ◄┘
//!                                             │
//!                              owner: who is judged for whom
//!                                             │
//!                                     Document of each object, Outcome of each kind
//! ```
//!
//! What the API server says becomes documents with the identity `cluster/namespace/kind/name`, each the
//! object as JSON without what the server alone writes, so that those who judge files judge them as
//! well. What could not be read, or not wholly, is an [`Outcome`](casemate_core::Outcome) that names the
//! kind: silence means that everything was read.
//!
//! This is the only room of the supply side that opens a connection, and it knows neither who judges
//! nor by what: the kinds come from its caller.
#![forbid(unsafe_code)]

mod access;
mod discovery;
mod document;
mod error;
mod exec;
mod http;
mod kubeconfig;
mod list;
mod owner;
mod read;

pub use access::{Access, InCluster};
pub use discovery::Wanted;
pub use document::Document;
pub use error::{AccessError, RequestError};
pub use http::{Accept, Answer, Api, Client, Patience};
pub use kubeconfig::{Context, Kubeconfig};
pub use read::{Limits, Reading, Scope, read, uid, unverified};
