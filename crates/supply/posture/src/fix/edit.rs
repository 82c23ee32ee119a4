//! Changes of text.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    ops::Bound::{Excluded, Included},
    sync::Arc,
};

use casemate_document::Span;

use super::{Repair, dockerfile, hcl, yaml};
use crate::{
    Cursor, File, Language, Origin, Resource, World, check::Found, read::dockerfile::DOCKERFILE,
};

/// A change of one file: other text in place of some bytes.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The file.
    pub file: Arc<File>,
    /// What is replaced; empty where something is put in.
    pub span: Span,
    /// What stands there then.
    pub text: String,
}

/// Where a repair is made.
pub(super) struct Place {
    pub(super) edit: Edit,
    /// Where the attribute stands, if its value stands elsewhere and others may have it from there.
    pub(super) own: Option<Origin>,
}

impl Place {
    /// At the attribute itself.
    pub(super) fn own(edit: Edit) -> Self {
        Self { edit, own: None }
    }
}

/// An edit, and all that it repairs: one text may be that of many instances, and one value that of many
/// attributes.
pub(super) struct Planned {
    pub(super) edit: Edit,
    pub(super) repairs: Vec<(Found, Option<Origin>)>,
}

impl Edit {
    /// `text` after all the changes, no two of which meet.
    pub(super) fn applied(text: &str, mut edits: Vec<&Self>) -> String {
        edits.sort_by_key(|edit| edit.span);
        let (mut after, mut at) = (String::with_capacity(text.len()), 0);
        for edit in edits {
            let range = edit.span.range();
            after.push_str(&text[at..range.start]);
            after.push_str(&edit.text);
            at = range.end;
        }
        after.push_str(&text[at..]);
        after
    }
}

/// Edits of which no two change the same place: the second would have to see what the first made of it.
#[derive(Default)]
pub(super) struct Plan {
    edits: Vec<Planned>,
    /// Of each file, by where they begin.
    places: HashMap<*const File, BTreeMap<u32, usize>>,
}

impl Plan {
    /// Takes a repair in, unless it has to wait for another.
    pub(super) fn add(&mut self, found: Found, Place { edit, own }: Place) {
        let places = self.places.entry(Arc::as_ptr(&edit.file)).or_default();
        let touches = |at: usize| self.edits[at].edit.span.end >= edit.span.start;
        let before = places.range(..edit.span.start).next_back();
        let within = (Excluded(edit.span.start), Included(edit.span.end));
        let behind = places.range(within).next();
        if before.is_some_and(|(_, at)| touches(*at)) || behind.is_some() {
            return;
        }
        match places.entry(edit.span.start) {
            Entry::Occupied(there) => {
                let there = &mut self.edits[*there.get()];
                if there.edit.span == edit.span && there.edit.text == edit.text {
                    there.repairs.push((found, own));
                }
            }
            Entry::Vacant(free) => {
                free.insert(self.edits.len());
                let repairs = vec![(found, own)];
                self.edits.push(Planned { edit, repairs });
            }
        }
    }

    pub(super) fn edits(&self) -> &[Planned] {
        &self.edits
    }
}

/// What is found, by where it stands: looked up once, however many findings there are.
pub(super) struct Places<'a> {
    by_address: HashMap<&'a str, Vec<&'a Resource>>,
    blocks: hcl::Blocks,
}

impl<'a> Places<'a> {
    pub(super) fn of(world: &'a World) -> Self {
        let mut by_address: HashMap<&str, Vec<&Resource>> = HashMap::new();
        for resource in world.resources() {
            by_address
                .entry(&resource.address)
                .or_default()
                .push(resource);
        }
        Self {
            by_address,
            blocks: hcl::Blocks::default(),
        }
    }

    /// The edit that makes `repair` of `found`.
    pub(super) fn edit(&mut self, repair: Repair, found: &Found) -> Result<Place, String> {
        let attribute = &found.attribute;
        let named = self.by_address.get(&*attribute.address);
        let named = named.into_iter().flatten().copied();
        if let Some(built) = named.clone().find(|it| *it.kind == *DOCKERFILE) {
            return dockerfile::edit(repair, found, built).map(Place::own);
        }
        // Several may have the address: the one that the finding stands in is meant.
        let mut places = named
            .map(|it| it.find(&attribute.path))
            .filter(|it| it.origin().is_at(&attribute.origin));
        let cursor = places.next().ok_or("its attribute was not found again")?;
        let (path, word) = match repair {
            Repair::Set(word) => (None, word),
            Repair::SetBelow(path, word) => (Some(path), word),
            Repair::WithoutFlag | Repair::WithoutOptions(_) | Repair::FormerUser => {
                return Err("only files that build images are edited so".to_owned());
            }
        };
        match cursor.resource.language {
            Language::Kubernetes | Language::GithubActions => {
                let cursor = path.map_or(cursor.clone(), |path| cursor.at(path));
                // Both languages have these two words, and nothing else in common.
                let is_word = ["true", "false"].contains(&cursor.origin().text());
                if self.is_of_terraform(&attribute.address)
                    && !(is_word && cursor.missing().is_empty())
                {
                    return Err("Terraform makes the object: edit its blocks by hand".to_owned());
                }
                set(&cursor, word).map(Place::own)
            }
            Language::Terraform => {
                let keys = path.into_iter().flat_map(|path| path.split('.'));
                let cursor = keys.fold(cursor.clone(), |at, key| hcl::only(at).get(key));
                self.blocks.set(&cursor, word)
            }
            _ => Err("nothing is known of how this language is edited".to_owned()),
        }
    }

    /// Whether a resource of Terraform's makes the object: its address begins with that one's.
    fn is_of_terraform(&self, address: &str) -> bool {
        let makers = address.match_indices('/').map(|(at, _)| &address[..at]);
        let mut makers = makers
            .filter_map(|maker| self.by_address.get(maker))
            .flatten();
        makers.any(|maker| maker.language == Language::Terraform)
    }
}

fn set(cursor: &Cursor<'_>, word: &str) -> Result<Edit, String> {
    let origin = cursor.origin();
    if origin.from.is_some() {
        return Err(format!("its value comes from elsewhere: {origin:?}"));
    }
    let (span, text) = match cursor.missing() {
        [] => yaml::replaced(&origin.file.text, origin.span, word),
        keys => yaml::inserted(cursor.nearest(), keys, word),
    }?;
    Ok(Edit {
        file: origin.file.clone(),
        span,
        text,
    })
}
