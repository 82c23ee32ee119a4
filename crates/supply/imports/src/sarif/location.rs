//! Locations: references to files, and what they are relative to.

use casemate_core::Region;
use casemate_document::Node;

use crate::{
    fields::{Wrong, integer, line, list, map, member, text},
    place::{Written, decode, path_of_uri},
    run::{MOST_TITLE, text_region},
};

/// What the references of a run are relative to (3.14.14), and its table of files (3.14.15).
pub(super) struct Bases<'a> {
    bases: Option<&'a Node>,
    artifacts: &'a [Node],
}

/// Where a result is.
#[derive(Default)]
pub(super) struct Place {
    pub(super) written: Written,
    pub(super) region: Option<Region>,
    /// The address of the resource, where the tool names one (3.33).
    pub(super) resource: Option<String>,
    others: usize,
}

impl Place {
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        match self.others {
            0 => Vec::new(),
            n => vec![("further places", n.to_string())],
        }
    }
}

impl<'a> Bases<'a> {
    pub(super) fn of(run: &'a Node) -> Result<Self, Wrong> {
        Ok(Self {
            bases: map(run, "originalUriBaseIds")?,
            artifacts: list(run, "artifacts")?,
        })
    }

    /// The first location of a result (3.28).
    pub(super) fn place(&self, result: &Node) -> Result<Place, Wrong> {
        let locations = list(result, "locations")?;
        let Some(location) = locations.first() else {
            return Ok(Place::default());
        };
        let mut place = Place {
            resource: resource(location)?,
            others: locations.len() - 1,
            ..Place::default()
        };
        let Some(physical) = map(location, "physicalLocation")? else {
            let named = place.resource.as_deref().unwrap_or_default();
            place.written = Written::named(named);
            return Ok(place);
        };
        if let Some(artifact) = map(physical, "artifactLocation")? {
            place.written = self.written(artifact)?;
        }
        if let Some(region) = map(physical, "region")? {
            place.region = self::region(region)?;
        }
        Ok(place)
    }

    /// A reference to a file (3.4): by itself, or by its place in the table of files.
    fn written(&self, location: &'a Node) -> Result<Written, Wrong> {
        let mut location = location;
        if text(location, "uri")?.is_none() {
            let index = integer(location, "index")?;
            let index = index.and_then(|index| usize::try_from(index).ok());
            let artifact = index.and_then(|index| self.artifacts.get(index));
            let listed = artifact
                .map(|artifact| map(artifact, "location"))
                .transpose()?;
            location = listed.flatten().unwrap_or(location);
        }
        let uri = text(location, "uri")?.unwrap_or_default();
        let Some(base) = text(location, "uriBaseId")? else {
            return Ok(Written::named(uri).or_uri(uri));
        };
        let written = Written::named(uri);
        let Prefix { whole, of_sources } = self.prefix(base)?;
        if whole.is_empty() {
            // Nobody says where it is: it is the tree, as `%SRCROOT%` is in most reports.
            return Ok(written.or_uri(uri));
        }
        let below = |parts: &[Vec<u8>]| {
            let file = [decode(uri)];
            let parts = parts.iter().rev().chain(&file);
            parts.map(Vec::as_slice).collect::<Vec<_>>().join(&b'/')
        };
        let written = written.or_path(&below(&whole));
        // The tree was elsewhere when the tool ran, on another machine perhaps.
        Ok(match of_sources {
            Some(count) => written.or_path(&below(&whole[..count])),
            None => written,
        })
    }

    /// The paths that a base stands for, with those that it is relative to.
    fn prefix(&self, base: &str) -> Result<Prefix, Wrong> {
        let mut prefix = Prefix::default();
        let mut next = Some(base);
        // A base that is relative to itself comes to an end here.
        for _ in 0..MOST_BASES {
            let Some(name) = next else {
                break;
            };
            if is_source_root(name) {
                prefix.of_sources = Some(prefix.whole.len());
            }
            let location = self.bases.and_then(|bases| member(bases, name));
            let Some(location) = location else {
                break;
            };
            if let Some(uri) = text(location, "uri")? {
                let path = path_of_uri(uri).unwrap_or(uri);
                prefix.whole.push(decode(path.trim_end_matches('/')));
            }
            next = text(location, "uriBaseId")?;
        }
        Ok(prefix)
    }
}

/// What a base stands for.
#[derive(Default)]
struct Prefix {
    /// Its path and those of the bases that it is relative to, the outermost last.
    whole: Vec<Vec<u8>>,
    /// How many of them are below the root of the sources.
    of_sources: Option<usize>,
}

/// The names that tools give the root of the sources; 3.14.14 has `%SRCROOT%`.
fn is_source_root(base: &str) -> bool {
    let name = base.trim_matches('%').to_ascii_uppercase();
    matches!(
        &*name,
        "SRCROOT" | "SRCDIR" | "ROOTPATH" | "PROJECTROOT" | "REPOROOT" | "ROOT"
    )
}

/// The address of a logical location (3.33) that is a resource.
fn resource(location: &Node) -> Result<Option<String>, Wrong> {
    for logical in list(location, "logicalLocations")? {
        if text(logical, "kind")? == Some("resource") {
            let name = text(logical, "fullyQualifiedName")?.or(text(logical, "name")?);
            return Ok(name.map(|name| line(name, MOST_TITLE)));
        }
    }
    Ok(None)
}

/// A region (3.30) of lines, or of bytes.
fn region(region: &Node) -> Result<Option<Region>, Wrong> {
    let lines = text_region([
        integer(region, "startLine")?,
        integer(region, "startColumn")?,
        integer(region, "endLine")?,
        integer(region, "endColumn")?,
    ]);
    if lines.is_some() {
        return Ok(lines);
    }
    let bytes = [
        integer(region, "byteOffset")?,
        integer(region, "byteLength")?,
    ];
    let [start, length] = bytes.map(|n| n.and_then(|n| u64::try_from(n).ok()));
    Ok(start.map(|start| Region::Bytes {
        start,
        length: length.unwrap_or_default(),
    }))
}

const MOST_BASES: usize = 8;
