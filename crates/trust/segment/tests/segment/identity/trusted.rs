//! Roles that trust accounts without an annotation, and of which account of AWS they are.

use super::{IRSA, TWO, annotated, hops, role, way, world};

const MODELS: &str = "bucket/company-models";
const ALL: &str = r#"{ Effect = "Allow", Action = "s3:*", Resource = "*" }"#;

/// Whether the notebook, whose account no annotation gives a role, is surely a role of that trust; nothing where not.
fn sure(trust: &str) -> Option<bool> {
    let analysis = world(TWO, &role(trust, ALL));
    let hops = hops(&analysis, MODELS);
    (!hops.is_empty()).then(|| hops.iter().all(|it| it.unsure.is_none()))
}

#[test]
fn whom_a_role_trusts_may_have_its_annotation_elsewhere() {
    let analysis = world(TWO, &role(IRSA, ALL));
    assert_eq!(
        way(&analysis, MODELS)[0],
        "perhaps cloud: lab/notebook[Pod] => aws_iam_role.notebook: its role in the cloud"
    );
    let hops = hops(&analysis, MODELS);
    let why = hops[0].unsure.as_deref().unwrap_or_default();
    assert!(why.starts_with("no annotation among the files"), "{why}");
    let like = |subject: &str| {
        sure(
            &IRSA
                .replace("StringEquals", "StringLike")
                .replace("lab:notebook", subject),
        )
    };
    assert_eq!(like("lab:*"), Some(false));
    assert_eq!(like("*:notebook"), Some(false));
    assert_eq!(like("models:*"), None);
    assert_eq!(like("lab:other"), None);
    // What is known of the key only after an apply.
    let later = IRSA.replace("oidc.example:sub", "${var.provider}:sub");
    assert_eq!(sure(&later), Some(false));
}

#[test]
fn a_role_that_lets_each_account_of_a_cluster_in_is_perhaps_of_each() {
    let provider = |it: &str| {
        let arn = format!("arn:aws:iam::123456789012:oidc-provider/{it}");
        let audience = r#"Condition = { StringEquals = { "x:aud" = "sts.amazonaws.com" } }"#;
        sure(&format!(
            r#"Action = "sts:AssumeRoleWithWebIdentity", Principal = {{ Federated = "{arn}" }}, {audience}"#
        ))
    };
    assert_eq!(
        provider("oidc.eks.eu-west-1.amazonaws.com/id/ABC"),
        Some(false)
    );
    assert_eq!(provider("token.actions.githubusercontent.com"), None);
}

#[test]
fn a_role_of_another_account_is_not_the_one_of_its_name() {
    let of = |account: &str| {
        let arn = format!("arn:aws:iam::{account}:oidc-provider/oidc.example");
        let trust = format!(r#"Principal = {{ Federated = "{arn}" }}, {IRSA}"#);
        let steps = way(&world(&annotated(), &role(&trust, ALL)), MODELS);
        steps.first().cloned().unwrap_or_default()
    };
    assert_eq!(
        of("123456789012"),
        "cloud: lab/notebook[Pod] => aws_iam_role.notebook: its role in the cloud"
    );
    // The one that is named is not among the files, and this one trusts the account as well.
    let other = of("999999999999");
    assert!(other.starts_with("perhaps cloud"), "{other}");
}

#[test]
fn of_which_account_a_role_is_is_asked_where_there_are_several() {
    let second = annotated().replace(
        "metadata: {name: registry, namespace: models}\n---\napiVersion: v1\nkind: Secret",
        "metadata: {name: registry, namespace: models, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::222222222222:role/registry'}}\n---\napiVersion: v1\nkind: Secret",
    );
    assert_ne!(second, annotated());
    let analysis = world(&second, &role(IRSA, ALL));
    let hops = hops(&analysis, MODELS);
    assert_eq!(
        hops[0].unsure.as_deref(),
        Some(
            "of which account of AWS aws_iam_role.notebook is is not known, and the files name several"
        )
    );
}
