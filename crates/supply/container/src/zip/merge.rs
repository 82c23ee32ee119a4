//! One archive out of all its descriptions.

use std::{collections::BTreeMap, io};

use casemate_core::{PathText, Region, Source};

use super::{
    FORMAT,
    directory::{self, Directory, Ending},
    gaps::{self, Search, Span},
    records::{Central, Fields, Local, descriptor_len},
    rules,
};
use crate::{
    Budget, Contents, View, archive,
    bytes::{Pages, is_zero},
};

/// One name and one body, as one or more of the archive's descriptions give them.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where the header stands that describes it: the local one, where there is one.
    pub(super) at: u64,
    pub(super) fields: Fields,
    /// Where its bytes begin, if they can be found.
    pub(super) data_at: Option<u64>,
    pub(super) view: View,
    /// Its Unix mode, or zero.
    pub(super) mode: u32,
    /// Whether its sizes are known.
    pub(super) sized: bool,
}

/// An archive while its descriptions are read.
pub(super) struct Archive<'a> {
    source: &'a dyn Source,
    budget: Budget,
    pages: Pages<'a>,
    contents: Contents<'a>,
    entries: Vec<Entry>,
    directories: Vec<Directory>,
    /// What is accounted for, and the entry that it belongs to.
    parts: Vec<(Span, Option<usize>)>,
    /// The entries by where their local headers stand.
    by_header: BTreeMap<u64, usize>,
    /// How many more bytes of names that only local headers have may be kept.
    names: usize,
}

impl<'a> Archive<'a> {
    pub(super) fn new(source: &'a dyn Source, budget: &Budget) -> Self {
        Self {
            source,
            budget: budget.clone(),
            pages: Pages::new(source, PAGE),
            contents: Contents::new(FORMAT),
            entries: Vec::new(),
            directories: Vec::new(),
            parts: Vec::new(),
            by_header: BTreeMap::new(),
            names: NAMES,
        }
    }

    /// Reads every directory that the end of the file leads to.
    pub(super) fn read_directories(&mut self) -> io::Result<()> {
        for ending in directory::endings(self.source)? {
            // A zip that is stored in this one has an end record of its own.
            let inside = |&(span, entry): &(Span, Option<usize>)| {
                entry.is_some() && span.start <= ending.start && ending.end.at < span.end
            };
            if !self.parts.iter().any(inside) {
                self.read_ending(&ending)?;
            }
        }
        Ok(())
    }

    fn read_ending(&mut self, ending: &Ending) -> io::Result<()> {
        if ending.end.disk != 0 && ending.end.disk != 0xffff {
            self.contents.leave_out(format_args!(
                "a part of an archive that is split over several files"
            ));
        }
        self.part(ending.start, ending.end.end, None);
        for reading in &ending.readings {
            let known = |other: &Directory| other.start == reading.start;
            if !self.directories.iter().any(known) {
                self.read_directory(reading)?;
            }
        }
        Ok(())
    }

    fn read_directory(&mut self, directory: &Directory) -> io::Result<()> {
        let first = self.directories.is_empty();
        self.directories.push(*directory);
        let room = self.budget.members.saturating_sub(self.entries.len());
        let (mut headers, end) = directory::walk(self.source, directory, room)?;
        if headers.len() > room {
            headers.truncate(room);
            archive::too_many(&mut self.contents, &self.budget);
        } else if headers.len() as u64 != directory.entries {
            let message = format_args!(
                "the directory has {} headers where its end record counts {}",
                headers.len(),
                directory.entries
            );
            let region = region(directory.start, end);
            self.contents
                .note(&rules::COUNT, None, region, "entries", message);
        }
        self.part(directory.start, end, None);
        if !(first || headers.is_empty()) {
            let message = format_args!(
                "a second central directory of {} members: which one counts depends on the reader",
                headers.len()
            );
            let region = region(directory.start, end);
            self.contents
                .note(&rules::AMBIGUOUS, None, region, "directory", message);
        }
        headers.sort_by_key(|header| (header.offset, header.at));
        for header in headers {
            // What headers that disagree add counts too.
            if self.entries.len() >= self.budget.members {
                archive::too_many(&mut self.contents, &self.budget);
                break;
            }
            self.read_entry(header, directory.base, first)?;
        }
        Ok(())
    }

