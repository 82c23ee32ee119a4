//! Which rules have a repair.

use casemate_core::RuleId;

use crate::check::Deed;

/// What makes a finding go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// The attribute says this instead, also where there was none: a word of the file's language.
    Set(&'static str),
    /// An attribute below it says something, its keys between dots.
    SetBelow(&'static str, &'static str),
    /// The option of an instruction goes.
    WithoutFlag,
    /// The options that make a command do something go.
    WithoutOptions(Deed),
    /// The user that an image had before, said once more at its end.
    FormerUser,
}

impl Repair {
    /// The repair of a rule's findings.
    pub(crate) fn of(rule: &RuleId) -> Option<Self> {
        let mut repairs = REPAIRS.iter();
        let (_, repair) = repairs.find(|(id, _)| *id == rule.as_str())?;
        Some(*repair)
    }
}

/// One row for a rule whose attribute has one right value, whatever else is around it. What has to be
/// weighed is not here.
pub(crate) const REPAIRS: &[(&str, Repair)] = &[
    ("CM-AWS-002", Repair::Set("true")),
    ("CM-AWS-060", Repair::Set("true")),
    ("CM-AWS-061", Repair::Set("false")),
    ("CM-AWS-063", Repair::Set("true")),
    ("CM-AWS-064", Repair::Set("true")),
    ("CM-AWS-065", Repair::Set("true")),
    ("CM-AWS-067", Repair::Set("true")),
    ("CM-AWS-068", Repair::Set("Policy-Min-TLS-1-2-2019-07")),
    ("CM-AWS-070", Repair::Set("true")),
    ("CM-AWS-071", Repair::Set("true")),
    ("CM-AWS-073", Repair::Set("true")),
    ("CM-AWS-080", Repair::Set("required")),
    ("CM-AWS-101", Repair::Set("Disabled")),
    ("CM-AWS-102", Repair::Set("2")),
    ("CM-AWS-105", Repair::Set("true")),
    ("CM-AZR-004", Repair::Set("true")),
    ("CM-AZR-005", Repair::Set("TLS1_2")),
    ("CM-AZR-007", Repair::Set("false")),
    ("CM-AZR-009", Repair::Set("true")),
    ("CM-AZR-011", Repair::Set("true")),
    ("CM-AZR-014", Repair::Set("true")),
    ("CM-AZR-017", Repair::Set("false")),
    ("CM-AZR-019", Repair::Set("true")),
    ("CM-AZR-020", Repair::Set("1.2")),
    ("CM-AZR-042", Repair::Set("false")),
    ("CM-AZR-043", Repair::Set("false")),
    ("CM-GCP-003", Repair::Set("true")),
    ("CM-GCP-004", Repair::Set("enforced")),
    ("CM-GCP-005", Repair::Set("true")),
    ("CM-GCP-009", Repair::Set("false")),
    ("CM-GCP-014", Repair::Set("false")),
    ("CM-GCP-020", Repair::Set("false")),
    ("CM-GCP-022", Repair::Set("true")),
    ("CM-TF-005", Repair::Set("true")),
    ("CM-POD-001", Repair::Set("false")),
    ("CM-POD-031", Repair::Set("false")),
    ("CM-POD-032", Repair::Set("true")),
    ("CM-POD-034", Repair::Set("RuntimeDefault")),
    ("CM-POD-036", Repair::Set("false")),
    ("CM-POD-039", Repair::Set("true")),
    ("CM-DKF-001", Repair::FormerUser),
    ("CM-DKF-010", Repair::WithoutFlag),
    ("CM-DKF-024", Repair::WithoutOptions(Deed::NoSignature)),
    ("CM-DKF-025", Repair::WithoutOptions(Deed::NoCertificates)),
    ("CM-DKF-031", Repair::WithoutOptions(Deed::OpenNotebook)),
    (
        "CM-GHA-040",
        Repair::SetBelow("with.persist-credentials", "false"),
    ),
];
