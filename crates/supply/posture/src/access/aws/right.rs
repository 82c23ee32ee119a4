//! What a statement of a policy says of buckets.

use std::sync::Arc;

use super::super::{Access, Grant, Store, glob};
use crate::{Origin, Truth};

/// One statement of a policy, as far as it is about S3.
pub(super) struct Right {
    pub(super) allows: Truth,
    pub(super) denies: Truth,
    /// Whether it holds at all.
    pub(super) truth: Truth,
    /// Of each of [`ACTIONS`] whether it is about that.
    pub(super) acts: Vec<Truth>,
    pub(super) resources: Vec<Pattern>,
    /// Whether it is about all but those.
    pub(super) is_not: bool,
    pub(super) because: (String, Origin),
}

/// A resource that a statement names.
pub(super) enum Pattern {
    Text(String, Origin),
    /// The bucket at a place among all, and what follows its ARN.
    Bucket(usize, String),
    Unknown(Arc<str>),
}

/// Actions that stand for what may be done, and whether they are about objects.
pub(super) const ACTIONS: &[(&str, bool, Access)] = &[
    ("s3:listbucket", false, Access::LIST),
    ("s3:getobject", true, Access::OBJECTS),
    ("s3:getobjectversion", true, Access::OBJECTS),
    ("s3:putobject", true, Access::WRITE),
    ("s3:deleteobject", true, Access::WRITE),
    ("s3:putobjectacl", true, ADMINISTER),
    ("s3:putbucketacl", false, ADMINISTER),
    ("s3:putbucketpolicy", false, ADMINISTER),
];

const ADMINISTER: Access = Access::of(false, false, false, true);

impl Right {
    /// One of which nothing is known.
    pub(super) fn open(why: Arc<str>, because: (String, Origin)) -> Self {
        Self {
            allows: Truth::Yes,
            denies: Truth::No,
            truth: Truth::Unknown(why),
            acts: vec![Truth::Yes; ACTIONS.len()],
            resources: Vec::new(),
            is_not: true,
            because,
        }
    }

    /// Whether it lets one of [`ACTIONS`] be done on a store: with some object of it is enough.
    fn grants(&self, action: usize, at: usize, store: &Store) -> Truth {
        let is_named = || match self.is_not {
            true => !self.names_all(action, at, store),
            false => self.names_some(action, at, store),
        };
        let acts = self.allows.clone().and(|| self.acts[action].clone());
        acts.and(is_named).and(|| self.truth.clone())
    }

    /// Whether it keeps one of [`ACTIONS`] from being done on a store: with each object of it, or it is not said.
    fn keeps(&self, action: usize, at: usize, store: &Store) -> Truth {
        let is_named = || match self.is_not {
            true => !self.names_all(action, at, store),
            false => self.names_all(action, at, store),
        };
        let acts = self.denies.clone().and(|| self.acts[action].clone());
        acts.and(is_named).and(|| self.truth.clone())
    }

    fn names_some(&self, action: usize, at: usize, store: &Store) -> Truth {
        let names = |it: &Pattern| it.names(at, store, ACTIONS[action].1, is_of);
        Truth::any(self.resources.iter().map(names))
    }

    /// Whether what it names is all that an action can be about; where it is some of it, that is not said.
    fn names_all(&self, action: usize, at: usize, store: &Store) -> Truth {
        let covers = |it: &Pattern| it.names(at, store, ACTIONS[action].1, covers);
        let all = Truth::any(self.resources.iter().map(covers));
        all.or(|| match self.names_some(action, at, store) {
            Truth::Yes => {
                let why = format!("{} is about some of its objects", self.because.0);
                Truth::Unknown(why.into())
            }
            other => other,
        })
    }

    /// The buckets that it names in full.
    pub(super) fn literal_buckets(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.resources.iter().filter_map(|it| match it {
            Pattern::Text(text, origin) => {
                let (_, name) = text.split_once(":s3:::")?;
                let name = name.split('/').next()?;
                let is_whole = !name.is_empty() && !name.contains(['*', '?', '$']);
                is_whole.then_some((name, origin))
            }
            Pattern::Bucket(..) | Pattern::Unknown(_) => None,
        })
    }
}

impl Pattern {
    /// Whether it is about the store itself, or about objects in it, as `is_of` has it of a pattern, the ARN of
    /// the bucket, and which of both.
    fn names(
        &self,
        at: usize,
        store: &Store,
        is_of_objects: bool,
        is_of: fn(&str, &str, bool) -> Truth,
    ) -> Truth {
        let pattern = match self {
            Self::Unknown(why) => return Truth::Unknown(why.clone()),
            Self::Bucket(bucket, rest) if *bucket == at => return is_of(rest, "", is_of_objects),
            Self::Bucket(..) => return Truth::No,
            Self::Text(pattern, _) => pattern,
        };
        // The partition is that of the account.
        let (rest, begin) = match pattern.strip_prefix("arn:") {
            Some(rest) => (rest.split_once(':').map_or(rest, |(_, rest)| rest), ""),
            None => (&**pattern, "arn:aws:"),
        };
        match &store.name {
            Some(name) => is_of(rest, &format!("{begin}s3:::{name}"), is_of_objects),
            None if EVERY.contains(&rest) => Truth::Yes,
            None => {
                let begin = format!("{begin}s3:::{}", store.prefix);
                let why = format!("the name of {} is not known", store.address);
                glob::matches_beginning(rest, &begin).and(|| Truth::Unknown(why.into()))
            }
        }
    }
}

/// Whether a pattern is about each object of a bucket.
fn covers(pattern: &str, bucket: &str, is_of_objects: bool) -> Truth {
    match is_of_objects {
        // What begins so goes on as it likes.
        true => {
            let is_open = Truth::from(pattern.ends_with('*'));
            is_open.and(|| glob::matches(pattern, &format!("{bucket}/")))
        }
        false => glob::matches(pattern, bucket),
    }
}

/// Whether a pattern is about a bucket, or about some object in it.
fn is_of(pattern: &str, bucket: &str, is_of_objects: bool) -> Truth {
    match is_of_objects {
        true => glob::matches_beginning(pattern, &format!("{bucket}/")),
        false => glob::matches(pattern, bucket),
    }
}

/// What every bucket is named by, behind the partition.
const EVERY: &[&str] = &["s3:::*", "s3:::*/*", "s3:*:*:*", "*"];

/// What the statements come to for one store: of those that allow, the surest first; what some other denies
/// is not granted.
pub(super) fn granted(rights: &[Right], at: usize, store: &Store) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for (action, (_, _, access)) in ACTIONS.iter().enumerate() {
        let is_kept = Truth::any(rights.iter().map(|it| it.keeps(action, at, store)));
        let is_allowed = |it: &Right| it.grants(action, at, store).and(|| !is_kept.clone());
        let mut allows: Vec<(Truth, &Right)> = rights
            .iter()
            .map(|it| (is_allowed(it), it))
            .filter(|(truth, _)| *truth != Truth::No)
            .collect();
        allows.sort_by_key(|(truth, _)| !truth.is_yes());
        let Some((truth, right)) = allows.into_iter().next() else {
            continue;
        };
        let same = grants.iter_mut().find(|it| {
            it.truth == truth
                && it.because.0 == right.because.0
                && it.because.1.is_at(&right.because.1)
        });
        match same {
            Some(same) => same.access = same.access.union(*access),
            None => grants.push(Grant {
                store: at,
                access: *access,
                truth,
                because: right.because.clone(),
            }),
        }
    }
    grants
}
