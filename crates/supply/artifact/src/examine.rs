//! From bytes to an examination: what they are, and who judges that.

use std::io::{self, Read};

use casemate_container::{Budget, Exceeded, Magic, Member, MemberReader, TextEncoding, sniff};
use casemate_core::{MemorySource, Source, Window};

use crate::{
    Allowlist, Examination, Limits, Verdict,
    formats::{
        archive, arrow, gguf, lfs, npy,
        opaque::{self, Standing},
        safetensors, text, torch_legacy,
    },
    notes::{Notes, bytes},
    pickle::{self, Extent, Persistence},
    spool::Spool,
};

/// Says what a file is and what loading it does, from its bytes alone: a file that is renamed
/// keeps its verdict.
///
/// An error of the medium is told as partial coverage and [`Verdict::Unknown`], beside what was
/// found before it.
pub fn examine(source: &dyn Source, allowlist: &Allowlist, limits: &Limits) -> Examination {
    try_examine(source, allowlist, limits).unwrap_or_else(|error| {
        let mut notes = Notes::new(limits);
        notes.leave_out("unreadable", None, format!("cannot be read: {error}"));
        notes.finish("unreadable")
    })
}

/// As [`examine`], but for a medium that fails before anything is found.
///
/// # Errors
///
/// What the medium says.
pub fn try_examine(
    source: &dyn Source,
    allowlist: &Allowlist,
    limits: &Limits,
) -> io::Result<Examination> {
    examine_into(source, allowlist, Notes::new(limits))
}

/// Examines `source` with these notes.
pub(crate) fn examine_into(
    source: &dyn Source,
    allowlist: &Allowlist,
    notes: Notes<'_>,
) -> io::Result<Examination> {
    let limits = notes.limits;
    let mut budget = Budget::default();
    budget.members = limits.members;
    budget.total = limits.bytes;
    budget.search = limits.search;
    let mut examiner = Examiner {
        allowlist,
        notes,
        budget,
    };
    let format = match examiner.look(source, limits.depth) {
        Ok(format) => format,
        Err(error) if examiner.notes.is_empty() => return Err(error),
        Err(error) => {
            examiner.notes.leave_out_unread(&error);
            "unreadable"
        }
    };
    Ok(examiner.notes.finish(format))
}

/// One examination under way.
pub(crate) struct Examiner<'a, 'l> {
    pub(crate) allowlist: &'a Allowlist,
    pub(crate) notes: Notes<'l>,
    pub(crate) budget: Budget,
}