    /// Reads the local header of a central one, and keeps one entry where they agree and two where
    /// a reader of the one sees something else than a reader of the other.
    fn read_entry(&mut self, header: Central, base: u64, first: bool) -> io::Result<()> {
        let at = header.offset.saturating_add(base);
        let known = self.by_header.get(&at).map(|&index| &self.entries[index]);
        if !first && known.is_some_and(|entry| entry.fields == header.fields) {
            return Ok(());
        }
        let Some(local) = Local::read(&mut self.pages, at)? else {
            self.note_missing(header);
            return Ok(());
        };
        let central = &header.fields;
        let other_name = central.name != local.fields.name;
        self.note_differences(&header, &local);

        let end = if local.fields.has_descriptor() {
            let end = local.data_at.saturating_add(central.packed);
            end.saturating_add(descriptor_len(&mut self.pages, end, central)?)
        } else {
            // Where they disagree the shorter one counts, so that the rest is searched.
            let packed = central.packed.min(local.fields.packed);
            local.data_at.saturating_add(packed)
        };
        let index = self.entries.len();
        self.by_header.entry(at).or_insert(index);
        self.part(at, end, Some(index));

        let apart = other_name || local_body_differs(central, &local.fields);
        self.keep_central(Entry {
            at,
            fields: header.fields,
            data_at: Some(local.data_at),
            view: if apart { View::Central } else { View::Both },
            mode: header.mode,
            sized: true,
        });
        if apart {
            let other = as_local(&self.entries[index], local.fields);
            self.keep_second(other);
        }
        Ok(())
    }

    /// Keeps an entry that a directory lists, once more under its Unicode name.
    fn keep_central(&mut self, entry: Entry) {
        let other = entry.fields.unicode_name.clone();
        let renamed = other
            .filter(|other| *other != entry.fields.name)
            .map(|name| Entry {
                fields: Fields {
                    name,
                    ..entry.fields.clone()
                },
                view: View::Central,
                ..entry
            });
        self.entries.push(entry);
        if let Some(renamed) = renamed {
            self.keep_second(renamed);
        }
    }

    fn note_missing(&mut self, header: Central) {
        let name = PathText::from_bytes(&header.fields.name);
        let message = format_args!(
            "{:?}: the central directory names a member that has no local header",
            name.as_str()
        );
        self.contents.note(
            &rules::NO_LOCAL,
            Some(&name),
            region(header.at, header.end),
            name.as_str(),
            message,
        );
        self.contents
            .leave_out(format_args!("{:?} has no body in the file", name.as_str()));
        self.entries.push(Entry {
            at: header.at,
            fields: header.fields,
            data_at: None,
            view: View::Central,
            mode: header.mode,
            sized: true,
        });
    }

    fn note_differences(&mut self, header: &Central, local: &Local) {
        let differences = differences(&header.fields, &local.fields);
        let same_name = header.fields.name == local.fields.name;
        if differences.is_empty() && same_name && header.fields.unicode_name.is_none() {
            return;
        }
        let name = PathText::from_bytes(&header.fields.name);
        let place = region(local.at, local.data_at);
        let local_name = PathText::from_bytes(&local.fields.name);
        let unicode = header.fields.unicode_name.as_deref();
        let ascii = header.fields.name.is_ascii();
        // The Unicode name exists to say what code page 437 cannot; ASCII it can.
        let second_name = unicode
            .filter(|&other| ascii && other != header.fields.name)
            .map(PathText::from_bytes);
        let other_name = (local_name != name).then_some(local_name).or(second_name);
        if let Some(other) = other_name {
            let message = format_args!(
                "{:?} in the directory is {:?} elsewhere",
                name.as_str(),
                other.as_str()
            );
            self.contents
                .note(&rules::NAMES, Some(&name), place, name.as_str(), message);
        }
        if !differences.is_empty() {
            let message = format_args!(
                "{:?}: the local header differs from the directory in {}",
                name.as_str(),
                differences.join(", ")
            );
            self.contents
                .note(&rules::FIELDS, Some(&name), place, name.as_str(), message);
        }
    }

