use serde_json::json;

use serde_json::Value;

use super::*;

fn manifest() -> Manifest {
    let resource = |name: &str, byte: u8| Resource {
        name: name.to_owned(),
        range: None,
        digest: vec![byte; 32].into(),
    };
    Manifest {
        name: "model".into(),
        resources: vec![resource("a.bin", 1), resource("sub/b.bin", 2)],
        serialization: Serialization {
            shard_size: None,
            hash: HashType::Sha256,
            allow_symlinks: false,
            ignore_paths: vec!["cache".into()],
        },
        is_legacy: false,
    }
}

/// A statement of two files, changed by `change`, with the root that fits unless that was changed.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Manifest, ManifestError> {
    let mut value: Value = serde_json::from_slice(&manifest().to_statement()).expect("JSON");
    change(&mut value);
    let mut digests = Vec::new();
    let resources = value["predicate"]["resources"].as_array().cloned();
    for resource in resources.unwrap_or_default() {
        let digest = resource["digest"].as_str().unwrap_or_default();
        digests.extend_from_slice(&from_hex(digest).unwrap_or_default());
    }
    if let Some(root) = value.pointer_mut("/subject/0/digest/sha256") {
        *root = json!(Digest::of(&digests).hex());
    }
    Manifest::from_statement(&serde_json::to_vec(&value).expect("JSON"))
}

#[test]
fn a_manifest_comes_back_as_it_was_signed() {
    let manifest = manifest();
    let back = Manifest::from_statement(&manifest.to_statement()).expect("reads");
    assert_eq!(back, manifest);
    let mut shards = manifest;
    shards.serialization.shard_size = Some(1000);
    shards.serialization.hash = HashType::Blake2b;
    for (resource, range) in shards.resources.iter_mut().zip([0..1000, 1000..1500]) {
        resource.name = "a:0:7".into();
        resource.range = Some(range);
        resource.digest = vec![3; 64].into();
    }
    let back = Manifest::from_statement(&shards.to_statement()).expect("reads");
    assert_eq!(back, shards);
}

#[test]
fn what_others_write_is_read() {
    let unknown = changed(|it| {
        it["predicate"]["resources"][0]["media_type"] = json!("x");
        it["predicate"]["more"] = json!([1]);
        it["predicate"]["serialization"]["more"] = json!({});
        it["more"] = json!(null);
    });
    assert!(unknown.is_ok(), "what is not known is left alone");
    // model-signing 1.1.1 writes shards so.
    let sharded = changed(|it| {
        let predicate = &mut it["predicate"];
        predicate["serialization"]["method"] = json!("shards");
        predicate["serialization"]["hash_type"] = json!("sha256-sharded-1000");
        predicate["serialization"]["shard_size"] = json!(1000.0);
        for (number, name) in ["a:0:1000", "a:1000:1001"].iter().enumerate() {
            predicate["resources"][number]["name"] = json!(name);
            predicate["resources"][number]["algorithm"] = json!("sha256-sharded-1000");
        }
    });
    assert_eq!(sharded.expect("reads").serialization.shard_size, Some(1000));
    let whole = changed(|it| {
        it["predicate"]["resources"] = json!([it["predicate"]["resources"][0]]);
        it["predicate"]["resources"][0]["name"] = json!(".");
    });
    assert!(whole.is_ok());
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let set = |path: &'static str, to: Value| {
        move |it: &mut Value| *it.pointer_mut(path).expect("there") = to
    };
    type Change = Box<dyn FnOnce(&mut Value)>;
    let refused: Vec<(&str, Change)> = vec![
        (
            "another type",
            Box::new(set("/_type", json!("https://in-toto.io/Statement/v0.1"))),
        ),
        (
            "another predicate",
            Box::new(set(
                "/predicateType",
                json!("https://slsa.dev/provenance/v1"),
            )),
        ),
        ("no subject", Box::new(set("/subject", json!([])))),
        ("no predicate", Box::new(set("/predicate", json!(null)))),
        (
            "no resources",
            Box::new(set("/predicate/resources", json!([]))),
        ),
        (
            "a name twice",
            Box::new(set("/predicate/resources/1/name", json!("a.bin"))),
        ),
        (
            "a name inside",
            Box::new(set("/predicate/resources/1/name", json!("a.bin/b"))),
        ),
        (
            "a way out",
            Box::new(set("/predicate/resources/1/name", json!("../outside.bin"))),
        ),
        (
            "an absolute name",
            Box::new(set("/predicate/resources/1/name", json!("/etc/passwd"))),
        ),
        (
            "the model itself",
            Box::new(set("/predicate/resources/1/name", json!("."))),
        ),
        (
            "another algorithm",
            Box::new(set("/predicate/resources/1/algorithm", json!("blake3"))),
        ),
        (
            "a short digest",
            Box::new(set("/predicate/resources/1/digest", json!("00"))),
        ),
        (
            "no digest",
            Box::new(set("/predicate/resources/1/digest", json!("zz"))),
        ),
        (
            "an unknown hash",
            Box::new(set("/predicate/serialization/hash_type", json!("md5"))),
        ),
        (
            "an unknown method",
            Box::new(set("/predicate/serialization/method", json!("tree"))),
        ),
        (
            "shards of no size",
            Box::new(set("/predicate/serialization/method", json!("shards"))),
        ),
        (
            "everything ignored",
            Box::new(set("/predicate/serialization/ignore_paths", json!(["."]))),
        ),
        (
            "nothing ignored by name",
            Box::new(set("/predicate/serialization/ignore_paths", json!([""]))),
        ),
    ];
    for (what, change) in refused {
        assert!(changed(change).is_err(), "{what}");
    }
    let text = String::from_utf8(manifest().to_statement()).expect("JSON");
    let root = text.replacen("\"sha256\":\"", "\"sha256\":\"00", 1);
    assert!(matches!(
        Manifest::from_statement(root.as_bytes()),
        Err(ManifestError::Root)
    ));
    let twice = text.replacen(
        "\"predicateType\"",
        "\"predicateType\":\"x\",\"predicateType\"",
        1,
    );
    assert!(Manifest::from_statement(twice.as_bytes()).is_err());
}

#[test]
fn the_range_of_a_shard_is_its_last_two_numbers() {
    assert_eq!(split_range("a:b:1:2"), Some(("a:b".to_owned(), Some(1..2))));
    for text in [
        "a",
        "a:1",
        "a:1:1",
        "a:2:1",
        "a:+1:2",
        "a:01:2",
        "a:1:2 ",
        "a:1:99999999999999999999",
    ] {
        assert_eq!(split_range(text), None, "{text}");
    }
}

#[test]
fn git_is_left_out_where_the_signer_says_so_or_says_nothing() {
    let ignored =
        |change: fn(&mut Value)| changed(change).expect("reads").serialization.ignore_paths;
    let defaults = ignored(|it| {
        let serialization = it.pointer_mut("/predicate/serialization").expect("there");
        serialization
            .as_object_mut()
            .expect("an object")
            .remove("ignore_paths");
    });
    assert_eq!(defaults, DEFAULT_IGNORES_SPELLED);
    let none = ignored(|it| {
        *it.pointer_mut("/predicate/serialization/ignore_paths")
            .expect("there") = Value::Array(Vec::new());
    });
    assert!(none.is_empty());
}

const DEFAULT_IGNORES_SPELLED: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];
