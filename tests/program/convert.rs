//! `casemate model convert`: bit by bit what torch and NumPy load, as
//! `tests/fixtures/convert/make.py` has written it down.

use std::{os::unix::ffi::OsStrExt, path::Path};

use casemate_core::Digest;
use serde_json::Value;

use crate::run::{Run, assert_valid, casemate, read, tree};

const FIXTURES: &str = "tests/fixtures/convert";

/// Converts a fixture to `out`.
fn convert(fixture: &str, out: &Path, options: &[&str]) -> Run {
    let input = format!("{FIXTURES}/{fixture}");
    let words = ["model", "convert", &input, out.to_str().expect("UTF-8")];
    casemate(words.iter().chain(&["--format", "json"]).chain(options))
}

/// The tensors of a safetensors file as the fixtures' list has them: dtype, shape, digest.
fn tensors(file: &[u8]) -> Value {
    let number = |at: &Value| usize::try_from(at.as_u64().expect("a number")).expect("small");
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes"));
    let (header, data) = file[8..].split_at(usize::try_from(length).expect("small"));
    let mut header: Value = serde_json::from_slice(header).expect("JSON");
    let entries = header.as_object_mut().expect("an object");
    entries.remove("__metadata__");
    for (name, entry) in entries.iter_mut() {
        let offsets = &entry["data_offsets"];
        let bytes = &data[number(&offsets[0])..number(&offsets[1])];
        let mut shape = entry["shape"].clone();
        if entry["dtype"] == "F4" {
            // Safetensors counts each of the two numbers in a byte.
            let last = shape.as_array_mut().and_then(|shape| shape.last_mut());
            let last = last.unwrap_or_else(|| panic!("{name} has no dimension"));
            *last = (number(last) / 2).into();
        }
        *entry = serde_json::json!([entry["dtype"], shape, hex(bytes)]);
    }
    header
}

fn hex(bytes: &[u8]) -> String {
    let digest = Digest::of(bytes).to_string();
    digest.trim_start_matches("sha256:").to_owned()
}

#[test]
fn tensors_are_what_torch_and_numpy_load() {
    let expected: Value =
        serde_json::from_slice(&read(format!("{FIXTURES}/expected.json"))).expect("JSON");
    let schema = casemate(["schema", "conversion"]).ended_with(0).json();
    let place = tree(&[]);
    let mut compared = 0;
    for (fixture, expected) in expected.as_object().expect("an object") {
        let out = place.path().join(fixture.replace('/', "-"));
        let told = convert(fixture, &out, &[]).ended_with(0).json();
        assert_valid(&told, schema.clone());
        let file = read(&out);
        let found = tensors(&file);
        for (name, tensor) in expected["tensors"].as_object().expect("an object") {
            assert_eq!(&found[name], tensor, "{fixture}: {name}");
            compared += 1;
        }
        let counts = [&found, &expected["tensors"]].map(|map| map.as_object().map(|map| map.len()));
        assert_eq!(counts[0], counts[1], "{fixture}");
        // Values beside the tensors are in our header, and the reference keeps no order of them.
        if told["metadata"].as_object().expect("an object").len() == 1 {
            assert_eq!(hex(&file), expected["file"], "{fixture}");
        }
    }
    assert!(compared > 250, "{compared}");
}

#[test]
fn what_safetensors_cannot_hold_is_refused_by_name() {
    let place = tree(&[]);
    let out = place.path().join("out.safetensors");
    let told = convert("refused.pt", &out, &[]).ended_with(1).json();
    assert!(!out.exists());
    let refused: Vec<&str> = (told["refused"].as_array().expect("a list").iter())
        .map(|refused| refused["name"].as_str().expect("a name"))
        .collect();
    let names = [
        "complex128",
        "complex32",
        "sparse",
        "csr",
        "quantized",
        "meta",
        "conjugated",
        "class",
        "storage",
    ];
    assert_eq!(refused, names.map(|name| format!("bad.{name}")));
    let told = convert("refused.pt", &out, &["--salvage"])
        .ended_with(1)
        .json();
    assert_eq!(told["tensors"].as_array().map(Vec::len), Some(1));
    assert_eq!(tensors(&read(&out))["good"][1], serde_json::json!([4]));
}

#[test]
fn what_is_clean_in_a_dangerous_file_is_taken_only_when_asked_for() {
    let place = tree(&[]);
    let out = place.path().join("out.safetensors");
    for options in [&[][..], &["--skip-refused"]] {
        let told = convert("hostile.pt", &out, options).ended_with(1).json();
        assert_eq!(told["inputs"][0]["verdict"], "dangerous");
        assert_eq!(told["written"], false);
        assert!(!out.exists());
    }
    let told = convert("hostile.pt", &out, &["--salvage"])
        .ended_with(1)
        .json();
    assert_eq!(told["refused"][0]["name"], "callback");
    assert_eq!(
        tensors(&read(&out)).as_object().map(|map| map.len()),
        Some(1)
    );
    // Asking for less does not get around it.
    let only = ["--only", "model.*", "--strip-prefix", "model.", "--force"];
    convert("hostile.pt", &out, &only).ended_with(1);
}

