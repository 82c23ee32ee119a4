//! From bytes to matches: prefilter, then the patterns of the detectors that it names, each on a
//! bounded window around its hit.
//!
//! The work is linear in the text whatever it holds: a hit costs at most its detectors' windows,
//! and no more than [`Scan::MOST`] matches are kept. Memory is bounded by one chunk.

use std::{collections::BTreeMap, io, ops::Range};

use casemate_container::TextEncoding;
use casemate_core::{Digest, Region, RuleId, Source};

use crate::{
    assignment,
    detector::{AHEAD, BEHIND, Detector, Detectors, Token},
    prefilter::Hit,
    redact::Redacted,
    text::{Encoding, Position, Reader},
};

/// What a scan found.
#[derive(Debug)]
pub struct Scan {
    /// The credentials, by position. No two overlap.
    pub matches: Vec<Match>,
    /// Why the scan ended early, if it did.
    pub cut: Option<Cut>,
}

impl Scan {
    /// No more matches than this are reported for one source.
    pub const MOST: usize = 100;

    /// Whether the whole source could be read.
    pub fn is_whole(&self) -> bool {
        matches!(self.cut, None | Some(Cut::TooMany))
    }
}

/// Why a scan did not see all of its source, or does not report all it saw.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cut {
    /// There are more matches than are reported.
    #[error("more than {} credentials: the rest are not reported", Scan::MOST)]
    TooMany,
    /// The source could not be read to its end.
    #[error("not read to its end: {0}")]
    Read(io::Error),
    /// The source ended before its length.
    #[error("it became shorter while it was read")]
    Short,
}

/// A credential that was found. It holds nothing of the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule of the detector that found it; [`Detectors::rules`] has it.
    pub rule: RuleId,
    /// What may be shown.
    pub redacted: Redacted,
    /// Where it is: lines and columns of the text.
    pub region: Region,
    /// The word in the name it was given to that told what it is.
    pub key: Option<String>,
    /// What a fingerprint may rest on. Of a secret that a machine made it holds 32 bits of its
    /// SHA-256, which tell it from others and cannot lead back to it; of one that a person may
    /// have chosen it holds no bit, because a guess could be confirmed by even a few. Equal
    /// anchors in one text are numbered.
    pub anchor: String,
}

impl Detectors {
    /// Scans text: UTF-8, anything else that keeps ASCII's bytes, or UTF-16 behind its byte order
    /// mark. Use it where the bytes are known to be text; [`crate::SecretsCheck`] asks first.
    pub fn scan(&self, source: &dyn Source) -> Scan {
        let mut head = [0; 3];
        match source.read_at(0, &mut head) {
            Ok(read) => self.scan_as(source, Encoding::by_mark(&head[..read])),
            Err(error) => Scan {
                matches: Vec::new(),
                cut: Some(Cut::Read(error)),
            },
        }
    }

    /// Scans text whose encoding is known.
    pub(crate) fn scan_text(&self, source: &dyn Source, encoding: TextEncoding) -> Scan {
        self.scan_as(source, encoding.into())
    }

    fn scan_as(&self, source: &dyn Source, encoding: Encoding) -> Scan {
        let mut scanner = Scanner::new(self);
        let cut = match encoding.borrow(source) {
            Some(text) => {
                scanner.window(text, 0, text.len());
                None
            }
            None => scanner.stream(Reader::new(source, encoding)),
        };
        scanner.finish(cut)
    }
}

/// One pass over one text.
struct Scanner<'d> {
    detectors: &'d Detectors,
    found: Vec<Found>,
    hits: Vec<Hit>,
    /// Where the window begins in the whole text, in bytes and for people.
    base: u64,
    start: Position,
    /// Names and values before this place were read with an earlier hit.
    assigned_until: u64,
    crowd: Crowd,
}

/// How many prefixes of tokens follow each other with nothing between them that ends a token.
///
/// In text that somebody wrote to be slow (`glpat-glpat-glpat-…`) each would be tried over the same
/// bytes again. No token holds so many, so the rest of the run is not tried.
#[derive(Default)]
struct Crowd {
    last: u64,
    count: usize,
}

impl Crowd {
    /// Takes the next prefix, at `at` in `text`, which begins at `base`.
    fn is_full(&mut self, text: &[u8], base: u64, at: usize) -> bool {
        let place = base + at as u64;
        let apart = usize::try_from(place - self.last).unwrap_or(usize::MAX);
        self.last = place;
        let joined = apart <= BEHIND
            && !text[at - apart.min(at)..at]
                .iter()
                .any(|b| BREAKS.contains(b));
        self.count = if joined { self.count + 1 } else { 0 };
        self.count > CROWD
    }
}

/// A match before overlapping ones are settled.
#[derive(Debug)]
struct Found {
    start: u64,
    end: u64,
    detector: usize,
    region: Region,
    redacted: Redacted,
    key: Option<String>,
    anchor: String,
}

