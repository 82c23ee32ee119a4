//! What a value refers to, also where what it takes from there is known only after an apply.

use std::{
    collections::{HashMap, HashSet},
    ptr,
};

use crate::{Cursor, Fact, Resource, World};

/// Which resources of Terraform's values refer to.
#[derive(Debug)]
pub struct References<'a> {
    linked: HashMap<*const Resource, Vec<(&'a str, &'a Resource)>>,
    by_address: HashMap<&'a str, Vec<&'a Resource>>,
}

impl<'a> References<'a> {
    /// Those of everything that was read.
    pub fn of(world: &'a World) -> Self {
        let mut linked: HashMap<_, Vec<_>> = HashMap::new();
        for link in world.links() {
            let from = linked.entry(ptr::from_ref(link.from)).or_default();
            from.push((link.path, link.to));
        }
        let mut by_address: HashMap<&str, Vec<&Resource>> = HashMap::new();
        for resource in world.resources() {
            by_address
                .entry(&*resource.address)
                .or_default()
                .push(resource);
        }
        Self { linked, by_address }
    }

    /// The one resource of `kind` that the value at `cursor` takes something from; none where it takes from
    /// none or it is not known from which.
    pub fn one(&self, cursor: &Cursor<'a>, kind: &str) -> Option<&'a Resource> {
        self.named(cursor, kind)
            .or_else(|| self.linked(cursor, kind))
    }

    /// The one that the reason names for which the value is not known. What made the object may have the link,
    /// and there may be several root modules, in which addresses are the same.
    fn named(&self, cursor: &Cursor<'a>, kind: &str) -> Option<&'a Resource> {
        let Fact::Unknown(why) = cursor.text() else {
            return None;
        };
        let mut address = LATER.iter().find_map(|it| why.strip_suffix(it))?;
        let found = loop {
            match self.by_address.get(address) {
                Some(found) => break found,
                None => address = address.rsplit_once('.')?.0,
            }
        };
        let found: Vec<&Resource> = found
            .iter()
            .copied()
            .filter(|it| *it.kind == *kind)
            .collect();
        match found[..] {
            [one] => Some(one),
            _ => {
                let links = self.linked.get(&ptr::from_ref(cursor.resource))?;
                only(
                    links
                        .iter()
                        .map(|(_, to)| *to)
                        .filter(|to| found.iter().any(|it| ptr::eq(*it, *to))),
                )
            }
        }
    }

    fn linked(&self, cursor: &Cursor<'a>, kind: &str) -> Option<&'a Resource> {
        // A link is of the attribute: which item of a list has it is not said, and one that is written has none.
        if cursor.path.contains('[') && matches!(cursor.text(), Fact::Known(_)) {
            return None;
        }
        let attribute = cursor.path.split(['.', '[']).next().unwrap_or_default();
        let links = self.linked.get(&ptr::from_ref(cursor.resource))?;
        only(
            links
                .iter()
                .filter(|(path, to)| *path == attribute && *to.kind == *kind)
                .map(|(_, to)| *to),
        )
    }
}

fn only<'a>(found: impl Iterator<Item = &'a Resource>) -> Option<&'a Resource> {
    let mut seen = HashSet::new();
    let mut each = found.filter(|it| seen.insert(ptr::from_ref(*it)));
    let first = each.next()?;
    each.next().is_none().then_some(first)
}

/// How a value says that it is not known yet.
const LATER: &[&str] = &[" is known after apply", " is read when it is applied"];
