use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Uri {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> UriError {
    text.parse::<Uri>()
        .expect_err("is no URI of a key that signs")
}

#[test]
fn every_attribute_of_the_rfc_is_read() {
    let uri = read(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;\
         serial=0001;model=1.0;library-manufacturer=Snake;library-description=Soft%3Bware;\
         library-version=3.12;slot-manufacturer=S;slot-description=a&b;slot-id=327;object=my-key;\
         type=private;id=%69%95%3E%5C%f4%bd%ecA?pin-source=file:/etc/token_pin&module-name=soft\
         &module-path=/usr/lib/pkcs11",
    );
    assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
    assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
    assert_eq!(uri.serial.as_deref(), Some("0001"));
    assert_eq!(uri.model.as_deref(), Some("1.0"));
    assert_eq!(uri.library_manufacturer.as_deref(), Some("Snake"));
    assert_eq!(uri.library_description.as_deref(), Some("Soft;ware"));
    assert_eq!(uri.library_version, Some((3, 12)));
    assert_eq!(uri.slot_manufacturer.as_deref(), Some("S"));
    assert_eq!(uri.slot_description.as_deref(), Some("a&b"));
    assert_eq!(uri.slot_id, Some(327));
    assert_eq!(uri.object.as_deref(), Some("my-key"));
    assert_eq!(
        uri.id.as_deref(),
        Some(&b"\x69\x95\x3e\x5c\xf4\xbd\xecA"[..])
    );
    assert_eq!(uri.pin(), Some(&Pin::File("/etc/token_pin".into())));
    assert_eq!(
        uri.module(),
        Some(Module::In("/usr/lib/pkcs11".into(), "soft".into()))
    );
}

#[test]
fn a_uri_may_name_nothing_and_an_attribute_may_be_empty() {
    assert_eq!(read("pkcs11:"), Uri::default());
    assert_eq!(read("PKCS11:TOKEN=a").token.as_deref(), Some("a"));
    assert_eq!(read("pkcs11:object=").object.as_deref(), Some(""));
    assert_eq!(
        read("pkcs11:library-version=3").library_version,
        Some((3, 0))
    );
}

#[test]
fn what_would_narrow_down_the_key_and_is_not_known_is_refused_and_elsewhere_ignored() {
    assert_eq!(
        refused("pkcs11:token=a;x-vendor=1"),
        UriError::Unknown("x-vendor".into())
    );
    assert_eq!(read("pkcs11:token=a?x-v=1&x-v=2"), read("pkcs11:token=a"));
    // An attribute of the other part is not known in this one.
    assert_eq!(
        refused("pkcs11:pin-value=1"),
        UriError::Unknown("pin-value".into())
    );
    assert_eq!(read("pkcs11:?token=a"), Uri::default());
}

#[test]
fn what_stands_twice_is_refused() {
    for (name, value) in [
        ("token", "a"),
        ("id", "%01"),
        ("type", "private"),
        ("slot-id", "1"),
    ] {
        let text = format!("pkcs11:{name}={value};{name}={value}");
        assert_eq!(refused(&text), UriError::Twice(name.into()));
    }
    for (name, value) in [
        ("pin-value", "1"),
        ("pin-source", "file:/a"),
        ("module-path", "/a"),
        ("module-name", "a"),
    ] {
        let text = format!("pkcs11:?{name}={value}&{name}={value}");
        assert_eq!(refused(&text), UriError::Twice(name.into()));
    }
    for query in [
        "pin-value=1&pin-source=file:/a",
        "pin-source=file:/a&pin-value=1",
    ] {
        assert_eq!(refused(&format!("pkcs11:?{query}")), UriError::TwoPins);
    }
}

#[test]
fn what_is_no_uri_is_told_by_what_is_wrong_with_it() {
    use UriError::*;

    let name = |it: &str| it.to_owned();
    for (text, error) in [
        ("release.key", Scheme),
        ("pkcs1", Scheme),
        ("pkcs11:token", NotAnAttribute(1, "path")),
        ("pkcs11:token=a;", NotAnAttribute(2, "path")),
        ("pkcs11:token=a;;id=%01", NotAnAttribute(2, "path")),
        ("pkcs11:=a", NotAnAttribute(1, "path")),
        ("pkcs11:?pin-value", NotAnAttribute(1, "query")),
        ("pkcs11:id=%", Escape(name("id"))),
        ("pkcs11:id=%0", Escape(name("id"))),
        ("pkcs11:id=%+1", Escape(name("id"))),
        ("pkcs11:id=%zz", Escape(name("id"))),
        ("pkcs11:token=a/b", Character(name("token"), 2)),
        ("pkcs11:token=a b", Character(name("token"), 2)),
        ("pkcs11:token=é", Character(name("token"), 1)),
        ("pkcs11:token=a#b", Character(name("token"), 2)),
        ("pkcs11:?x-v=#", Character(name("x-v"), 1)),
        ("pkcs11:token=%ff", NotText(name("token"))),
        ("pkcs11:slot-id=-1", Number("slot-id")),
        ("pkcs11:slot-id=+1", Number("slot-id")),
        ("pkcs11:slot-id=", Number("slot-id")),
        ("pkcs11:slot-id=18446744073709551616", Number("slot-id")),
        ("pkcs11:library-version=256", Number("library-version")),
        ("pkcs11:library-version=1.", Number("library-version")),
        ("pkcs11:type=key", Type),
        ("pkcs11:type=cert", NotPrivate(name("cert"))),
        ("pkcs11:?pin-source=%7C/usr/lib/pinomatic", Command),
        ("pkcs11:?pin-source=|/usr/lib/pinomatic", Command),
        ("pkcs11:?pin-source=/etc/pin", PinSource),
        ("pkcs11:?pin-source=file:pin", PinSource),
        ("pkcs11:?pin-source=file://host/pin", PinSource),
        ("pkcs11:?pin-source=https://host/pin", PinSource),
        ("pkcs11:?module-path=lib.so", ModulePath),
        ("pkcs11:?module-name=../lib", ModuleName),
        ("pkcs11:?module-name=", ModuleName),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
    let long = format!("pkcs11:token={}", "a".repeat(LONGEST));
    assert_eq!(refused(&long), Long);
}

#[test]
fn the_file_of_a_pin_is_a_uri_in_a_uri() {
    for source in [
        "file:/etc/a%20b",
        "file:///etc/a%20b",
        "file://localhost/etc/a%20b",
        "file:/etc/a%2520b",
    ] {
        let uri = read(&format!("pkcs11:?pin-source={source}"));
        assert_eq!(uri.pin(), Some(&Pin::File("/etc/a b".into())), "{source}");
    }
}

#[test]
fn nothing_shows_a_pin() {
    let uri = read("pkcs11:token=a?pin-value=s3cret");
    assert_eq!(
        uri.pin(),
        Some(&Pin::Value(Zeroizing::new("s3cret".into())))
    );
    assert_eq!(uri.to_string(), "pkcs11:token=a");
    assert!(!format!("{uri:?}").contains("s3cret"));
    for text in [
        "pkcs11:?pin-value=s3cret#",
        "pkcs11:?pin-value=s3cret%",
        "pkcs11:?pin-value=s3cret&pin-value=s3cret",
        "pkcs11:?pin_value:s3cret",
        "pkcs11:token=a;s3cret",
    ] {
        let error = refused(text);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_of_a_uri_reads_as_the_same_key(
        token in proptest::option::of(".{0,12}"),
        object in proptest::option::of("[ -~]{0,12}"),
        id in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
        slot_id in proptest::option::of(any::<u64>()),
        library_version in proptest::option::of(any::<(u8, u8)>()),
        is_private in any::<bool>(),
    ) {
        let uri = Uri { token, object, id, slot_id, library_version, is_private, ..Uri::default() };
        prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri));
    }

    #[test]
    fn no_text_is_too_much_for_it(text in "(pkcs11:)?[a-z0-9=;&?%:/ é-]{0,60}") {
        if let Ok(uri) = text.parse::<Uri>() {
            let again = uri.to_string().parse::<Uri>();
            prop_assert_eq!(again.map(|it| it.to_string()), Ok(uri.to_string()));
        }
    }
}
