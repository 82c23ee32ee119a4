//! Where others say that something is, and which file of the tree that is.

use std::collections::BTreeMap;

use casemate_core::{AssetId, Digest, PathText};

use crate::fields::line;

/// The tree that was assessed.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Its root, as the user gave it.
    pub root: PathText,
    /// Its root from that of the file system, where that is known.
    pub absolute: Option<PathText>,
    /// Its files by their paths from the root.
    pub files: BTreeMap<PathText, Known>,
}

/// A file of the tree.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its identity.
    pub asset: AssetId,
    /// Its path, as the user gave it and the rest of the way.
    pub name: PathText,
    /// The digest of its bytes.
    pub digest: Option<Digest>,
}

/// What became of a place.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// It is this file.
    File(&'a PathText, &'a Known),
    /// It leads out of the tree.
    Leaves,
    /// The tree has no such file.
    Missing,
}

impl Tree {
    /// The first of the readings of `place` that is a file of the tree.
    pub(crate) fn find(&self, place: &Written) -> Found<'_> {
        let mut leaves = false;
        for path in &place.readings {
            match self.below(path) {
                Some(below) => {
                    if let Some((path, known)) = self.file(&below) {
                        return Found::File(path, known);
                    }
                }
                None => leaves = true,
            }
        }
        match leaves {
            true => Found::Leaves,
            false => Found::Missing,
        }
    }

    fn file(&self, below: &[u8]) -> Option<(&PathText, &Known)> {
        let get = |path: &[u8]| self.files.get_key_value(&PathText::from_bytes(path));
        if let Some(found) = get(below) {
            return Some(found);
        }
        // Tools name files from where they ran or from the root of the repository, which may be above the
        // tree: then the path begins with how that ends.
        let root = self.absolute.as_ref().unwrap_or(&self.root).to_bytes();
        let slashes = below.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut slashes = slashes.take(MOST_ABOVE).map(|(at, _)| at);
        slashes.find_map(|at| {
            let above = root.strip_suffix(&below[..at])?;
            let is_whole = above.is_empty() || above.ends_with(b"/");
            get(&below[at + 1..]).filter(|_| is_whole)
        })
    }

    /// The path from the root, where it leads down from there.
    fn below(&self, path: &[u8]) -> Option<Vec<u8>> {
        if !path.starts_with(b"/") {
            return normal(path);
        }
        let path = normal(path)?;
        let roots = self.absolute.iter().chain([&self.root]);
        let mut roots = roots.filter(|root| root.as_str().starts_with('/'));
        roots.find_map(|root| {
            let root = normal(&root.to_bytes())?;
            let rest = path.strip_prefix(&root[..])?;
            match root.is_empty() {
                true => Some(rest.to_vec()),
                false => Some(rest.strip_prefix(b"/")?.to_vec()),
            }
        })
    }
}

/// A place as a tool wrote it, and what paths that may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    /// For people.
    pub(crate) shown: String,
    /// Paths: absolute ones, or from the root of the tree. The first that exists counts.
    readings: Vec<Vec<u8>>,
}

impl Written {
    /// A place that nothing is known of but how it is called.
    pub(crate) fn named(shown: &str) -> Self {
        Self {
            shown: line(shown, MOST_SHOWN),
            readings: Vec::new(),
        }
    }

    /// As well, what `path` is. Windows parts names with `\`, which may also stand in a name.
    pub(crate) fn or_path(mut self, path: &[u8]) -> Self {
        self.push(path.to_vec());
        if path.contains(&b'\\') {
            self.push(
                path.iter()
                    .map(|&b| if b == b'\\' { b'/' } else { b })
                    .collect(),
            );
        }
        self
    }

    /// As well, what `path` is from the root of the tree, though it is written with a `/` before it.
    pub(crate) fn or_from_root(self, path: &str) -> Self {
        self.or_path(path.trim_start_matches(['/', '\\']).as_bytes())
    }

