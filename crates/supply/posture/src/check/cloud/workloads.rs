//! What the cloud lets pods do: roles behind service accounts of a cluster.

use std::{collections::HashSet, ptr};

use casemate_core::Rule;

use super::{Check, Family, Persona, Report, Severity, policy, rule, see};
use crate::{
    Cursor, Fact, Resource, Truth, World,
    access::{References, Roles},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[(&WIDE_ROLE, Persona::Regular)],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    roles(world, report);
    roles_elsewhere(world, report);
    accounts(world, report);
    for cluster in world.of_kind("ClusterConfig") {
        for account in cluster.cursor().walk("iam.serviceAccounts[]") {
            for arn in account.get("attachPolicyARNs").items() {
                wide(arn.text().is(|it| is_wide_policy(&it)), &arn, report);
            }
            for statement in policy::statements(&account.get("attachPolicy")) {
                wide(is_wide(&statement), &statement.0, report);
            }
        }
    }
}

/// Roles that modules make which are not in the tree: what a policy of AWS's gives is in its name.
fn roles_elsewhere(world: &World, report: &mut Report) {
    for module in world.of_kind("module-unavailable") {
        let source = module.at("source").text().ok().unwrap_or_default();
        if !ROLE_MODULES.iter().any(|it| source.contains(it)) {
            continue;
        }
        for list in ["role_policy_arns", "policies", "additional_policy_arns"] {
            let policies = module.at(list);
            let named = policies.entries().into_iter().map(|(_, it)| it);
            for arn in named.chain(policies.items()) {
                let is_wide = arn.text().ok().is_some_and(|it| is_wide_policy(&it));
                wide(is_wide.into(), &arn, report);
            }
        }
    }
}

/// Modules of the registry that make roles for service accounts of a cluster.
const ROLE_MODULES: &[&str] = &[
    "iam-role-for-service-accounts",
    "iam-eks-role",
    "eks-pod-identity",
];

/// Roles of AWS that pods assume: by the web identity of their service account, or by an association.
fn roles(world: &World, report: &mut Report) {
    let associated: HashSet<*const Resource> = world
        .links()
        .filter(|link| &*link.from.kind == "aws_eks_pod_identity_association")
        .map(|link| ptr::from_ref(link.to))
        .collect();
    let references = References::of(world);
    let all = Roles::of(world, &references);
    for role in world.of_kind("aws_iam_role") {
        let is_of_pods = associated.contains(&ptr::from_ref(role)) || is_assumed_by_pods(role);
        if !is_of_pods {
            continue;
        }
        let policies = all.policies(role);
        for arn in &policies.named {
            wide(arn.text().is(|it| is_wide_policy(&it)), arn, report);
        }
        for arn in &policies.attached {
            let is_wide = match arn.text() {
                Fact::Known(arn) => is_wide_policy(&arn).into(),
                // The policy is here, or it is not known which one it is: somebody else's rule tells that.
                _ => Truth::No,
            };
            wide(is_wide, arn, report);
        }
        for statement in policies.written.iter().flat_map(policy::statements) {
            wide(is_wide(&statement), &statement.0, report);
        }
    }
}

fn is_assumed_by_pods(role: &Resource) -> bool {
    let statements = policy::statements(&role.at("assume_role_policy"));
    statements.iter().any(|statement| {
        let by_identity = statement.acts(|it| it == "sts:assumerolewithwebidentity");
        let services = statement.0.at("Principal.Service");
        let by_service = services.has("pods.eks.amazonaws.com");
        let by_service = by_service.or(|| services.equals("pods.eks.amazonaws.com"));
        // An identity provider of GitHub's is for pipelines.
        let shown = statement.0.origin().text();
        (by_identity.is_yes() && !shown.contains("githubusercontent")) || by_service.is_yes()
    })
}

fn is_wide(statement: &policy::Statement<'_>) -> Truth {
    let wide = |it: &str| it == "*" || it == "iam:passrole" || WIDE.contains(&it);
    statement
        .allows()
        .and(|| statement.is_of_all())
        .and(|| statement.acts(wide))
}

