use der::Encode as _;

use super::*;

/// What `tests/fixtures/timestamps/make.sh` had OpenSSL say of these bytes.
const SIGNATURE: &[u8] = include_bytes!("../../tests/fixtures/timestamps/signature");
const EC: &[u8] = include_bytes!("../../tests/fixtures/timestamps/ec-token.der");
const RSA_TOKEN: &[u8] = include_bytes!("../../tests/fixtures/timestamps/rsa-token.der");

fn root(pem: &[u8]) -> Vec<Certificate> {
    Certificate::read_all(pem).expect("a certificate")
}

fn ec_root() -> Vec<Certificate> {
    root(include_bytes!(
        "../../tests/fixtures/timestamps/ec-root.pem"
    ))
}

fn rsa_root() -> Vec<Certificate> {
    root(include_bytes!(
        "../../tests/fixtures/timestamps/rsa-root.pem"
    ))
}

#[test]
fn a_token_and_a_response_tell_the_time_that_openssl_gave() {
    let time = verify_timestamp(EC, SIGNATURE, &ec_root()).expect("verifies");
    assert_eq!(time.to_string().get(..5), Some("2026-"));
    let response = include_bytes!("../../tests/fixtures/timestamps/ec-response.der");
    assert_eq!(
        verify_timestamp(response, SIGNATURE, &ec_root()).expect("verifies"),
        time
    );
    assert!(verify_timestamp(RSA_TOKEN, SIGNATURE, &rsa_root()).is_ok());
}

#[test]
fn a_token_counts_for_its_signature_by_its_authority_alone() {
    let other = verify_timestamp(EC, b"another signature", &ec_root());
    assert!(matches!(other, Err(TimestampError::OtherSignature)));
    for roots in [rsa_root(), Vec::new()] {
        let untrusted = verify_timestamp(EC, SIGNATURE, &roots);
        assert!(
            matches!(untrusted, Err(TimestampError::Untrusted(_))),
            "{untrusted:?}"
        );
    }
    for garbage in [&b""[..], b"\x30\x00", b"\x30\x80", &EC[..100], SIGNATURE] {
        assert!(verify_timestamp(garbage, SIGNATURE, &ec_root()).is_err());
    }
}

#[test]
fn no_byte_of_a_token_can_change_the_time_it_tells() {
    let time = verify_timestamp(EC, SIGNATURE, &ec_root()).expect("verifies");
    for at in 0..EC.len() {
        let mut changed = EC.to_vec();
        changed[at] ^= 1;
        if let Ok(told) = verify_timestamp(&changed, SIGNATURE, &ec_root()) {
            assert_eq!(told, time, "byte {at}");
        }
    }
}

#[test]
fn a_moment_has_seconds_and_is_of_utc() {
    let told = |text: &str| moment(text.as_bytes()).map(|it| it.to_string());
    assert_eq!(
        told("20261127020304Z").as_deref(),
        Some("2026-11-27T02:03:04Z")
    );
    assert_eq!(
        told("20261127020304.25Z").as_deref(),
        Some("2026-11-27T02:03:04Z")
    );
    for text in [
        "202611270203Z",
        "20261127020304",
        "20261327020304Z",
        "20261127020304.Z",
        "+0261127020304Z",
    ] {
        assert_eq!(told(text), None, "{text}");
    }
}

fn sequence(tag: Tag, inner: &[u8]) -> Vec<u8> {
    AnyRef::new(tag, inner)
        .expect("short")
        .to_der()
        .expect("DER")
}

#[test]
fn a_critical_extension_says_what_nobody_here_understands() {
    let token = Token::parse(EC).expect("a token");
    let inner = AnyRef::from_der(token.content).expect("DER").value();
    let extended = |critical: &[u8]| {
        let oid = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1")
            .to_der()
            .expect("DER");
        let one = sequence(Tag::Sequence, &[&oid, critical, b"\x04\x00"].concat());
        let mut all = sequence(Tag::Sequence, &one);
        all[0] = EXTENSIONS;
        sequence(Tag::Sequence, &[inner, &all].concat())
    };
    assert!(Info::parse(&extended(b"")).is_ok());
    assert!(matches!(
        Info::parse(&extended(TRUE)),
        Err(TimestampError::Shape("a critical extension"))
    ));
}

#[test]
fn a_token_names_its_certificate_by_a_digest_of_today() {
    let signer = &ec_root()[0];
    let named = |algorithm: &[u8], digest: &[u8]| {
        let digest = sequence(Tag::OctetString, digest);
        let one = sequence(Tag::Sequence, &[algorithm, &digest].concat());
        sequence(Tag::Sequence, &sequence(Tag::Sequence, &one))
    };
    let algorithm = |oid: ObjectIdentifier| sequence(Tag::Sequence, &oid.to_der().expect("DER"));
    let (short, long) = (Sha256::digest(signer.der()), Sha512::digest(signer.der()));
    assert!(names(&named(b"", &short), signer).expect("reads"));
    assert!(names(&named(&algorithm(SHA512), &long), signer).expect("reads"));
    assert!(!names(&named(b"", &long), signer).expect("reads"));
    assert!(!names(&named(b"", &[0; 32]), signer).expect("reads"));
    let sha1 = algorithm(oid("1.3.14.3.2.26"));
    assert!(names(&named(&sha1, &[0; 20]), signer).is_err());
    for garbage in [&b""[..], b"\x30\x00", b"\x30\x02\x30\x00"] {
        assert!(names(garbage, signer).is_err());
    }
}