#[test]
fn shards_are_read_by_their_index_and_written_with_one() {
    let place = tree(&[]);
    let whole = place.path().join("whole.safetensors");
    convert("shards", &whole, &[]).ended_with(0);
    let out = place.path().join("cut.safetensors");
    let told = convert(
        "shards/pytorch_model.bin.index.json",
        &out,
        &["--max-shard-size", "110B"],
    );
    let told = told.ended_with(0).json();
    assert_eq!(told["outputs"].as_array().map(Vec::len), Some(3));
    assert!(place.path().join("cut-00003-of-00003.safetensors").exists() && !out.exists());
    // And back: the index that was written is read.
    let again = place.path().join("again.safetensors");
    let index = place.path().join("cut.safetensors.index.json");
    let words = ["model", "convert", index.to_str().expect("UTF-8")];
    casemate(words.iter().chain(&[again.to_str().expect("UTF-8")])).ended_with(0);
    assert_eq!(read(&again), read(&whole));
    let index = br#"{"weight_map": {"a": "../../etc/passwd"}}"#;
    let hostile = tree(&[(b"model.safetensors.index.json", index)]);
    let words = ["model", "convert", hostile.path().to_str().expect("UTF-8")];
    let run = casemate(words.iter().chain(&[out.to_str().expect("UTF-8")])).ended_with(2);
    assert!(run.err.contains("no file beside it"), "{}", run.err);
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_behind() {
    let place = tree(&[(b"there.safetensors", b"mine")]);
    let there = place.path().join("there.safetensors");
    let run = convert("dtypes.pt", &there, &[]).ended_with(2);
    assert!(run.err.contains("--force"), "{}", run.err);
    assert_eq!(read(&there), b"mine");
    convert("hostile.pt", &there, &["--force"]).ended_with(1);
    assert_eq!(read(&there), b"mine");
    convert("dtypes.pt", &there, &["--force"]).ended_with(0);
    let entries = std::fs::read_dir(place.path()).expect("the directory");
    assert_eq!(entries.count(), 1);
    // Nor does what is converted give way to what comes of it.
    let words = ["model", "convert", "--force"].map(std::ffi::OsStr::new);
    let itself = words.iter().copied().chain([there.as_os_str(); 2]);
    let before = read(&there);
    let run = casemate(itself).ended_with(2);
    assert!(run.err.contains("another name"), "{}", run.err);
    assert_eq!(read(&there), before);
    convert("expected.json", &place.path().join("x"), &[]).ended_with(1);
    convert("missing.pt", &place.path().join("x"), &[]).ended_with(2);
}

#[test]
fn a_tensor_that_the_index_promises_and_no_shard_has_is_refused() {
    let place = tree(&[]);
    let shards = ["00001", "00002"].map(|nth| format!("pytorch_model-{nth}-of-00002.bin"));
    for shard in &shards {
        let bytes = read(format!("{FIXTURES}/shards/{shard}"));
        std::fs::write(place.path().join(shard), bytes).expect("written");
    }
    let map = serde_json::json!({"weight_map": {
        "layer.0.weight": shards[0], "layer.1.weight": shards[1],
        "layer.2.weight": shards[1], "layer.3.weight": shards[1], "ghost": shards[0],
    }});
    let index = place.path().join("model.bin.index.json");
    std::fs::write(&index, map.to_string()).expect("written");
    let out = place.path().join("out.safetensors");
    let [from, to] = [&index, &out].map(|path| path.to_str().expect("UTF-8"));
    let words = ["model", "convert", from, to, "--format", "json"];
    let told = casemate(words).ended_with(1).json();
    let refused = told["refused"].as_array().expect("a list").iter();
    let names: Vec<&str> = refused
        .filter_map(|refused| refused["name"].as_str())
        .collect();
    assert_eq!(names, ["layer.1.weight", "ghost"]);
    assert_eq!(told["inputs"][0]["format"], "shard-index");
    assert!(!out.exists());
    let told = casemate(["model", "inspect", from, "--format", "json"]).ended_with(0);
    let told = told.json();
    assert_valid(
        &told,
        casemate(["schema", "inspection"]).ended_with(0).json(),
    );
    let one = "pytorch_model-00001-of-00002.bin";
    assert_eq!(
        told["shards"]["disagreements"],
        serde_json::json!([
            format!(
                "layer.1.weight is in {one} too, and the index says that it is in {}",
                shards[1]
            ),
            format!("ghost is not in {one}, where the index says that it is"),
            format!(
                "layer.1.weight is not in {}, where the index says that it is",
                shards[1]
            ),
        ])
    );
    casemate(words.iter().chain(&["--skip-refused"])).ended_with(1);
    assert_eq!(
        tensors(&read(&out)).as_object().map(|map| map.len()),
        Some(3)
    );
}

#[test]
fn what_was_found_is_told_where_nothing_can_be_converted() {
    let place = tree(&[]);
    let out = place.path().join("x").display().to_string();
    let words = [
        "model",
        "convert",
        "tests/fixtures/pickle-tricks/seven-zip.7z",
        &out,
    ];
    let run = casemate(words).ended_with(1);
    assert!(run.out.contains(", dangerous\n  CM-"), "{}", run.out);
}

#[test]
fn names_that_are_no_text_are_kept_and_told_escaped() {
    let place = tree(&[]);
    let out = place
        .path()
        .join(std::ffi::OsStr::from_bytes(b"out\xff.safetensors"));
    let input = format!("{FIXTURES}/dtypes.pt");
    let words = ["model", "convert", "--format", "json", &input].map(std::ffi::OsStr::new);
    let told = casemate(words.iter().chain(&[out.as_os_str()]))
        .ended_with(0)
        .json();
    let path = told["outputs"][0]["path"].as_str().expect("a path");
    assert!(path.ends_with("out%FF.safetensors"), "{path}");
    assert!(out.exists());
    let words = words.iter().copied().chain([
        out.as_os_str(),
        "--force".as_ref(),
        "--max-shard-size".as_ref(),
        "1B".as_ref(),
    ]);
    let run = casemate(words).ended_with(2);
    assert!(run.err.contains("no text"), "{}", run.err);
}