impl Examiner<'_, '_> {
    /// Judges `source`, and gives its format.
    pub(crate) fn look(&mut self, source: &dyn Source, depth: u8) -> io::Result<&'static str> {
        let sniffed = sniff(source)?;
        let format = self.look_as(source, sniffed.magic, depth)?;
        self.notes.recognised(source, format);
        for also in sniffed.also {
            // A few bytes are all that tells these two: beside a real signature they are chance.
            let chance = matches!(also, Magic::Zlib | Magic::Lzma);
            if is_container(also) && !chance {
                opaque::note_polyglot(format, also.as_str(), 0, &mut self.notes);
                archive::examine(source, also, self, depth)?;
            }
        }
        if sniffed.trailing_zip {
            opaque::note_polyglot(format, "zip", 0, &mut self.notes);
            archive::examine(source, Magic::Zip, self, depth)?;
        }
        // The first letter of a zip is an opcode that a plain unpickler refuses, so that what
        // follows never runs.
        let judged = matches!(
            sniffed.magic,
            Magic::Pickle(_) | Magic::Text(_) | Magic::Binary | Magic::Empty | Magic::Zip
        );
        if !judged && (self.believes(source, 0)? || self.is_loadable(source)?) {
            opaque::note_polyglot(format, "pickle", 0, &mut self.notes);
            self.pickle(source, 0, depth)?;
        }
        Ok(format)
    }

    fn look_as(
        &mut self,
        source: &dyn Source,
        magic: Magic,
        depth: u8,
    ) -> io::Result<&'static str> {
        if let Some(standing) = opaque::standing(magic) {
            return self.opaque(source, magic, standing, depth);
        }
        match magic {
            Magic::Empty => Ok("empty"),
            Magic::Pickle(_) if torch_legacy::is_legacy(source)? => {
                torch_legacy::examine(source, self.allowlist, &mut self.notes, depth)?;
                Ok("torch-legacy")
            }
            Magic::Pickle(_) => self.pickle(source, 0, depth),
            Magic::Safetensors => {
                let layout = safetensors::examine(source, &mut self.notes)?;
                self.search(source, layout.end, depth)?;
                Ok("safetensors")
            }
            Magic::Gguf => {
                let end = gguf::examine(source, &mut self.notes)?;
                self.search(source, end, depth)?;
                Ok("gguf")
            }
            Magic::Npy => self.npy(source, depth),
            Magic::Text(encoding) => self.text(source, encoding, depth),
            _ if is_container(magic) => {
                let Some(format) = archive::examine(source, magic, self, depth)? else {
                    return self.binary(source, depth);
                };
                // A header of .lzma proves little.
                if magic == Magic::Lzma {
                    self.search(source, 0, depth)?;
                }
                Ok(format)
            }
            _ => self.binary(source, depth),
        }
    }

    /// Judges a member of a container, and gives its format; nothing where it cannot be read.
    pub(crate) fn member(
        &mut self,
        member: &Member<'_>,
        depth: u8,
    ) -> io::Result<Option<&'static str>> {
        self.with_member(member, |examiner, source| examiner.look(source, depth))
    }

    /// Judges a member that is known to be a tensor's bytes: only whether it is a pickle as well.
    pub(crate) fn raw_member(&mut self, member: &Member<'_>, depth: u8) -> io::Result<()> {
        let Some(window) = member.stored() else {
            // Tensors that are compressed are rare enough to look at as anything.
            return self
                .with_member(member, |examiner, source| examiner.raw(source, depth))
                .map(|_| ());
        };
        self.notes.enter(member.name.as_str(), member.size);
        if let Err(error) = self.raw(&window, depth) {
            self.notes.leave_out_unread(&error);
        }
        self.notes.leave();
        Ok(())
    }

    /// Does `work` with a member's bytes; nothing where they cannot be had. A member that cannot
    /// be read to its end is left out from there on: what was found in it, and what the other
    /// members hold, is told all the same.
    pub(crate) fn with_member<T>(
        &mut self,
        member: &Member<'_>,
        work: impl FnOnce(&mut Self, &dyn Source) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        self.notes.enter(member.name.as_str(), member.size);
        let result = self.inside(member, work).unwrap_or_else(|error| {
            self.notes.leave_out_unread(&error);
            None
        });
        self.notes.leave();
        Ok(result)
    }

    fn inside<T>(
        &mut self,
        member: &Member<'_>,
        work: impl FnOnce(&mut Self, &dyn Source) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        if let Some(window) = member.stored() {
            return work(self, &window).map(Some);
        }
        let mut reader = match member.read() {
            Ok(reader) => reader,
            Err(error) => {
                self.notes.leave_out("member", None, error.to_string());
                return Ok(None);
            }
        };
        let mut start = Vec::new();
        let mut broken = None;
        let mut buffer = vec![0; 64 * 1024];
        while start.len() < IN_MEMORY {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => start.extend_from_slice(&buffer[..read]),
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        if start.len() < IN_MEMORY || broken.is_some() {
            self.note_end(&reader, broken.as_ref())?;
            return work(self, &MemorySource(start)).map(Some);
        }
        drop(start);
        let spool = Spool::new(member)?;
        if let Some(whole) = spool.whole() {
            self.note_end(whole, spool.broken())?;
        }
        work(self, &spool).map(Some)
    }

    /// Notes what only reading a member to its end could show.
    fn note_end(
        &mut self,
        reader: &MemberReader<'_>,
        broken: Option<&io::Error>,
    ) -> io::Result<()> {
        if let Some(error) = broken {
            self.note_break(error);
        }
        for anomaly in reader.anomalies() {
            archive::note_anomaly(anomaly, &mut self.notes);
        }
        match reader.trailing() {
            Some(rest) => self.search(&rest, 0, 0),
            None => Ok(()),
        }
    }

    fn note_break(&mut self, error: &io::Error) {
        let what = match Exceeded::of(error) {
            Some(_) => "limit",
            None if error.kind() == io::ErrorKind::Unsupported => "unsupported member",
            None => "broken member",
        };
        self.notes.leave_out(what, None, error.to_string());
    }

    fn raw(&mut self, source: &dyn Source, depth: u8) -> io::Result<()> {
        let head = source.read_vec(0, 2)?;
        let begins = matches!(
            head[..],
            [pickle::opcode::PROTO, 0..=pickle::opcode::HIGHEST_PROTOCOL]
                | [pickle::opcode::GLOBAL | pickle::opcode::MARK, _]
        );
        if begins && self.believes(source, 0)? {
            opaque::note_polyglot("tensor", "pickle", 0, &mut self.notes);
            self.pickle(source, 0, depth)?;
        }
        Ok(())
    }

    fn pickle(&mut self, source: &dyn Source, start: u64, depth: u8) -> io::Result<&'static str> {
        let scanned = pickle::scan(
            source,
            start,
            Extent::Everything,
            Persistence::Unknown,
            self.allowlist,
            &mut self.notes,
            depth,
        )?;
        Ok(if scanned.arrays { "joblib" } else { "pickle" })
    }

    fn believes(&mut self, source: &dyn Source, start: u64) -> io::Result<bool> {
        let opcodes = &mut self.notes.opcodes;
        pickle::is_believable(source, start, self.allowlist, opcodes)
    }

    fn is_loadable(&mut self, source: &dyn Source) -> io::Result<bool> {
        let opcodes = &mut self.notes.opcodes;
        pickle::is_loadable(source, 0, self.allowlist, opcodes)
    }

    /// Looks for pickles in what is left of a file behind `from`.
    fn search(&mut self, source: &dyn Source, from: u64, depth: u8) -> io::Result<()> {
        if from >= source.len() {
            return Ok(());
        }
        pickle::scan_hidden(source, from, self.allowlist, &mut self.notes, depth)
    }

    fn npy(&mut self, source: &dyn Source, depth: u8) -> io::Result<&'static str> {
        match npy::examine(source, &mut self.notes)? {
            npy::Body::Bytes { end } => self.search(source, end, depth)?,
            npy::Body::Unknown { start } => self.search(source, start, depth)?,
            npy::Body::Pickle { start } => {
                let window = Window::new(source, start, source.len());
                self.pickle(&window, 0, depth)?;
            }
        }
        Ok("npy")
    }

    fn text(
        &mut self,
        source: &dyn Source,
        encoding: TextEncoding,
        depth: u8,
    ) -> io::Result<&'static str> {
        let start = match encoding {
            TextEncoding::Utf16Le | TextEncoding::Utf16Be => {
                return self.utf16(source, encoding == TextEncoding::Utf16Be, depth);
            }
            TextEncoding::Utf8Bom => 3,
            TextEncoding::Utf8 | TextEncoding::Latin1 => 0,
        };
        let head = source.read_vec(start, 64)?;
        let blank = head.len() - head.trim_ascii_start().len();
        for at in [0, start, start + blank as u64] {
            let opcodes = &mut self.notes.opcodes;
            let pickle = pickle::is_active(source, at, self.allowlist, opcodes)?
                || pickle::is_one_stream(source, at, self.allowlist, opcodes)?
                || pickle::is_loadable(source, at, self.allowlist, opcodes)?;
            if pickle {
                return self.pickle(source, at, depth);
            }
        }
        if let Some(format) = lfs::examine(source, encoding, &mut self.notes)? {
            return Ok(format);
        }
        match text::examine(source, start, &mut self.notes)? {
            Some(format) => {
                // What is not UTF-8 is text only by appearance.
                if encoding == TextEncoding::Latin1 {
                    self.search(source, 0, depth)?;
                }
                Ok(format)
            }
            None => self.binary(source, depth),
        }
    }

    /// Text in UTF-16 is judged as the UTF-8 it stands for.
    fn utf16(&mut self, source: &dyn Source, big: bool, depth: u8) -> io::Result<&'static str> {
        let raw = source.read_vec(2, LONGEST_UTF16)?;
        let units = raw.chunks_exact(2).map(|pair| match big {
            true => u16::from_be_bytes([pair[0], pair[1]]),
            false => u16::from_le_bytes([pair[0], pair[1]]),
        });
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        if source.len() > LONGEST_UTF16 as u64 + 2 {
            let reason = "only the beginning of long UTF-16 text is read";
            self.notes.leave_out("utf-16", None, reason);
        }
        let text = MemorySource(text.into_bytes());
        self.text(&text, TextEncoding::Utf8, depth)
    }

    fn opaque(
        &mut self,
        source: &dyn Source,
        magic: Magic,
        standing: Standing,
        depth: u8,
    ) -> io::Result<&'static str> {
        match standing {
            Standing::Inert => {
                if arrow::examine(source, magic, &mut self.notes)? {
                    self.search(source, 0, depth)?;
                }
                if let Some(end) = opaque::end(source, magic)?
                    && end < source.len()
                {
                    let length = source.len() - end;
                    let message = format!("{length} bytes follow the end of the {magic}");
                    let region = bytes(end, length);
                    let rule = &opaque::APPENDED;
                    let notes = &mut self.notes;
                    notes.observe(rule, Verdict::Unknown, region, "rest", message);
                    self.search(source, end, depth)?;
                }
                Ok(magic.as_str())
            }
            Standing::Program => {
                opaque::note_program(magic, &mut self.notes);
                Ok("executable")
            }
            Standing::NotRead => {
                opaque::note_not_read(magic.as_str(), &mut self.notes);
                self.search(source, 0, depth)?;
                Ok(magic.as_str())
            }
        }
    }

    /// Bytes of no known format.
    fn binary(&mut self, source: &dyn Source, depth: u8) -> io::Result<&'static str> {
        let opcodes = &mut self.notes.opcodes;
        let pickle = pickle::is_believable(source, 0, self.allowlist, opcodes)?
            || pickle::is_one_stream(source, 0, self.allowlist, opcodes)?
            || pickle::is_loadable(source, 0, self.allowlist, opcodes)?;
        if pickle {
            return self.pickle(source, 0, depth);
        }
        let head = source.read_vec(0, ZFILE_HEADER)?;
        if head.starts_with(b"ZF0x")
            && let Some(start) = head.iter().skip(4).position(|&byte| byte == ZLIB)
        {
            // joblib before 0.10: the plain length in hexadecimal, padded, then zlib.
            let window = Window::new(source, start as u64 + 4, source.len());
            if archive::examine(&window, Magic::Zlib, self, depth)?.is_some() {
                return Ok("joblib-zfile");
            }
        }
        let format = opaque::flatbuffer(&head);
        let told = format.unwrap_or("this kind of binary file");
        opaque::note_not_read(told, &mut self.notes);
        self.search(source, 0, depth)?;
        Ok(format.unwrap_or("binary"))
    }
}

/// Whether `magic` is opened as a container. A git object is git's own.
fn is_container(magic: Magic) -> bool {
    matches!(
        magic,
        Magic::Zip
            | Magic::Tar
            | Magic::SevenZip
            | Magic::Gzip
            | Magic::Zlib
            | Magic::Bzip2
            | Magic::Xz
            | Magic::Lzma
            | Magic::Zstd
            | Magic::Lz4Frame
    )
}

/// How much of a compressed member is held in memory.
const IN_MEMORY: usize = 32 << 20;
const LONGEST_UTF16: usize = 8 << 20;
/// "ZF", up to twenty characters of length, and the first byte of zlib.
const ZFILE_HEADER: usize = 23;
/// Deflate with a window of 32 KiB, as every version of joblib wrote it.
const ZLIB: u8 = 0x78;