fn is_wide_policy(arn: &str) -> bool {
    let name = arn.rsplit('/').next().unwrap_or_default();
    arn.starts_with("arn:aws") && (name.ends_with("FullAccess") || ALL.contains(&name))
}

/// Grants of Google Cloud to service accounts of a cluster, or to the account that one acts as.
fn accounts(world: &World, report: &mut Report) {
    let mut acted_as: HashSet<*const Resource> = HashSet::new();
    for binding in [
        "google_service_account_iam_member",
        "google_service_account_iam_binding",
    ] {
        for resource in world.of_kind(binding) {
            let is_identity = resource.at("role").equals("roles/iam.workloadIdentityUser");
            if !is_identity.is_yes() {
                continue;
            }
            let links = world.links().filter(|link| ptr::eq(link.from, resource));
            acted_as.extend(
                links
                    .filter(|link| link.path == "service_account_id")
                    .map(|link| ptr::from_ref(link.to)),
            );
        }
    }
    let mut granted: HashSet<*const Resource> = HashSet::new();
    for link in world.links().filter(|link| link.path.starts_with("member")) {
        if acted_as.contains(&ptr::from_ref(link.to)) {
            granted.insert(ptr::from_ref(link.from));
        }
    }
    for kind in ["google_project_iam_member", "google_project_iam_binding"] {
        for grant in world.of_kind(kind) {
            let members = grant.at("members").items().into_iter();
            let direct = members.chain([grant.at("member")]);
            let direct = direct.map(|it| it.text().is(|it| it.contains(".svc.id.goog[")));
            let is_granted =
                Truth::any(direct).or(|| granted.contains(&ptr::from_ref(grant)).into());
            let role = grant.at("role");
            let is_wide = role.text().is(|it| {
                let name = it.trim_start_matches("roles/");
                ["owner", "editor"].contains(&name) || ADMINISTERED.contains(&name)
            });
            if is_granted.is_yes() {
                wide(is_wide, &role, report);
            }
        }
    }
}

fn wide(is_wide: Truth, place: &Cursor<'_>, report: &mut Report) {
    report.when(is_wide, &WIDE_ROLE, place, || {
        "pods with the service account get a whole service of the cloud".to_owned()
    });
}

/// Actions that give a whole service that models and data are in.
const WIDE: &[&str] = &[
    "s3:*",
    "bedrock:*",
    "sagemaker:*",
    "dynamodb:*",
    "secretsmanager:*",
    "ec2:*",
    "ecr:*",
    "iam:*",
    "kms:*",
];

/// Policies of AWS's that give more than one service.
const ALL: &[&str] = &[
    "AdministratorAccess",
    "PowerUserAccess",
    "SystemAdministrator",
];

/// Roles of Google's that give all of a service that models and data are in.
const ADMINISTERED: &[&str] = &[
    "aiplatform.admin",
    "storage.admin",
    "bigquery.admin",
    "secretmanager.admin",
    "iam.serviceAccountUser",
    "iam.serviceAccountTokenCreator",
    "artifactregistry.admin",
    "container.admin",
];

static WIDE_ROLE: Rule = rule(
    "CM-AI-056",
    Severity::High,
    "Pods get a whole service of the cloud",
    "Code of users runs in notebooks, in Ray and in training: what it becomes by its service account it \
     can be told to use. With all of S3, Bedrock or SageMaker, or a role that may be passed on, one \
     notebook reads every model and data set of the account and starts what has more rights than itself.",
    "Allow the actions that the workload uses, on its own bucket, prefix or model.",
    const {
        &[
            see("CWE-269"),
            see("T1078.004"),
            see("AML.T0012"),
            see(
                "https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html",
            ),
        ]
    },
    [WIDE_BAD, WIDE_GOOD],
);

const WIDE_BAD: &str = r#"resource "aws_iam_role" "notebook" {
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { Service = "pods.eks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "notebook" {
  role       = aws_iam_role.notebook.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
}
"#;

