//! What service accounts and nodes are in clouds, and what that opens.

use super::*;

#[test]
fn a_service_account_is_a_role_of_aws_and_the_role_reads_a_bucket() {
    let policy = r#"{ Sid = "Models", Effect = "Allow", Action = ["s3:GetObject", "s3:ListBucket"], Resource = ["arn:aws:s3:::company-models", "arn:aws:s3:::company-models/*"] }"#;
    let analysis = world(&annotated(), &role(IRSA, policy));
    assert_eq!(
        way(&analysis, "bucket/company-models"),
        [
            "cloud: lab/notebook[Pod] => aws_iam_role.notebook: its role in the cloud",
            "cloud: aws_iam_role.notebook => bucket/company-models: lists, reads",
        ]
    );
    assert!(way(&analysis, "bucket/aws_s3_bucket.raw").is_empty());
    let hops = hops(&analysis, "bucket/company-models");
    assert_eq!(hops[1].kind, HopKind::Cloud);
    let told = |it: &Hop<'_>| {
        let place = it.because[0].origin.as_ref().expect("a place").location();
        format!("{} {place}", it.because[0].what)
    };
    assert_eq!(
        told(&hops[0]),
        "the annotation eks.amazonaws.com/role-arn all.yaml:4:86"
    );
    assert_eq!(
        told(&hops[1]),
        "policy aws_iam_role_policy.notebook Models: lists, reads main.tf:11:38"
    );
}

