//! Name constraints (RFC 5280, section 4.2.1.10).

use x509_cert::ext::pkix::{
    NameConstraints, SubjectAltName, constraints::name::GeneralSubtree, name::GeneralName,
};

use super::{Certificate, distinguished};

/// Whether the names of the certificates below an issuer, its leaf first, are within what the issuer
/// constrains them to.
pub(super) fn hold(issuer: &Certificate, below: &[&Certificate]) -> bool {
    let constraints = match issuer.tbs().get_extension::<NameConstraints>() {
        Ok(None) => return true,
        Ok(Some((_, constraints))) => constraints,
        Err(_) => return false,
    };
    let permitted = constraints.permitted_subtrees.unwrap_or_default();
    let excluded = constraints.excluded_subtrees.unwrap_or_default();
    // Distances were never used: RFC 5280 has minimum 0 and no maximum.
    let plain = |it: &GeneralSubtree| it.minimum == 0 && it.maximum.is_none();
    if !permitted.iter().chain(&excluded).all(plain) {
        return false;
    }
    let mut bound = below.iter().enumerate();
    bound.all(|(depth, certificate)| {
        if depth > 0 && certificate.is_self_issued() {
            return true;
        }
        names(certificate).is_some_and(|names| {
            names.iter().all(|name| {
                let mut of_its_kind = permitted.iter().filter(|it| same_kind(&it.base, name));
                let first = of_its_kind.next();
                let is_permitted = first.is_none_or(|first| {
                    within(name, &first.base) || of_its_kind.any(|it| within(name, &it.base))
                });
                let is_excluded = excluded
                    .iter()
                    .any(|it| same_kind(&it.base, name) && !clearly_outside(name, &it.base));
                is_permitted && !is_excluded
            })
        })
    })
}

/// Every name of a certificate, or nothing where they cannot be read.
fn names(certificate: &Certificate) -> Option<Vec<GeneralName>> {
    let subject = certificate.tbs().subject();
    let mut names = match certificate.tbs().get_extension::<SubjectAltName>() {
        Ok(names) => names.map_or_else(Vec::new, |(_, names)| names.0),
        Err(_) => return None,
    };
    for attribute in subject.iter().filter(|it| it.oid == EMAIL_ADDRESS) {
        let mail = distinguished::text(&attribute.value)?;
        let mail = der::asn1::Ia5String::new(mail.as_bytes()).ok()?;
        names.push(GeneralName::Rfc822Name(mail));
    }
    if !subject.is_empty() {
        names.push(GeneralName::DirectoryName(subject.clone()));
    }
    Some(names)
}

fn same_kind(a: &GeneralName, b: &GeneralName) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// Whether `name` is within the subtree of `base`; never, for kinds that have no subtrees here, and for
/// names that could be read in more than one way.
fn within(name: &GeneralName, base: &GeneralName) -> bool {
    match (name, base) {
        (GeneralName::DirectoryName(name), GeneralName::DirectoryName(base)) => {
            distinguished::begins_with(name, base)
        }
        (GeneralName::DnsName(name), GeneralName::DnsName(base)) => {
            let name = name.as_str();
            // All that a wildcard stands for is below what is behind it.
            let name = name.strip_prefix("*.").unwrap_or(name);
            is_host(name) && is_base(base.as_str()) && is_under(name, base.as_str())
        }
        (GeneralName::Rfc822Name(name), GeneralName::Rfc822Name(base)) => {
            mail_is_within(name.as_str(), base.as_str())
        }
        (
            GeneralName::UniformResourceIdentifier(name),
            GeneralName::UniformResourceIdentifier(base),
        ) => host(name.as_str()).is_some_and(|host| host_is_within(host, base.as_str())),
        (GeneralName::IpAddress(name), GeneralName::IpAddress(base)) => {
            address_is_within(name.as_bytes(), base.as_bytes())
        }
        _ => false,
    }
}

/// Whether an excluded subtree says nothing about `name`. A kind that has no subtrees here, a URI whose
/// host cannot be told, and whatever else could be read in more than one way, may be anywhere.
fn clearly_outside(name: &GeneralName, base: &GeneralName) -> bool {
    match (name, base) {
        (GeneralName::DirectoryName(name), GeneralName::DirectoryName(base)) => {
            !distinguished::may_begin_with(name, base)
        }
        (GeneralName::DnsName(name), GeneralName::DnsName(base)) => {
            dns_is_outside(name.as_str(), base.as_str())
        }
        (GeneralName::Rfc822Name(name), GeneralName::Rfc822Name(base)) => {
            mail_is_outside(name.as_str(), base.as_str())
        }
        (
            GeneralName::UniformResourceIdentifier(name),
            GeneralName::UniformResourceIdentifier(base),
        ) => host(name.as_str())
            .is_some_and(|host| is_base(base.as_str()) && !host_is_within(host, base.as_str())),
        (GeneralName::IpAddress(_), GeneralName::IpAddress(_)) => !within(name, base),
        _ => false,
    }
}

/// Letters, digits and hyphens in labels between dots, which has one spelling but for its case.
fn is_host(name: &str) -> bool {
    let of_label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    name.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(of_label))
}

fn is_base(base: &str) -> bool {
    base.is_empty() || is_host(base.strip_prefix('.').unwrap_or(base))
}

fn dns_is_outside(name: &str, base: &str) -> bool {
    let (plain, is_wild) = match name.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    // A wildcard stands for names inside of a subtree that is below it.
    let meets = is_under(plain, base) || (is_wild && is_under(base.trim_start_matches('.'), plain));
    is_host(plain) && is_base(base) && !meets
}

