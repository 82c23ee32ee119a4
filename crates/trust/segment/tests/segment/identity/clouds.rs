//! What clouds deny, limit, or leave open.

use super::{BUCKETS, IRSA, TWO, annotated, hops, role, world};

const MODELS: &str = "bucket/company-models";
const ALL: &str = r#"{ Effect = "Allow", Action = "s3:*", Resource = "*" }"#;

/// What is done with the bucket, and whether that is sure.
fn access(terraform: &str) -> Option<(String, bool)> {
    let analysis = world(&annotated(), terraform);
    let hops = hops(&analysis, MODELS);
    let is_sure = hops.iter().all(|it| it.unsure.is_none());
    hops.last().map(|it| (it.by.clone(), is_sure))
}

#[test]
fn what_is_denied_for_some_objects_is_not_denied() {
    let of = |statement: &str| access(&role(IRSA, &format!("{ALL}, {statement}")));
    let reads = |effect: &str, key: &str, resource: &str| {
        format!(
            r#"{{ Effect = "{effect}", Action = "s3:*", {key} = ["{resource}", "arn:aws:s3:::company-models"] }}"#
        )
    };
    let some = of(&reads(
        "Deny",
        "Resource",
        "arn:aws:s3:::company-models/raw/*",
    ));
    assert_eq!(some.map(|it| it.1), Some(false));
    assert_eq!(
        of(&reads("Deny", "Resource", "arn:aws:s3:::company-models/*")),
        None
    );
    // All but those.
    let but = of(&reads(
        "Deny",
        "NotResource",
        "arn:aws:s3:::company-models/raw/*",
    ));
    assert_eq!(but.map(|it| it.1), Some(true), "the bucket itself");
    let none = of(&reads("Deny", "NotResource", "arn:aws:s3:::other/*")
        .replace(", \"arn:aws:s3:::company-models\"", ""));
    assert_eq!(none, None);
    let allowed = |resource: &str| {
        let statement = format!(
            r#"{{ Effect = "Allow", Action = "s3:GetObject", NotResource = "{resource}" }}"#
        );
        access(&role(IRSA, &statement)).map(|it| it.1)
    };
    assert_eq!(allowed("arn:aws:s3:::other/*"), Some(true));
    assert_eq!(allowed("arn:aws:s3:::company-models/raw/*"), Some(false));
    assert_eq!(allowed("arn:aws:s3:::company-models/*"), None);
}

