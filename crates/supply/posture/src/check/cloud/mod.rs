//! What clouds are asked for, in whatever language: one file for each family.
//!
//! Most rules ask one thing of one attribute: those are rows of a table ([`Ask`]). The others have a
//! function of their own.

mod aws_compute;
mod aws_data;
mod aws_identity;
mod aws_ml;
mod aws_network;
mod aws_storage;
mod azure_app;
mod azure_compute;
mod azure_data;
mod azure_ml;
mod azure_network;
mod azure_storage;
mod gcp_compute;
mod gcp_data;
mod gcp_identity;
mod gcp_ml;
mod gcp_network;
mod ports;
mod terraform;
mod workloads;

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::{Check, Family, Persona, Report};
use crate::{
    Cursor, Fact, Truth, Value, World,
    access::{Companions, policy},
};

pub(super) use aws_compute::FAMILY as AWS_COMPUTE;
pub(super) use aws_data::FAMILY as AWS_DATA;
pub(super) use aws_identity::FAMILY as AWS_IDENTITY;
pub(super) use aws_ml::FAMILY as AWS_ML;
pub(super) use aws_network::FAMILY as AWS_NETWORK;
pub(super) use aws_storage::FAMILY as AWS_STORAGE;
pub(super) use azure_app::FAMILY as AZURE_APP;
pub(super) use azure_compute::FAMILY as AZURE_COMPUTE;
pub(super) use azure_data::FAMILY as AZURE_DATA;
pub(super) use azure_ml::FAMILY as AZURE_ML;
pub(super) use azure_network::FAMILY as AZURE_NETWORK;
pub(super) use azure_storage::FAMILY as AZURE_STORAGE;
pub(super) use gcp_compute::FAMILY as GCP_COMPUTE;
pub(super) use gcp_data::FAMILY as GCP_DATA;
pub(super) use gcp_identity::FAMILY as GCP_IDENTITY;
pub(super) use gcp_ml::FAMILY as GCP_ML;
pub(super) use gcp_network::FAMILY as GCP_NETWORK;
pub(super) use terraform::FAMILY as TERRAFORM;
pub(super) use workloads::FAMILY as WORKLOADS;

/// A question to one attribute of every resource of some kinds.
struct Ask {
    rule: &'static Rule,
    kinds: &'static [&'static str],
    /// The attribute, its keys between dots, through blocks: each block is asked, and where there is
    /// none, the place where it would be.
    path: &'static str,
    wrong: Wrong,
    /// What is wrong, in one sentence.
    says: &'static str,
}

/// What an attribute must not be.
enum Wrong {
    /// False, or not there: it is off until it is turned on.
    NotTrue,
    /// On.
    True,
    /// Off: it is on until it is turned off.
    False,
    /// Not there.
    Absent,
    /// One of these.
    In(&'static [&'static str]),
    /// Anything but these, nothing included.
    NotIn(&'static [&'static str]),
}

fn ask(world: &World, report: &mut Report, asks: &[Ask]) {
    for ask in asks {
        for resource in ask.kinds.iter().flat_map(|kind| world.of_kind(kind)) {
            for cursor in reach(&resource.cursor(), ask.path) {
                let truth = ask.wrong.holds(&cursor);
                report.when(truth, ask.rule, &cursor, || ask.says.to_owned());
            }
        }
    }
}

impl Wrong {
    fn holds(&self, cursor: &Cursor<'_>) -> Truth {
        match self {
            Self::NotTrue => !cursor.is_true(),
            Self::True => cursor.is_true(),
            Self::False => cursor.is_false(),
            Self::Absent => cursor.is_absent().or(|| cursor.equals("")),
            Self::In(words) => cursor.text().is(|text| is_in(&text, words)),
            Self::NotIn(words) => !cursor.text().is(|text| is_in(&text, words)),
        }
    }
}

fn is_in(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// The places at `path`, through every block on the way.
fn reach<'a>(from: &Cursor<'a>, path: &str) -> Vec<Cursor<'a>> {
    path.split('.').fold(vec![from.clone()], |places, key| {
        places
            .iter()
            .flat_map(|place| blocks(place))
            .map(|place| place.get(key))
            .collect()
    })
}

/// The blocks that a list has; a single object, or what is not there or not known, is itself.
fn blocks<'a>(cursor: &Cursor<'a>) -> Vec<Cursor<'a>> {
    match &cursor.fact {
        Fact::Known(attr) if matches!(attr.value, Value::List(_)) => {
            let items = cursor.items();
            if items.is_empty() {
                vec![cursor.get("0")]
            } else {
                items
            }
        }
        _ => vec![cursor.clone()],
    }
}

/// A rule whose examples are configuration of Terraform's.
const fn rule(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    description: &'static str,
    remediation: &'static str,
    references: &'static [Reference],
    [bad, good]: [&'static str; 2],
) -> Rule {
    Rule {
        id: RuleId::new(id),
        title: Cow::Borrowed(title),
        severity,
        confidence: Confidence::High,
        description: Cow::Borrowed(description),
        remediation: Cow::Borrowed(remediation),
        references: Cow::Borrowed(references),
        bad: Some(Example::new("main.tf", bad.as_bytes())),
        good: Some(Example::new("main.tf", good.as_bytes())),
    }
}

const fn see(text: &'static str) -> Reference {
    Reference::new(text)
}
