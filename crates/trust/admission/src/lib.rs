//! What a Kubernetes cluster may take: its admission webhook.
//!
//! ```text
//!   API server ──► serve ──► Review ──► Judge ──────────────────────────► Response
//!               (TLS, limits,            │ posture ─► outcomes ─┐             ▲
//!                deadline)               │ constraints ─► viol. ├─► gate ─► Decision
//!                                        │ deny, warn rules ────┘   (Rego)    │
//!                                        └ mutate ─► patch              Record ─► Records (a file)
//! ```
//!
//! [`Judge`] is made once, with everything compiled, and asked for each [`Review`]: it takes no clock, file or socket, so that
//! `casemate admit review` and the tests ask the very function that the server asks. The gate is the one of `casemate assess`,
//! asked as `admission`: what checks, constraints and rules say are reasons of one [`Decision`](casemate_core::Decision).
//!
//! [`Server`] is the only part with a runtime. A judgement runs on its blocking threads, a bounded number at a time, and within
//! a deadline: one that does not end in time denies. What gets no turn in time, or panics, is decided by choice ([`OnError`]), and
//! never by accident.
#![forbid(unsafe_code)]

mod answer;
mod exempt;
mod export;
mod file;
mod judge;
mod metrics;
mod mutate;
mod patch;
mod pattern;
mod record;
mod review;
mod serve;
mod settings;
mod vouch;

pub use answer::{Response, Status};
pub use exempt::Exemption;
pub use export::{Action, Cel, Policy, Resources, Said, Variable};
pub use judge::{Judge, JudgeError, Judged, Parts, Undecided};
pub use metrics::Metrics;
pub use mutate::{Mutation, MutationError};
pub use patch::{Operation as PatchOperation, PatchError, apply};
pub use record::{Record, RecordSchema, Records};
pub use review::{Operation, Request, Review, ReviewError};
pub use serve::{Certificates, ServeError, Server, Stop, Told};
pub use settings::{Limits, Mode, OnError, Settings, Unchanged};
pub use vouch::{NobodyVouches, Vouch};