    /// As well, what the reference `uri` (RFC 3986) is: escapes undone, and as it stands, since not every
    /// tool escapes.
    pub(crate) fn or_uri(self, uri: &str) -> Self {
        let Some(path) = path_of_uri(uri) else {
            return self;
        };
        let decoded = decode(path);
        let is_escaped = decoded != path.as_bytes();
        let place = self.or_path(&decoded);
        match is_escaped {
            true => place.or_path(path.as_bytes()),
            false => place,
        }
    }

    fn push(&mut self, path: Vec<u8>) {
        if !self.readings.contains(&path) {
            self.readings.push(path);
        }
    }
}

/// The path of a relative reference, or of a `file` URI of this machine; none of other schemes.
pub(crate) fn path_of_uri(uri: &str) -> Option<&str> {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Some(uri);
    };
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !is_scheme {
        return Some(uri);
    }
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(rest);
    };
    let start = rest.find('/')?;
    let (host, path) = rest.split_at(start);
    (host.is_empty() || host.eq_ignore_ascii_case("localhost")).then_some(path)
}

/// Undoes percent-encoding; what is no escape stays.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|&b| char::from(b).to_digit(16));
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

/// The path without empty and `.` parts and with `..` undone, if it does not lead above where it begins.
/// Of an absolute path, without its first slash.
fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

/// How far above the tree a tool may have run.
const MOST_ABOVE: usize = 32;
/// Characters of a place that are shown.
const MOST_SHOWN: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(root: &str, absolute: &str, files: &[&str]) -> Tree {
        let known = |path: &&str| {
            let path = PathText::from(*path);
            let known = Known {
                asset: AssetId::File {
                    repository: "local".into(),
                    path: path.clone(),
                },
                name: PathText::from(root).join(&path),
                digest: None,
            };
            (path, known)
        };
        Tree {
            root: root.into(),
            absolute: Some(absolute.into()),
            files: files.iter().map(known).collect(),
        }
    }

    fn found(tree: &Tree, place: &Written) -> String {
        match tree.find(place) {
            Found::File(path, _) => path.to_string(),
            Found::Leaves => "leaves".into(),
            Found::Missing => "missing".into(),
        }
    }

    #[test]
    fn a_reference_is_the_file_that_it_names() {
        let tree = tree(
            "sub",
            "/srv/repo/sub",
            &["a b.tf", "x/y.tf", "100%25.tf", "c.tf"],
        );
        for (uri, expected) in [
            ("a%20b.tf", "a b.tf"),
            ("a b.tf", "a b.tf"),
            ("./x/../x//y.tf", "x/y.tf"),
            ("sub/x/y.tf", "x/y.tf"),
            ("repo/sub/x/y.tf", "x/y.tf"),
            ("b/x/y.tf", "missing"),
            ("file:///srv/repo/sub/c.tf", "c.tf"),
            ("file://localhost/srv/repo/sub/c.tf", "c.tf"),
            ("/srv/repo/sub/c.tf", "c.tf"),
            ("x\\y.tf", "x/y.tf"),
            ("100%25.tf", "100%2525.tf"),
            ("file://elsewhere/srv/repo/sub/c.tf", "missing"),
            ("http://example.org/c.tf", "missing"),
            ("../c.tf", "leaves"),
            ("x/../../../etc/passwd", "leaves"),
            ("file:///etc/passwd", "leaves"),
            ("/srv/repo/subway/c.tf", "leaves"),
            ("c.tf%00", "missing"),
            ("nowhere.tf", "missing"),
            ("%", "missing"),
            ("", "missing"),
        ] {
            assert_eq!(
                found(&tree, &Written::named(uri).or_uri(uri)),
                expected,
                "{uri}"
            );
        }
    }

    #[test]
    fn a_file_that_is_assessed_alone_is_found_by_its_name() {
        let tree = tree("main.tf", "/srv/main.tf", &["main.tf"]);
        let place = Written::named("main.tf").or_from_root("/main.tf");
        assert_eq!(found(&tree, &place), "main.tf");
    }
}
