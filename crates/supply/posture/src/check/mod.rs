//! What can be wrong: one file for each family of rules.

mod ai;
mod cloud;
mod command;
mod container;
mod exposure;
mod host_paths;
mod image;
mod images;
mod manifest_secrets;
mod namespaces;
mod network;
mod objects;
mod pipeline;
mod pod_restricted;
mod pod_security;
mod pod_templates;
mod rbac;
mod report;
mod script;
mod selection;
mod user;
pub mod workload;
mod workloads;

use casemate_core::{Rule, RuleId};

use crate::World;
use container::{build, build_scripts, compose};
use pipeline::{azure, cluster, github, gitlab};

pub(crate) use container::build::{is_root, users};
pub use objects::OBJECTS;
pub(crate) use pipeline::text::{place, text};
pub use pod_templates::pod_specs;
pub use report::{Attribute, Found, Open, Related, Report};
pub(crate) use script::{Deed, options};
pub use user::{UserCheckError, UserChecks};
pub use workloads::Workloads;

/// Rules that ask about the same things.
pub struct Family {
    /// The rules, each with who wants to hear of it.
    pub rules: &'static [(&'static Rule, Persona)],
    /// Looks, and reports.
    pub check: Check,
}

/// By what a family judges.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Everything.
    World(fn(&World, &mut Report)),
    /// Everything, and what runs in it.
    Workloads(fn(&Workloads<'_>, &mut Report)),
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

/// The rules that an object breaks by what is *not* beside it: that no policy of the network selects a pod, that a policy
/// selects no pod, that no quota bounds a namespace. Of one object alone they would say so every time.
pub const NEED_OTHERS: &[RuleId] = &[
    RuleId::new("CM-NET-009"),
    RuleId::new("CM-NET-010"),
    RuleId::new("CM-NS-004"),
];

/// Every family.
pub const FAMILIES: &[Family] = &[
    pod_security::FAMILY,
    host_paths::FAMILY,
    pod_restricted::FAMILY,
    rbac::FAMILY,
    network::FAMILY,
    images::FAMILY,
    namespaces::FAMILY,
    manifest_secrets::FAMILY,
    ai::RAY,
    ai::NOTEBOOKS,
    ai::HUBS,
    ai::CONSOLES,
    ai::SERVING,
    ai::MODELS,
    ai::INSTALLS,
    ai::TOKENS,
    ai::GPU,
    ai::POOLS,
    ai::ISOLATION,
    ai::STORES,
    github::injection::FAMILY,
    github::triggers::FAMILY,
    github::permissions::FAMILY,
    github::pins::FAMILY,
    github::sources::FAMILY,
    github::credentials::FAMILY,
    github::cache::FAMILY,
    github::environment::FAMILY,
    github::runners::FAMILY,
    github::conditions::FAMILY,
    github::clarity::FAMILY,
    github::packages::FAMILY,
    github::dependabot::FAMILY,
    github::publish::FAMILY,
    gitlab::FAMILY,
    azure::FAMILY,
    cluster::FAMILY,
    build::FAMILY,
    build_scripts::FAMILY,
    compose::FAMILY,
    cloud::TERRAFORM,
    cloud::AWS_STORAGE,
    cloud::AWS_NETWORK,
    cloud::AWS_IDENTITY,
    cloud::AWS_DATA,
    cloud::AWS_COMPUTE,
    cloud::AWS_ML,
    cloud::WORKLOADS,
    cloud::GCP_NETWORK,
    cloud::GCP_IDENTITY,
    cloud::GCP_DATA,
    cloud::GCP_COMPUTE,
    cloud::GCP_ML,
    cloud::AZURE_NETWORK,
    cloud::AZURE_STORAGE,
    cloud::AZURE_DATA,
    cloud::AZURE_COMPUTE,
    cloud::AZURE_APP,
    cloud::AZURE_ML,
];

#[cfg(test)]
mod tests;