/// Where a detector saw a secret within a window.
struct Seen {
    detector: usize,
    secret: Range<usize>,
    key: Option<(String, Range<usize>)>,
}

impl<'d> Scanner<'d> {
    fn new(detectors: &'d Detectors) -> Self {
        Self {
            detectors,
            found: Vec::new(),
            hits: Vec::new(),
            base: 0,
            start: Position::START,
            assigned_until: 0,
            crowd: Crowd::default(),
        }
    }

    /// Reads to the end, a window at a time. Windows overlap by what a detector may look at, so
    /// that where they are cut decides nothing.
    fn stream(&mut self, mut reader: Reader<'_>) -> Option<Cut> {
        let mut text = Vec::new();
        let mut from = 0;
        loop {
            let more = match reader.read(&mut text) {
                Ok(more) => more,
                Err(error) => {
                    self.window(&text, from, text.len());
                    return Some(Cut::Read(error));
                }
            };
            let to = if more {
                text.len().saturating_sub(AFTER)
            } else {
                text.len()
            };
            if to > from {
                self.window(&text, from, to);
                from = to;
            }
            if !more || self.is_full() {
                return reader
                    .is_short()
                    .then_some(Cut::Short)
                    .filter(|_| !self.is_full());
            }
            let keep = from.saturating_sub(BEFORE);
            self.start = self.start.after(&text[..keep]);
            self.base += keep as u64;
            from -= keep;
            text.drain(..keep);
        }
    }

