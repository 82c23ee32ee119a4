//! What may be called what: zones, namespaces and labels.

/// Whether a zone may have that name.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME
        && name
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// A label of RFC 1123.
pub(super) fn is_namespace(name: &str) -> bool {
    let is_inside = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    name.len() <= 63 && is_framed(name, is_inside, |it| it == b'-')
}

/// `app`, `app.kubernetes.io/name`.
pub(super) fn is_label(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let is_prefix = |it: &str| it.len() <= 253 && it.split('.').all(is_namespace);
    prefix.is_none_or(is_prefix) && !name.is_empty() && is_value(name)
}

/// What a label may be: nothing, or up to 63 letters, digits, `-`, `_` and `.` inside.
pub(super) fn is_value(value: &str) -> bool {
    let is_between = |it| matches!(it, b'-' | b'_' | b'.');
    let is_plain = |it: u8| it.is_ascii_alphanumeric();
    value.is_empty() || (value.len() <= 63 && is_framed(value, is_plain, is_between))
}

/// Whether it begins and ends with some characters, and has no others but those and some more.
fn is_framed(text: &str, ends: impl Fn(u8) -> bool, between: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|it| ends(*it))
        && bytes.last().is_some_and(|it| ends(*it))
        && bytes.iter().all(|it| ends(*it) || between(*it))
}

/// With what policies put around it, a name of Kubernetes.
pub(super) const MAX_NAME: usize = 40;
