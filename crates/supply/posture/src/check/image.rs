//! Names of images.

use casemate_core::Rule;

use super::Report;
use crate::{Cursor, Truth};

/// `registry/name:tag@digest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// With its registry.
    pub(super) name: &'a str,
    /// What may point elsewhere tomorrow.
    pub(super) tag: Option<&'a str>,
    /// What may not.
    pub(super) digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before a slash is that of a port.
        let start = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[start..].split_once(':') {
            Some((name, tag)) => (&rest[..start + name.len()], Some(tag)),
            None => (rest, None),
        };
        Self { name, tag, digest }
    }

    /// Whether it is another image whenever somebody pushes one: without a tag, or with one that moves by
    /// its name.
    pub(super) fn floats(&self) -> Truth {
        let last = self.name.rsplit('/').next().unwrap_or(self.name);
        let parts = [last, self.tag.unwrap_or_default()];
        if self.digest.is_some() {
            return Truth::No;
        }
        // Whatever is filled in before it, such a tag moves.
        if self.tag.is_some_and(moves) {
            return Truth::Yes;
        }
        let has = |sign: &str| parts.iter().any(|part| part.contains(sign));
        // Names of images have no capital letters: these are to be replaced.
        let path = self
            .name
            .split_once('/')
            .map_or(self.name, |(_, path)| path);
        let is_capital = path.contains(|c: char| c.is_ascii_uppercase());
        let why = match () {
            () if has("{{") || has("$(") => Some("a parameter names the image"),
            () if has("$") => Some("a variable names the image"),
            () if has("<") || is_capital => Some("the image is filled in later"),
            () => None,
        };
        if let Some(why) = why {
            return Truth::Unknown(why.into());
        }
        self.tag.is_none().into()
    }
}

/// Reports that the image at `at` floats, or else that it has no digest, by the one and the other rule.
/// `what` stands before its name.
pub(super) fn pinned(
    at: &Cursor<'_>,
    what: &str,
    (floating, tagged): (&'static Rule, &'static Rule),
    report: &mut Report,
) {
    let is_empty = |name: &str| name == "scratch" || name.is_empty();
    let floats = at.text().holds(|name| match is_empty(&name) {
        true => Truth::No,
        false => Image::of(&name).floats(),
    });
    if floats == Truth::No {
        let is_open = at
            .text()
            .is(|name| !is_empty(&name) && Image::of(&name).digest.is_none());
        report.when(is_open, tagged, at, || {
            format!("{what}{} has no digest", at.shown())
        });
        return;
    }
    report.when(floats, floating, at, || {
        format!("{what}{} is whatever is the latest", at.shown())
    });
}

/// Whether a tag says by its name that it is another image tomorrow: `latest`, `latest-gpu`, `cu12.latest`.
pub(super) fn moves(tag: &str) -> bool {
    let mut parts = tag.split(['-', '.', '_']);
    let is_latest = parts.next() == Some("latest") || parts.next_back() == Some("latest");
    MOVING.contains(&tag) || is_latest
}

const MOVING: &[&str] = &["", "latest", "main", "master", "nightly", "edge", "dev"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_may_be_that_of_a_port() {
        for (text, name, tag, digest) in [
            ("a", "a", None, None),
            ("r:5000/a", "r:5000/a", None, None),
            ("r:5000/a:1", "r:5000/a", Some("1"), None),
            ("a:1@sha256:0f", "a", Some("1"), Some("sha256:0f")),
        ] {
            let image = Image::of(text);
            assert_eq!((image.name, image.tag, image.digest), (name, tag, digest));
        }
    }

    #[test]
    fn what_floats_has_no_tag_or_one_that_moves() {
        for (text, floats) in [
            ("registry:5000/a", true),
            ("registry:5000/a:1", false),
            ("a", true),
            ("a:latest", true),
            ("a:nightly", true),
            ("a:latest-gpu", true),
            ("a:v1.latest", true),
            ("a:latestish", false),
            ("r.example.org/YOUR_PROJECT/a:latest", true),
            ("a:1@sha256:00", false),
            ("a:${TAG}@sha256:00", false),
            ("${HOST}/a", true),
            ("${HOST}/a:1", false),
        ] {
            assert_eq!(Image::of(text).floats(), floats.into(), "{text}");
        }
        for text in [
            "a:${TAG}",
            "$IMAGE",
            "<image>",
            "a:{{ tag }}",
            "V_IMAGE_URL",
            "r.example.org/YOUR_PROJECT/a:1",
        ] {
            assert!(
                matches!(Image::of(text).floats(), Truth::Unknown(_)),
                "{text}"
            );
        }
    }
}
