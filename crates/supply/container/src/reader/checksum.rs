//! The checksums of compressed streams.

/// What the trailer of a stream will be compared with.
#[derive(Debug)]
pub(super) enum Checksum {
    None,
    Crc(crc32fast::Hasher, u64),
    Adler(Adler),
}

impl Checksum {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Crc(crc, size) => {
                crc.update(bytes);
                // RFC 1952 counts modulo 2^32.
                *size = size.wrapping_add(bytes.len() as u64) & u64::from(u32::MAX);
            }
            Self::Adler(adler) => adler.update(bytes),
        }
    }
}

/// The checksum of RFC 1950.
#[derive(Debug)]
pub(super) struct Adler {
    a: u32,
    b: u32,
}

impl Default for Adler {
    fn default() -> Self {
        Self { a: 1, b: 0 }
    }
}

impl Adler {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        // As many bytes as cannot overflow 32 bits before the remainder is taken.
        for chunk in bytes.chunks(5552) {
            for &byte in chunk {
                self.a += u32::from(byte);
                self.b += self.a;
            }
            self.a %= ADLER_BASE;
            self.b %= ADLER_BASE;
        }
    }

    pub(super) fn finish(&self) -> u32 {
        self.b << 16 | self.a
    }
}

const ADLER_BASE: u32 = 65521;
