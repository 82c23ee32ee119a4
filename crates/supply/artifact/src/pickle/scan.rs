//! From bytes to streams: one pickle after the other, the arrays between their opcodes, what
//! stands behind garbage, and what other readers would make of the same bytes.

mod look;
mod plain;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, io};

use casemate_container::Budget;
use casemate_core::{MemorySource, Region, Source, Window};

pub(crate) use look::{is_active, is_believable, is_loadable, is_one_stream};

use super::{
    judge::{Carried, Judge, Persistence},
    machine::{Fault, Halt, Machine, Surroundings},
    numbers::Numbers,
    opcode,
    rules::{BROKEN, NESTED_PICKLE, READERS_DISAGREE, TRAILING},
    search::Search,
    storage::Storage,
    symbol::{Symbol, Symbols},
    tensor::WithTensors,
    wrapper::Array,
};
use crate::{
    Allowlist, Verdict,
    cursor::Cursor,
    examine::Examiner,
    notes::{Notes, bytes},
    witness::{Interpreted, Origin},
};

/// What a scan has read.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// How many streams reached STOP.
    pub(crate) streams: u64,
    /// Where the last complete stream ends.
    pub(crate) end: u64,
    /// Whether some stream broke off.
    pub(crate) broken: bool,
    /// Whether joblib's arrays stand among the opcodes.
    pub(crate) arrays: bool,
    /// The storages that the streams refer to.
    pub(crate) storages: Vec<Storage>,
    /// The names of TorchScript that they import.
    pub(crate) scripts: BTreeSet<String>,
}

/// How a stream ended.
enum Ended {
    Stopped,
    Broken { at: u64, fault: Fault },
}

/// How many streams to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of the bytes are pickles, and what is not is worth a finding.
    Everything,
    /// This many; what follows is somebody else's.
    Streams(u64),
}

/// Judges the pickles of `source` from `start` on.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn scan(
    source: &dyn Source,
    start: u64,
    extent: Extent,
    persistence: Persistence,
    allowlist: &Allowlist,
    notes: &mut Notes<'_>,
    depth: u8,
) -> io::Result<Scanned> {
    let mut scanner = Scanner::new(source, start, persistence, allowlist, notes, depth);
    let read = scanner.streams(start, extent);
    scanner.conclude(read)
}

/// Looks for pickles from `from` on, in bytes that belong to nothing, and judges them.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn scan_hidden(
    source: &dyn Source,
    from: u64,
    allowlist: &Allowlist,
    notes: &mut Notes<'_>,
    depth: u8,
) -> io::Result<()> {
    let mut scanner = Scanner::new(source, from, Persistence::Unknown, allowlist, notes, depth);
    let read = scanner.hidden_after(from);
    scanner.conclude(read).map(|_| ())
}

struct Scanner<'a, 'n, 'l> {
    source: &'a dyn Source,
    allowlist: &'a Allowlist,
    symbols: Symbols,
    judge: Judge<'a, 'n, 'l>,
    scanned: Scanned,
    /// Where the streams begin that were interpreted and a witness is to hear of.
    begun: Vec<(u64, Origin)>,
    depth: u8,
}

impl<'a, 'n, 'l> Scanner<'a, 'n, 'l> {
    fn new(
        source: &'a dyn Source,
        start: u64,
        persistence: Persistence,
        allowlist: &'a Allowlist,
        notes: &'n mut Notes<'l>,
        depth: u8,
    ) -> Self {
        Self {
            source,
            allowlist,
            symbols: Symbols::default(),
            judge: Judge::new(notes, allowlist, persistence),
            scanned: Scanned {
                streams: 0,
                end: start,
                broken: false,
                arrays: false,
                storages: Vec::new(),
                scripts: BTreeSet::new(),
            },
            begun: Vec::new(),
            depth,
        }
    }

    /// What is left to do once all streams have been interpreted, or the medium has failed: what
    /// was seen until then is told in either case.
    fn conclude(mut self, read: io::Result<()>) -> io::Result<Scanned> {
        let read = read.and_then(|()| self.other_readers());
        self.judge.conclude(&self.symbols);
        self.scanned.storages = std::mem::take(&mut self.judge.storages);
        let scripts = (self.symbols.iter())
            .filter(|symbol| symbol.is_of_a_script())
            .map(Symbol::dotted);
        self.scanned.scripts = scripts.collect();
        let read = read.and_then(|()| self.nested());
        self.testify();
        read.map(|()| self.scanned)
    }

