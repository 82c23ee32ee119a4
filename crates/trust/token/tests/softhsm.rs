//! Against SoftHSM, another implementation of tokens: what the token does is its own, and what it has is what
//! the test puts there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use casemate_attest::{Certificate, KeyAlgorithm, Sign as _};
use casemate_token::{Module, Token, TokenError, TokenKey, Uri};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, CertificateType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};

/// SoftHSM takes the place of its tokens from the environment, which a process changes for itself only with
/// unsafe code: each test runs as a child of itself, in a place of its own.
fn with_softhsm(test: &str, body: impl FnOnce()) {
    if let Some(passed) = std::env::var_os(INSIDE) {
        body();
        return std::fs::write(passed, b"").expect("written");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let configuration = dir.path().join("softhsm2.conf");
    let text = format!("directories.tokendir = {}\n", dir.path().display());
    std::fs::write(&configuration, text).expect("written");
    let status = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, dir.path().join("passed"))
        .env("SOFTHSM2_CONF", configuration)
        .status()
        .expect("it starts");
    // A name that is of no test would pass without a test.
    assert!(status.success() && dir.path().join("passed").exists());
}

fn module() -> PathBuf {
    Module::Named("softhsm2".to_owned())
        .find()
        .expect("SoftHSM; `./test` installs it")
}

/// A new token, and a session that may write into it.
fn new_token(label: &str) -> Session {
    let status = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", label])
        .args(["--pin", PIN, "--so-pin", "so-pin"])
        .status()
        .expect("softhsm2-util starts; `./test` installs it");
    assert!(status.success());
    let module = Pkcs11::new(module()).expect("a module");
    module
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .expect("starts");
    let slots = module.get_slots_with_initialized_token().expect("slots");
    let is_called = |it: &_| module.get_token_info(*it).expect("a token").label() == label;
    let slot = slots.into_iter().find(is_called).expect("the new token");
    let session = module.open_rw_session(slot).expect("a session");
    let pin = AuthPin::from(PIN);
    session.login(UserType::User, Some(&pin)).expect("the PIN");
    session
}

/// A pair of keys that is made in the token.
fn new_key(
    session: &Session,
    curve: &[u8],
    label: &str,
    id: &[u8],
) -> (ObjectHandle, ObjectHandle) {
    let (mechanism, kind) = match curve == ED25519 {
        true => (Mechanism::EccEdwardsKeyPairGen, KeyType::EC_EDWARDS),
        false => (Mechanism::EccKeyPairGen, KeyType::EC),
    };
    let common = [
        Attribute::Token(true),
        Attribute::KeyType(kind),
        Attribute::Label(label.into()),
        Attribute::Id(id.into()),
    ];
    let public = [
        &common[..],
        &[Attribute::EcParams(curve.into()), Attribute::Verify(true)],
    ];
    let private = [
        &common[..],
        &[
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Sign(true),
        ],
    ];
    session
        .generate_key_pair(&mechanism, &public.concat(), &private.concat())
        .expect("a pair of keys")
}

fn uri(text: &str) -> Uri {
    text.parse().expect("a URI")
}

fn open(text: &str) -> Result<TokenKey, TokenError> {
    let token = Token::find(&module(), &uri(text))?;
    assert!(token.wants_pin());
    token.log_in(Some(PIN))?;
    token.key(&uri(text))
}

fn refused(text: &str) -> String {
    open(text).expect_err("does not open").to_string()
}

#[test]
fn a_key_of_every_curve_signs_what_its_public_key_verifies() {
    with_softhsm(
        "a_key_of_every_curve_signs_what_its_public_key_verifies",
        || {
            let session = new_token("t");
            for (curve, algorithm) in [
                (P256, KeyAlgorithm::P256),
                (P384, KeyAlgorithm::P384),
                (P521, KeyAlgorithm::P521),
                (ED25519, KeyAlgorithm::Ed25519),
            ] {
                new_key(&session, curve, algorithm.as_str(), b"");
                let key = open(&format!("pkcs11:token=t;object={algorithm}")).expect("opens");
                assert_eq!(key.public().algorithm(), algorithm);
                for message in [&b""[..], b"message", &[7; 100_000]] {
                    let signature = key.sign(message).expect("signs");
                    assert!(key.public().verify(message, &signature).is_ok());
                }
            }
        },
    );
}

