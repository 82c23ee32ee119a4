//! Names of images.

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

    /// Whether it is another image whenever somebody pushes one.
    pub(super) fn floats(&self) -> bool {
        self.digest.is_none() && matches!(self.tag, None | Some("latest"))
    }
}

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
}
