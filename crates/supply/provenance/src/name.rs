//! The names of a model's files in a manifest: relative, with `/`, and one spelling each.

/// Why `name` is no name of a file in a model; nothing, if it is one.
pub(crate) fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.len() > LONGEST {
        return Some("is longer than any path");
    }
    if name.starts_with('/') {
        return Some("is absolute");
    }
    if name.contains('\0') {
        return Some("has a NUL in it");
    }
    for component in name.split('/') {
        match component {
            ".." => return Some("leaves the model"),
            "." | "" => return Some("is not in its shortest form"),
            _ => {}
        }
    }
    None
}

/// Whether `name` is `path` or lies below it.
pub(crate) fn is_under(name: &[u8], path: &[u8]) -> bool {
    match name.strip_prefix(path) {
        Some(rest) => rest.is_empty() || rest[0] == b'/',
        None => false,
    }
}

/// What signers leave out, at the top of the model alone; and, before they said what they left out, all of
/// them did.
pub(crate) const DEFAULT_IGNORES: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// The same, as a manifest would have them.
pub(crate) fn defaults() -> Vec<String> {
    DEFAULT_IGNORES.map(str::to_owned).to_vec()
}

/// Linux' PATH_MAX.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling_and_stays_inside() {
        for name in [
            "a", "a/b.bin", ".hidden", "a:0:5", "a b", "..a", "é\\x", "a/..b",
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
        for name in [
            "", "/a", "../a", "a/../b", "a/..", "./a", "a/./b", "a//b", "a/", ".", "..", "a\0",
        ] {
            assert!(fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_path_covers_itself_and_what_is_below_it() {
        assert!(is_under(b"cache", b"cache"));
        assert!(is_under(b"cache/a/b", b"cache"));
        assert!(!is_under(b"cache2", b"cache"));
        assert!(!is_under(b"sub/cache", b"cache"));
    }
}
