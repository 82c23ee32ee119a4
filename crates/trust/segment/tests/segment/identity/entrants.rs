//! Roles of AWS that come into the cluster as somebody.

use super::{IRSA, annotated, grants, hops, role, way, world};

const NOTHING: &str = r#"{ Effect = "Allow", Action = "sqs:*", Resource = "*" }"#;

fn mapped(entry: &str) -> String {
    format!(
        "{}---
apiVersion: v1
kind: ConfigMap
metadata: {{name: aws-auth, namespace: kube-system}}
data:
  mapRoles: |
    - {entry}
",
        annotated()
    )
}

const ARN: &str = "rolearn: arn:aws:iam::123456789012:role/notebook";

#[test]
fn a_role_of_the_masters_may_do_everything() {
    let text = mapped(&format!(
        "{{{ARN}, username: ci, groups: [system:masters]}}"
    ));
    let analysis = world(&text, &role(IRSA, NOTHING));
    assert_eq!(
        way(&analysis, "models/registry"),
        [
            "cloud: lab/notebook[Pod] => aws_iam_role.notebook: its role in the cloud",
            "rbac: aws_iam_role.notebook => models/registry[Deployment]: everything",
        ]
    );
    let hops = hops(&analysis, "models/registry");
    let whats: Vec<&str> = hops[1].because.iter().map(|it| &*it.what).collect();
    assert_eq!(
        whats,
        [
            "aws-auth says who arn:aws:iam::123456789012:role/notebook is in the cluster",
            "cluster-admin rules[0] allows * *",
            "the group system:masters is bound to ClusterRole cluster-admin binds cluster-admin",
            "asked from lab/notebook[Pod]",
        ]
    );
}

#[test]
fn a_role_has_what_is_bound_to_its_user_and_its_groups() {
    let rules = "[{apiGroups: [''], resources: [pods/exec], verbs: [create]}]";
    let subject = "{kind: ServiceAccount, name: notebook, namespace: lab}";
    for (bound, entry, is_there) in [
        ("{kind: User, name: ci}", "username: ci", true),
        ("{kind: User, name: ci}", "username: other", false),
        ("{kind: Group, name: ml}", "groups: [ops, ml]", true),
        ("{kind: Group, name: ml}", "groups: [ops]", false),
    ] {
        let text = mapped(&format!("{{{ARN}, {entry}}}"));
        let binding = grants("RoleBinding", rules).replace(subject, bound);
        let analysis = world(&format!("{text}---{binding}"), &role(IRSA, NOTHING));
        let steps = way(&analysis, "models/registry");
        assert_eq!(!steps.is_empty(), is_there, "{bound} {entry}: {steps:?}");
    }
}

#[test]
fn access_entries_and_their_policies_let_roles_in() {
    let policy = |name: &str, scope: &str| {
        let terraform = format!(
            r#"
resource "aws_eks_access_policy_association" "a" {{
  cluster_name  = "ml"
  principal_arn = aws_iam_role.notebook.arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/{name}"
  access_scope {{ {scope} }}
}}
"#
        );
        let analysis = world(&annotated(), &(role(IRSA, NOTHING) + &terraform));
        let hops = hops(&analysis, "secret/models/hub");
        (!hops.is_empty()).then(|| hops.iter().all(|it| it.unsure.is_none()))
    };
    let everywhere = "type = \"cluster\"";
    assert_eq!(
        policy("AmazonEKSClusterAdminPolicy", everywhere),
        Some(true)
    );
    assert_eq!(policy("AmazonEKSAdminViewPolicy", everywhere), Some(true));
    assert_eq!(policy("AmazonEKSViewPolicy", everywhere), None);
    assert_eq!(policy("AmazonEKSSomethingPolicy", everywhere), Some(false));
    let within = |it: &str| format!("type = \"namespace\"\nnamespaces = [\"{it}\"]");
    assert_eq!(policy("AmazonEKSEditPolicy", &within("models")), Some(true));
    assert_eq!(policy("AmazonEKSEditPolicy", &within("other")), None);
    assert_eq!(policy("AmazonEKSEditPolicy", &within("mod*")), Some(false));

    let entry = r#"
resource "aws_eks_access_entry" "e" {
  cluster_name      = "ml"
  principal_arn     = aws_iam_role.notebook.arn
  kubernetes_groups = ["ml"]
}
"#;
    let rules = "[{apiGroups: [''], resources: [secrets], verbs: [get]}]";
    let subject = "{kind: ServiceAccount, name: notebook, namespace: lab}";
    let binding = grants("RoleBinding", rules).replace(subject, "{kind: Group, name: ml}");
    let text = format!("{}---{binding}", annotated());
    let analysis = world(&text, &(role(IRSA, NOTHING) + entry));
    assert_eq!(
        way(&analysis, "secret/models/hub")[1],
        "rbac: aws_iam_role.notebook => secret/models/hub: read Secrets"
    );
    // The annotation alone lets nobody in.
    assert!(way(&world(&text, &role(IRSA, NOTHING)), "secret/models/hub").is_empty());
}

#[test]
fn what_cannot_be_read_of_who_comes_in_is_told() {
    for (entry, expected) in [
        (
            "{username: ci}",
            "which role comes into the cluster is not known",
        ),
        (
            "{rolearn: x, groups: [1]}",
            "of which groups a role is, is not known",
        ),
        ("[", "the roles that come into the cluster are no YAML"),
    ] {
        let analysis = world(&mapped(entry), "");
        let mut gaps = analysis.identities().gaps().iter();
        assert!(gaps.any(|it| it.message.contains(expected)), "{entry}");
    }
}

#[test]
fn a_role_of_nodes_is_noted() {
    let text = mapped(&format!(
        "{{{ARN}, groups: [system:bootstrappers, system:nodes]}}"
    ));
    let analysis = world(&text, &role(IRSA, NOTHING));
    let from = analysis.find("lab/notebook");
    let notes = analysis.open_ends(&from).expect("small");
    assert!(
        notes
            .iter()
            .any(|it| it.starts_with("roles on the way are nodes")),
        "{notes:?}"
    );
}

#[test]
fn whose_name_is_what_he_calls_his_session_is_a_gap() {
    for (user, has_gap) in [
        ("'lab:{{SessionName}}'", true),
        ("'{{SessionNameRaw}}'", true),
        ("'system:node:{{EC2PrivateDNSName}}'", false),
        ("ci", false),
    ] {
        let text = mapped(&format!("{{{ARN}, username: {user}}}"));
        let analysis = world(&text, &role(IRSA, NOTHING));
        let mut gaps = analysis.identities().gaps().iter();
        let is_told = gaps.any(|it| it.message.contains("which user a role is"));
        assert_eq!(is_told, has_gap, "{user}");
    }
}

/// Work that grows with the square takes minutes here, and the runner ends it.
#[test]
fn a_policy_of_many_statements_is_looked_through_once() {
    let statements = vec![r#"{"Condition":{}}"#; 20_000].join(",");
    let policy = format!(r#"{{"Statement":[{statements}]}}"#);
    let terraform = format!(
        "resource \"aws_iam_role\" \"a\" {{\n  assume_role_policy = <<EOT\n{policy}\nEOT\n}}\n"
    );
    let analysis = world(&annotated(), &terraform);
    assert!(way(&analysis, "models/registry").is_empty());
}