    /// Keeps an entry that no directory lists as it is.
    fn keep_second(&mut self, entry: Entry) {
        let room = self.entries.len() < self.budget.members;
        match self.names.checked_sub(entry.fields.name.len()) {
            Some(left) if room => {
                self.names = left;
                self.entries.push(entry);
            }
            _ => self
                .contents
                .leave_out(format_args!("too many members whose headers disagree")),
        }
    }

    /// Looks for members and directories in what is not accounted for.
    pub(super) fn search_gaps(&mut self) -> io::Result<()> {
        let room = self.budget.members.saturating_sub(self.entries.len());
        let mut search = Search::new(self.source, self.budget.search, room);
        for gap in gaps::between(&mut self.spans(), self.source.len()) {
            search.gap(gap)?;
        }
        let hidden = search.finish();
        if hidden.cut {
            self.contents.leave_out(format_args!(
                "too much outside the members to search for hidden ones"
            ));
        }
        for at in hidden.ends {
            let ending = directory::ending(&mut self.pages, at)?;
            // A stray end record of an archive of nothing hides nothing.
            let listing = |ending: &Ending| ending.readings.iter().any(|r| r.entries > 0);
            if let Some(ending) = ending.filter(listing) {
                self.read_ending(&ending)?;
            }
        }
        if self.directories.is_empty() {
            self.contents.note(
                &rules::NO_DIRECTORY,
                None,
                None,
                "directory",
                format_args!(
                    "the archive has no central directory: it was cut off, or never finished"
                ),
            );
            self.contents
                .leave_out(format_args!("the archive has no central directory"));
        }
        for local in hidden.locals {
            if !self.by_header.contains_key(&local.at) {
                self.keep_hidden(local);
            }
        }
        Ok(())
    }

    fn keep_hidden(&mut self, local: Local) {
        let name = PathText::from_bytes(&local.fields.name);
        let end = local
            .data_at
            .saturating_add(local.fields.packed)
            .saturating_add(local.descriptor);
        if !self.directories.is_empty() {
            let message = format_args!(
                "{:?} has a local header that the central directory does not list",
                name.as_str()
            );
            self.contents.note(
                &rules::HIDDEN,
                Some(&name),
                region(local.at, end),
                name.as_str(),
                message,
            );
        }
        self.part(local.at, end, None);
        self.keep_second(Entry {
            at: local.at,
            data_at: Some(local.data_at),
            fields: local.fields,
            view: View::Local,
            mode: 0,
            sized: local.sized,
        });
    }

    /// Judges what lies over and between the parts.
    pub(super) fn judge_layout(&mut self) -> io::Result<()> {
        self.judge_overlaps();
        self.judge_names();
        let mut left = self.budget.search;
        for gap in gaps::between(&mut self.spans(), self.source.len()) {
            let len = gap.end - gap.start;
            let window = casemate_core::Window::new(self.source, gap.start, len);
            if is_zero(&window, left)? {
                left = left.saturating_sub(len);
                continue;
            }
            let (rule, place) = if gap.start == 0 {
                (&rules::BEFORE, "stand before the archive")
            } else if gap.end == self.source.len() {
                (&rules::AFTER, "follow the archive")
            } else {
                (
                    &rules::BETWEEN,
                    "lie between its members and belong to none",
                )
            };
            let message = format_args!("{len} bytes {place}");
            self.contents
                .note(rule, None, region(gap.start, gap.end), "layout", message);
        }
        Ok(())
    }

