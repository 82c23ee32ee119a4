use super::*;

const MESSAGE: &[u8] = b"what is signed";

#[test]
fn a_key_comes_back_from_every_form_and_verifies_what_it_signed() {
    for algorithm in KeyAlgorithm::ALL {
        let key = SigningKey::generate(algorithm).expect("randomness");
        let public = key.public();
        assert_eq!(public.algorithm(), algorithm);
        let pem = key.to_pem(None).expect("encodes");
        let back = SigningKey::read(pem.as_bytes(), None).expect("reads");
        assert_eq!(back.public(), public);
        assert_eq!(
            back.sign(MESSAGE),
            key.sign(MESSAGE),
            "signatures are deterministic"
        );
        for form in [public.to_pem().into_bytes(), public.to_der()] {
            let read = PublicKey::read(&form).expect("reads");
            assert_eq!(read.id(), public.id());
            assert!(read.verify(MESSAGE, &key.sign(MESSAGE)).is_ok());
            assert!(read.verify(b"other", &key.sign(MESSAGE)).is_err());
        }
    }
}

/// RFC 8410 has the public half in version 2 only, which OpenSSL does not read.
#[test]
fn an_edwards_key_is_written_as_others_read_it() {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    let pem = key.to_pem(None).expect("encodes");
    let block = pem::parse(pem.as_bytes()).expect("PEM");
    let beginning = [
        0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
    ];
    assert_eq!(block.contents()[..16], beginning);
    assert_eq!(block.contents().len(), 48);
}

#[test]
fn a_pass_phrase_opens_its_own_key_only() {
    let key = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
    let pem = key.to_pem(Some(b"open sesame")).expect("encrypts");
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let read = |phrase: Option<&[u8]>| SigningKey::read(pem.as_bytes(), phrase);
    assert_eq!(
        read(Some(b"open sesame")).expect("opens").public(),
        key.public()
    );
    assert!(matches!(read(None), Err(KeyError::NeedsPassphrase)));
    assert!(matches!(
        read(Some(b"open")),
        Err(KeyError::WrongPassphrase)
    ));
}

#[test]
fn what_is_no_key_is_told_by_what_it_is() {
    let key = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
    let (private, public) = (key.to_pem(None).expect("encodes"), key.public().to_pem());
    assert!(matches!(
        PublicKey::read(private.as_bytes()),
        Err(KeyError::Private)
    ));
    let told = SigningKey::read(public.as_bytes(), None)
        .expect_err("public")
        .to_string();
    assert!(told.contains("PUBLIC KEY"), "{told}");
    for bytes in [&b""[..], b"hello", b"\x30", b"\x30\x80\0\0", b"\xff\xfe"] {
        assert!(PublicKey::read(bytes).is_err());
        assert!(SigningKey::read(bytes, None).is_err());
    }
    // RFC 8032 keys of another curve: X25519.
    let x25519 = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00\x09".to_vec();
    let x25519 = [x25519, vec![0; 31]].concat();
    assert!(matches!(
        PublicKey::read(&x25519),
        Err(KeyError::Unsupported(_))
    ));
}

#[test]
fn a_point_that_is_on_no_curve_is_no_key() {
    let key = SigningKey::generate(KeyAlgorithm::P256).expect("randomness");
    let mut der = key.public().to_der();
    *der.last_mut().expect("bytes") ^= 1;
    assert!(matches!(PublicKey::read(&der), Err(KeyError::Malformed(_))));
}

#[test]
fn debug_shows_nothing_of_a_private_key() {
    let key = SigningKey::generate(KeyAlgorithm::Ed25519).expect("randomness");
    assert_eq!(format!("{key:?}"), "SigningKey(ed25519)");
}

#[test]
fn openssl_and_we_read_each_other() {
    // Written by `openssl ecparam -name secp521r1 -genkey`: parameters, then SEC 1.
    let sec1 = include_bytes!("../../tests/fixtures/openssl-p521-sec1.pem");
    let key = SigningKey::read(sec1, None).expect("reads");
    let public = include_bytes!("../../tests/fixtures/openssl-p521.pub");
    assert_eq!(PublicKey::read(public).expect("reads"), key.public());
    assert_eq!(key.public().to_pem().as_bytes(), public);
    // Written by `openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:casemate` from the same.
    let encrypted = include_bytes!("../../tests/fixtures/openssl-p521-pbes2.pem");
    let opened = SigningKey::read(encrypted, Some(b"casemate")).expect("opens");
    assert_eq!(opened.public(), key.public());
    // `openssl dgst -sha512 -sign`, over the text of the message.
    let signature = include_bytes!("../../tests/fixtures/openssl-p521.sig");
    assert!(key.public().verify(MESSAGE, signature).is_ok());
    // The same with `-sha256`, as model-signing 0.2 signed under every curve.
    let signature = include_bytes!("../../tests/fixtures/openssl-p521-sha256.sig");
    assert!(key.public().verify(MESSAGE, signature).is_err());
    assert!(
        key.public()
            .verify_sha256(&Digest::of(MESSAGE), signature)
            .is_ok()
    );
}
