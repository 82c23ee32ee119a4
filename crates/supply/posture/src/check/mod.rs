//! What can be wrong: one file for each family of rules.

mod cloud;
mod pod_security;
mod report;
mod workload;

use casemate_core::Rule;

use crate::World;

pub use report::{Found, Open, Report};

/// Rules that ask about the same things.
pub struct Family {
    /// The rules, each with who wants to hear of it.
    pub rules: &'static [(&'static Rule, Persona)],
    /// Looks at everything, and reports.
    pub check: fn(&World, &mut Report),
}

/// Who reads the findings. Each hears what those before hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Persona {
    /// Somebody who ships: what to repair.
    #[default]
    Regular,
    /// Somebody who hardens: what could be better.
    Pedantic,
    /// Somebody who audits: everything worth a look.
    Auditor,
}

/// Every family.
pub const FAMILIES: &[Family] = &[
    pod_security::FAMILY,
    cloud::TERRAFORM,
    cloud::AWS_STORAGE,
    cloud::AWS_NETWORK,
    cloud::AWS_IDENTITY,
    cloud::AWS_DATA,
    cloud::AWS_COMPUTE,
    cloud::AWS_ML,
    cloud::GCP,
    cloud::AZURE,
];
