//! Objects beside those of other programs: what the comparisons of `bench/posture` share.

#![allow(
    clippy::disallowed_methods,
    reason = "a developer runs it on trees of their own"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use casemate_core::{Asset, AssetId, AssetKind, Digest, PathText, Subject};

use crate::{Attr, File, Value};

/// A value as it is compared; what is not known is like anything.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    Unknown,
    Scalar(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Plain {
    pub(super) fn of(attr: &Attr) -> Self {
        match &attr.value {
            Value::Unknown(why) if why.contains("namespace") => Self::Scalar("\"default\"".into()),
            Value::Unknown(_) => Self::Unknown,
            Value::Null => Self::Scalar("null".into()),
            Value::Bool(value) => Self::Scalar(value.to_string()),
            Value::Integer(value) => Self::Scalar(value.to_string()),
            Value::Float(value) => Self::Scalar(value.to_string()),
            Value::String(text) => Self::Scalar(format!("{text:?}")),
            Value::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Map(map) => {
                let entries = map.items().iter();
                let entries = entries.map(|item| (item.key.to_string(), Self::of(&item.value)));
                Self::Map(entries.collect())
            }
        }
    }

    /// Where `self` is not like `other`, if anywhere.
    pub(super) fn differs(&self, other: &Self, at: &str) -> Option<String> {
        match (self, other) {
            (Self::Unknown, _) => None,
            (Self::List(a), Self::List(b)) if a.len() == b.len() => {
                let mut pairs = a.iter().zip(b).enumerate();
                pairs.find_map(|(number, (a, b))| a.differs(b, &format!("{at}[{number}]")))
            }
            (Self::Map(a), Self::Map(b)) => {
                let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                keys.into_iter()
                    .find_map(|key| match (a.get(key), b.get(key)) {
                        (Some(a), Some(b)) => a.differs(b, &format!("{at}.{key}")),
                        (Some(_), None) => Some(format!("{at}.{key} is too much")),
                        (None, _) => Some(format!("{at}.{key} is missing")),
                    })
            }
            _ if self == other => None,
            (Self::Scalar(a), Self::Scalar(b)) => {
                // Long texts differ somewhere in the middle.
                let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
                let near = |text: &str| -> String {
                    text.chars()
                        .skip(same.saturating_sub(20))
                        .take(80)
                        .collect()
                };
                Some(format!("{at}: {} and not {}", near(a), near(b)))
            }
            _ => Some(format!("{at}: {self:?} and not {other:?}")),
        }
    }
}

/// A file as a survey has it.
pub(super) fn file(path: &str, text: &str) -> Arc<File> {
    let name: PathText = path.into();
    Arc::new(File {
        subject: Subject {
            asset: Asset {
                id: AssetId::File {
                    repository: "local".into(),
                    path: name.clone(),
                },
                kind: AssetKind::Other,
                name: path.to_owned(),
                labels: BTreeMap::new(),
            },
            file: name.clone(),
            path: name,
            digest: Digest::of(b""),
        },
        text: text.into(),
    })
}

/// Every text below a folder.
pub(super) fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, Arc<File>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path
                .strip_prefix(root)
                .expect("below")
                .to_string_lossy()
                .into_owned();
            files.insert(name.clone(), file(&name, &text));
        }
    }
}

/// What is the same of two lists of objects, and the first difference.
pub(super) fn compared(ours: &[Plain], theirs: &[Plain]) -> (usize, Option<String>) {
    let name = |object: &Plain| {
        let word = |object: &Plain, key: &str| match object {
            Plain::Map(map) => map.get(key).cloned(),
            _ => None,
        };
        let about = word(object, "metadata").unwrap_or(Plain::Unknown);
        let word = |object: &Plain, key: &str| match word(object, key) {
            Some(Plain::Scalar(text)) => text,
            _ => String::new(),
        };
        (
            word(object, "kind"),
            word(&about, "namespace"),
            word(&about, "name"),
        )
    };
    let mut left: Vec<&Plain> = theirs.iter().collect();
    let mut same = 0;
    let mut difference = None;
    for object in ours {
        match left
            .iter()
            .position(|other| object.differs(other, "").is_none())
        {
            Some(at) => {
                left.swap_remove(at);
                same += 1;
            }
            None => {
                let like = theirs.iter().find(|other| name(other) == name(object));
                let text = match like {
                    Some(other) => object.differs(other, "").unwrap_or_default(),
                    None => "is not there".to_owned(),
                };
                difference.get_or_insert(format!("{:?} {text}", name(object)));
            }
        }
    }
    if let Some(object) = left.first() {
        difference.get_or_insert(format!("{:?} is not made", name(object)));
    }
    (same, difference)
}
