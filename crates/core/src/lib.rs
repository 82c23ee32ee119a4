//! The vocabulary that every part of Casemate shares, and nothing else.
//!
//! ```text
//!  Source ──► Check ──► Outcome ──► Population ──► Decision ──► Record
//!             ▲  │         │             (aggregated)   (gate)     (evidence)
//!    Subject ─┘  └─ Rule   └─ Finding
//!    (Asset)                  (Location, Fingerprint)
//! ```
//!
//! A [`Check`] reads a [`Source`], never a path, and says what it found about a [`Subject`] in an
//! [`Outcome`], *also when all is well*. Outcomes that agree are folded into a [`Population`]. A
//! gate turns them into a [`Decision`]. Any of these becomes evidence as a [`Record`].
//!
//! The serde form of each type is the JSON contract of the program; `schemars` derives the
//! published schema from the same type.
#![forbid(unsafe_code)]

mod asset;
mod canonical;
mod check;
mod clock;
mod decision;
mod digest;
mod event;
mod finding;
mod import;
mod log;
mod outcome;
mod path;
mod record;
mod relation;
mod rule;
mod source;

pub use asset::{Asset, AssetId, AssetIdError, AssetKind};
pub use canonical::canonical_json;
pub use check::{Check, Class, Classify, Reading, Subject, Survey};
pub use clock::{Clock, FixedClock, SystemClock, Timestamp};
pub use decision::{Approval, Decision, Effect, Kept, KeptObligation, Reason, Verdict};
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use event::{Event, EventId, Field, LogSource};
pub use finding::{Evidence, Finding, Fingerprint, Location, Region, Reported, Suppression};
pub use import::Import;
pub use log::{LogProof, Logged, Seen};
pub use outcome::{Coverage, Outcome, Population, PopulationKey, Populations, Status, aggregate};
pub use path::PathText;
pub use record::{
    Claim, Producer, Record, RecordSchema, RecordSubject, SaltedDigest, Secret, SignedStatement,
    Validity,
};
pub use relation::{Proof, Relation, RelationKind};
pub use rule::{Confidence, Example, Reference, Rule, RuleId, RuleIdError, Severity};
pub use source::{FileSource, Memo, MemorySource, Source, Window};