    /// Scans for what begins between `from` and `to` in `text`.
    fn window(&mut self, text: &[u8], from: usize, to: usize) {
        let mut seen = Vec::new();
        let mut hits = std::mem::take(&mut self.hits);
        let mut block = from;
        while block < to && self.found.len() + seen.len() < RAW {
            let end = (block + BLOCK).min(to);
            self.detectors.prefilter.find(text, block..end, &mut hits);
            for &hit in &hits {
                self.look(text, hit, &mut seen);
                if self.found.len() + seen.len() >= RAW {
                    break;
                }
            }
            block = end;
        }
        self.hits = hits;

        seen.sort_by_key(|seen| (seen.secret.start, seen.secret.end, seen.detector));
        let (mut at, mut place) = (0, self.start);
        for seen in seen {
            place = place.after(&text[at..seen.secret.start]);
            at = seen.secret.start;
            self.keep(text, seen, place);
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= RAW
    }

    fn look(&mut self, text: &[u8], hit: Hit, seen: &mut Vec<Seen>) {
        let literal = &self.detectors.literals[hit.literal];
        let crowded = !literal.detectors.is_empty() && self.crowd.is_full(text, self.base, hit.at);
        let wanted: &[usize] = if crowded { &[] } else { &literal.detectors };
        for &detector in wanted {
            let row = &self.detectors.detectors[detector];
            let Some(token) = &row.token else { continue };
            let Some(secret) = token_at(token, text, hit.at) else {
                continue;
            };
            if self.accepts(
                row,
                &text[secret.clone()],
                token.public_part(&text[secret.clone()]),
            ) {
                let key = None;
                seen.push(Seen {
                    detector,
                    secret,
                    key,
                });
            }
        }
        if literal.stem && self.base + hit.at as u64 >= self.assigned_until {
            self.look_for_assignment(text, hit.at, seen);
        }
    }

    fn look_for_assignment(&mut self, text: &[u8], at: usize, seen: &mut Vec<Seen>) {
        let (found, used) = assignment::read(text, at);
        self.assigned_until = self.base + used as u64;
        let Some(found) = found else { return };
        let value = &text[found.value.clone()];
        if value.len() < SHORTEST {
            return;
        }
        for (detector, word) in self.detectors.keys.interested(&text[found.key.clone()]) {
            let row = &self.detectors.detectors[detector];
            let Some(assigned) = &row.assigned else {
                continue;
            };
            let placed = assigned.place.is_none_or(|place| place == found.place);
            if placed && assigned.value.regex().is_match(value) && self.accepts(row, value, b"") {
                seen.push(Seen {
                    detector,
                    secret: found.value.clone(),
                    key: Some((word.to_owned(), found.key)),
                });
                return;
            }
        }
    }

    fn accepts(&self, row: &Detector, secret: &[u8], public: &[u8]) -> bool {
        let own = secret.strip_prefix(public).unwrap_or(secret);
        !own.is_empty()
            && !self.detectors.placeholders.is_published(secret)
            && !self.detectors.placeholders.holds(own, row.weak)
            && row
                .validators
                .iter()
                .all(|validator| validator.accepts(secret, public))
    }

    fn keep(&mut self, text: &[u8], seen: Seen, place: Position) {
        let secret = &text[seen.secret.clone()];
        let row = &self.detectors.detectors[seen.detector];
        let public = row
            .token
            .as_ref()
            .map_or(&b""[..], |token| token.public_part(secret));
        let end = place.after(secret);
        let mut anchor = match &seen.key {
            Some((_, key)) => String::from_utf8_lossy(&text[key.clone()]).into_owned(),
            None => String::from_utf8_lossy(public).into_owned(),
        };
        if !row.chosen {
            let digest = Digest::of(&[b"casemate secret ", secret].concat());
            anchor.push_str(&format!(" {}", &digest.hex()[..8]));
        }
        self.found.push(Found {
            start: self.base + seen.secret.start as u64,
            end: self.base + seen.secret.end as u64,
            detector: seen.detector,
            region: Region::Text {
                line: place.line,
                column: place.column,
                end_line: end.line,
                end_column: end.column,
            },
            redacted: Redacted::new(secret, public),
            key: seen.key.map(|(word, _)| word),
            anchor,
        });
    }

    /// Settles overlaps: of two that share a byte, the better detector's stays.
    fn finish(self, cut: Option<Cut>) -> Scan {
        let full = self.is_full();
        let mut found = self.found;
        found.sort_by_key(|found| (found.detector, found.start, found.end));
        let mut kept: Vec<Found> = Vec::new();
        for candidate in found {
            let free = kept
                .iter()
                .all(|other| other.end <= candidate.start || candidate.end <= other.start);
            if free {
                kept.push(candidate);
            }
        }
        kept.sort_by_key(|found| found.start);
        let too_many = full || kept.len() > Scan::MOST;
        kept.truncate(Scan::MOST);

        let mut times: BTreeMap<(usize, String), usize> = BTreeMap::new();
        let number = |found: Found| {
            let before = times
                .entry((found.detector, found.anchor.clone()))
                .or_default();
            let anchor = format!("{} {before}", found.anchor);
            *before += 1;
            Match {
                rule: self.detectors.rules[found.detector].id.clone(),
                redacted: found.redacted,
                region: found.region,
                key: found.key,
                anchor,
            }
        };
        let matches = kept.into_iter().map(number).collect();
        Scan {
            matches,
            cut: too_many.then_some(Cut::TooMany).or(cut),
        }
    }
}

/// The secret that `token` describes around its prefix at `at`.
fn token_at(token: &Token, text: &[u8], at: usize) -> Option<Range<usize>> {
    let prefix = token
        .prefixes
        .iter()
        .find(|prefix| text[at..].starts_with(prefix))?;
    if token.words && token.behind == 0 && !begins_apart(text, at) {
        return None;
    }
    let from = at.saturating_sub(token.behind);
    let window = &text[from..(at + token.ahead).min(text.len())];
    let regex = token.pattern.regex();
    let covers = |found: &regex::bytes::Match<'_>| {
        from + found.start() <= at && at + prefix.len() <= from + found.end()
    };
    let found = if token.behind == 0 {
        regex.find(window)?
    } else {
        regex.find_iter(window).find(covers)?
    };
    let whole = from + found.start()..from + found.end();
    if token.words && !stands_alone(text, &whole) {
        return None;
    }
    if !token.grouped {
        return Some(whole);
    }
    // A branch of the pattern without the group is a secret as a whole.
    let captures = regex.captures_at(window, found.start())?;
    let secret = captures.name("secret").or(captures.get(0))?;
    Some(from + secret.start()..from + secret.end())
}

/// Whether no letter, digit or underscore touches `range`.
fn stands_alone(text: &[u8], range: &Range<usize>) -> bool {
    !text.get(range.end).is_some_and(is_word) && begins_apart(text, range.start)
}

/// Whether what stands before `at` is no part of a word, unless it is the last character of an
/// escape: `\nghp_…` in a JSON string, `%3Dghp_…` in an address.
fn begins_apart(text: &[u8], at: usize) -> bool {
    match &text[at.saturating_sub(3)..at] {
        [] => true,
        [.., last] if !is_word(last) => true,
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// How far before a hit anything is looked at.
const BEFORE: usize = BEHIND + 3;
/// How far after the beginning of a hit anything is looked at.
const AFTER: usize = AHEAD + 1;
const _: () = assert!(AFTER > assignment::REACH && BEFORE > 128);

/// How much text goes through all searchers before the hits are looked at; fits the second cache.
const BLOCK: usize = 64 << 10;
/// So many prefixes in a row, and what ends a row.
const CROWD: usize = 16;
const BREAKS: &[u8] = b" \t\r\n\"'`,;=&<>(){}[]|\\";

/// Matches before overlaps are settled.
const RAW: usize = 4 * Scan::MOST;
/// Shorter values are no machine's secrets, and too many other things.
const SHORTEST: usize = 8;
