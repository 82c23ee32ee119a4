//! Credentials in files: found by their form or by the name they are given to, proven by checksum,
//! structure or randomness, and never shown.
//!
//! ```text
//!  content/secrets/*.toml ──► Detectors ─────────────┐
//!                                                    ▼
//!  Source ──► text (UTF-8) ──► prefilter ──► pattern or assignment ──► validators ──► Match
//!             in chunks        all literals  on a bounded window       checksum …     Redacted
//!                              at once
//! ```
//!
//! A detector is a row of data; a new provider is a row and no code. Nothing is asked of any
//! provider: the scan is offline, and says what looks like a credential, not whether it still opens
//! a door. Of a secret only [`Redacted`] leaves this crate.
#![forbid(unsafe_code)]

mod armour;
mod assignment;
mod base64;
mod check;
mod detector;
mod engine;
mod keys;
mod looks;
mod placeholder;
mod prefilter;
mod redact;
mod row;
mod text;
mod validate;

pub use check::SecretsCheck;
pub use detector::{DetectorError, Detectors};
pub use engine::{Cut, Match, Scan};
pub use redact::Redacted;
