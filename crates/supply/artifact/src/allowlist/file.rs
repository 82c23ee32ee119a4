//! The files under `content/allowlists`, and those of callers.

use serde::Deserialize;

use super::{
    AllowlistError,
    row::{ANY, Contract, Fill, Row, Texts},
};
use crate::{
    operators::{ClassRow, DangerousRow, NamespaceRow, OverlayOperators},
    pickle::value::{Kind, KindSet},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) allow: Vec<FileRow>,
    #[serde(default)]
    pub(super) plain: Vec<FileGroup>,
    #[serde(default)]
    pub(super) tuple: Vec<FileGroup>,
    #[serde(default)]
    pub(super) named: Vec<FileGroup>,
    #[serde(default)]
    pub(super) gadget: Vec<FileGadget>,
    #[serde(default)]
    pub(super) operators: Vec<NamespaceRow>,
    #[serde(default)]
    pub(super) dangerous_operator: Vec<DangerousRow>,
    #[serde(default)]
    pub(super) operator_class: Vec<ClassRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRow {
    pub(super) module: String,
    pub(super) name: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) call: Vec<String>,
    #[serde(default)]
    pub(super) build: bool,
    pub(super) args: Option<Vec<String>>,
    pub(super) names: Option<Vec<String>>,
    pub(super) texts: Option<Vec<String>>,
    pub(super) fill: Option<Fill>,
    /// Where a real file was seen to need the row; for readers of the data.
    #[serde(rename = "evidence")]
    pub(super) _evidence: String,
}

/// Names of one module that are allowed the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileGroup {
    pub(super) module: String,
    #[serde(default)]
    pub(super) kind: String,
    pub(super) names: Vec<String>,
    #[serde(rename = "evidence")]
    pub(super) _evidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileGadget {
    pub(super) module: String,
    pub(super) name: String,
    pub(super) what: String,
    #[serde(default)]
    pub(super) references: Vec<String>,
}

/// An overlay: nothing but rows of single names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverlayFile {
    #[serde(default)]
    pub(super) allow: Vec<OverlayRow>,
    #[serde(default)]
    pub(super) operators: Vec<OverlayOperators>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverlayRow {
    pub(super) module: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) call: Vec<String>,
    #[serde(default)]
    pub(super) build: bool,
    pub(super) args: Option<Vec<String>>,
    pub(super) names: Option<Vec<String>>,
    pub(super) texts: Option<Vec<String>>,
    pub(super) reason: String,
}

impl FileRow {
    pub(super) fn judged(self) -> Result<(String, String, Row), AllowlistError> {
        let arguments = self.contract()?;
        let uses = |how: &str| self.call.iter().any(|call| call == how);
        let row = Row {
            is_class: self.kind == "class",
            reduce: uses("reduce"),
            new: uses("newobj"),
            instance: uses("inst"),
            build: self.build,
            is_value: self.kind == "value",
            arguments,
            bare: false,
            names: self.names,
            texts: self.texts.map(Texts),
            fill: self.fill,
            reason: None,
        };
        Ok((self.module, self.name, row))
    }

    pub(super) fn contract(&self) -> Result<Contract, AllowlistError> {
        let Some(arguments) = &self.args else {
            return Ok(Contract::anything());
        };
        let mut contract = Contract {
            fixed: Vec::new(),
            rest: None,
        };
        for argument in arguments {
            let (kind, many) = match argument.strip_suffix('*') {
                Some(kind) => (kind, true),
                None => (argument.as_str(), false),
            };
            let mut set = KindSet::default();
            for alternative in kind.split('|') {
                let known = kinds(alternative).ok_or_else(|| AllowlistError::ArgumentKind {
                    module: self.module.clone(),
                    name: self.name.clone(),
                    kind: argument.clone(),
                })?;
                set = set.with(known);
            }
            if many {
                contract.rest = Some(set);
            } else {
                contract.fixed.push(set);
            }
        }
        Ok(contract)
    }
}

fn kinds(name: &str) -> Option<KindSet> {
    const INT: KindSet = KindSet::of(Kind::Int).with(KindSet::of(Kind::Bool));
    Some(match name {
        "any" => ANY,
        "none" => KindSet::of(Kind::None),
        "bool" => KindSet::of(Kind::Bool),
        "int" => INT,
        "float" => INT.with(KindSet::of(Kind::Float)),
        "str" => KindSet::of(Kind::Str),
        "bytes" => KindSet::of(Kind::Bytes)
            .with(KindSet::of(Kind::Buffer))
            .with(KindSet::of(Kind::Str)),
        "tuple" => KindSet::of(Kind::Tuple),
        "list" => KindSet::of(Kind::List),
        "dict" => KindSet::of(Kind::Dict),
        "set" => KindSet::of(Kind::Set).with(KindSet::of(Kind::FrozenSet)),
        "global" => KindSet::of(Kind::Global),
        "persid" => KindSet::of(Kind::Persistent),
        // Older versions of a library leave out what newer ones make an object of.
        "object" => KindSet::of(Kind::Object).with(KindSet::of(Kind::None)),
        _ => return None,
    })
}
