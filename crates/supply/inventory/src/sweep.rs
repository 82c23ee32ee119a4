//! Brings every file of a listing to whoever wants to see it, over all cores.

use std::{
    os::fd::OwnedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use casemate_core::{PathText, Source};

use crate::{
    Entry, EntryKind, InventoryError, Listing, Options, Progress, Unreadable,
    directories::DirectoryId,
    files,
    listing::Item,
    read::{Content, Opened},
};

/// Calls `f` once for every regular file under `roots`, from many threads. Returns what it said in
/// the order of the listing, whatever the order of the calls.
///
/// Beside the regular files, the result holds each directory that could not be listed, and each
/// root that is neither file nor directory. A file that changed meanwhile is
/// [`Unreadable::Changed`], whatever `f` said; one on which `f` panics is [`Unreadable::Panicked`].
///
/// # Errors
///
/// [`InventoryError`] where a root cannot be looked up, or the threads not be started.
pub fn each_file<T: Send>(
    roots: &[PathBuf],
    options: &Options,
    f: impl Fn(&Entry, &dyn Source) -> T + Sync,
    progress: &dyn Progress,
) -> Result<Vec<Visited<T>>, InventoryError> {
    let listing = files(roots, options, progress)?;
    let visit = |seen: &mut Vec<(usize, Visited<T>)>,
                 index,
                 entry: Entry,
                 content: Result<Content, Unreadable>| {
        let is_told = entry.kind == EntryKind::File || entry.kind == EntryKind::Directory;
        if !is_told && !entry.root {
            return;
        }
        let result = content.and_then(|content| {
            let call = AssertUnwindSafe(|| f(&entry, &content));
            let result = catch_unwind(call).map_err(|_| Unreadable::Panicked)?;
            if content.changed() {
                return Err(Unreadable::Changed);
            }
            Ok(result)
        });
        seen.push((index, (entry, result)));
    };
    let hashing = Hashing {
        short: options.hash,
        long: &|_, _| options.hash,
    };
    let parts = sweep(&listing, options, &hashing, progress, &visit)?;
    Ok(in_order(parts.into_iter().flatten().collect()))
}

/// An entry, and what was said of it or why nothing could be.
pub type Visited<T> = (Entry, Result<T, Unreadable>);

/// What was gathered in any order, in order.
pub(crate) fn in_order<T>(mut gathered: Vec<(usize, T)>) -> Vec<T> {
    gathered.sort_by_key(|&(index, _)| index);
    gathered.into_iter().map(|(_, item)| item).collect()
}

/// Which files are digested.
pub(crate) struct Hashing<'a> {
    /// Whether those that fit into memory are.
    pub(crate) short: bool,
    /// Whether a longer one is.
    pub(crate) long: &'a (dyn Fn(&Entry, &dyn Source) -> bool + Sync),
}

/// Calls `visit` once for every entry, with what the calling thread gathered so far. Returns what
/// each thread gathered.
pub(crate) fn sweep<S: Default + Send>(
    listing: &Listing,
    options: &Options,
    hashing: &Hashing<'_>,
    progress: &dyn Progress,
    visit: &(impl Fn(&mut S, usize, Entry, Result<Content<'_>, Unreadable>) + Sync),
) -> Result<Vec<S>, InventoryError> {
    let pool = options.pool()?;
    let limit = options.buffer_of_each(pool.current_num_threads());
    // Long files first, the longest before all, so that none is left to one thread at the end.
    let is_long = |&index: &usize| listing.items[index].len > limit as u64;
    let (mut long, short): (Vec<usize>, Vec<usize>) = (0..listing.len()).partition(is_long);
    long.sort_by_key(|&index| std::cmp::Reverse(listing.items[index].len));
    let long = Queue::new(&long, 1);
    let short = Queue::new(&short, BATCH);
    Ok(pool.broadcast(|_| {
        let mut reader = Reader {
            listing,
            limit,
            hashing,
            progress,
            buffer: Vec::new(),
            place: None,
        };
        let mut gathered = S::default();
        while let Some(indices) = long.take().or_else(|| short.take()) {
            for &index in indices {
                reader.visit(index, |entry, content| {
                    visit(&mut gathered, index, entry, content);
                });
            }
        }
        gathered
    }))
}

/// Work that threads take from the front.
struct Queue<'a> {
    indices: &'a [usize],
    batch: usize,
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    fn new(indices: &'a [usize], batch: usize) -> Self {
        Self {
            indices,
            batch,
            next: AtomicUsize::new(0),
        }
    }

    fn take(&self) -> Option<&'a [usize]> {
        let start = self.next.fetch_add(self.batch, Ordering::Relaxed);
        let rest = self.indices.get(start..).filter(|rest| !rest.is_empty())?;
        Some(&rest[..rest.len().min(self.batch)])
    }
}

/// One thread's way through the files: it keeps its buffer, and the directory it was last in.
struct Reader<'a> {
    listing: &'a Listing,
    limit: usize,
    hashing: &'a Hashing<'a>,
    progress: &'a dyn Progress,
    buffer: Vec<u8>,
    place: Option<Place>,
}

/// Where one thread is: the directory of the file it read last.
struct Place {
    directory: DirectoryId,
    path: PathText,
    fd: Option<Result<Arc<OwnedFd>, Unreadable>>,
}

impl Reader<'_> {
    fn visit(&mut self, index: usize, visit: impl FnOnce(Entry, Result<Content<'_>, Unreadable>)) {
        let listing = self.listing;
        let item = &listing.items[index];
        let place = match self.place.take() {
            Some(place) if place.directory == item.directory => self.place.insert(place),
            _ => self.place.insert(Place {
                directory: item.directory,
                path: PathText::from_bytes(&listing.directories.relative(item.directory)),
                fd: None,
            }),
        };
        let mut entry = listing.entry(item, &place.path);
        if item.kind != EntryKind::File {
            let fault = listing.fault(index).cloned();
            visit(entry, Err(fault.unwrap_or(Unreadable::Special(item.kind))));
            return;
        }
        let mut told = 0;
        let mut taken = |bytes| {
            told += bytes;
            self.progress.done(0, bytes);
        };
        let Hashing { short, long } = *self.hashing;
        let wants = |source: &dyn Source| long(&entry, source);
        let content = open(listing, place, item).and_then(|opened| {
            opened.content(&mut self.buffer, self.limit, short, wants, &mut taken)
        });
        entry.digest = content.as_ref().ok().and_then(|content| content.digest);
        visit(entry, content);
        self.progress.done(1, item.len.saturating_sub(told));
    }
}

fn open(listing: &Listing, place: &mut Place, item: &Item) -> Result<Opened, Unreadable> {
    if item.length == 0 {
        let root = &listing.roots[listing.directories.root(item.directory)];
        return Opened::from_fd(root.open_file()?);
    }
    let directory = place.fd.get_or_insert_with(|| {
        let fd = listing.directories.open(item.directory, &listing.roots);
        fd.map_err(|error| Unreadable::Open(error.to_string()))
    });
    Opened::new(directory.clone()?, listing.name(item))
}

/// Long enough that the threads seldom meet, short enough that none is left behind.
const BATCH: usize = 16;