#[test]
fn what_statements_come_to_for_a_bucket() {
    let access = |policy: &str, to: &str| {
        let analysis = world(&annotated(), &role(IRSA, policy));
        let hops = hops(&analysis, to);
        hops.last().map(|it| {
            let perhaps = if it.unsure.is_some() { "perhaps " } else { "" };
            format!("{perhaps}{}", it.by)
        })
    };
    let models = "bucket/company-models";
    let allow = |action: &str, resource: &str| {
        format!(r#"{{ Effect = "Allow", Action = "{action}", Resource = "{resource}" }}"#)
    };
    for (policy, expected) in [
        (allow("s3:GetObject", "arn:aws:s3:::company-models/*"), Some("reads")),
        (allow("s3:Get*", "*"), Some("reads")),
        (allow("s3:GetObject", "arn:aws:s3:::company-*/weights/*"), Some("reads")),
        (allow("s3:*", "*"), Some("lists, reads, writes, administers")),
        (allow("*", "*"), Some("lists, reads, writes, administers")),
        (allow("s3:PutObject", "arn:aws:s3:::company-models/*"), Some("writes")),
        // Objects are not the bucket, nor the other way round.
        (allow("s3:GetObject", "arn:aws:s3:::company-models"), None),
        (allow("s3:ListBucket", "arn:aws:s3:::company-models/*"), None),
        (allow("s3:GetObject", "arn:aws:s3:::other/*"), None),
        (allow("ec2:*", "*"), None),
        // What is known only after an apply is the bucket nevertheless.
        (allow("s3:GetObject", "${aws_s3_bucket.models.arn}/*"), Some("reads")),
        (allow("s3:GetObject", "${aws_s3_bucket.models.arn}"), None),
        (allow("s3:GetObject", "${aws_s3_bucket.raw.arn}/*"), None),
        (allow("s3:GetObject", "${var.bucket}/*"), Some("perhaps reads")),
        (
            r#"{ Effect = "Allow", Action = "s3:GetObject", Resource = "*", Condition = { StringEquals = { "aws:SourceVpc" = "vpc-1" } } }"#.to_owned(),
            Some("perhaps reads"),
        ),
        (
            format!("{}, {}", allow("s3:*", "*"), r#"{ Effect = "Deny", NotAction = "s3:GetObject", Resource = "*" }"#),
            Some("reads"),
        ),
        (
            format!("{}, {}", allow("s3:Get*", "*"), r#"{ Effect = "Deny", Action = "s3:*", Resource = "arn:aws:s3:::company-models/*" }"#),
            None,
        ),
    ] {
        assert_eq!(access(&policy, models).as_deref(), expected, "{policy}");
    }
    let raw = allow("s3:GetObject", "${aws_s3_bucket.raw.arn}/*");
    assert_eq!(
        access(&raw, "bucket/aws_s3_bucket.raw").as_deref(),
        Some("reads")
    );
}

#[test]
fn policies_stand_in_documents_and_attachments_and_have_names() {
    let of = |attached: &str| {
        let terraform = format!(
            r#"{BUCKETS}
resource "aws_iam_role" "notebook" {{
  name               = "notebook"
  assume_role_policy = jsonencode({{ Statement = [{{ Effect = "Allow", {IRSA} }}] }})
}}
{attached}
"#
        );
        let analysis = world(&annotated(), &terraform);
        hops(&analysis, "bucket/company-models")
            .last()
            .map(|it| (it.by.clone(), it.unsure.is_none()))
    };
    let named = |arn: &str| {
        of(&format!(
            "resource \"aws_iam_role_policy_attachment\" \"a\" {{\n  role = aws_iam_role.notebook.name\n  policy_arn = \"{arn}\"\n}}\n"
        ))
    };
    let all = "lists, reads, writes, administers".to_owned();
    assert_eq!(
        named("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        Some((all.clone(), true))
    );
    assert_eq!(
        named("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"),
        Some(("lists, reads".to_owned(), true))
    );
    assert_eq!(named("arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"), None);
    assert_eq!(
        named("arn:aws:iam::123456789012:policy/elsewhere"),
        Some((all, false))
    );
    assert_eq!(
        of(r#"
data "aws_iam_policy_document" "d" {
  statement {
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.models.arn}/*"]
  }
}
resource "aws_iam_policy" "p" {
  name   = "p"
  policy = data.aws_iam_policy_document.d.json
}
resource "aws_iam_role_policy_attachment" "a" {
  role       = aws_iam_role.notebook.name
  policy_arn = aws_iam_policy.p.arn
}
"#),
        Some(("writes".to_owned(), true))
    );
}

#[test]
fn a_role_that_does_not_trust_the_account_is_none_of_its() {
    let policy = r#"{ Effect = "Allow", Action = "s3:*", Resource = "*" }"#;
    let sure = |trust: &str| {
        let analysis = world(&annotated(), &role(trust, policy));
        hops(&analysis, "bucket/company-models")
            .first()
            .map(|it| it.unsure.is_none())
    };
    assert_eq!(sure(IRSA), Some(true));
    assert_eq!(sure(&IRSA.replace("lab:notebook", "lab:other")), None);
    assert_eq!(
        sure(
            &IRSA
                .replace("StringEquals", "StringLike")
                .replace("lab:notebook", "lab:*")
        ),
        Some(true)
    );
    assert_eq!(
        sure(r#"Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" }"#),
        None
    );
    // The name of the provider is known after an apply; the subject is written.
    let provider = IRSA.replace(
        "oidc.example:sub",
        "${aws_iam_openid_connect_provider.p.url}:sub",
    );
    assert_eq!(sure(&provider), Some(true));
}

#[test]
fn associations_of_eks_are_read_of_terraform_alone() {
    let trust = r#"Action = ["sts:AssumeRole", "sts:TagSession"], Principal = { Service = "pods.eks.amazonaws.com" }"#;
    let policy = r#"{ Effect = "Allow", Action = "s3:*", Resource = "*" }"#;
    let association = r#"
resource "aws_eks_pod_identity_association" "notebook" {
  cluster_name    = "ml"
  namespace       = "lab"
  service_account = "notebook"
  role_arn        = aws_iam_role.notebook.arn
}
"#;
    let analysis = world(TWO, &(role(trust, policy) + association));
    assert_eq!(way(&analysis, "bucket/company-models").len(), 2);
}

#[test]
fn an_account_of_google_is_acted_as_by_who_may() {
    let manifests = TWO.replacen(
        "metadata: {name: notebook, namespace: lab}",
        "metadata: {name: notebook, namespace: lab, annotations: {iam.gke.io/gcp-service-account: 'notebook@p.iam.gserviceaccount.com'}}",
        1,
    );
    let terraform = |member: &str, role: &str| {
        format!(
            r#"
resource "google_service_account" "notebook" {{
  project    = "p"
  account_id = "notebook"
}}
resource "google_service_account_iam_member" "notebook" {{
  service_account_id = google_service_account.notebook.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:p.svc.id.goog[{member}]"
}}
resource "google_storage_bucket" "models" {{ name = "models" }}
resource "google_storage_bucket_iam_member" "notebook" {{
  bucket = google_storage_bucket.models.name
  role   = "{role}"
  member = "serviceAccount:${{google_service_account.notebook.email}}"
}}
"#
        )
    };
    let way_of = |member: &str, role: &str| {
        way(
            &world(&manifests, &terraform(member, role)),
            "bucket/models",
        )
    };
    assert_eq!(
        way_of("lab/notebook", "roles/storage.objectViewer"),
        [
            "cloud: lab/notebook[Pod] => google_service_account.notebook: its role in the cloud",
            "cloud: google_service_account.notebook => bucket/models: lists, reads",
        ]
    );
    assert!(way_of("lab/notebook", "roles/artifactregistry.reader").is_empty());
    let other = way_of("lab/other", "roles/storage.objectViewer");
    assert!(other[0].starts_with("perhaps cloud: "), "{other:?}");
    let direct = r#"
resource "google_storage_bucket" "models" { name = "models" }
resource "google_storage_bucket_iam_member" "direct" {
  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectAdmin"
  member = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog/subject/ns/lab/sa/notebook"
}
"#;
    assert_eq!(way(&world(TWO, direct), "bucket/models").len(), 2);
}

#[test]
fn an_identity_of_azure_is_that_of_labelled_pods() {
    let terraform = r#"
resource "azurerm_user_assigned_identity" "notebook" { name = "notebook" }
resource "azurerm_federated_identity_credential" "notebook" {
  parent_id = azurerm_user_assigned_identity.notebook.id
  subject   = "system:serviceaccount:lab:notebook"
}
resource "azurerm_storage_account" "models" { name = "companymodels" }
resource "azurerm_role_assignment" "notebook" {
  scope                = azurerm_storage_account.models.id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = azurerm_user_assigned_identity.notebook.principal_id
}
"#;
    let label = "metadata: {name: notebook, namespace: lab, labels: {azure.workload.identity/use: 'true'}}\nspec";
    let labelled = TWO.replace("metadata: {name: notebook, namespace: lab}\nspec", label);
    assert!(way(&world(TWO, terraform), "bucket/companymodels").is_empty());
    assert_eq!(
        way(&world(&labelled, terraform), "bucket/companymodels"),
        [
            "cloud: lab/notebook[Pod] => azurerm_user_assigned_identity.notebook: its role in the cloud",
            "cloud: azurerm_user_assigned_identity.notebook => bucket/companymodels: lists, reads",
        ]
    );
}

#[test]
fn the_role_of_a_node_may_be_had_where_its_metadata_is_reached() {
    let nodes = r#"
resource "aws_eks_node_group" "n" {
  cluster_name  = "ml"
  node_role_arn = aws_iam_role.notebook.arn
}
"#;
    let trust = r#"Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" }"#;
    let policy = r#"{ Effect = "Allow", Action = "s3:*", Resource = "*" }"#;
    let terraform = role(trust, policy) + nodes;
    let open = way(&world(TWO, &terraform), "bucket/company-models");
    assert!(
        open[0].starts_with("perhaps cloud: lab/notebook[Pod] => aws_iam_role.notebook"),
        "{open:?}"
    );
    let closed = format!(
        "{TWO}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: e, namespace: lab}}
spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}}}]}}]}}
"
    );
    let analysis = world(&closed, &terraform);
    let from = analysis.find("lab/notebook");
    let hops = analysis
        .way(&from, &goals(&analysis, "bucket/company-models"))
        .expect("small");
    assert!(
        hops.iter()
            .all(|it| it.from != "lab/notebook[Pod]" || it.kind != HopKind::Cloud),
        "{hops:?}"
    );
}
