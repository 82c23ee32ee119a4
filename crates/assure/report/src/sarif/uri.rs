//! Paths as URI references (RFC 3986), relative to the tree where that is possible.

use std::collections::BTreeMap;

use casemate_core::PathText;

use super::log::{ArtifactLocation, Text, UriBase};

/// What the URIs of a run are relative to.
///
/// A relative root without `..` stays a part of the paths: in a pipeline, that makes them relative
/// to the repository, which is what code scanning services expect. Any other root is cut off.
pub(super) enum Base {
    /// Where the program ran.
    WorkingDirectory,
    /// The root that was assessed, without a slash at its end.
    Root(Vec<u8>),
}

impl Base {
    pub(super) fn of(root: &PathText) -> Self {
        let mut root = root.to_bytes();
        let climbs = root.split(|byte| *byte == b'/').any(|part| part == b"..");
        if !climbs && root.first() != Some(&b'/') {
            return Self::WorkingDirectory;
        }
        while root.last() == Some(&b'/') {
            root.pop();
        }
        Self::Root(root)
    }

    /// Where the base is, as far as that is known without asking the system.
    pub(super) fn describe(&self) -> BTreeMap<&'static str, UriBase> {
        let base = match self {
            Self::WorkingDirectory => UriBase {
                uri: None,
                description: Text::plain("The directory in which casemate ran."),
            },
            Self::Root(root) => UriBase {
                uri: (root.is_empty() || root.starts_with(b"/"))
                    .then(|| format!("file://{}/", encode(root))),
                description: Text::plain("The tree that was assessed."),
            },
        };
        BTreeMap::from([(BASE, base)])
    }

    /// The URI of `path`, which is as the user gave it and the rest of the way.
    pub(super) fn locate(&self, path: &PathText) -> ArtifactLocation {
        let bytes = path.to_bytes();
        if let Self::Root(root) = self
            && let Some(rest) = bytes.strip_prefix(&root[..])
            && rest.starts_with(b"/")
        {
            return relative(&clean(rest));
        }
        if bytes.starts_with(b"/") {
            return ArtifactLocation {
                uri: format!("file://{}", encode(&bytes)),
                uri_base_id: None,
                index: None,
            };
        }
        relative(&clean(&bytes))
    }
}

/// A relative reference. One that climbs out of its base has none (section 3.4.4).
fn relative(path: &[u8]) -> ArtifactLocation {
    let climbs = path.split(|byte| *byte == b'/').any(|part| part == b"..");
    ArtifactLocation {
        uri: encode(path),
        uri_base_id: (!climbs).then_some(BASE),
        index: None,
    }
}

/// `path` without empty and `.` segments.
fn clean(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|byte| *byte == b'/');
    let parts: Vec<&[u8]> = parts
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    parts.join(&b'/')
}

/// Percent-encodes all but unreserved characters and the slash, so that no name can begin a query,
/// a fragment or a scheme.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

const BASE: &str = "%SRCROOT%";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn located(root: &str, path: &str) -> (String, bool) {
        let location = Base::of(&root.into()).locate(&path.into());
        (location.uri, location.uri_base_id.is_some())
    }

    #[test]
    fn paths_are_relative_to_what_a_code_scanning_service_checks_out() {
        for (root, path, uri) in [
            (".", "./models/a.pkl", "models/a.pkl"),
            ("sub", "sub/a b.pkl", "sub/a%20b.pkl"),
            ("/srv/tree/", "/srv/tree/a.pkl", "a.pkl"),
            ("/", "/etc/a.pkl", "etc/a.pkl"),
            ("../tree", "../tree/a#1?.pkl", "a%231%3F.pkl"),
            (".", "./http:x", "http%3Ax"),
        ] {
            assert_eq!(located(root, path), (uri.to_owned(), true), "{root} {path}");
        }
    }

    #[test]
    fn a_path_outside_of_the_base_says_so() {
        assert_eq!(located(".", "../a.pkl"), ("../a.pkl".into(), false));
        assert_eq!(
            located("/srv/tree", "/srv/tree2/a"),
            ("file:///srv/tree2/a".into(), false)
        );
        assert_eq!(
            located("/srv/a.pkl", "/srv/a.pkl"),
            ("file:///srv/a.pkl".into(), false)
        );
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_encoded_as_they_are() {
        let path = PathText::from_bytes(b"m/\xff%.pkl");
        assert_eq!(Base::WorkingDirectory.locate(&path).uri, "m/%FF%25.pkl");
    }

    proptest! {
        #[test]
        fn a_uri_holds_nothing_but_unreserved_characters(
            root in "[a./]{0,6}", path in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let path = PathText::from_bytes(&path);
            let location = Base::of(&root.as_str().into()).locate(&path);
            let text = location.uri.strip_prefix("file://").unwrap_or(&location.uri);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)));
        }
    }
}
