//! What is not known may be anything, and what holds in every cluster is told.

use super::{TWO, bound, hops, way, world};

#[test]
fn a_service_account_that_is_not_known_may_be_each_of_the_namespace() {
    let text = bound("[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]").replace(
        "spec: {serviceAccountName: notebook,",
        "spec: {serviceAccountName: '{{ .Values.account }}',",
    );
    let analysis = world(&text, "");
    assert_eq!(
        way(&analysis, "models/registry"),
        [
            "perhaps credential: lab/notebook[Pod] => account/lab/notebook: the token in its pods",
            "rbac: account/lab/notebook => models/registry[Deployment]: run commands in pods",
        ]
    );
    assert_eq!(analysis.identities().gaps().len(), 1);
}

#[test]
fn an_identity_of_azure_needs_the_label_of_the_pod_whichever_account_it_has() {
    let terraform = r#"
resource "azurerm_user_assigned_identity" "a" { name = "a" }
resource "azurerm_federated_identity_credential" "a" {
  parent_id = azurerm_user_assigned_identity.a.id
  subject   = "system:serviceaccount:lab:notebook"
}
resource "azurerm_storage_account" "models" { name = "models" }
resource "azurerm_role_assignment" "a" {
  scope                = azurerm_storage_account.models.id
  role_definition_name = "Owner"
  principal_id         = azurerm_user_assigned_identity.a.principal_id
}
"#;
    let open = TWO.replace(
        "spec: {serviceAccountName: notebook,",
        "spec: {serviceAccountName: '{{ .Values.account }}',",
    );
    assert!(hops(&world(&open, terraform), "bucket/models").is_empty());
    let label = "namespace: lab, labels: {azure.workload.identity/use: 'true'}}\nspec";
    let labelled = open.replace("namespace: lab}\nspec", label);
    let analysis = world(&labelled, terraform);
    let hops = hops(&analysis, "bucket/models");
    assert!(hops[0].unsure.is_some());
}

#[test]
fn an_account_without_a_namespace_is_told_once() {
    let text = TWO.replacen(
        "metadata: {name: notebook, namespace: lab}",
        "metadata: {name: notebook, namespace: '{{ .Values.namespace }}'}",
        1,
    );
    let analysis = world(&text, "");
    let gaps = analysis.identities().gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
}

#[test]
fn a_secret_whose_name_is_not_known_may_be_each_of_the_namespace() {
    let text = TWO.replace("{name: hub, namespace: models}", "{name: hub, namespace: lab}").replace(
        "[{name: c, image: i}]}\n---\napiVersion: apps",
        "[{name: c, image: i, envFrom: [{secretRef: {name: '{{ .Values.secret }}'}}]}]}\n---\napiVersion: apps",
    );
    let analysis = world(&text, "");
    assert_eq!(
        way(&analysis, "secret/lab/hub"),
        ["perhaps credential: lab/notebook[Pod] => secret/lab/hub: a Secret in its pods"]
    );
    assert_eq!(analysis.identities().gaps().len(), 1);
}

#[test]
fn what_terraform_leaves_open_is_told() {
    for (terraform, expected) in [
        (
            r#"resource "aws_iam_role" "a" { name = "a" }
resource "aws_iam_role_policy_attachment" "a" {
  role       = var.role
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
}"#,
            "of which role a policy is",
        ),
        (
            r#"resource "aws_eks_pod_identity_association" "a" {
  namespace       = var.namespace
  service_account = "notebook"
  role_arn        = "arn:aws:iam::123456789012:role/a"
}"#,
            "whose account it is about",
        ),
        (
            r#"resource "google_service_account_iam_member" "a" {
  service_account_id = var.account
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:p.svc.id.goog[lab/notebook]"
}"#,
            "as which service account one may act",
        ),
        (
            r#"resource "google_storage_bucket_iam_member" "a" {
  bucket = "models"
  role   = "roles/storage.admin"
  member = "allUsers"
}"#,
            "who that is",
        ),
        (
            r#"resource "google_storage_bucket_iam_member" "a" {
  bucket = "models"
  role   = "roles/storage.admin"
  member = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog/namespace/lab"
}"#,
            "who that is",
        ),
        (
            r#"resource "google_project_iam_policy" "a" {
  project     = "p"
  policy_data = "{}"
}"#,
            "whom it gives what",
        ),
        (
            r#"resource "azurerm_role_assignment" "a" {
  scope                = "/subscriptions/1"
  role_definition_name = "Owner"
  principal_id         = var.principal
}"#,
            "to whom it gives the role",
        ),
    ] {
        let variables = "variable \"role\" {}\nvariable \"namespace\" {}\nvariable \"account\" {}\nvariable \"principal\" {}\n";
        let analysis = world(TWO, &format!("{variables}{terraform}\n"));
        let gaps: Vec<&str> = analysis
            .identities()
            .gaps()
            .iter()
            .map(|it| &*it.message)
            .collect();
        assert!(
            gaps.iter().any(|it| it.contains(expected)),
            "{expected}: {gaps:?}"
        );
    }
    assert!(world(TWO, "").identities().gaps().is_empty());
}

#[test]
fn a_member_of_a_pool_that_is_known_later_is_the_account() {
    let terraform = r#"
variable "project" {}
resource "google_storage_bucket" "models" { name = "models" }
resource "google_storage_bucket_iam_member" "a" {
  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${var.project}.svc.id.goog[lab/notebook]"
}
"#;
    let analysis = world(TWO, terraform);
    assert_eq!(way(&analysis, "bucket/models").len(), 2);
}

#[test]
fn what_leads_further_in_every_cluster_is_told_once() {
    let ends = |text: &str| {
        let analysis = world(text, "");
        let ends = analysis.open_ends(&analysis.find("lab/notebook"));
        ends.expect("small")
    };
    assert!(ends(TWO).is_empty());
    let jobs = bound("[{apiGroups: [batch], resources: [jobs], verbs: [create]}]");
    let told = ends(&jobs);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("who may make or change pods"),
        "{told:?}"
    );
    let tokens = bound("[{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}]")
        .replace("kind: RoleBinding", "kind: ClusterRoleBinding");
    assert!(ends(&tokens)[0].contains("controllers of the cluster"));
    let privileged = TWO.replace(
        "[{name: c, image: i}]}\n---\napiVersion: apps",
        "[{name: c, image: i, securityContext: {privileged: true}}]}\n---\napiVersion: apps",
    );
    assert!(ends(&privileged)[0].contains("privileged"));
}

#[test]
fn each_namespace_has_a_default_account() {
    let text = bound("[{apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}]");
    let analysis = world(&text, "");
    assert_eq!(hops(&analysis, "account/models/default").len(), 2);
}
