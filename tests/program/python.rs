//! Other people's programs, as PyPI has them.

use std::{fs::File, path::PathBuf, process::Command};

use crate::run::{cache, root};

/// A Python environment with what a file of requirements in `tests/interop` names, made once and kept.
pub(crate) fn environment(requirements: &str) -> PathBuf {
    let requirements = root().join("tests/interop").join(requirements);
    let digest = Command::new("sha256sum")
        .arg(&requirements)
        .output()
        .expect("sha256sum runs");
    let digest = String::from_utf8(digest.stdout).expect("UTF-8");
    let place = cache().join("python").join(&digest[..16]);
    if place.join("ready").exists() {
        return place;
    }
    // Tests are processes of their own, and one of them makes it.
    std::fs::create_dir_all(place.parent().expect("the cache")).expect("the cache");
    let lock = File::create(place.with_extension("lock")).expect("made");
    lock.lock().expect("locked");
    if place.join("ready").exists() {
        return place;
    }
    let run = |command: &mut Command| {
        let status = command.status().expect("it starts");
        assert!(status.success(), "{command:?}");
    };
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&place));
    run(Command::new(place.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
        ])
        .args(["--require-hashes", "--requirement"])
        .arg(&requirements));
    std::fs::write(place.join("ready"), b"").expect("written");
    place
}
