use super::*;

/// A fixture by name; `tests/fixtures/certificates/make.py` made them.
fn fixture(name: &str) -> Certificate {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificates");
    let file = std::fs::File::open(format!("{dir}/{name}.pem")).expect("a fixture");
    let text = std::io::read_to_string(file).expect("PEM");
    let mut all = Certificate::read_all(text.as_bytes()).expect("a certificate");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn verify_at(
    leaf: &str,
    intermediates: &[&str],
    anchors: &[&str],
    at: &str,
) -> Result<usize, PathError> {
    let all = |names: &[&str]| names.iter().map(|name| fixture(name)).collect::<Vec<_>>();
    let at = at.parse().expect("a time");
    verify_path(&fixture(leaf), &all(intermediates), &all(anchors), at)
}

fn verify(leaf: &str, intermediates: &[&str], anchors: &[&str]) -> Result<usize, PathError> {
    verify_at(leaf, intermediates, anchors, "2030-01-01T00:00:00Z")
}

#[test]
fn a_path_leads_to_the_root_that_is_trusted() {
    for leaf in [
        "leaf",
        "leaf-p384",
        "leaf-ed25519",
        "leaf-client",
        "leaf-bare",
    ] {
        assert!(
            matches!(verify(leaf, &["issuing"], &["root"]), Ok(0)),
            "{leaf}"
        );
    }
    let among = verify(
        "leaf",
        &["root", "second-issuing", "issuing"],
        &["root-rsa", "root"],
    );
    assert!(matches!(among, Ok(1)));
}

#[test]
fn authorities_may_sign_with_any_key_and_digest_of_today() {
    for (leaf, root) in [
        ("leaf-of-rsa", "root-rsa"),
        ("leaf-of-p521", "root-p521"),
        ("leaf-of-ed25519", "root-ed25519"),
    ] {
        assert!(matches!(verify(leaf, &[], &[root]), Ok(0)), "{leaf}");
    }
}

#[test]
fn a_certificate_that_is_named_needs_no_path() {
    assert!(matches!(
        verify("self-signed", &[], &["self-signed"]),
        Ok(0)
    ));
    assert!(matches!(verify("leaf", &[], &["leaf"]), Ok(0)));
    let late = verify_at("self-signed", &[], &["self-signed"], "2097-01-01T00:00:00Z");
    assert!(matches!(late, Err(PathError::Expired { .. })));
}

#[test]
fn nobody_is_trusted_for_coming_along() {
    assert!(matches!(
        verify("leaf", &["issuing"], &[]),
        Err(PathError::NoAnchor)
    ));
    let brought = verify("leaf", &["issuing", "root"], &["root-rsa"]);
    assert!(matches!(brought, Err(PathError::Untrusted)));
    assert!(matches!(
        verify("leaf", &[], &["root"]),
        Err(PathError::Untrusted)
    ));
    assert!(verify("self-signed", &["self-signed"], &["root"]).is_err());
    // The same name, another key.
    assert!(verify("leaf", &["issuing"], &["root-twin"]).is_err());
}

#[test]
fn every_certificate_of_a_path_is_within_its_time() {
    let expired = verify("leaf-expired", &["issuing"], &["root"]);
    assert!(matches!(expired, Err(PathError::Expired { .. })));
    let early = verify("leaf-future", &["issuing"], &["root"]);
    assert!(matches!(early, Err(PathError::NotYetValid { .. })));
    let stale = verify("leaf-of-expired", &["issuing-expired"], &["root"]);
    assert!(matches!(stale, Err(PathError::Expired { .. })));
    let root = verify("leaf-of-expired-root", &[], &["root-expired"]);
    assert!(matches!(root, Err(PathError::Expired { .. })));
    // Asked about a time when it was valid, it is.
    assert!(
        verify_at(
            "leaf-expired",
            &["issuing"],
            &["root"],
            "2027-06-01T00:00:00Z"
        )
        .is_ok()
    );
}

#[test]
fn only_authorities_issue_and_within_their_constraints() {
    for (leaf, intermediates) in [
        ("issuing-leaf", &["leaf", "issuing"][..]),
        ("leaf-of-no-cert-sign", &["no-cert-sign"]),
        ("leaf-too-deep", &["second-issuing", "issuing"]),
        ("leaf-out-of-bounds", &["bound"]),
        ("leaf-critical", &["issuing"]),
        ("leaf-of-policy-bound", &["policy-bound"]),
    ] {
        let refused = verify(leaf, intermediates, &["root"]);
        assert!(
            matches!(refused, Err(PathError::Invalid(_))),
            "{leaf}: {refused:?}"
        );
    }
}

#[test]
fn an_issuer_is_the_same_in_every_spelling_of_its_name() {
    assert!(matches!(
        verify("leaf-of-spelled", &["spelled"], &["root"]),
        Ok(0)
    ));
    // Policies that nothing requires hinder nobody.
    assert!(matches!(
        verify("leaf-of-policy", &["policy"], &["root"]),
        Ok(0)
    ));
    let bound = verify("leaf-of-policy-bound", &["policy-bound"], &["root"]);
    let told = bound.expect_err("refused").to_string();
    assert!(told.ends_with("not understood: 2.5.29.36"), "{told}");
}

#[test]
fn a_leaf_may_sign_by_its_usage_or_its_purpose() {
    for (leaf, may) in [
        ("leaf", true),
        ("leaf-p384", true),
        ("leaf-code-signing-only", true),
        ("self-signed", true),
        ("leaf-client", false),
        ("leaf-server", false),
        ("leaf-any-purpose", true),
        ("leaf-any-purpose-only", false),
        ("leaf-bare", false),
    ] {
        assert_eq!(fixture(leaf).may_sign(), may, "{leaf}");
    }
    let identity = Identity::Email("release@example.org".into());
    assert_eq!(fixture("leaf").identities(), [identity]);
    assert_eq!(fixture("leaf").subject(), "CN=leaf,O=Casemate tests");
}

#[test]
fn what_is_no_certificate_is_refused() {
    for bytes in [
        &b""[..],
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(Certificate::read_all(bytes).is_err());
    }
    let key = b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    assert!(matches!(
        Certificate::read_all(key),
        Err(CertificateError::None)
    ));
    let mut der = fixture("leaf").der().to_vec();
    der.push(0);
    assert!(Certificate::from_der(&der).is_err());
}

#[test]
fn a_certificate_is_named_by_its_twin_and_its_key_too() {
    let (leaf, issuing) = (fixture("leaf"), fixture("issuing"));
    let twin = leaf
        .twin(&issuing.public_key().expect("a key"))
        .expect("ECDSA");
    let twin = Certificate::from_der(&twin).expect("a certificate");
    assert_ne!(twin.fingerprint(), leaf.fingerprint());
    assert!(twin.is_signed_by(&issuing), "as good as the first");
    for one in [&leaf, &twin] {
        let digests = one.digests(Some(&issuing));
        assert!(digests.contains(&leaf.fingerprint()));
        assert!(digests.contains(&twin.fingerprint()));
        assert!(digests.contains(&leaf.public_key().expect("a key").id()));
        assert!(!digests.contains(&issuing.fingerprint()));
    }
    assert!(
        fixture("leaf-of-rsa")
            .twin(&issuing.public_key().expect("a key"))
            .is_none()
    );
}

#[test]
fn only_what_signed_itself_vouches_for_itself() {
    assert!(fixture("root").is_self_signed());
    assert!(fixture("self-signed").is_self_signed());
    assert!(!fixture("leaf").is_self_signed());
}

#[test]
fn who_stamps_times_does_nothing_else() {
    for (name, may) in [
        ("stamping", true),
        ("stamping-without-usage", true),
        ("stamping-not-critical", false),
        ("stamping-and-more", false),
        ("stamping-for-agreement", false),
        ("leaf", false),
    ] {
        assert_eq!(fixture(name).is_for_stamping_alone(), may, "{name}");
    }
}