/// A domain, and every domain below it. An empty base is the whole tree.
fn is_under(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    let base = base.strip_prefix('.').unwrap_or(&base);
    base.is_empty() || name == base || name.ends_with(&format!(".{base}"))
}

/// `.domain` is every host below it, `domain` is that host.
fn host_is_within(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(_) => {
            host.len() > base.len()
                && is_under(host, base)
                && !host.eq_ignore_ascii_case(&base[1..])
        }
        None => host.eq_ignore_ascii_case(base),
    }
}

/// A mailbox and its host, where nothing is quoted and the host has one spelling.
fn mail(text: &str) -> Option<(&str, &str)> {
    let (mailbox, host) = text.split_once('@')?;
    let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'(' | b')' | b'@');
    (!mailbox.is_empty() && mailbox.bytes().all(is_plain) && is_host(host))
        .then_some((mailbox, host))
}

/// A mailbox, every mailbox of a host, or every one below a domain.
fn mail_is_within(name: &str, base: &str) -> bool {
    let Some((mailbox, host)) = mail(name) else {
        return false;
    };
    match base.rsplit_once('@') {
        Some((only, of)) => mailbox == only && host.eq_ignore_ascii_case(of),
        None => host_is_within(host, base),
    }
}

fn mail_is_outside(name: &str, base: &str) -> bool {
    let Some((mailbox, host)) = mail(name) else {
        return false;
    };
    match base.contains('@') {
        // Hosts may take mailboxes for the same that differ in case.
        true => mail(base).is_some_and(|(only, of)| {
            !mailbox.eq_ignore_ascii_case(only) || !host.eq_ignore_ascii_case(of)
        }),
        false => is_base(base) && !host_is_within(host, base),
    }
}

/// The host of a URI that has an authority with a name in it.
fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    // Some take a backslash for a slash, and escapes for what they stand for.
    if authority.contains(['\\', '%']) {
        return None;
    }
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    let is_name = host.contains(|c: char| c.is_ascii_alphabetic()) && is_host(host);
    is_name.then_some(host)
}

/// An address and a mask after it, of four or sixteen bytes each.
fn address_is_within(address: &[u8], base: &[u8]) -> bool {
    if base.len() != 2 * address.len() || !matches!(address.len(), 4 | 16) {
        return false;
    }
    let (network, mask) = base.split_at(address.len());
    let mut bytes = address.iter().zip(network).zip(mask);
    bytes.all(|((address, network), mask)| address & mask == network & mask)
}

/// PKCS #9, in a subject.
const EMAIL_ADDRESS: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_are_those_of_the_rfc() {
        for (mail, base, is_within) in [
            ("a@example.org", "example.org", true),
            ("a@Example.ORG", "example.org", true),
            ("a@sub.example.org", "example.org", false),
            ("a@sub.example.org", ".example.org", true),
            ("a@example.org", ".example.org", false),
            ("a@example.org", "a@example.org", true),
            ("A@example.org", "a@example.org", false),
            ("a@evilexample.org", ".example.org", false),
            ("example.org", "example.org", false),
        ] {
            assert_eq!(mail_is_within(mail, base), is_within, "{mail} in {base}");
        }
        for (name, base, is_within) in [
            ("a.example.org", "example.org", true),
            ("example.org", "example.org", true),
            ("badexample.org", "example.org", false),
            ("anything", "", true),
        ] {
            assert_eq!(is_under(name, base), is_within, "{name} in {base}");
        }
        for uri in [
            "https://evil.example.org./x",
            "https://evil.%65xample.org/x",
            "https://evil.example.org\\@b.test/x",
        ] {
            assert_eq!(host(uri), None, "{uri}");
        }
        assert_eq!(host("spiffe://example.org/ns/a"), Some("example.org"));
        assert_eq!(
            host("https://u@example.org:8443/x@evil.test"),
            Some("example.org")
        );
        assert_eq!(host("urn:example"), None);
        assert_eq!(host("https://[::1]/"), None);
        assert!(address_is_within(
            &[10, 1, 2, 3],
            &[10, 0, 0, 0, 255, 0, 0, 0]
        ));
        assert!(!address_is_within(
            &[11, 1, 2, 3],
            &[10, 0, 0, 0, 255, 0, 0, 0]
        ));
        assert!(!address_is_within(&[10, 1, 2, 3], &[10, 0, 0, 0]));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_outside() {
        for (name, base, is_outside) in [
            ("other.test", "example.org", true),
            ("badexample.org", "example.org", true),
            ("evil.EXAMPLE.org", "example.org", false),
            ("evil.example.org.", "example.org", false),
            ("*.example.org", "a.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.example.org", "other.test", true),
            ("e*.example.org", "other.test", false),
            ("other.test", "example.org.", false),
            ("other.test", "", false),
        ] {
            assert_eq!(dns_is_outside(name, base), is_outside, "{name} and {base}");
        }
        for (name, base, is_outside) in [
            ("a@other.test", "example.org", true),
            ("a@example.org", "example.org", false),
            ("a@example.org.", "example.org", false),
            ("\"a@b\"@other.test", "example.org", false),
            ("A@example.org", "a@example.org", false),
            ("b@example.org", "a@example.org", true),
        ] {
            assert_eq!(mail_is_outside(name, base), is_outside, "{name} and {base}");
        }
    }
}
