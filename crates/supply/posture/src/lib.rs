//! What infrastructure as code declares, and what is wrong with it.
//!
//! ```text
//!   files ──► read: one reader for each language ──► Resource {address, kind, body: Attr} ──► World
//!                                                     Attr = Known | Unknown(why), sensitive or not,
//!                                                            with its chain of places
//!   World ──► check: one file for each family ──► Report ──► Outcome of each file
//! ```
//!
//! Every language becomes the same [`Resource`]s, so that a check asks what is declared and not in
//! which language. What cannot be known from the files (a variable without a default, what a cloud
//! answers) is [`Value::Unknown`] with its reason, and a check that comes upon it is *undetermined*:
//! it neither passes nor fails. Each value knows where it was written, and where that got it from: the
//! line of a template, then the line of the values file.
//!
//! To add a check, copy a file of `check/`: it has its rules, with an example that breaks each and one
//! that does not, and a function from the [`World`] to a [`check::Report`]. To add a language, copy a file of
//! `read/`.
#![forbid(unsafe_code)]

pub mod access;
pub mod check;
pub mod fix;
mod model;
mod read;
mod survey;

pub use check::workload::{Container, Pod, pods};
pub use model::{
    Attr, Cursor, Fact, File, Item, Language, Link, Map, Origin, Places, Problem, Resource, Role,
    Step, Truth, Value, World,
};
pub use read::{
    actions::{constant::Constant, expression, fence},
    dockerfile::parse as dockerfile,
    shell,
};
pub use survey::PostureSurvey;
