//! The narrow traits by which rooms meet without knowing each other.

use std::{any::Any, collections::BTreeMap};

use crate::{
    Asset, AssetId, AssetKind, Digest, Finding, Location, Outcome, PathText, Region, Rule, Source,
};

/// What a check is asked about: an asset that is a file, and how to speak of it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The asset; its name is `file`.
    pub asset: Asset,
    /// The file's path as the user gave it and the rest of the way: what findings say.
    pub file: PathText,
    /// The path from the root that is assessed. Hints only: what a file is, its content says.
    pub path: PathText,
    /// The digest of the file's bytes.
    pub digest: Digest,
}

impl Subject {
    /// A file of which nothing is known but where it is and what its bytes are: `path` from the root of
    /// `repository`, and `file` as the user names it.
    pub fn of_file(repository: &str, path: PathText, file: PathText, digest: Digest) -> Self {
        let id = AssetId::File {
            repository: repository.to_owned(),
            path: path.clone(),
        };
        Self {
            asset: Asset {
                id,
                kind: AssetKind::Other,
                name: file.as_str().to_owned(),
                labels: BTreeMap::new(),
            },
            file,
            path,
            digest,
        }
    }

    /// A finding of `rule` somewhere in this subject. `members` is the way into nested containers,
    /// `anchor` is what the check holds on to when offsets move (see [`Finding::new`]).
    pub fn finding(
        &self,
        rule: &Rule,
        members: Vec<String>,
        region: Option<Region>,
        anchor: &str,
        message: impl Into<String>,
    ) -> Finding {
        let location = Location {
            file: self.file.clone(),
            members,
            region,
        };
        Finding::new(rule, &self.asset.id, &self.path, location, anchor, message)
    }
}

/// Something that can judge one subject at a time.
pub trait Check: Send + Sync {
    /// The check's name in outcomes: one word.
    fn name(&self) -> &'static str;

    /// The check's version; change it when the same input may give another result.
    fn version(&self) -> &str;

    /// Every rule it may report.
    fn rules(&self) -> &[Rule];

    /// Judges `subject`, whose bytes are `source`. Returns `None` when it has nothing to say about
    /// subjects of this kind. Must not panic on any input; a caller fences it all the same.
    fn check(&self, subject: &Subject, source: &dyn Source) -> Option<Outcome>;
}

/// Something that can judge files only together: a chart with its values, a module with its variables, all
/// manifests of a tree.
pub trait Survey: Send + Sync {
    /// The name in outcomes: one word.
    fn name(&self) -> &'static str;

    /// The version; change it when the same input may give another result.
    fn version(&self) -> &str;

    /// Every rule it may report.
    fn rules(&self) -> &[Rule];

    /// Reads what it needs of one file, on any thread, or `None` where the file is nothing to it. Must
    /// not panic on any input; a caller fences it all the same.
    fn read(&self, subject: &Subject, source: &dyn Source) -> Option<Reading>;

    /// Judges everything that was read, in the order of the files' paths. Gives one answer for each
    /// reading, in that order: nothing for a file that only says something together with others.
    fn judge(&self, readings: Vec<Reading>) -> Vec<Option<Outcome>>;
}

/// What a [`Survey`] keeps of one file; only the survey knows what it is.
pub type Reading = Box<dyn Any + Send>;

/// Something that can tell what kind of asset a file is by its content.
pub trait Classify: Send + Sync {
    /// What `source` is, or `None` where this classifier does not know it. `path` is a hint that
    /// content may overrule.
    fn classify(&self, path: &PathText, source: &dyn Source) -> Option<Class>;
}

/// What kind of asset a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The kind of asset.
    pub kind: AssetKind,
    /// The format, as `casemate scan` names it: `pickle`, `safetensors`, `terraform` …
    pub format: &'static str,
}