    fn nested(&mut self) -> io::Result<()> {
        for file in std::mem::take(&mut self.judge.files) {
            let notes = &mut *self.judge.notes;
            nested_file(self.source, file, self.allowlist, notes, self.depth)?;
        }
        for extent in std::mem::take(&mut self.judge.nested) {
            let notes = &mut *self.judge.notes;
            nested_pickle(self.source, extent, self.allowlist, notes, self.depth)?;
        }
        Ok(())
    }

    /// Tells the witness of the streams, now that everything is noted of them.
    fn testify(&mut self) {
        let is_torch = self.judge.persistence() == Persistence::Torch;
        for (start, origin) in std::mem::take(&mut self.begun) {
            self.judge.notes.interpreted(&Interpreted {
                source: self.source,
                start,
                origin,
                is_torch,
            });
        }
    }

    fn streams(&mut self, start: u64, extent: Extent) -> io::Result<()> {
        let mut at = start;
        let mut origin = Origin::First;
        loop {
            match self.stream(at, origin)? {
                Ended::Stopped => at = self.scanned.end,
                Ended::Broken { at: place, fault } => {
                    self.break_off(place, &fault);
                    return self.hidden_after(place + 1);
                }
            }
            match extent {
                Extent::Streams(count) if self.scanned.streams >= count => return Ok(()),
                Extent::Everything if at >= self.source.len() => return Ok(()),
                _ => {}
            }
            if !self.another_begins(at)? {
                return self.rest(at);
            }
            origin = Origin::Next;
        }
    }

    /// Interprets the stream at `start`, and the streams inside of it that joblib writes.
    fn stream(&mut self, start: u64, origin: Origin) -> io::Result<Ended> {
        let notes = &self.judge.notes;
        if notes.is_attended() && notes.opcodes > 0 && self.begun.len() < MOST_BEGUN {
            self.begun.push((start, origin));
        }
        let mut input = Cursor::new(self.source, start);
        let mut outer: Option<Machine> = None;
        let mut machine = Machine::new(start);
        loop {
            let mut opcodes = self.judge.notes.opcodes;
            let halt = machine.run(&mut Surroundings {
                input: &mut input,
                symbols: &mut self.symbols,
                effects: &mut WithTensors(&mut self.judge),
                opcodes: &mut opcodes,
            });
            self.judge.notes.opcodes = opcodes;
            let at = input.position();
            if machine.is_exhausted() {
                let reason = "the pickle makes more objects than can be followed";
                self.judge.notes.leave_out("objects", None, reason);
            }
            match halt {
                Halt::Stop => match outer.take() {
                    Some(around) => machine = around,
                    None => {
                        self.scanned.streams += 1;
                        self.scanned.end = at;
                        return Ok(Ended::Stopped);
                    }
                },
                // Inside of an object array it is plain pickle that reads, and no array follows.
                Halt::Array { .. } if outer.is_some() => {}
                Halt::Array { state } => {
                    self.scanned.arrays = true;
                    let array = Array::of_state(state, &machine.view(&input, &self.symbols));
                    self.plain_reader(&machine, at, array)?;
                    match array {
                        Some(Array::Pickle) => {
                            let view = machine.view(&input, &self.symbols);
                            if let Some(found) = Numbers::of_wrapped_objects(state, &view) {
                                machine.stand_for(found);
                            }
                            outer = Some(std::mem::replace(&mut machine, Machine::new(at)));
                        }
                        Some(Array::Bytes { len, aligned }) => {
                            if !Array::skip(len, aligned, &mut input)? {
                                return Ok(Ended::Broken {
                                    at,
                                    fault: Fault::End,
                                });
                            }
                            let begins = input.position() - len;
                            let view = machine.view(&input, &self.symbols);
                            if let Some(found) = Numbers::of_wrapper(state, begins, len, &view) {
                                machine.stand_for(found);
                            }
                        }
                        None => {
                            return Ok(Ended::Broken {
                                at,
                                fault: Fault::Operand("NumpyArrayWrapper"),
                            });
                        }
                    }
                }
                Halt::Broken(Fault::Io(error)) => return Err(error),
                Halt::Broken(fault) => {
                    return Ok(Ended::Broken {
                        at: machine.last(),
                        fault,
                    });
                }
            }
        }
    }

