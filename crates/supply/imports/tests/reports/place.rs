//! What is not in the tree.

use casemate_core::{Coverage, PathText, Status};

use crate::{TRIVY_NPM, findings_of, import, sarif};

#[test]
fn what_is_not_in_the_tree_is_told_and_kept() {
    for (place, said) in [
        ("../../etc/passwd", "leads out of the tree"),
        ("/etc/shadow", "leads out of the tree"),
        ("nowhere.tf", "`nowhere.tf`"),
        (
            "https://example.org/main.tf",
            "`https://example.org/main.tf`",
        ),
        ("main.tf\\u0000", "are about what is not in the tree"),
    ] {
        let report = sarif(&format!(
            r#"[{{"ruleId":"A","message":{{"text":"m"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"{place}"}}}}}}]}}]"#
        ));
        let joined = import("r.sarif", &report, &mut []);
        let whole = &joined.outcomes[0];
        assert_eq!(
            (whole.result, whole.coverage),
            (Status::Undetermined, Coverage::Complete)
        );
        let reason = whole.reason.as_deref().expect("a reason");
        assert!(reason.contains(said), "{place}: {reason}");
        let finding = &findings_of(&joined)[0];
        assert_eq!(finding.location.file, PathText::from("r.sarif"));
        assert!(
            finding.message.contains("which is not in the tree"),
            "{}",
            finding.message
        );
    }
}

#[test]
fn what_is_in_an_image_is_no_file_of_the_tree() {
    let image = TRIVY_NPM.replace("\"repository\"", "\"container_image\"");
    let image = image.replace("\"filesystem\"", "\"container_image\"");
    let joined = import("trivy.json", &image, &mut []);
    assert_eq!(joined.runs[0].elsewhere, joined.runs[0].added);
}
