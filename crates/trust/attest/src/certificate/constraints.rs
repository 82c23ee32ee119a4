//! Name constraints (RFC 5280, section 4.2.1.10).

use der::Encode as _;
use x509_cert::{
    ext::pkix::{
        NameConstraints, SubjectAltName, constraints::name::GeneralSubtree, name::GeneralName,
    },
    name::Name,
};

use super::Certificate;

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
    let has_mail = names
        .iter()
        .any(|name| matches!(name, GeneralName::Rfc822Name(_)));
    if !has_mail && let Some(mail) = subject.email_address().ok()? {
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

/// Whether `name` is within the subtree of `base`; never, for kinds that have no subtrees here.
fn within(name: &GeneralName, base: &GeneralName) -> bool {
    match (name, base) {
        (GeneralName::DirectoryName(name), GeneralName::DirectoryName(base)) => {
            begins_with(name, base)
        }
        (GeneralName::DnsName(name), GeneralName::DnsName(base)) => {
            is_under(name.as_str(), base.as_str())
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

/// Whether an excluded subtree says nothing about `name`. A kind that has no subtrees here, and a URI
/// whose host cannot be told, may be anywhere.
fn clearly_outside(name: &GeneralName, base: &GeneralName) -> bool {
    let has_subtrees = match name {
        GeneralName::UniformResourceIdentifier(uri) => host(uri.as_str()).is_some(),
        GeneralName::OtherName(_) | GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => {
            false
        }
        _ => true,
    };
    has_subtrees && !within(name, base)
}

fn begins_with(name: &Name, base: &Name) -> bool {
    let encoded = |name: &Name| -> Option<Vec<Vec<u8>>> {
        name.iter_rdn().map(|part| part.to_der().ok()).collect()
    };
    match (encoded(name), encoded(base)) {
        (Some(name), Some(base)) => name.starts_with(&base),
        _ => false,
    }
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

/// A mailbox, every mailbox of a host, or every one below a domain.
fn mail_is_within(mail: &str, base: &str) -> bool {
    let Some((mailbox, host)) = mail.rsplit_once('@') else {
        return false;
    };
    match base.rsplit_once('@') {
        Some((only, of)) => mailbox == only && host.eq_ignore_ascii_case(of),
        None => host_is_within(host, base),
    }
}

/// The host of a URI that has an authority with a name in it.
fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    let is_name = host.contains(|c: char| c.is_ascii_alphabetic()) && !host.starts_with('[');
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
}
