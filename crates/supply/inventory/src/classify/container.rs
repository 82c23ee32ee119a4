//! How a container image is built, and how containers are composed.

use casemate_core::{AssetKind, Class};
use memchr::memmem;

use super::{class, head::Head, lines::split};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let text = head.text()?;
    let lines = head.lines();
    if lines.is_yaml_with(&["services"]) {
        let is_compose = [&b" image:"[..], b" build:", b" extends:"]
            .iter()
            .any(|key| memmem::find(text, key).is_some());
        return is_compose.then_some(class(AssetKind::Container, "compose"));
    }
    is_dockerfile(head, text).then_some(class(AssetKind::Container, "dockerfile"))
}

/// The first instruction is FROM, or ARG with a FROM behind it; and a second instruction is there,
/// or the name says so. Instructions may be in small letters, which only the name can excuse.
fn is_dockerfile(head: &Head<'_>, text: &[u8]) -> bool {
    let is_named = ["dockerfile", "containerfile"]
        .iter()
        .any(|name| head.name.starts_with(name) || head.extension() == *name);
    let mut has_from = false;
    for line in split(text) {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let Some(word) = words.next() else {
            continue;
        };
        let is_from = word == b"FROM" || is_named && word.eq_ignore_ascii_case(b"FROM");
        if has_from {
            return is_named || is_from || INSTRUCTIONS.contains(&word);
        }
        let is_argument = word == b"ARG" || is_named && word.eq_ignore_ascii_case(b"ARG");
        if is_from && names_image(words) {
            has_from = true;
        } else if !is_argument {
            return false;
        }
    }
    has_from && is_named
}

/// `[--platform=P] IMAGE [AS NAME]`.
fn names_image<'w>(words: impl Iterator<Item = &'w [u8]>) -> bool {
    let mut words = words.skip_while(|word| word.starts_with(b"--"));
    let is_image = |image: &[u8]| {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/:@${}".contains(byte);
        image.iter().all(is_part)
    };
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(image), None, None, None) => is_image(image),
        (Some(image), Some(word), Some(_), None) => {
            is_image(image) && word.eq_ignore_ascii_case(b"AS")
        }
        _ => false,
    }
}

const INSTRUCTIONS: [&[u8]; 17] = [
    b"ADD",
    b"ARG",
    b"CMD",
    b"COPY",
    b"ENTRYPOINT",
    b"ENV",
    b"EXPOSE",
    b"HEALTHCHECK",
    b"LABEL",
    b"MAINTAINER",
    b"ONBUILD",
    b"RUN",
    b"SHELL",
    b"STOPSIGNAL",
    b"USER",
    b"VOLUME",
    b"WORKDIR",
];
