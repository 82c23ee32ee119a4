//! Clusters, machines and roles of Azure.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, reach, rule, see};
use crate::{Cursor, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&CLUSTER_API, Persona::Regular),
        (&CLUSTER_RBAC, Persona::Regular),
        (&CLUSTER_POLICY, Persona::Pedantic),
        (&CLUSTER_LOCAL, Persona::Pedantic),
        (&CLUSTER_DASHBOARD, Persona::Regular),
        (&MACHINE_PASSWORD, Persona::Regular),
        (&OWNER_ROLE, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for cluster in world.of_kind("azurerm_kubernetes_cluster") {
        check_cluster(&cluster.cursor(), report);
    }
    for role in world.of_kind("azurerm_role_definition") {
        for actions in reach(&role.cursor(), "permissions.actions") {
            report.when(actions.has("*"), &OWNER_ROLE, &actions, || {
                "the role allows everything".to_owned()
            });
        }
    }
    for (kind, path) in [
        (
            "azurerm_linux_virtual_machine",
            "disable_password_authentication",
        ),
        (
            "azurerm_virtual_machine",
            "os_profile_linux_config.disable_password_authentication",
        ),
        (
            "azurerm_linux_virtual_machine_scale_set",
            "disable_password_authentication",
        ),
    ] {
        for machine in world.of_kind(kind) {
            for keys_only in reach(&machine.cursor(), path) {
                report.when(keys_only.is_false(), &MACHINE_PASSWORD, &keys_only, || {
                    "passwords are taken".to_owned()
                });
            }
        }
    }
}

fn check_cluster(cluster: &Cursor<'_>, report: &mut Report) {
    let networks = [
        "api_server_authorized_ip_ranges",
        "api_server_access_profile",
    ]
    .map(|key| cluster.get(key).is_absent());
    let is_open = (!cluster.get("private_cluster_enabled").is_true()).and(|| Truth::all(networks));
    report.when(is_open, &CLUSTER_API, cluster, || {
        "the API is open to the Internet".to_owned()
    });
    for path in [
        "role_based_access_control_enabled",
        "role_based_access_control.enabled",
    ] {
        for access in reach(cluster, path) {
            report.when(access.is_false(), &CLUSTER_RBAC, &access, || {
                "role-based access control is off".to_owned()
            });
        }
    }
}

const ASKS: &[Ask] = &[
    Ask {
        rule: &CLUSTER_POLICY,
        kinds: &["azurerm_kubernetes_cluster"],
        path: "network_profile.network_policy",
        wrong: Wrong::Absent,
        says: "network policies are not enforced",
    },
    Ask {
        rule: &CLUSTER_LOCAL,
        kinds: &["azurerm_kubernetes_cluster"],
        path: "local_account_disabled",
        wrong: Wrong::NotTrue,
        says: "local accounts are on",
    },
    Ask {
        rule: &CLUSTER_DASHBOARD,
        kinds: &["azurerm_kubernetes_cluster"],
        path: "addon_profile.kube_dashboard.enabled",
        wrong: Wrong::True,
        says: "the dashboard is on",
    },
];

static CLUSTER_API: Rule = rule(
    "CM-AZR-013",
    Severity::Medium,
    "The API of an AKS cluster is open to the Internet",
    "Everybody can try credentials, and flaws of the API server, from everywhere.",
    "Set `private_cluster_enabled`, or name the networks in `api_server_access_profile`.",
    const { &[see("CWE-668"), see("T1133")] },
    [
        r#"resource "azurerm_kubernetes_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "azurerm_kubernetes_cluster" "x" {
  name                    = "c"
  private_cluster_enabled = true
}
"#,
    ],
);

static CLUSTER_RBAC: Rule = rule(
    "CM-AZR-014",
    Severity::High,
    "An AKS cluster has no role-based access control",
    "Everybody with access to the cluster is its administrator.",
    "Set `role_based_access_control_enabled` to `true`.",
    const { &[see("CWE-269")] },
    [
        r#"resource "azurerm_kubernetes_cluster" "x" {
  role_based_access_control_enabled = false
}
"#,
        r#"resource "azurerm_kubernetes_cluster" "x" {
  role_based_access_control_enabled = true
}
"#,
    ],
);

static CLUSTER_POLICY: Rule = rule(
    "CM-AZR-015",
    Severity::Low,
    "An AKS cluster does not enforce network policies",
    "Policies in the cluster are there and do nothing: every pod reaches every other one.",
    "Set `network_policy` in `network_profile`.",
    const { &[see("CWE-284")] },
    [
        r#"resource "azurerm_kubernetes_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "azurerm_kubernetes_cluster" "x" {
  network_profile {
    network_plugin = "azure"
    network_policy = "calico"
  }
}
"#,
    ],
);

static CLUSTER_LOCAL: Rule = rule(
    "CM-AZR-016",
    Severity::Low,
    "An AKS cluster has local accounts",
    "Local accounts are certificates that name nobody and pass by the identity provider.",
    "Set `local_account_disabled` to `true`.",
    const { &[see("CWE-287")] },
    [
        r#"resource "azurerm_kubernetes_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "azurerm_kubernetes_cluster" "x" {
  name                   = "c"
  local_account_disabled = true
}
"#,
    ],
);

static CLUSTER_DASHBOARD: Rule = rule(
    "CM-AZR-017",
    Severity::High,
    "An AKS cluster has the dashboard of Kubernetes",
    "The dashboard of old versions acts with rights of its own for whoever reaches it.",
    "Remove the `kube_dashboard` add-on.",
    const { &[see("CWE-306"), see("T1133")] },
    [
        r#"resource "azurerm_kubernetes_cluster" "x" {
  addon_profile {
    kube_dashboard {
      enabled = true
    }
  }
}
"#,
        r#"resource "azurerm_kubernetes_cluster" "x" {
  addon_profile {
    kube_dashboard {
      enabled = false
    }
  }
}
"#,
    ],
);

static MACHINE_PASSWORD: Rule = rule(
    "CM-AZR-018",
    Severity::Medium,
    "A machine takes passwords over SSH",
    "Passwords are guessed; keys are not.",
    "Set `disable_password_authentication` to `true`.",
    const { &[see("CWE-521"), see("T1110")] },
    [
        r#"resource "azurerm_linux_virtual_machine" "x" {
  disable_password_authentication = false
}
"#,
        r#"resource "azurerm_linux_virtual_machine" "x" {
  disable_password_authentication = true
}
"#,
    ],
);

static OWNER_ROLE: Rule = rule(
    "CM-AZR-022",
    Severity::High,
    "A custom role allows everything",
    "A role whose actions are `*` is another owner, that no review of owners finds.",
    "Name the actions that are needed.",
    const { &[see("CWE-269"), see("T1078.004")] },
    [
        r#"resource "azurerm_role_definition" "x" {
  permissions {
    actions = ["*"]
  }
}
"#,
        r#"resource "azurerm_role_definition" "x" {
  permissions {
    actions = ["Microsoft.MachineLearningServices/workspaces/read"]
  }
}
"#,
    ],
);
