//! What a certificate calls its holder, and which of that somebody asks for.

use std::fmt;

use x509_cert::ext::pkix::name::GeneralName;

use crate::matches;

/// A name of a certificate's holder, beside its subject.
///
/// Whoever gets to choose one kind of name may choose any text for it, so that a pattern is for one kind:
/// `email:*@ml.example.org`, `dns:*.ml.example.org`, `uri:spiffe://ml.example.org/*`, or `subject:CN=release,*`
/// for the whole subject. Without a kind, a pattern with `@` is for mail addresses; one with neither `@` nor
/// `=` for DNS names and URIs, and another for URIs and the whole subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A mail address.
    Email(String),
    /// A DNS name.
    Dns(String),
    /// A URI.
    Uri(String),
}

impl Identity {
    pub(super) fn of(name: GeneralName) -> Option<Self> {
        match name {
            GeneralName::Rfc822Name(text) => Some(Self::Email(text.to_string())),
            GeneralName::DnsName(text) => Some(Self::Dns(text.to_string())),
            GeneralName::UniformResourceIdentifier(text) => Some(Self::Uri(text.to_string())),
            _ => None,
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Email(text) | Self::Dns(text) | Self::Uri(text)) = self;
        f.write_str(text)
    }
}

/// Whether one of the names fits `pattern`.
pub(super) fn fits(pattern: &str, identities: &[Identity], subject: &str) -> bool {
    let email = |pattern: &str| {
        identities.iter().any(|it| match it {
            // A second `@` would leave open which host it is of.
            Identity::Email(mail) => mail.matches('@').count() == 1 && matches(pattern, mail),
            _ => false,
        })
    };
    let dns = |pattern: &str| {
        let pattern = pattern.to_ascii_lowercase();
        identities.iter().any(|it| match it {
            Identity::Dns(name) => matches(&pattern, &name.to_ascii_lowercase()),
            _ => false,
        })
    };
    let uri = |pattern: &str| {
        let fits = |it: &Identity| matches!(it, Identity::Uri(uri) if matches(pattern, uri));
        identities.iter().any(fits)
    };
    match pattern.split_once(':') {
        Some(("email", pattern)) => email(pattern),
        Some(("dns", pattern)) => dns(pattern),
        Some(("uri", pattern)) => uri(pattern),
        Some(("subject", pattern)) => matches(pattern, subject),
        _ if pattern == "*" => true,
        _ if pattern.contains('@') => email(pattern),
        _ if pattern.contains('=') => uri(pattern) || matches(pattern, subject),
        _ => dns(pattern) || uri(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_names_of_its_kind_alone() {
        let (email, dns, uri) = (
            |text: &str| Identity::Email(text.into()),
            |text: &str| Identity::Dns(text.into()),
            |text: &str| Identity::Uri(text.into()),
        );
        for (pattern, identity, does) in [
            ("*@ml.example.org", email("a@ml.example.org"), true),
            (
                "*@ml.example.org",
                email("a@evil.test@ml.example.org"),
                false,
            ),
            ("*@ml.example.org", dns("a@ml.example.org"), false),
            (
                "*@ml.example.org",
                uri("https://evil.test/@ml.example.org"),
                false,
            ),
            ("email:*@ml.example.org", email("a@ml.example.org"), true),
            ("dns:*@ml.example.org", email("a@ml.example.org"), false),
            ("*.example.org", dns("A.Example.org"), true),
            ("*.example.org", email("a@b.example.org"), false),
            ("spiffe://ml/*", uri("spiffe://ml/release"), true),
            ("uri:*@*", uri("https://a@b/"), true),
        ] {
            assert_eq!(
                fits(pattern, std::slice::from_ref(&identity), "CN=x"),
                does,
                "{pattern} {identity}"
            );
        }
        let of_subject = |pattern: &str, subject: &str| fits(pattern, &[], subject);
        assert!(of_subject("subject:CN=release,O=ml", "CN=release,O=ml"));
        assert!(of_subject("CN=release,O=ml", "CN=release,O=ml"));
        assert!(!of_subject("*@ml.example.org", "CN=x@ml.example.org"));
        assert!(!of_subject("*.ml.example.org", "CN=x.ml.example.org"));
    }
}
