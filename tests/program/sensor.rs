//! What is seen by the program, as root; and what it makes of a recording.

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::run::{assert_valid, casemate, read_text};

#[test]
fn what_a_machine_can_do_is_tried_and_told() {
    let report = casemate(["sensor", "check", "--format", "json"])
        .ended_with(0)
        .json();
    let schema = casemate(["schema", "sensor-check"]).ended_with(0).json();
    assert_valid(&report, schema);
    assert_ne!(report["tier"], "none");
    let text = casemate(["sensor", "check"]).ended_with(0).out;
    let tier = report["tier"].as_str().expect("a tier");
    assert!(text.starts_with(tier), "{text}");
}

#[test]
fn a_recording_makes_the_events_that_were_made_when_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    fs::create_dir(at("models")).expect("made");
    fs::write(at("models/a.gguf"), "weights").expect("written");
    let policy = format!(
        "[[protect]]\nname = 'weights'\npaths = ['{}']\nallow = ['/bin/true']\nmode = 'enforce'",
        at("models")
    );
    fs::write(at("policy.toml"), policy).expect("written");
    let (policy, events, recording) = (at("policy.toml"), at("events.jsonl"), at("recording"));
    let words = [
        "sensor",
        "run",
        "--policy",
        &policy,
        "--enforce",
        "--events",
        &events,
        "--record",
        &recording,
    ];
    let mut sensor = Command::new(env!("CARGO_BIN_EXE_casemate"))
        .args(words)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It is denied from when on the sensor protects.
    let denied = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let cat = Command::new("cat")
            .arg(at("models/a.gguf"))
            .output()
            .expect("cat");
        !cat.status.success()
    });
    assert!(denied);
    let number = sensor.id().to_string();
    assert!(
        Command::new("kill")
            .arg(number)
            .status()
            .expect("kill")
            .success()
    );
    assert!(sensor.wait().expect("it ends").success());
    assert!(
        Command::new("cat")
            .arg(at("models/a.gguf"))
            .output()
            .expect("cat")
            .status
            .success()
    );

    let lines = |text: &str| -> Vec<Value> {
        let line = |it: &str| {
            let mut event: Value = serde_json::from_str(it).expect("JSON");
            event
                .as_object_mut()
                .expect("an object")
                .remove("ingest_time");
            event
        };
        text.lines()
            .map(line)
            .filter(|it| it["log_source"]["category"] != "sensor")
            .collect()
    };
    let made = lines(&read_text(&events));
    let is_denial =
        |it: &&Value| it["fields"]["Action"] == "denied" && it["fields"]["Protect"] == "weights";
    let denial = made.iter().find(is_denial).expect("it is told of");
    assert_eq!(denial["fields"]["TargetFilename"], at("models/a.gguf"));
    let again = casemate(["sensor", "replay", &recording]).ended_with(0).out;
    assert_eq!(lines(&again), made);

    // What is cut off says so, and what comes before is told.
    let whole = fs::File::options()
        .write(true)
        .open(&recording)
        .expect("there");
    let length = whole.metadata().expect("there").len();
    whole.set_len(length - 1).expect("cut");
    let cut = casemate(["sensor", "replay", &recording]).ended_with(1);
    assert!(cut.err.contains("cut off"), "{}", cut.err);
    assert!(made.starts_with(&lines(&cut.out)));
}

#[test]
fn what_cannot_be_protected_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.toml");
    let of = |policy: &str| {
        fs::write(&path, policy).expect("written");
        let words = [
            "sensor",
            "run",
            "--duration",
            "1",
            "--policy",
            path.to_str().expect("UTF-8"),
        ];
        casemate(words).ended_with(2).err
    };
    assert!(
        of("[[protect]]\nname = 'a'\npaths = ['/nowhere/at/all']\nallow = []")
            .contains("/nowhere/at/all")
    );
    assert!(
        of("[[protect]]\nname = 'a'\npath = ['/a']\nallow = []").contains("unknown field `path`")
    );
    assert!(of("nothing").contains("is no policy of the sensor"));
    let models = folder.path().display();
    let digest = "0".repeat(64);
    let pinned = format!(
        "[[protect]]\nname = 'a'\npaths = ['{models}']\nallow = [{{ path = '/bin/cat', sha256 = '{digest}' }}]"
    );
    assert!(of(&pinned).contains("has the digest"));
}

#[test]
fn models_are_signed_unsigned_or_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| {
        let path = folder.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    };
    casemate(["keygen", "--out", &at("key"), "--no-passphrase"]).ended_with(0);
    let key = read_text(at("key.pub"));
    let store = format!("[[key]]\nname = \"release\"\npem = \"\"\"\n{key}\"\"\"\n");
    fs::write(at("trust.toml"), store).expect("written");
    for name in ["good", "bad", "none"] {
        let model = at(&format!("models/{name}"));
        fs::create_dir_all(&model).expect("made");
        fs::write(format!("{model}/a.gguf"), name).expect("written");
        if name != "none" {
            let bundle = format!("{model}/model.sig");
            casemate(["sign", &model, "--key", &at("key"), "--bundle", &bundle]).ended_with(0);
        }
    }
    // A name that is no text is one all the same.
    let name = std::ffi::OsStr::from_bytes(b"\xff.safetensors");
    fs::create_dir(folder.path().join("models/other")).expect("made");
    fs::write(folder.path().join("models/other").join(name), "x").expect("written");
    fs::write(at("models/bad/a.gguf"), "changed").expect("written");
    let (models, trust) = (at("models"), at("trust.toml"));
    let words = ["sensor", "models", &models, "--trust-store", &trust];
    let report = casemate(words.iter().chain(&["--format", "json"]))
        .ended_with(1)
        .json();
    assert_valid(
        &report,
        casemate(["schema", "sensor-models"]).ended_with(0).json(),
    );
    let state = |it: &Value| {
        let path = it["path"].as_str().expect("a path").rsplit('/').next();
        (
            path.expect("a name").to_owned(),
            it["state"].as_str().expect("a state").to_owned(),
        )
    };
    let states: Vec<_> = report["models"]
        .as_array()
        .expect("models")
        .iter()
        .map(state)
        .collect();
    let expected = [
        ("bad", "changed"),
        ("good", "signed"),
        ("none", "unsigned"),
        ("other", "unsigned"),
    ];
    assert_eq!(
        states,
        expected.map(|(name, state)| (name.to_owned(), state.to_owned()))
    );
    let good = at("models/good");
    casemate(["sensor", "models", &good, "--trust-store", &trust]).ended_with(0);
    casemate(["sensor", "models", &at("nowhere"), "--trust-store", &trust]).ended_with(2);
}
