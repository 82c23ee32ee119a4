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