#[test]
fn the_trust_of_a_role_is_read_to_the_end() {
    let sure = |trust: &str| access(&role(trust, ALL)).map(|it| it.1);
    assert_eq!(sure(IRSA), Some(true));
    let not = IRSA.replace("StringEquals", "StringNotEquals");
    assert_ne!(sure(&not), Some(true));
    let any = IRSA
        .replace("StringEquals", "\"ForAnyValue:StringLike\"")
        .replace("lab:notebook", "lab:note*");
    assert_eq!(sure(&any), Some(true));
    let saml = format!(
        r#"Principal = {{ Federated = "arn:aws:iam::123456789012:saml-provider/x" }}, {IRSA}"#
    );
    assert_eq!(sure(&saml), None);
    let more = IRSA.replace(
        "{ StringEquals",
        r#"{ StringLike = { "aws:SourceIp" = "10.*" }, StringEquals"#,
    );
    assert_eq!(sure(&more), Some(false));
    let denied =
        format!(r#"{IRSA} }}, {{ Effect = "Deny", Action = "sts:AssumeRoleWithWebIdentity""#);
    assert_eq!(sure(&denied), Some(false));
    let but = denied.replace(
        r#"Effect = "Deny", Action = "sts:AssumeRoleWithWebIdentity""#,
        r#"Effect = "Deny", NotAction = "sts:TagSession""#,
    );
    assert_eq!(sure(&but), Some(false), "all but another");
    let but_it = but.replace("sts:TagSession", "sts:AssumeRoleWith*");
    assert_eq!(sure(&but_it), Some(true), "all but this one");
}

#[test]
fn whom_a_role_trusts_that_is_not_known_is_not_sure() {
    let sure = |trust: &str, more: &str| {
        let terraform = role(trust, ALL) + "variable \"who\" {}\n";
        let analysis = world(&annotated(), &(terraform + more));
        let hops = hops(&analysis, MODELS);
        (!hops.is_empty()).then(|| hops.iter().all(|it| it.unsure.is_none()))
    };
    let of = |principal: &str| sure(&format!("{principal}, {IRSA}"), "");
    assert_eq!(of("Principal = \"*\""), Some(true));
    assert_eq!(of("Principal = var.who"), Some(false));
    let but = r#"NotPrincipal = { AWS = "arn:aws:iam::123456789012:root" }"#;
    assert_eq!(of(but), Some(false));
    let pods = format!("Action = \"sts:AssumeRole\", {but}");
    let association = r#"
resource "aws_eks_pod_identity_association" "notebook" {
  namespace       = "lab"
  service_account = "notebook"
  role_arn        = aws_iam_role.notebook.arn
}
"#;
    assert_eq!(sure(&pods, association), Some(false));
}

/// A role that may do nothing with buckets by what stands in it.
fn attached(more: &str) -> String {
    let other = r#"{ Effect = "Allow", Action = "sqs:*", Resource = "*" }"#;
    let policy = format!(
        r#"
resource "aws_iam_policy" "p" {{ policy = jsonencode({{ Statement = [{ALL}] }}) }}
variable "policy" {{}}
"#
    );
    role(IRSA, other) + &policy + more
}

#[test]
fn a_policy_is_attached_by_whatever_gives_its_arn() {
    let by = |more: &str| access(&attached(more)).map(|it| it.1);
    assert_eq!(by(""), None);
    let attachment = |arguments: &str| {
        format!(
            "resource \"aws_iam_role_policy_attachment\" \"a\" {{\n  role = aws_iam_role.notebook.name\n{arguments}\n}}\n"
        )
    };
    for arguments in [
        "  policy_arn = aws_iam_policy.p.arn",
        "  for_each = { a = aws_iam_policy.p.arn }\n  policy_arn = each.value",
        "  count = 1\n  policy_arn = [aws_iam_policy.p.arn][count.index]",
    ] {
        assert_eq!(by(&attachment(arguments)), Some(true), "{arguments}");
    }
    let open = attached(&attachment("  policy_arn = var.policy"));
    assert_eq!(access(&open).map(|it| it.1), Some(false));
    assert_eq!(told(&open, "which policy it is"), 1);
    let known = attached(&attachment("  policy_arn = aws_iam_policy.p.arn"));
    assert_eq!(told(&known, "which policy it is"), 0);
}

#[test]
fn the_policies_that_a_role_lists_are_its_own() {
    let listed = |arns: &str| {
        let managed = format!("  managed_policy_arns = {arns}\n  assume_role_policy");
        let text = attached("").replace("  assume_role_policy", &managed);
        access(&text).map(|it| it.1)
    };
    assert_eq!(listed("[aws_iam_policy.p.arn]"), Some(true));
    assert_eq!(
        listed("[\"arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy\", aws_iam_policy.p.arn]"),
        Some(true)
    );
    assert_eq!(listed("var.policy"), Some(false));
}

/// How many gaps say something.
fn told(terraform: &str, what: &str) -> usize {
    let analysis = world(&annotated(), terraform);
    let gaps = analysis.identities().gaps().iter();
    gaps.filter(|it| it.message.contains(what)).count()
}

/// Each is held against each bucket, and here each makes one.
#[test]
fn resources_of_a_statement_are_work() {
    let statement = |many: usize| {
        let resources: Vec<String> = (0..many)
            .map(|it| format!("\"arn:aws:s3:::b{it}\""))
            .collect();
        let resources = resources.join(", ");
        role(
            IRSA,
            &format!(r#"{{ Effect = "Allow", Action = "s3:*", Resource = [{resources}] }}"#),
        )
    };
    let what = "more than is looked at";
    assert_eq!(told(&statement(10), what), 0);
    assert_eq!(told(&statement(1500), what), 1);
}

#[test]
fn a_role_that_does_not_trust_eks_is_associated_in_vain() {
    let trust = r#"Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" }"#;
    let association = r#"
resource "aws_eks_pod_identity_association" "notebook" {
  namespace       = "lab"
  service_account = "notebook"
  role_arn        = aws_iam_role.notebook.arn
}
"#;
    let analysis = world(TWO, &(role(trust, ALL) + association));
    assert!(hops(&analysis, MODELS).is_empty());
}

#[test]
fn the_policy_of_a_bucket_may_deny() {
    let with = |statement: &str| {
        let policy = format!(
            r#"
resource "aws_s3_bucket_policy" "models" {{
  bucket = aws_s3_bucket.models.id
  policy = jsonencode({{ Statement = [{{ Effect = "Deny", Principal = "*", Action = "s3:*", Resource = "*"{statement} }}] }})
}}
"#
        );
        access(&(role(IRSA, ALL) + &policy)).map(|it| it.1)
    };
    assert_eq!(with(""), Some(false));
    let transport = r#", Condition = { Bool = { "aws:SecureTransport" = "false" } }"#;
    assert_eq!(with(transport), Some(true));
}

#[test]
fn a_role_that_is_not_in_the_table_may_give_anything() {
    let google = |role: &str| {
        let terraform = format!(
            r#"
resource "google_storage_bucket" "models" {{ name = "company-models" }}
resource "google_storage_bucket_iam_member" "a" {{
  bucket = google_storage_bucket.models.name
  role   = "{role}"
  member = "serviceAccount:p.svc.id.goog[lab/notebook]"
}}
"#
        );
        access(&terraform).map(|it| it.1)
    };
    assert_eq!(google("roles/dataflow.worker"), Some(false));
    assert_eq!(google("roles/logging.logWriter"), None);
    let azure = |role: &str| {
        let terraform = format!(
            r#"
resource "azurerm_user_assigned_identity" "a" {{ name = "a" }}
resource "azurerm_federated_identity_credential" "a" {{
  parent_id = azurerm_user_assigned_identity.a.id
  subject   = "system:serviceaccount:lab:notebook"
}}
resource "azurerm_storage_account" "models" {{ name = "company-models" }}
resource "azurerm_role_assignment" "a" {{
  scope                = azurerm_storage_account.models.id
  role_definition_name = "{role}"
  principal_id         = azurerm_user_assigned_identity.a.principal_id
}}
"#
        );
        let label = "namespace: lab, labels: {azure.workload.identity/use: 'true'}}\nspec";
        let labelled = TWO.replace("namespace: lab}\nspec", label);
        let analysis = world(&labelled, &terraform);
        let hops = hops(&analysis, MODELS);
        (!hops.is_empty()).then(|| hops.iter().all(|it| it.unsure.is_none()))
    };
    assert_eq!(azure("Company Data Scientist"), Some(false));
    assert_eq!(azure("AcrPull"), None);
}

#[test]
fn a_bucket_that_is_not_known_is_one_of_the_same_cloud() {
    let terraform = format!(
        r#"{BUCKETS}
variable "bucket" {{}}
resource "google_storage_bucket_iam_member" "a" {{
  bucket = var.bucket
  role   = "roles/storage.admin"
  member = "serviceAccount:p.svc.id.goog[lab/notebook]"
}}
"#
    );
    let analysis = world(TWO, &terraform);
    assert!(hops(&analysis, MODELS).is_empty());
}
