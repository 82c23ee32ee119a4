//! What nodes of Google Cloud and Azure are.

use super::{TWO, way, world};

const GOOGLE: &str = r#"
resource "google_storage_bucket" "models" { name = "company-models" }
resource "google_service_account" "nodes" { account_id = "nodes" }
resource "google_storage_bucket_iam_member" "m" {
  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.nodes.email}"
}
"#;

fn pool(more: &str) -> String {
    format!(
        "{GOOGLE}resource \"google_container_node_pool\" \"p\" {{\n  cluster = \"ml\"\n  node_config {{\n{more}\n  }}\n}}\n"
    )
}

#[test]
fn the_service_account_of_nodes_may_be_had_where_their_metadata_is_reached() {
    let own = "    service_account = google_service_account.nodes.email";
    assert_eq!(
        way(&world(TWO, &pool(own)), "bucket/company-models"),
        [
            "perhaps cloud: lab/notebook[Pod] => google_service_account.nodes: its role in the cloud",
            "cloud: google_service_account.nodes => bucket/company-models: lists, reads",
        ]
    );
    // GKE's own metadata server answers with what pods are themselves.
    let guarded = format!("{own}\n    workload_metadata_config {{ mode = \"GKE_METADATA\" }}");
    assert!(way(&world(TWO, &pool(&guarded)), "bucket/company-models").is_empty());
    let on_host = TWO.replace(
        "spec: {serviceAccountName: notebook,",
        "spec: {hostNetwork: true, serviceAccountName: notebook,",
    );
    assert!(!way(&world(&on_host, &pool(&guarded)), "bucket/company-models").is_empty());
}

#[test]
fn nodes_without_an_account_of_their_own_may_do_anything() {
    let plain = way(
        &world(TWO, &pool("    machine_type = \"n2-standard-4\"")),
        "bucket/company-models",
    );
    assert_eq!(
        plain[0],
        "perhaps cloud: lab/notebook[Pod] => the default service account of Compute Engine: its role in the cloud"
    );
    let cluster = |more: &str| {
        let text = format!(
            "{GOOGLE}resource \"google_container_cluster\" \"c\" {{\n  name = \"ml\"\n{more}\n}}\n"
        );
        way(&world(TWO, &text), "bucket/company-models")
    };
    assert!(!cluster("").is_empty());
    assert!(cluster("  remove_default_node_pool = true").is_empty());
    assert!(cluster("  enable_autopilot = true").is_empty());
}

#[test]
fn the_identity_of_kubelets_may_be_had_where_their_metadata_is_reached() {
    let azure = |kubelet: &str, principal: &str| {
        let text = format!(
            r#"
resource "azurerm_storage_account" "models" {{ name = "companymodels" }}
resource "azurerm_user_assigned_identity" "nodes" {{ name = "nodes" }}
resource "azurerm_kubernetes_cluster" "c" {{
  name = "ml"
{kubelet}
}}
resource "azurerm_role_assignment" "a" {{
  scope                = azurerm_storage_account.models.id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = {principal}
}}
"#
        );
        way(&world(TWO, &text), "bucket/companymodels")
    };
    let given = "  kubelet_identity { user_assigned_identity_id = azurerm_user_assigned_identity.nodes.id }";
    let steps = azure(given, "azurerm_user_assigned_identity.nodes.principal_id");
    assert_eq!(
        steps.first().map(String::as_str),
        Some(
            "perhaps cloud: lab/notebook[Pod] => azurerm_user_assigned_identity.nodes: its role in the cloud"
        )
    );
    let own = azure(
        "",
        "azurerm_kubernetes_cluster.c.kubelet_identity[0].object_id",
    );
    assert_eq!(
        own.first().map(String::as_str),
        Some(
            "perhaps cloud: lab/notebook[Pod] => azurerm_kubernetes_cluster.c: its role in the cloud"
        )
    );
    // That of the control plane is none of the nodes.
    assert!(azure("", "azurerm_kubernetes_cluster.c.identity[0].principal_id").is_empty());
}
