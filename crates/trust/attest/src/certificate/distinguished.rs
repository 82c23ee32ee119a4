//! Distinguished names, compared as RFC 5280 section 7.1 has it: without regard to case, to how many spaces
//! there are, and to the kind of string that a value is written as.

use der::{Tag, Tagged as _, asn1::Any};
use x509_cert::name::{Name, RelativeDistinguishedName};

/// Whether two names are one.
pub(super) fn is_same(a: &Name, b: &Name) -> bool {
    a == b || (a.iter_rdn().count() == b.iter_rdn().count() && begins_with(a, b))
}

/// Whether `name` is below `base`, or is it.
pub(super) fn begins_with(name: &Name, base: &Name) -> bool {
    compare(name, base, |name, base| name == base)
}

/// Whether it may be: what is not ASCII has more spellings than are known here.
pub(super) fn may_begin_with(name: &Name, base: &Name) -> bool {
    let unclear = |value: &Value| !matches!(value, Value::Text(text) if text.is_ascii());
    compare(name, base, |name, base| {
        let of_kinds = name.len() == base.len()
            && name
                .iter()
                .zip(base)
                .all(|((name, _), (base, _))| name == base);
        let is_unclear = |it: &Part| it.iter().any(|(_, value)| unclear(value));
        name == base || (of_kinds && (is_unclear(name) || is_unclear(base)))
    })
}

/// A value's text, whichever kind of string it is.
pub(super) fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString => std::str::from_utf8(bytes).ok().map(str::to_owned),
        // Latin-1, as everybody writes it.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().copied().map(u16::from_be_bytes).collect();
            let text = rest.is_empty().then(|| String::from_utf16(&units));
            text?.ok()
        }
        _ => None,
    }
}

/// An RDN: its values by the names of their kinds, in order.
type Part = Vec<(String, Value)>;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String),
    /// What is no text.
    Other(Vec<u8>),
}

fn compare(name: &Name, base: &Name, is_same: impl Fn(&Part, &Part) -> bool) -> bool {
    let (mut name, mut base) = (name.iter_rdn(), base.iter_rdn());
    base.all(|base| {
        name.next()
            .is_some_and(|name| is_same(&part(name), &part(base)))
    })
}

fn part(part: &RelativeDistinguishedName) -> Part {
    let value = |value: &Any| match text(value) {
        Some(text) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            Value::Text(words.join(" ").to_lowercase())
        }
        None => Value::Other(value.value().to_vec()),
    };
    let values = part.iter().map(|it| (it.oid.to_string(), value(&it.value)));
    let mut values: Part = values.collect();
    values.sort();
    values
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use der::{Decode as _, Encode as _, asn1::SetOfVec};
    use x509_cert::{attr::AttributeTypeAndValue, name::RdnSequence};

    use super::*;

    fn organisation(tag: Tag, bytes: &[u8]) -> Name {
        let one = AttributeTypeAndValue {
            oid: der::asn1::ObjectIdentifier::new_unwrap("2.5.4.10"),
            value: Any::new(tag, bytes).expect("a value"),
        };
        let set = SetOfVec::try_from(vec![one]).expect("a set");
        let sequence = RdnSequence::from(vec![set.into()]).to_der().expect("DER");
        Name::from_der(&sequence).expect("a name")
    }

    #[test]
    fn a_name_is_the_same_in_every_spelling() {
        let base = organisation(Tag::PrintableString, b"Secret Org");
        for (tag, bytes) in [
            (Tag::Utf8String, &b"SECRET  ORG"[..]),
            (Tag::TeletexString, b" Secret Org "),
            (Tag::BmpString, b"\0S\0e\0c\0r\0e\0t\0 \0O\0r\0g"),
        ] {
            let name = organisation(tag, bytes);
            assert!(
                begins_with(&name, &base) && is_same(&name, &base),
                "{tag:?}"
            );
        }
        let other = organisation(Tag::Utf8String, b"Other");
        assert!(!begins_with(&other, &base) && !may_begin_with(&other, &base));
        let unclear = organisation(Tag::Utf8String, "Ｓecret Org".as_bytes());
        assert!(!begins_with(&unclear, &base) && may_begin_with(&unclear, &base));
        let longer = Name::from_str("CN=l,O=secret org").expect("a name");
        assert!(begins_with(&longer, &base) && !begins_with(&base, &longer));
        assert!(!is_same(&longer, &base) && !is_same(&base, &longer));
    }
}
