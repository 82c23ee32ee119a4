//! One header block of a tar (POSIX.1-1988 ustar, GNU, v7).

/// A header whose checksum is right.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) kind: u8,
}

/// What a block that should be a header is.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Header(Header),
    Zero,
    Broken,
}

impl Block {
    /// Reads a block of 512 bytes; a shorter one is broken.
    pub(super) fn parse(block: &[u8]) -> Self {
        if block.len() < BLOCK {
            return Self::Broken;
        }
        if block[..BLOCK].iter().all(|&byte| byte == 0) {
            return Self::Zero;
        }
        let (Some(size), true) = (number(&block[124..136]), checksum_is_right(block)) else {
            return Self::Broken;
        };
        let mut name = text(&block[..100]).to_vec();
        // GNU headers keep times where ustar has the beginning of the name.
        if &block[257..263] == b"ustar\0" {
            let prefix = text(&block[345..500]);
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        Self::Header(Header {
            name,
            link: text(&block[157..257]).to_vec(),
            size,
            kind: block[156],
        })
    }
}

/// Whether `block` has the checksum that a header has: of unsigned bytes, or of signed ones, as
/// some old programs wrote it.
pub(super) fn checksum_is_right(block: &[u8]) -> bool {
    let Some(block) = block.get(..BLOCK) else {
        return false;
    };
    let Some(declared) = number(&block[148..156]) else {
        return false;
    };
    let bytes = || {
        let space = |(at, &byte)| if (148..156).contains(&at) { b' ' } else { byte };
        block.iter().enumerate().map(space)
    };
    let unsigned: u64 = bytes().map(u64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    declared == unsigned || i64::try_from(declared) == Ok(signed)
}

/// A number in octal, or in base 256 where its first bit says so. Negative and overlong ones are
/// none.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let mut value = u64::from(field[0] & 0x7f);
        for &byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(byte.into())?;
        }
        return Some(value);
    }
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    let digits = field[..end].trim_ascii();
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = u64::from(digit.checked_sub(b'0').filter(|&digit| digit < 8)?);
        value.checked_mul(8)?.checked_add(digit)
    })
}

/// What stands before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    &field[..end]
}

pub(super) const BLOCK: usize = 512;