#[test]
fn a_key_is_found_by_what_names_it_and_one_that_is_not_alone_is_not_taken() {
    with_softhsm(
        "a_key_is_found_by_what_names_it_and_one_that_is_not_alone_is_not_taken",
        || {
            let session = new_token("t");
            new_key(&session, P256, "release", b"\x01");
            new_key(&session, P256, "release", b"\x02");
            new_key(&session, P384, "nightly", b"\x03");
            let by_id = open("pkcs11:token=t;id=%02").expect("opens").public();
            assert_eq!(
                open("pkcs11:object=release;id=%02")
                    .expect("opens")
                    .public(),
                by_id
            );
            assert_ne!(
                open("pkcs11:object=release;id=%01")
                    .expect("opens")
                    .public(),
                by_id
            );
            let told = refused("pkcs11:token=t;object=release");
            assert!(told.contains("pkcs11:object=release;id=%01 (EC)"), "{told}");
            assert!(told.contains("id=%02") && !told.contains("%03"), "{told}");
            let told = refused("pkcs11:token=t");
            assert!(
                told.contains("several private keys") && told.contains("nightly"),
                "{told}"
            );
            let told = refused("pkcs11:object=daily");
            assert!(
                told.contains("no private key pkcs11:object=daily"),
                "{told}"
            );
            assert!(told.contains("pkcs11:object=nightly;id=%03 (EC)"), "{told}");
            let told = refused("pkcs11:object=release;id=%03");
            assert!(told.contains("no private key"), "{told}");
        },
    );
}

#[test]
fn a_token_that_is_not_there_or_not_alone_is_told_with_those_that_are() {
    with_softhsm(
        "a_token_that_is_not_there_or_not_alone_is_told_with_those_that_are",
        || {
            let told = refused("pkcs11:");
            assert!(told.ends_with("the module has none"), "{told}");
            new_key(&new_token("one"), P256, "k", b"\x01");
            assert!(open("pkcs11:").is_ok());
            let two = new_token("two");
            new_key(&two, P256, "k", b"\x01");
            let told = refused("pkcs11:object=k");
            assert!(told.contains("several tokens"), "{told}");
            for name in ["pkcs11:token=one;serial=", "pkcs11:token=two;serial="] {
                assert!(told.contains(name), "{told}");
            }
            // As a message names a token, it is found.
            let named = told.split_whitespace().last().expect("words");
            assert!(open(named).is_ok(), "{named}");
            let told = refused("pkcs11:token=three;object=k");
            assert!(
                told.starts_with("there is no token pkcs11:token=three;"),
                "{told}"
            );
            assert!(told.contains("token=one"), "{told}");
            for other in [
                "model=x",
                "manufacturer=x",
                "slot-id=9",
                "library-version=1.0",
            ] {
                assert!(
                    refused(&format!("pkcs11:{other}")).contains("no token"),
                    "{other}"
                );
            }
            let same = "token=one;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;\
                library-manufacturer=SoftHSM;library-description=Implementation%20of%20PKCS11";
            assert!(open(&format!("pkcs11:{same}")).is_ok());
        },
    );
}