    fn judge_overlaps(&mut self) {
        self.parts.sort_unstable();
        let mut covered = 0;
        for &(span, entry) in &self.parts {
            if span.start < covered {
                let name =
                    entry.map(|entry| PathText::from_bytes(&self.entries[entry].fields.name));
                let what = name.as_ref().map_or("the directory", |name| name.as_str());
                let message = format_args!("{what:?} shares its bytes with what stands before it");
                self.contents.note(
                    &rules::OVERLAP,
                    name.as_ref(),
                    region(span.start, span.end),
                    what,
                    message,
                );
            }
            covered = covered.max(span.end);
        }
    }

    fn judge_names(&mut self) {
        let mut counts: BTreeMap<&[u8], (usize, u64)> = BTreeMap::new();
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.view != View::Local)
        {
            counts.entry(&entry.fields.name).or_insert((0, entry.at)).0 += 1;
        }
        for (name, (count, at)) in counts {
            if count < 2 {
                continue;
            }
            let name = PathText::from_bytes(name);
            let message = format_args!(
                "{count} members are called {:?}: which one counts depends on the reader",
                name.as_str()
            );
            let place = region(at, at);
            self.contents.note(
                &rules::DUPLICATE,
                Some(&name),
                place,
                name.as_str(),
                message,
            );
        }
    }

    /// The entries in the order of the file, and what was noted.
    pub(super) fn finish(mut self) -> (Vec<Entry>, Contents<'a>) {
        self.entries.sort_by_key(|entry| (entry.at, entry.view));
        (self.entries, self.contents)
    }

    fn part(&mut self, start: u64, end: u64, entry: Option<usize>) {
        self.parts.push((Span { start, end }, entry));
    }

    fn spans(&self) -> Vec<Span> {
        self.parts.iter().map(|&(span, _)| span).collect()
    }
}

/// What a reader of local headers sees where one reader of the directory sees `entry`.
fn as_local(entry: &Entry, mut fields: Fields) -> Entry {
    if fields.has_descriptor() && matches!(fields.packed, 0 | 0xffff_ffff) {
        (fields.packed, fields.size) = (entry.fields.packed, entry.fields.size);
        fields.crc = entry.fields.crc;
    }
    Entry {
        fields,
        view: View::Local,
        ..entry.clone()
    }
}

/// In what a local header differs from the central one, names apart.
fn differences(central: &Fields, local: &Fields) -> Vec<String> {
    let streamed = local.has_descriptor();
    let size_agrees =
        |ours: u64, theirs: u64| ours == theirs || (streamed && matches!(theirs, 0 | 0xffff_ffff));
    let mut found = Vec::new();
    let mut compare = |what: &str, agrees: bool, ours: u64, theirs: u64| {
        if !agrees {
            found.push(format!("{what} ({theirs} for {ours})"));
        }
    };
    let (ours, theirs) = (central.method, local.method);
    compare("method", ours == theirs, ours.into(), theirs.into());
    let (ours, theirs) = (central.refusals(), local.refusals());
    compare("flags", ours == theirs, ours.into(), theirs.into());
    let (ours, theirs) = (central.packed, local.packed);
    compare("compressed size", size_agrees(ours, theirs), ours, theirs);
    let (ours, theirs) = (central.size, local.size);
    compare("size", size_agrees(ours, theirs), ours, theirs);
    let (ours, theirs) = (central.crc, local.crc);
    compare(
        "CRC-32",
        ours == theirs || streamed,
        ours.into(),
        theirs.into(),
    );
    found
}

/// Whether a reader of the local header gets other bytes. None at all hide nothing.
fn local_body_differs(central: &Fields, local: &Fields) -> bool {
    let streamed = local.has_descriptor() && matches!(local.packed, 0 | 0xffff_ffff);
    let empty = local.packed == 0 && local.size == 0;
    !streamed && !empty && (central.method, central.packed) != (local.method, local.packed)
}

/// The bytes from `start` to before `end`, as a region.
fn region(start: u64, end: u64) -> Option<Region> {
    Some(Region::Bytes {
        start,
        length: end.saturating_sub(start),
    })
}

const PAGE: usize = 4 << 10;
const NAMES: usize = 16 << 20;