    fn break_off(&mut self, at: u64, fault: &Fault) {
        self.scanned.broken = true;
        let message = format!("the pickle breaks off: {fault}");
        let notes = &mut *self.judge.notes;
        if !matches!(fault, Fault::Opcodes | Fault::Memory) {
            let anchor = "break";
            notes.observe(&BROKEN, Verdict::Unknown, bytes(at, 1), anchor, &message);
        }
        notes.leave_out("broken pickle", bytes(at, 1), message);
    }

    /// Whether a stream begins at `at`, right after another.
    fn another_begins(&mut self, at: u64) -> io::Result<bool> {
        let head = self.source.read_vec(at, 2)?;
        if let [opcode::PROTO, protocol] = head[..]
            && protocol <= opcode::HIGHEST_PROTOCOL
        {
            return Ok(true);
        }
        let opcodes = &mut self.judge.notes.opcodes;
        is_believable(self.source, at, self.allowlist, opcodes)
    }

    /// What comes after the last stream.
    fn rest(&mut self, at: u64) -> io::Result<()> {
        if look::is_blank(self.source, at, self.judge.notes.limits.search)? {
            return Ok(());
        }
        let length = self.source.len() - at;
        let notes = &mut *self.judge.notes;
        let message = format!("{length} bytes follow the last pickle and belong to none");
        let region = bytes(at, length);
        notes.observe(&TRAILING, Verdict::Unknown, region, "rest", &message);
        notes.leave_out("trailing bytes", region, message);
        self.hidden_after(at)
    }

    /// Looks for streams in bytes that are none.
    fn hidden_after(&mut self, from: u64) -> io::Result<()> {
        let to = from.saturating_add(self.judge.notes.limits.search);
        let mut search = Search::new(self.source, from, to);
        let mut budget = SEARCH_OPCODES;
        while let Some(place) = search.next()? {
            if budget == 0 || self.judge.notes.opcodes == 0 {
                let reason = "the search for hidden pickles was cut short";
                let notes = &mut *self.judge.notes;
                notes.leave_out("search", bytes(place, 1), reason);
                break;
            }
            budget = budget.saturating_sub(LOOK_COST);
            if !is_believable(self.source, place, self.allowlist, &mut budget)? {
                continue;
            }
            let message = "a pickle stands behind bytes that are none";
            let region = bytes(place, 1);
            let notes = &mut *self.judge.notes;
            notes.observe(&TRAILING, Verdict::Unknown, region, "hidden", message);
            match self.stream(place, Origin::Hidden)? {
                Ended::Stopped => search.resume_at(self.scanned.end),
                Ended::Broken { at, fault } => {
                    self.break_off(at, &fault);
                    search.resume_at(at);
                }
            }
        }
        Ok(())
    }

    /// What a reader does that goes on elsewhere: one that keeps to frames, or one that knows
    /// nothing of joblib's arrays.
    fn other_readers(&mut self) -> io::Result<()> {
        let places = std::mem::take(&mut self.judge.resumptions);
        let mut budget = SEARCH_OPCODES;
        for (place, again) in places {
            if budget == 0 {
                let reason = "more places than could be looked at are read in two ways";
                self.judge.notes.leave_out("readers", None, reason);
                break;
            }
            let spliced = Spliced {
                first: again,
                rest: Window::new(self.source, place, u64::MAX),
            };
            if !is_believable(&spliced, 0, self.allowlist, &mut budget)? {
                continue;
            }
            self.judge.notes.observe(
                &READERS_DISAGREE,
                Verdict::Dangerous,
                bytes(place, 1),
                "readers",
                "bytes that one reader takes for data are opcodes to another, and do something \
                 there",
            );
            if again.is_none() {
                self.stream(place, Origin::Resumed)?;
            }
        }
        Ok(())
    }
}

/// A source with one byte before it.
struct Spliced<'a> {
    first: Option<u8>,
    rest: Window<&'a dyn Source>,
}

impl Source for Spliced<'_> {
    fn len(&self) -> u64 {
        self.rest.len() + u64::from(self.first.is_some())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let Some(first) = self.first else {
            return self.rest.read_at(offset, buf);
        };
        if let Some(offset) = offset.checked_sub(1) {
            return self.rest.read_at(offset, buf);
        }
        let Some((byte, after)) = buf.split_first_mut() else {
            return Ok(0);
        };
        *byte = first;
        Ok(1 + self.rest.read_at(0, after)?)
    }
}

