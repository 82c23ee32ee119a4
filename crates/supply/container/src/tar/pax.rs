//! The extended headers of POSIX.1-2001 (pax), and GNU's long names, as they bear on one member.

/// What extended headers say of the member that follows.
#[derive(Clone, Debug, Default)]
pub(super) struct Extended {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) sparse: bool,
}

impl Extended {
    /// Takes the records of an extended header; false where they are broken or hold a name of more
    /// than `longest` bytes, and then those before that one are taken.
    pub(super) fn apply(&mut self, records: &[u8], longest: usize) -> bool {
        let mut rest = records;
        while !rest.is_empty() && rest[0] != 0 {
            let Some((key, value, len)) = record(rest) else {
                return false;
            };
            let named = matches!(key, b"path" | b"GNU.sparse.name" | b"linkpath");
            if named && value.len() > longest {
                return false;
            }
            match key {
                b"path" if !self.sparse => self.name = Some(value.to_vec()),
                b"GNU.sparse.name" => {
                    self.name = Some(value.to_vec());
                    self.sparse = true;
                }
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => match std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()) {
                    Some(size) => self.size = Some(size),
                    None => return false,
                },
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            rest = &rest[len..];
        }
        true
    }

    /// What stands here, and what `global` says of everything else.
    pub(super) fn or(self, global: &Self) -> Self {
        Self {
            name: self.name.or_else(|| global.name.clone()),
            link: self.link.or_else(|| global.link.clone()),
            size: self.size.or(global.size),
            sparse: self.sparse || global.sparse,
        }
    }
}

/// The first record, `LENGTH KEY=VALUE\n`, and its length.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let space = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let len: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (b'\n', body) = bytes.get(space + 1..len)?.split_last()? else {
        return None;
    };
    let equals = memchr::memchr(b'=', body)?;
    Some((&body[..equals], &body[equals + 1..], len))
}
