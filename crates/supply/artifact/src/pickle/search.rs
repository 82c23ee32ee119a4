//! Where a pickle could begin in bytes that are none.

use std::io;

use casemate_core::Source;

use super::opcode;

/// Finds places between `from` and `to` that look like the beginning of a pickle: PROTO with a
/// protocol that exists, or an opcode that names a module and something in it.
pub(crate) struct Search<'a> {
    source: &'a dyn Source,
    at: u64,
    to: u64,
    window: Vec<u8>,
    base: u64,
}

impl<'a> Search<'a> {
    pub(crate) fn new(source: &'a dyn Source, from: u64, to: u64) -> Self {
        Self {
            source,
            at: from,
            to: to.min(source.len()),
            window: Vec::new(),
            base: from,
        }
    }

    /// Goes on at `at`, which a pickle that was found reaches to.
    pub(crate) fn resume_at(&mut self, at: u64) {
        self.at = self.at.max(at);
    }

    /// The next place, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<u64>> {
        while self.at < self.to {
            let ahead = usize::try_from(self.at.saturating_sub(self.base)).unwrap_or(usize::MAX);
            let at_hand = self.window.len().saturating_sub(ahead);
            let left = self.to - self.at;
            // A name is cut off by the window's end unless so many bytes are at hand.
            if at_hand == 0 || (at_hand < REACH && (at_hand as u64) < left) {
                self.base = self.at;
                self.window = self.source.read_vec(self.at, WINDOW)?;
                if self.window.is_empty() {
                    return Ok(None);
                }
                continue;
            }
            let window = &self.window[ahead..];
            let last = left <= window.len() as u64;
            let usable = match last {
                true => window.len(),
                false => window.len() - REACH + 1,
            };
            match first_in(window, usable) {
                Some(found) => {
                    let place = self.at + found as u64;
                    self.at = place + 1;
                    return Ok((place < self.to).then_some(place));
                }
                None => self.at += usable as u64,
            }
        }
        Ok(None)
    }
}

/// The first place below `usable` that looks like a beginning.
fn first_in(window: &[u8], usable: usize) -> Option<usize> {
    let usable = usable.min(window.len());
    let marks = memchr::memchr3_iter(
        opcode::PROTO,
        opcode::GLOBAL,
        opcode::SHORT_BINUNICODE,
        window,
    );
    let inst = memchr::memchr_iter(opcode::INST, window);
    let (mut marks, mut inst) = (marks.peekable(), inst.peekable());
    loop {
        let at = match (marks.peek(), inst.peek()) {
            (Some(&a), Some(&b)) if a < b => marks.next(),
            (_, Some(_)) => inst.next(),
            (Some(_), None) => marks.next(),
            (None, None) => None,
        }?;
        if at >= usable {
            return None;
        }
        if begins(&window[at..]) {
            return Some(at);
        }
    }
}

fn begins(bytes: &[u8]) -> bool {
    match *bytes {
        [opcode::PROTO, protocol, next, ..] => {
            protocol <= opcode::HIGHEST_PROTOCOL && opcode::opcode(next).is_some()
        }
        [opcode::GLOBAL | opcode::INST, ref rest @ ..] => {
            name_line(rest).is_some_and(|rest| name_line(rest).is_some())
        }
        [opcode::SHORT_BINUNICODE, ref rest @ ..] => counted_name(rest).is_some_and(|rest| {
            let rest = rest.strip_prefix(&[opcode::MEMOIZE]).unwrap_or(rest);
            rest.strip_prefix(&[opcode::SHORT_BINUNICODE])
                .is_some_and(|rest| counted_name(rest).is_some())
        }),
        _ => false,
    }
}

fn name_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(LONGEST)])?;
    is_name(&bytes[..end]).then(|| &bytes[end + 1..])
}

fn counted_name(bytes: &[u8]) -> Option<&[u8]> {
    let (&len, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(len))?;
    is_name(name).then_some(rest)
}

fn is_name(bytes: &[u8]) -> bool {
    let letter =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || *byte >= 0x80;
    bytes.first().is_some_and(|first| !first.is_ascii_digit()) && bytes.iter().all(letter)
}

const WINDOW: usize = 64 * 1024;
const LONGEST: usize = 256;
/// Two names and their opcodes.
const REACH: usize = 2 * LONGEST + 4;

#[cfg(test)]
mod tests {
    use casemate_core::MemorySource;

    use super::*;

    fn places(bytes: &[u8]) -> Vec<u64> {
        let source = MemorySource(bytes);
        let mut search = Search::new(&source, 0, u64::MAX);
        let mut places = Vec::new();
        while let Some(place) = search.next().expect("memory") {
            places.push(place);
        }
        places
    }

    #[test]
    fn finds_beginnings_and_nothing_else() {
        assert_eq!(places(b"\xff\x80\x04\x95..\x80\x06N."), [1]);
        assert_eq!(places(b"..cos\nsystem\n(S'id'\ntR."), [2]);
        assert_eq!(places(b"(S'id'\nios\nsystem\n."), [7]);
        assert_eq!(places(b"\xff\x8c\x02os\x94\x8c\x06system\x93"), [1]);
        assert!(places(b"c 1\n2\n \x8c\x02os").is_empty());
    }

    #[test]
    fn finds_a_beginning_on_the_edge_of_the_window() {
        for shift in 0..40 {
            let mut bytes = vec![0; WINDOW - 20 + shift];
            let at = bytes.len() as u64;
            bytes.extend_from_slice(b"cos\nsystem\n)R.");
            bytes.resize(3 * WINDOW, 0);
            assert_eq!(places(&bytes), [at], "{shift}");
        }
    }
}