/// Judges bytes inside of a pickle that its loader takes for a file.
fn nested_file(
    source: &dyn Source,
    file: Carried,
    allowlist: &Allowlist,
    notes: &mut Notes<'_>,
    depth: u8,
) -> io::Result<()> {
    let Carried { extent, as_text } = file;
    let region = bytes(extent.at, extent.len);
    let Some(depth) = depth.checked_sub(1) else {
        notes.leave_out("nested file", region, "files are nested too deeply");
        return Ok(());
    };
    let window = Window::new(source, extent.at, extent.len);
    let decoded = if as_text {
        let Some(decoded) = decoded(&window)? else {
            let reason = "a string that is loaded as a file cannot be looked at";
            notes.leave_out("nested file", region, reason);
            return Ok(());
        };
        Some(MemorySource(decoded))
    } else {
        None
    };
    let inner = notes.within(extent.at);
    let mut budget = Budget::default();
    budget.members = notes.limits.members;
    // What torch writes is not compressed.
    budget.total = extent.len.saturating_mul(2).max(SMALLEST_BUDGET);
    budget.search = notes.limits.search;
    let mut examiner = Examiner {
        allowlist,
        notes: inner,
        budget,
    };
    let looked = match &decoded {
        Some(decoded) => examiner.look(decoded, depth),
        None => examiner.look(&window, depth),
    };
    let mut inner = examiner.notes;
    match &looked {
        Err(error) => inner.leave_out_unread(error),
        Ok(format) if !format.starts_with("torch") => inner.observe(
            &NESTED_PICKLE,
            Verdict::Unknown,
            None,
            "format",
            "the file is none of torch's",
        ),
        Ok(_) => {}
    }
    notes.rejoin(&mut inner);
    merge(
        inner,
        region,
        "a string is a file that torch loads; in it",
        notes,
    );
    Ok(())
}

/// Judges bytes inside of a pickle that may be one.
fn nested_pickle(
    source: &dyn Source,
    extent: crate::cursor::Extent,
    allowlist: &Allowlist,
    notes: &mut Notes<'_>,
    depth: u8,
) -> io::Result<()> {
    let window = Window::new(source, extent.at, extent.len);
    let mut opcodes = notes.opcodes;
    let believable = is_believable(&window, 0, allowlist, &mut opcodes)?;
    notes.opcodes = opcodes;
    if !believable {
        return Ok(());
    }
    let region = bytes(extent.at, extent.len);
    let Some(depth) = depth.checked_sub(1) else {
        notes.leave_out("nested pickle", region, "pickles are nested too deeply");
        return Ok(());
    };
    let mut inner = notes.within(extent.at);
    let scanned = scan(
        &window,
        0,
        Extent::Everything,
        Persistence::Unknown,
        allowlist,
        &mut inner,
        depth,
    );
    notes.rejoin(&mut inner);
    merge(inner, region, "a string is a pickle itself; in it", notes);
    scanned.map(|_| ())
}

/// The bytes that text stands for, a letter each; nothing where it is too long to be kept, or does
/// not stand for any.
fn decoded(text: &dyn Source) -> io::Result<Option<Vec<u8>>> {
    let Some(len) = usize::try_from(text.len())
        .ok()
        .filter(|&it| it <= MOST_DECODED)
    else {
        return Ok(None);
    };
    let text = String::from_utf8(text.read_vec(0, len)?).ok();
    let bytes = text.map(|text| text.chars().map(|c| u8::try_from(c).ok()).collect());
    Ok(bytes.flatten())
}

/// Tells what was found inside of something.
fn merge(mut inner: Notes<'_>, region: Option<Region>, place: &str, notes: &mut Notes<'_>) {
    notes.allow_all(&mut inner);
    let verdict = inner.verdict();
    let inner = inner.finish("pickle");
    notes.raise(verdict.min(Verdict::Known));
    let effects = inner
        .findings
        .iter()
        .filter(|found| found.verdict > Verdict::Known);
    for found in effects {
        let message = format!("{place}, {}", found.message);
        let anchor = format!("nested {}", found.anchor);
        notes.observe(&NESTED_PICKLE, found.verdict, region, anchor, message);
    }
}

/// More streams than any file has, of which each is explained.
const MOST_BEGUN: usize = 1 << 16;
/// How long a string may be that is decoded in memory.
const MOST_DECODED: usize = 64 << 20;
/// A small file takes no less.
const SMALLEST_BUDGET: u64 = 1 << 20;
/// How far a first look goes.
const SURVEY_OPCODES: u64 = 100_000;
/// What it takes to begin a first look, in opcodes.
const LOOK_COST: u64 = 50;
/// How many opcodes all first looks of one search may take.
const SEARCH_OPCODES: u64 = 20_000_000;