#[test]
fn a_wrong_pin_is_told_with_what_it_costs() {
    with_softhsm("a_wrong_pin_is_told_with_what_it_costs", || {
        let session = new_token("t");
        new_key(&session, P256, "k", b"\x01");
        // Who is logged in once is so in every session of the process.
        session.logout().expect("logs out");
        let token = || Token::find(&module(), &uri("pkcs11:token=t")).expect("is there");
        let error = token().log_in(Some("12345")).expect_err("is wrong");
        assert!(
            matches!(error, TokenError::WrongPin { last: false, .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("pkcs11:token=t;serial="),
            "{error}"
        );
        let error = token().log_in(Some("")).expect_err("is too short");
        assert!(matches!(error, TokenError::WrongPin { .. }), "{error}");
        // Without logging in, private keys are not to be seen.
        let error = token().key(&uri("pkcs11:token=t")).expect_err("is private");
        assert!(matches!(error, TokenError::NoKey { .. }), "{error}");
        assert!(open("pkcs11:token=t").is_ok());
    });
}

#[test]
fn a_public_key_that_is_of_another_key_signs_nothing() {
    with_softhsm("a_public_key_that_is_of_another_key_signs_nothing", || {
        let session = new_token("t");
        let (public, _) = new_key(&session, P256, "k", b"\x01");
        let (other, _) = new_key(&session, P256, "other", b"\x02");
        let relabelled = [Attribute::Id(b"\x01".into()), Attribute::Label("k".into())];
        session
            .update_attributes(other, &relabelled)
            .expect("changes");
        let told = refused("pkcs11:object=k");
        assert!(told.contains("differ from each other"), "{told}");
        session.destroy_object(public).expect("goes");
        let key = open("pkcs11:object=k").expect("looks as if");
        let error = key.sign(b"message").expect_err("does not verify");
        let told = std::error::Error::source(&error)
            .expect("a source")
            .to_string();
        assert!(told.contains("does not verify"), "{told}");
        // And of another curve.
        session.destroy_object(other).expect("goes");
        let (other, _) = new_key(&session, P384, "other", b"\x02");
        session
            .update_attributes(other, &relabelled)
            .expect("changes");
        assert!(
            open("pkcs11:object=k")
                .expect("looks as if")
                .sign(b"message")
                .is_err()
        );
    });
}

#[test]
fn the_public_key_may_be_in_a_certificate_and_has_to_be_somewhere() {
    with_softhsm(
        "the_public_key_may_be_in_a_certificate_and_has_to_be_somewhere",
        || {
            let session = new_token("t");
            let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/leaf.key");
            let status = Command::new("softhsm2-util")
                .args(["--import", fixture, "--token", "t", "--pin", PIN])
                .args(["--label", "k", "--id", "07"])
                .status()
                .expect("softhsm2-util starts");
            assert!(status.success());
            let public = [Attribute::Class(ObjectClass::PUBLIC_KEY)];
            for public in session.find_objects(&public).expect("objects") {
                session.destroy_object(public).expect("goes");
            }
            let told = refused("pkcs11:object=k");
            assert!(
                told.contains("neither a public key nor a certificate"),
                "{told}"
            );
            let leaf = Certificate::read_all(include_bytes!("fixtures/leaf.pem")).expect("reads");
            let certificate = [
                Attribute::Class(ObjectClass::CERTIFICATE),
                Attribute::CertificateType(CertificateType::X_509),
                Attribute::Token(true),
                Attribute::Id(b"\x07".into()),
                Attribute::Subject(b"\x30\x00".into()),
                Attribute::Value(leaf[0].der().to_vec()),
            ];
            session.create_object(&certificate).expect("a certificate");
            let key = open("pkcs11:object=k").expect("opens");
            assert_eq!(key.public(), leaf[0].public_key().expect("a key"));
            assert!(key.sign(b"message").is_ok());
        },
    );
}

#[test]
fn keys_of_other_kinds_and_those_that_ask_each_time_are_refused_by_name() {
    with_softhsm(
        "keys_of_other_kinds_and_those_that_ask_each_time_are_refused_by_name",
        || {
            let session = new_token("t");
            let public = [Attribute::Token(true), Attribute::ModulusBits(2048.into())];
            let private = [Attribute::Token(true), Attribute::Label("old".into())];
            session
                .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
                .expect("a pair of keys");
            let told = refused("pkcs11:object=old");
            assert!(told.contains("not supported (RSA)"), "{told}");
            let secp256k1 = b"\x06\x05\x2b\x81\x04\x00\x0a";
            new_key(&session, secp256k1, "coin", b"\x05");
            let error = open("pkcs11:object=coin").expect_err("another curve");
            assert!(matches!(error, TokenError::PublicKey(..)), "{error}");
            let private = [
                Attribute::Token(true),
                Attribute::Label("careful".into()),
                Attribute::Private(true),
                Attribute::AlwaysAuthenticate(true),
            ];
            let public = [Attribute::EcParams(P256.into())];
            session
                .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
                .expect("a pair of keys");
            let told = refused("pkcs11:object=careful");
            assert!(told.contains("at each signature"), "{told}");
            // What the token itself refuses is told by the token's code.
            let private = [Attribute::Label("agreeing".into()), Attribute::Sign(false)];
            let public = [
                Attribute::Label("agreeing".into()),
                Attribute::EcParams(P256.into()),
            ];
            session
                .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)
                .expect("a pair of keys");
            let error = open("pkcs11:object=agreeing").expect("opens").sign(b"");
            let error = error.expect_err("is for key agreement");
            let told = std::error::Error::source(&error).expect("a source");
            assert_eq!(
                told.to_string(),
                "the PKCS#11 module cannot sign: CKR_KEY_FUNCTION_NOT_PERMITTED"
            );
        },
    );
}

#[test]
fn what_is_no_module_is_told_as_that() {
    let told = |path: &Path| {
        let error = Token::find(path, &Uri::default());
        error.expect_err("is no module").to_string()
    };
    let dir = tempfile::tempdir().expect("a directory");
    let text = dir.path().join("text.so");
    std::fs::write(&text, "text").expect("written");
    let shown = told(&text);
    assert!(
        shown.contains("cannot use") && shown.contains("text.so"),
        "{shown}"
    );
    assert!(told(dir.path()).contains("cannot use"));
    // A library, but the one that this program is linked to.
    let maps = std::fs::File::open("/proc/self/maps").expect("Linux");
    let maps = std::io::read_to_string(maps).expect("UTF-8");
    let libc = maps.split_whitespace().find(|it| it.contains("/libc.so"));
    let shown = told(Path::new(libc.expect("a C library")));
    assert!(shown.contains("another kind"), "{shown}");
}

const INSIDE: &str = "CASEMATE_TEST_INSIDE_SOFTHSM";
const PIN: &str = "1234";

/// Curves as `CKA_EC_PARAMS` has them: in DER, object identifiers, and for Edwards curves a name.
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x23";
const ED25519: &[u8] = b"\x13\x0cedwards25519";
