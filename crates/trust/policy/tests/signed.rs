//! Archives that are signed as OPA signs them, made by other people's libraries: `signed/make.py`.

#![expect(clippy::disallowed_methods, reason = "the files are the tests' own")]

use std::fs;

use casemate_policy::{SignedFiles, verify_signed};

#[test]
fn what_other_libraries_sign_verifies() {
    for (archive, key) in [
        ("RS256", "rsa.pem"),
        ("RS384", "rsa.pem"),
        ("RS512", "rsa.pem"),
        ("PS256", "rsa.pem"),
        ("PS384", "rsa.pem"),
        ("PS512", "rsa.pem"),
        ("ES256", "p256.pem"),
        ("ES384", "p384.pem"),
        ("ES512", "p521.pem"),
        ("HS256", "secret.jwk"),
        ("HS384", "secret.jwk"),
        ("HS512", "secret.jwk"),
    ] {
        let signed = verified(archive, key, None).unwrap_or_else(|why| panic!("{archive}: {why}"));
        let expected = SignedFiles {
            algorithm: archive.to_owned(),
            key: None,
            issuer: None,
            scope: None,
            files: 3,
        };
        assert_eq!(signed, expected);
    }
}

#[test]
fn each_kind_of_digest_counts_and_names_may_begin_with_a_slash() {
    let signed = verified("hashes", "p256.pem", Some("write")).expect("verifies");
    assert_eq!(signed.key.as_deref(), Some("seven"));
    assert_eq!(signed.issuer.as_deref(), Some("builder"));
    assert_eq!(signed.scope.as_deref(), Some("write"));
    assert!(verified("slashes", "p256.pem", None).is_ok());
}

#[test]
fn what_is_not_signed_for_all_that_it_holds_is_refused() {
    for (archive, key, scope, expected) in [
        ("unsigned", "p256.pem", None, "nobody signed it"),
        (
            "less",
            "p256.pem",
            None,
            "`limits/data.json` is in it and not signed",
        ),
        (
            "more",
            "p256.pem",
            None,
            "`gone.rego` is signed and not in it",
        ),
        ("twice", "p256.pem", None, "names `/.manifest` twice"),
        ("sha1", "p256.pem", None, "of the kind SHA-1"),
        (
            "tampered",
            "p256.pem",
            None,
            "`admission/gate.rego` is not what was signed",
        ),
        ("critical", "p256.pem", None, "demands something"),
        ("none", "p256.pem", None, "algorithm is \"none\""),
        ("confused", "p256.pem", None, "no key that is given"),
        ("none-at-all", "p256.pem", None, "it has 0 signatures"),
        ("two", "p256.pem", None, "it has 2 signatures"),
        ("plugin", "p256.pem", None, "plugin of-mine"),
        ("shape", "p256.pem", None, "cannot be read"),
        ("ES256", "p384.pem", None, "no key that is given"),
        ("ES256", "rsa.pem", None, "no key that is given"),
        ("HS256", "p256.pem", None, "no key that is given"),
        ("RS256", "secret.jwk", None, "no key that is given"),
        (
            "ES256",
            "p256.pem",
            Some("write"),
            "not signed for the scope write",
        ),
        (
            "hashes",
            "p256.pem",
            Some("read"),
            "not signed for the scope read",
        ),
        ("hashes", "p256.pem", None, "--scope write"),
    ] {
        let error = verified(archive, key, scope).expect_err(archive);
        assert!(error.contains(expected), "{archive}: {error}");
    }
}

#[test]
fn no_byte_of_a_signed_archive_can_be_changed() {
    let bytes = read("ES256.tar.gz");
    let key = String::from_utf8(read("p256.pem")).expect("text");
    for at in 0..bytes.len() {
        // The header of gzip has bytes that say nothing of the content: time, system, flags of effort.
        if (4..10).contains(&at) {
            continue;
        }
        let mut other = bytes.clone();
        other[at] ^= 0x10;
        assert!(verify_signed(&other, &key, None).is_err(), "byte {at}");
    }
    for end in 0..bytes.len() {
        assert!(
            verify_signed(&bytes[..end], &key, None).is_err(),
            "{end} bytes"
        );
    }
    let behind = [&bytes[..], b"x"].concat();
    assert!(verify_signed(&behind, &key, None).is_err());
}

#[test]
fn what_is_no_key_verifies_nothing() {
    for key in [
        "",
        "{}",
        "secret",
        "-----BEGIN PUBLIC KEY-----",
        "{\"keys\": []}",
    ] {
        let error = verify_signed(&read("HS256.tar.gz"), key, None).expect_err(key);
        assert!(error.to_string().contains("does not hold"), "{error}");
    }
}

fn verified(archive: &str, key: &str, scope: Option<&str>) -> Result<SignedFiles, String> {
    let key = String::from_utf8(read(key)).expect("text");
    let bytes = read(&format!("{archive}.tar.gz"));
    verify_signed(&bytes, &key, scope).map_err(|error| error.to_string())
}

fn read(name: &str) -> Vec<u8> {
    fs::read(format!(
        "{}/tests/signed/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .expect(name)
}
