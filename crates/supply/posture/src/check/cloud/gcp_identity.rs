//! Who may do what in Google Cloud.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, is_in, rule, see};
use crate::World;

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&PUBLIC_GRANT, Persona::Regular),
        (&PROJECT_WIDE, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    let grants = world.resources().iter().filter(|it| {
        it.kind.starts_with("google_")
            && (it.kind.ends_with("_iam_member") || it.kind.ends_with("_iam_binding"))
    });
    for grant in grants {
        let members = grant
            .at("members")
            .items()
            .into_iter()
            .chain([grant.at("member")]);
        for member in members {
            let is_everybody = member
                .text()
                .is(|text| is_in(&text, &["allUsers", "allAuthenticatedUsers"]));
            report.when(is_everybody, &PUBLIC_GRANT, &member, || {
                "everybody is granted the role".to_owned()
            });
        }
    }
}

const ASKS: &[Ask] = &[Ask {
    rule: &PROJECT_WIDE,
    kinds: &["google_project_iam_member", "google_project_iam_binding"],
    path: "role",
    wrong: Wrong::In(&["roles/owner", "roles/editor"]),
    says: "a primitive role is granted",
}];

static PUBLIC_GRANT: Rule = rule(
    "CM-GCP-002",
    Severity::High,
    "Everybody is granted a role",
    "`allUsers` is the Internet, and `allAuthenticatedUsers` is everybody with a Google account.",
    "Grant the role to the groups and service accounts that need it.",
    const { &[see("CWE-284"), see("T1530"), see("AML.T0035")] },
    [
        r#"resource "google_storage_bucket_iam_member" "x" {
  bucket = "b"
  role   = "roles/storage.objectViewer"
  member = "allUsers"
}
"#,
        r#"resource "google_storage_bucket_iam_member" "x" {
  bucket = "b"
  role   = "roles/storage.objectViewer"
  member = "group:ml@example.org"
}
"#,
    ],
);

static PROJECT_WIDE: Rule = rule(
    "CM-GCP-043",
    Severity::High,
    "A primitive role is granted on a project",
    "Owner and editor are nearly every permission of every service, those of keys and of Vertex \
     AI included.",
    "Grant the predefined roles that are needed.",
    const { &[see("CWE-269"), see("T1078.004"), see("AML.T0012")] },
    [
        r#"resource "google_project_iam_member" "x" {
  project = "p"
  role    = "roles/editor"
  member  = "serviceAccount:n@p.iam.gserviceaccount.com"
}
"#,
        r#"resource "google_project_iam_member" "x" {
  project = "p"
  role    = "roles/aiplatform.user"
  member  = "serviceAccount:n@p.iam.gserviceaccount.com"
}
"#,
    ],
);
