//! LZMA, with the headers that .lzma, zip and 7z put before it, and LZMA2.

use std::io::Read;

use lzma_rust2::{Lzma2Reader, LzmaReader};

use super::{
    codec::{Codec, Failure, Fault},
    input::Input,
};
use crate::{
    Exceeded,
    bytes::{le16, le32, le64},
    sniff,
};

/// One stream of LZMA, or several with the header of .lzma.
pub(super) struct Lzma<'a> {
    header: Header,
    window: u64,
    reader: Option<LzmaReader<Input<'a>>>,
}

/// Where the properties of a stream of LZMA are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// In the thirteen bytes of .lzma.
    Alone,
    /// In what APPNOTE 5.8.8 puts before the stream; the size is in the zip, unless it has an end
    /// marker.
    Zip { size: Option<u64> },
    /// Elsewhere: properties, dictionary and size.
    Elsewhere {
        properties: u8,
        dictionary: u32,
        size: Option<u64>,
    },
}

/// How a stream is packed.
struct Properties {
    byte: u8,
    dictionary: u32,
    size: Option<u64>,
    /// How long the header is that says so.
    len: u64,
}

impl<'a> Lzma<'a> {
    pub(super) fn new(header: Header, window: u64) -> Self {
        Self {
            header,
            window,
            reader: None,
        }
    }

    /// How the stream that begins here is packed; nothing where none begins.
    fn properties(&self, input: &mut Input<'a>) -> Result<Option<Properties>, Fault> {
        let first = input.position() == 0;
        match self.header {
            Header::Alone => {
                let head = input.peek::<14>()?;
                if !first && !sniff::is_lzma(&head) {
                    return Ok(None);
                }
                let (Some(&byte), Some(dictionary), Some(size)) =
                    (head.first(), le32(&head, 1), le64(&head, 5))
                else {
                    return Err(Failure::Truncated.into());
                };
                Ok(Some(Properties {
                    byte,
                    dictionary,
                    size: (size != u64::MAX).then_some(size),
                    len: 13,
                }))
            }
            Header::Zip { size } if first => {
                let head = input.peek::<9>()?;
                let (Some(len), Some(&byte), Some(dictionary)) =
                    (le16(&head, 2), head.get(4), le32(&head, 5))
                else {
                    return Err(Failure::Truncated.into());
                };
                if len < 5 {
                    return Err(Failure::Broken(BROKEN).into());
                }
                Ok(Some(Properties {
                    byte,
                    dictionary,
                    size,
                    len: 4 + u64::from(len),
                }))
            }
            Header::Elsewhere {
                properties,
                dictionary,
                size,
            } if first => Ok(Some(Properties {
                byte: properties,
                dictionary,
                size,
                len: 0,
            })),
            Header::Zip { .. } | Header::Elsewhere { .. } => Ok(None),
        }
    }
}

impl<'a> Codec<'a> for Lzma<'a> {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        let Some(properties) = self.properties(input)? else {
            return Ok(false);
        };
        let size = properties.size.unwrap_or(u64::MAX);
        // No more history is needed than there are bytes.
        let dictionary = properties
            .dictionary
            .min(u32::try_from(size).unwrap_or(u32::MAX))
            .min(lzma_rust2::DICT_SIZE_MAX);
        if u64::from(dictionary) > self.window {
            return Err(Exceeded::Window(self.window).into());
        }
        input.skip(properties.len);
        if input.left() < 5 {
            return Err(Failure::Truncated.into());
        }
        let byte = properties.byte;
        let reader = LzmaReader::new_with_props(input.fork(), size, byte, dictionary, None);
        let mut reader = reader.map_err(|_| Failure::Broken(BROKEN))?;
        reader.set_relaxed_end_condition(false);
        reader.set_defer_errors(true);
        self.reader = Some(reader);
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        let Some(reader) = &mut self.reader else {
            return Ok(0);
        };
        match reader.read(buf) {
            Ok(0) => {}
            Ok(read) => {
                input.seek(reader.inner().position());
                return Ok(read);
            }
            Err(_) => return Err(reader.inner_mut().fault(BROKEN)),
        }
        if let Some(reader) = self.reader.take() {
            let (fork, unused) = reader.into_parts();
            input.seek(fork.position().saturating_sub(unused.len() as u64));
        }
        Ok(0)
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(true)
    }
}

/// One stream of LZMA2 chunks, as in xz and 7z.
pub(super) struct Lzma2<'a> {
    dictionary: u32,
    window: u64,
    reader: Option<Lzma2Reader<Input<'a>>>,
    out: usize,
    fault: Option<Fault>,
}

impl<'a> Lzma2<'a> {
    /// `properties` are the byte that says how large the dictionary is; nothing where it cannot.
    pub(super) fn new(properties: u8, window: u64) -> Option<Self> {
        let bits = u32::from(properties);
        let dictionary = match properties {
            0..40 => (2 | (bits & 1)) << (bits / 2 + 11),
            40 => u32::MAX,
            _ => return None,
        };
        Some(Self {
            dictionary,
            window,
            reader: None,
            out: 0,
            fault: None,
        })
    }
}

impl<'a> Codec<'a> for Lzma2<'a> {
    fn begin(&mut self, input: &mut Input<'a>) -> Result<bool, Fault> {
        if u64::from(self.dictionary) > self.window {
            return Err(Exceeded::Window(self.window).into());
        }
        if self.out > 0 || self.reader.is_some() {
            return Ok(false);
        }
        let reader = Lzma2Reader::new(input.fork(), self.dictionary, None);
        self.reader = Some(reader);
        Ok(true)
    }

    fn decode(&mut self, input: &mut Input<'a>, buf: &mut [u8]) -> Result<usize, Fault> {
        let Some(reader) = &mut self.reader else {
            return Ok(0);
        };
        // A break takes with it what the same call decoded before it, so that calls are small.
        let mut read = 0;
        while self.fault.is_none() && read < buf.len() {
            let most = if self.out < EXACT { 1 } else { NEARLY };
            let end = buf.len().min(read + most);
            match reader.read(&mut buf[read..end]) {
                Ok(0) => break,
                Ok(more) => {
                    read += more;
                    self.out = self.out.saturating_add(more);
                }
                Err(_) => self.fault = Some(reader.inner_mut().fault(BROKEN)),
            }
        }
        input.seek(reader.inner().position());
        match self.fault.take() {
            Some(fault) if read == 0 => Err(fault),
            fault => {
                self.fault = fault;
                Ok(read)
            }
        }
    }

    fn end(&mut self, _: &mut Input<'a>) -> Result<bool, Fault> {
        Ok(true)
    }
}

const BROKEN: &str = "LZMA stream";
/// How many bytes of a stream of LZMA2 are decoded one by one.
const EXACT: usize = 32 << 10;
/// How many are decoded at once behind them.
const NEARLY: usize = 32;