const WIDE_GOOD: &str = r#"resource "aws_iam_role" "notebook" {
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { Service = "pods.eks.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "notebook" {
  role = aws_iam_role.notebook.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::datasets/*" }]
  })
}
"#;

#[cfg(test)]
mod tests {
    use crate::survey::tests::survey;

    fn found(text: &str) -> usize {
        let outcomes = survey(&[("main.tf", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|it| &it.findings);
        findings
            .filter(|it| it.rule.as_str() == "CM-AI-056")
            .count()
    }

    #[test]
    fn a_policy_in_a_resource_of_its_own_is_found_through_its_attachment() {
        let text = |action: &str, service: &str| {
            format!(
                r#"
resource "aws_iam_role" "r" {{
  assume_role_policy = jsonencode({{Statement = [{{Effect = "Allow", Action = "sts:AssumeRole", Principal = {{Service = "{service}"}}}}]}})
}}
resource "aws_iam_policy" "p" {{
  policy = jsonencode({{Statement = [{{Effect = "Allow", Action = ["{action}"], Resource = "*"}}]}})
}}
resource "aws_iam_role_policy_attachment" "a" {{
  role       = aws_iam_role.r.name
  policy_arn = aws_iam_policy.p.arn
}}
"#
            )
        };
        assert_eq!(found(&text("s3:*", "pods.eks.amazonaws.com")), 1);
        assert_eq!(found(&text("s3:GetObject", "pods.eks.amazonaws.com")), 0);
        assert_eq!(found(&text("s3:*", "ec2.amazonaws.com")), 0);
    }

    #[test]
    fn a_policy_is_attached_to_the_name_of_a_role_as_well() {
        let text = |role: &str, kind: &str, key: &str| {
            format!(
                r#"
resource "aws_iam_role" "r" {{
  name = "notebook"
  assume_role_policy = jsonencode({{Statement = [{{Effect = "Allow", Action = "sts:AssumeRole", Principal = {{Service = "pods.eks.amazonaws.com"}}}}]}})
}}
resource "{kind}" "a" {{
  {key}      = {role}
  policy_arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
}}
"#
            )
        };
        let one = "aws_iam_role_policy_attachment";
        assert_eq!(found(&text("\"notebook\"", one, "role")), 1);
        assert_eq!(found(&text("aws_iam_role.r.name", one, "role")), 1);
        assert_eq!(found(&text("\"other\"", one, "role")), 0);
        let all = "aws_iam_policy_attachment";
        assert_eq!(found(&text("[\"notebook\"]", all, "roles")), 1);
        assert_eq!(found(&text("[aws_iam_role.r.name]", all, "roles")), 1);
    }

    #[test]
    fn an_account_of_google_that_pods_act_as_is_followed() {
        let text = |role: &str| {
            format!(
                r#"
resource "google_service_account" "ray" {{ account_id = "ray" }}
resource "google_service_account_iam_member" "ray" {{
  service_account_id = google_service_account.ray.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:p.svc.id.goog[ml/ray]"
}}
resource "google_project_iam_member" "ray" {{
  project = "p"
  role    = "{role}"
  member  = "serviceAccount:${{google_service_account.ray.email}}"
}}
"#
            )
        };
        assert_eq!(found(&text("roles/storage.admin")), 1);
        assert_eq!(found(&text("roles/storage.objectViewer")), 0);
    }

    #[test]
    fn a_module_that_is_not_here_says_the_policies_of_its_role() {
        let text = |source: &str, arn: &str| {
            format!(
                "module \"r\" {{\n  source = \"{source}\"\n  role_policy_arns = {{ policy = \"{arn}\" }}\n}}\n"
            )
        };
        let roles = "terraform-aws-modules/iam/aws//modules/iam-role-for-service-accounts-eks";
        let all = "arn:aws:iam::aws:policy/AdministratorAccess";
        assert_eq!(found(&text(roles, all)), 1);
        assert_eq!(found(&text(roles, "arn:aws:iam::1:policy/reads-models")), 0);
        assert_eq!(found(&text("terraform-aws-modules/s3-bucket/aws", all)), 0);
    }
}
