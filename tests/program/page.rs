//! The HTML report in a browser.

use std::{path::Path, process::Command};

use crate::run::{casemate, read_text, tree};

#[test]
fn the_page_works_in_a_browser_and_asks_nobody_for_anything() {
    let out = tree(&[]);
    let example = "examples/01-fraud-model";
    casemate([
        "assess",
        example,
        "--out",
        out.path().to_str().expect("UTF-8"),
    ])
    .ended_with(1);
    let page = out.path().join("index.html");
    let html = read_text(&page);
    for outside in [
        "src=\"http",
        "href=\"//",
        "@import",
        "url(http",
        "<link rel=\"stylesheet\"",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("Content-Security-Policy"));
    let (dom, log) = chromium(&page);
    assert!(dom.contains("fraud"), "{dom}");
    // The switch of colours is hidden until the script shows it. A style or script that the policy
    // of the page refuses would be on the log.
    assert!(html.contains("id=\"theme\" type=\"button\" hidden"));
    assert!(dom.contains(" colours</button>"), "the script did not run");
    for complaint in ["Content Security Policy", "Uncaught", "Refused to"] {
        assert!(!log.contains(complaint), "{log}");
    }
}

/// The document after its scripts ran, and what the browser logged.
fn chromium(page: &Path) -> (String, String) {
    let profile = tree(&[]);
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium starts; `./test` installs it");
    assert!(output.status.success());
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
