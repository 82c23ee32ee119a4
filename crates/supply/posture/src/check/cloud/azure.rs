//! Azure: storage, networks, AKS, databases, and machine learning.

use casemate_core::Rule;

use super::{
    Ask, Family, Persona, Report, Severity, Wrong, ask, aws_network::ADMIN_PORTS, is_in, reach,
    rule, see,
};
use crate::{Cursor, Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ADMIN_PORT, Persona::Regular),
        (&STORAGE_PUBLIC, Persona::Regular),
        (&STORAGE_MAY_BE_PUBLIC, Persona::Pedantic),
        (&STORAGE_PLAIN, Persona::Regular),
        (&STORAGE_TLS, Persona::Regular),
        (&STORAGE_NETWORK, Persona::Pedantic),
        (&SQL_PUBLIC, Persona::Regular),
        (&SQL_FIREWALL, Persona::Regular),
        (&SQL_PLAIN, Persona::Regular),
        (&SQL_TLS, Persona::Pedantic),
        (&VAULT_PURGE, Persona::Regular),
        (&VAULT_NETWORK, Persona::Pedantic),
        (&CLUSTER_API, Persona::Regular),
        (&CLUSTER_RBAC, Persona::Regular),
        (&CLUSTER_POLICY, Persona::Pedantic),
        (&CLUSTER_LOCAL, Persona::Pedantic),
        (&CLUSTER_DASHBOARD, Persona::Regular),
        (&MACHINE_PASSWORD, Persona::Regular),
        (&APP_PLAIN, Persona::Regular),
        (&APP_TLS, Persona::Regular),
        (&DISK_PLAIN, Persona::Regular),
        (&OWNER_ROLE, Persona::Regular),
        (&APP_AUTHENTICATION, Persona::Auditor),
        (&APP_IDENTITY, Persona::Auditor),
        (&WORKSPACE_PUBLIC, Persona::Regular),
        (&WORKSPACE_IMPACT, Persona::Pedantic),
        (&COMPUTE_SSH, Persona::Regular),
        (&COMPUTE_LOCAL, Persona::Pedantic),
        (&COMPUTE_PUBLIC, Persona::Pedantic),
        (&AI_KEYS, Persona::Regular),
        (&AI_PUBLIC, Persona::Regular),
        (&AI_OUTBOUND, Persona::Pedantic),
    ],
    check,
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for resource in world.of_kind("azurerm_network_security_rule") {
        check_rule(&resource.cursor(), report);
    }
    for group in world.of_kind("azurerm_network_security_group") {
        for place in reach(&group.cursor(), "security_rule")
            .iter()
            .flat_map(super::blocks)
        {
            check_rule(&place, report);
        }
    }
    for account in world.of_kind("azurerm_storage_account") {
        check_storage(account, report);
    }
    check_databases(world, report);
    for cluster in world.of_kind("azurerm_kubernetes_cluster") {
        check_cluster(&cluster.cursor(), report);
    }
    check_machines(world, report);
    for role in world.of_kind("azurerm_role_definition") {
        for actions in reach(&role.cursor(), "permissions.actions") {
            report.when(actions.has("*"), &OWNER_ROLE, &actions, || {
                "the role allows everything".to_owned()
            });
        }
    }
    for account in ["azurerm_cognitive_account", "azurerm_ai_services"]
        .iter()
        .flat_map(|kind| world.of_kind(kind))
    {
        check_account(&account.cursor(), report);
    }
}

fn check_rule(rule: &Cursor<'_>, report: &mut Report) {
    let says = |key: &str, word: &str| {
        rule.get(key)
            .text()
            .is(|text| text.eq_ignore_ascii_case(word))
    };
    let sources = rule
        .get("source_address_prefixes")
        .items()
        .into_iter()
        .chain([rule.get("source_address_prefix")]);
    let sources: Vec<Truth> = sources
        .map(|it| it.text().is(|text| is_in(&text, EVERYWHERE)))
        .collect();
    let ports = rule
        .get("destination_port_ranges")
        .items()
        .into_iter()
        .chain([rule.get("destination_port_range")]);
    let ports: Vec<Truth> = ports
        .map(|it| it.text().is(|text| holds_admin_port(&text)))
        .collect();
    let is_open = says("direction", "Inbound")
        .and(|| says("access", "Allow"))
        .and(|| {
            rule.get("protocol")
                .text()
                .is(|text| is_in(&text, &["tcp", "*"]))
        })
        .and(|| Truth::any(sources))
        .and(|| Truth::any(ports));
    report.when(is_open, &ADMIN_PORT, rule, || {
        "a port of administration is reached from everywhere".to_owned()
    });
}

/// A port, a range of some, or all.
fn holds_admin_port(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first
        .trim()
        .parse::<i64>()
        .ok()
        .zip(last.trim().parse::<i64>().ok());
    text == "*"
        || range.is_some_and(|(first, last)| {
            ADMIN_PORTS.iter().any(|port| (first..=last).contains(port))
        })
}

fn check_storage(account: &Resource, report: &mut Report) {
    let nested = [
        "allow_nested_items_to_be_public",
        "allow_blob_public_access",
    ]
    .map(|key| account.at(key));
    let is_shut = Truth::any(nested.iter().map(Cursor::is_false));
    report.when(!is_shut, &STORAGE_MAY_BE_PUBLIC, &account.cursor(), || {
        "containers can be made public".to_owned()
    });
    for key in ["https_traffic_only_enabled", "enable_https_traffic_only"] {
        let only = account.at(key);
        report.when(only.is_false(), &STORAGE_PLAIN, &only, || {
            "plain HTTP is taken".to_owned()
        });
    }
    let denies = Truth::any(
        reach(&account.cursor(), "network_rules.default_action")
            .iter()
            .map(|it| it.equals("Deny")),
    );
    let is_shut = account.at("public_network_access_enabled").is_false();
    report.when(
        (!denies).and(|| !is_shut),
        &STORAGE_NETWORK,
        &account.cursor(),
        || "requests from every network are taken".to_owned(),
    );
}

fn check_databases(world: &World, report: &mut Report) {
    let firewalls = world
        .resources()
        .iter()
        .filter(|it| FIREWALLS.contains(&&*it.kind));
    for firewall in firewalls {
        let start = firewall.at("start_ip_address");
        let is_open = start.equals("0.0.0.0").and(|| {
            firewall
                .at("end_ip_address")
                .text()
                .is(|text| is_in(&text, &["255.255.255.255", "0.0.0.0"]))
        });
        report.when(is_open, &SQL_FIREWALL, &start, || {
            "everybody is let in".to_owned()
        });
    }
    for (kind, key, good) in [
        ("azurerm_mssql_server", "minimum_tls_version", "1.2"),
        (
            "azurerm_postgresql_server",
            "ssl_minimal_tls_version_enforced",
            "TLS1_2",
        ),
        (
            "azurerm_mysql_server",
            "ssl_minimal_tls_version_enforced",
            "TLS1_2",
        ),
    ] {
        for server in world.of_kind(kind) {
            let version = server.at(key);
            let is_old = version
                .text()
                .is(|text| text != good && text != "1.3" && text != "TLS1_3");
            report.when(is_old, &SQL_TLS, &version, || {
                "TLS before 1.2 is taken".to_owned()
            });
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

fn check_machines(world: &World, report: &mut Report) {
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
    for kind in [
        "azurerm_app_service",
        "azurerm_linux_web_app",
        "azurerm_windows_web_app",
    ] {
        for app in world.of_kind(kind) {
            for key in ["min_tls_version", "minimum_tls_version"] {
                for version in reach(&app.cursor(), &format!("site_config.{key}")) {
                    let is_old = version.text().is(|text| is_in(&text, &["1.0", "1.1"]));
                    report.when(is_old, &APP_TLS, &version, || {
                        "TLS before 1.2 is taken".to_owned()
                    });
                }
            }
            let asks = ["auth_settings.enabled", "auth_settings_v2.auth_enabled"];
            let asks = asks.iter().flat_map(|path| reach(&app.cursor(), path));
            let asks = Truth::any(asks.map(|it| it.is_true()).collect::<Vec<_>>());
            report.when(!asks, &APP_AUTHENTICATION, &app.cursor(), || {
                "the platform does not ask who it is".to_owned()
            });
        }
    }
}

fn check_account(account: &Cursor<'_>, report: &mut Report) {
    let is_shut = account.get("public_network_access_enabled").is_false();
    let is_shut = is_shut.or(|| account.get("public_network_access").equals("Disabled"));
    let denies = reach(account, "network_acls.default_action");
    let is_open = (!is_shut).and(|| !Truth::any(denies.iter().map(|it| it.equals("Deny"))));
    report.when(is_open, &AI_PUBLIC, account, || {
        "the account is open to the Internet".to_owned()
    });
    let keys = ["local_auth_enabled", "local_authentication_enabled"]
        .map(|key| account.get(key).is_false());
    report.when(!Truth::any(keys), &AI_KEYS, account, || {
        "keys are taken".to_owned()
    });
}

const EVERYWHERE: &[&str] = &["*", "0.0.0.0/0", "0.0.0.0", "::/0", "Internet", "any"];

const FIREWALLS: &[&str] = &[
    "azurerm_mssql_firewall_rule",
    "azurerm_sql_firewall_rule",
    "azurerm_postgresql_firewall_rule",
    "azurerm_postgresql_flexible_server_firewall_rule",
    "azurerm_mysql_firewall_rule",
    "azurerm_mysql_flexible_server_firewall_rule",
    "azurerm_mariadb_firewall_rule",
];

const ASKS: &[Ask] = &[
    Ask {
        rule: &STORAGE_PUBLIC,
        kinds: &["azurerm_storage_container"],
        path: "container_access_type",
        wrong: Wrong::In(&["blob", "container"]),
        says: "everybody may read the blobs",
    },
    Ask {
        rule: &STORAGE_TLS,
        kinds: &["azurerm_storage_account"],
        path: "min_tls_version",
        wrong: Wrong::In(&["TLS1_0", "TLS1_1"]),
        says: "TLS before 1.2 is taken",
    },
    Ask {
        rule: &SQL_PUBLIC,
        kinds: &[
            "azurerm_mssql_server",
            "azurerm_postgresql_server",
            "azurerm_mysql_server",
            "azurerm_mariadb_server",
        ],
        path: "public_network_access_enabled",
        wrong: Wrong::NotIn(&["false"]),
        says: "the server has a public address",
    },
    Ask {
        rule: &SQL_PLAIN,
        kinds: &[
            "azurerm_postgresql_server",
            "azurerm_mysql_server",
            "azurerm_mariadb_server",
        ],
        path: "ssl_enforcement_enabled",
        wrong: Wrong::False,
        says: "connections without TLS are taken",
    },
    Ask {
        rule: &VAULT_PURGE,
        kinds: &["azurerm_key_vault"],
        path: "purge_protection_enabled",
        wrong: Wrong::NotTrue,
        says: "the vault can be purged",
    },
    Ask {
        rule: &VAULT_NETWORK,
        kinds: &["azurerm_key_vault"],
        path: "network_acls.default_action",
        wrong: Wrong::NotIn(&["Deny"]),
        says: "requests from every network are taken",
    },
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
    Ask {
        rule: &APP_PLAIN,
        kinds: &[
            "azurerm_app_service",
            "azurerm_linux_web_app",
            "azurerm_windows_web_app",
            "azurerm_linux_function_app",
            "azurerm_windows_function_app",
            "azurerm_function_app",
        ],
        path: "https_only",
        wrong: Wrong::NotTrue,
        says: "plain HTTP is taken",
    },
    Ask {
        rule: &DISK_PLAIN,
        kinds: &["azurerm_managed_disk"],
        path: "encryption_settings.enabled",
        wrong: Wrong::False,
        says: "the encryption is off",
    },
    Ask {
        rule: &APP_IDENTITY,
        kinds: &[
            "azurerm_app_service",
            "azurerm_linux_web_app",
            "azurerm_windows_web_app",
        ],
        path: "identity.type",
        wrong: Wrong::Absent,
        says: "it has no identity",
    },
    Ask {
        rule: &WORKSPACE_PUBLIC,
        kinds: &["azurerm_machine_learning_workspace"],
        path: "public_network_access_enabled",
        wrong: Wrong::NotIn(&["false"]),
        says: "the workspace is reachable from the Internet",
    },
    Ask {
        rule: &WORKSPACE_IMPACT,
        kinds: &["azurerm_machine_learning_workspace"],
        path: "high_business_impact",
        wrong: Wrong::NotTrue,
        says: "the workspace is not marked",
    },
    Ask {
        rule: &COMPUTE_SSH,
        kinds: &["azurerm_machine_learning_compute_cluster"],
        path: "ssh_public_access_enabled",
        wrong: Wrong::True,
        says: "SSH is open to the Internet",
    },
    Ask {
        rule: &COMPUTE_LOCAL,
        kinds: &[
            "azurerm_machine_learning_compute_cluster",
            "azurerm_machine_learning_compute_instance",
        ],
        path: "local_auth_enabled",
        wrong: Wrong::NotIn(&["false"]),
        says: "local authentication is on",
    },
    Ask {
        rule: &COMPUTE_PUBLIC,
        kinds: &[
            "azurerm_machine_learning_compute_cluster",
            "azurerm_machine_learning_compute_instance",
        ],
        path: "node_public_ip_enabled",
        wrong: Wrong::NotIn(&["false"]),
        says: "nodes have public addresses",
    },
    Ask {
        rule: &AI_OUTBOUND,
        kinds: &["azurerm_cognitive_account"],
        path: "outbound_network_access_restricted",
        wrong: Wrong::NotTrue,
        says: "every address is reached",
    },
];

static ADMIN_PORT: Rule = rule(
    "CM-AZR-001",
    Severity::High,
    "A port of administration is open to the Internet",
    "SSH, RDP, and the ports of databases and of machine learning control planes are tried by \
     everybody who scans the Internet.",
    "Allow the networks that need it, or use Bastion.",
    const { &[see("CWE-284"), see("T1133"), see("T1190")] },
    [
        r#"resource "azurerm_network_security_rule" "x" {
  direction              = "Inbound"
  access                 = "Allow"
  protocol               = "Tcp"
  source_address_prefix  = "*"
  destination_port_range = "22"
}
"#,
        r#"resource "azurerm_network_security_rule" "x" {
  direction              = "Inbound"
  access                 = "Allow"
  protocol               = "Tcp"
  source_address_prefix  = "10.0.0.0/8"
  destination_port_range = "22"
}
"#,
    ],
);

static STORAGE_PUBLIC: Rule = rule(
    "CM-AZR-002",
    Severity::High,
    "A container of blobs is open to everybody",
    "Everybody can read the blobs, and with `container` list them.",
    "Set `container_access_type` to `private`.",
    const { &[see("CWE-732"), see("T1530"), see("AML.T0035")] },
    [
        r#"resource "azurerm_storage_container" "x" {
  container_access_type = "blob"
}
"#,
        r#"resource "azurerm_storage_container" "x" {
  container_access_type = "private"
}
"#,
    ],
);

static STORAGE_MAY_BE_PUBLIC: Rule = rule(
    "CM-AZR-003",
    Severity::Low,
    "Containers of a storage account can be made public",
    "What keeps blobs closed is then the setting of each container.",
    "Set `allow_nested_items_to_be_public` to `false`.",
    const { &[see("CWE-732"), see("T1530")] },
    [
        r#"resource "azurerm_storage_account" "x" {
  name = "s"
}
"#,
        r#"resource "azurerm_storage_account" "x" {
  name                            = "s"
  allow_nested_items_to_be_public = false
}
"#,
    ],
);

static STORAGE_PLAIN: Rule = rule(
    "CM-AZR-004",
    Severity::Medium,
    "A storage account takes plain HTTP",
    "Keys and data can be read on the way.",
    "Set `https_traffic_only_enabled` to `true`.",
    const { &[see("CWE-319")] },
    [
        r#"resource "azurerm_storage_account" "x" {
  https_traffic_only_enabled = false
}
"#,
        r#"resource "azurerm_storage_account" "x" {
  https_traffic_only_enabled = true
}
"#,
    ],
);

static STORAGE_TLS: Rule = rule(
    "CM-AZR-005",
    Severity::Low,
    "A storage account takes old TLS",
    "TLS 1.0 and 1.1 are broken (RFC 8996).",
    "Set `min_tls_version` to `TLS1_2`.",
    const {
        &[
            see("CWE-326"),
            see("https://www.rfc-editor.org/rfc/rfc8996"),
        ]
    },
    [
        r#"resource "azurerm_storage_account" "x" {
  min_tls_version = "TLS1_0"
}
"#,
        r#"resource "azurerm_storage_account" "x" {
  min_tls_version = "TLS1_2"
}
"#,
    ],
);

static STORAGE_NETWORK: Rule = rule(
    "CM-AZR-006",
    Severity::Low,
    "A storage account takes requests from every network",
    "A key or a token that leaked works from everywhere.",
    "Set `network_rules { default_action = \"Deny\" }` or `public_network_access_enabled = false`.",
    const { &[see("CWE-668")] },
    [
        r#"resource "azurerm_storage_account" "x" {
  name = "s"
}
"#,
        r#"resource "azurerm_storage_account" "x" {
  name = "s"
  network_rules {
    default_action = "Deny"
  }
}
"#,
    ],
);

static SQL_PUBLIC: Rule = rule(
    "CM-AZR-007",
    Severity::Medium,
    "A database server has a public address",
    "The server can be reached from the Internet as soon as a firewall rule has a gap.",
    "Set `public_network_access_enabled` to `false`.",
    const { &[see("CWE-668"), see("T1190")] },
    [
        r#"resource "azurerm_mssql_server" "x" {
  name = "s"
}
"#,
        r#"resource "azurerm_mssql_server" "x" {
  name                          = "s"
  public_network_access_enabled = false
}
"#,
    ],
);

static SQL_FIREWALL: Rule = rule(
    "CM-AZR-008",
    Severity::High,
    "A firewall of a database lets everybody in",
    "The range from 0.0.0.0 is the Internet, or every customer of Azure.",
    "Name the networks, or use a private endpoint.",
    const { &[see("CWE-284"), see("T1190")] },
    [
        r#"resource "azurerm_mssql_firewall_rule" "x" {
  start_ip_address = "0.0.0.0"
  end_ip_address   = "255.255.255.255"
}
"#,
        r#"resource "azurerm_mssql_firewall_rule" "x" {
  start_ip_address = "203.0.113.4"
  end_ip_address   = "203.0.113.4"
}
"#,
    ],
);

static SQL_PLAIN: Rule = rule(
    "CM-AZR-009",
    Severity::Medium,
    "A database server takes connections without TLS",
    "Passwords and rows can be read on the way.",
    "Set `ssl_enforcement_enabled` to `true`.",
    const { &[see("CWE-319")] },
    [
        r#"resource "azurerm_mysql_server" "x" {
  ssl_enforcement_enabled = false
}
"#,
        r#"resource "azurerm_mysql_server" "x" {
  ssl_enforcement_enabled = true
}
"#,
    ],
);

static SQL_TLS: Rule = rule(
    "CM-AZR-010",
    Severity::Low,
    "A database server takes old TLS",
    "TLS 1.0 and 1.1 are broken (RFC 8996).",
    "Set `minimum_tls_version` to 1.2 (`ssl_minimal_tls_version_enforced` to `TLS1_2`).",
    const { &[see("CWE-326")] },
    [
        r#"resource "azurerm_mssql_server" "x" {
  minimum_tls_version = "1.0"
}
"#,
        r#"resource "azurerm_mssql_server" "x" {
  minimum_tls_version = "1.2"
}
"#,
    ],
);

static VAULT_PURGE: Rule = rule(
    "CM-AZR-011",
    Severity::Medium,
    "A key vault can be purged",
    "Whoever deletes the vault destroys every key in it, and with them all that they encrypted.",
    "Set `purge_protection_enabled` to `true`.",
    const { &[see("CWE-1188"), see("T1485")] },
    [
        r#"resource "azurerm_key_vault" "x" {
  name = "v"
}
"#,
        r#"resource "azurerm_key_vault" "x" {
  name                     = "v"
  purge_protection_enabled = true
}
"#,
    ],
);

static VAULT_NETWORK: Rule = rule(
    "CM-AZR-012",
    Severity::Low,
    "A key vault takes requests from every network",
    "A token that leaked works from everywhere.",
    "Set `network_acls { default_action = \"Deny\" }`.",
    const { &[see("CWE-668")] },
    [
        r#"resource "azurerm_key_vault" "x" {
  name = "v"
}
"#,
        r#"resource "azurerm_key_vault" "x" {
  name = "v"
  network_acls {
    bypass         = "AzureServices"
    default_action = "Deny"
  }
}
"#,
    ],
);

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

static APP_PLAIN: Rule = rule(
    "CM-AZR-019",
    Severity::Medium,
    "An application of App Service takes plain HTTP",
    "What clients send can be read and changed on the way.",
    "Set `https_only` to `true`.",
    const { &[see("CWE-319")] },
    [
        r#"resource "azurerm_linux_web_app" "x" {
  name = "a"
}
"#,
        r#"resource "azurerm_linux_web_app" "x" {
  name       = "a"
  https_only = true
}
"#,
    ],
);

static APP_TLS: Rule = rule(
    "CM-AZR-020",
    Severity::Low,
    "An application of App Service takes old TLS",
    "TLS 1.0 and 1.1 are broken (RFC 8996).",
    "Set `minimum_tls_version` (`min_tls_version` in `azurerm_app_service`) to 1.2.",
    const { &[see("CWE-326")] },
    [
        r#"resource "azurerm_app_service" "x" {
  site_config {
    min_tls_version = "1.1"
  }
}
"#,
        r#"resource "azurerm_app_service" "x" {
  site_config {
    min_tls_version = "1.2"
  }
}
"#,
    ],
);

static DISK_PLAIN: Rule = rule(
    "CM-AZR-021",
    Severity::Medium,
    "A managed disk turns its encryption off",
    "Snapshots of the disk can be read, copied and shared.",
    "Remove `encryption_settings { enabled = false }`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "azurerm_managed_disk" "x" {
  encryption_settings {
    enabled = false
  }
}
"#,
        r#"resource "azurerm_managed_disk" "x" {
  encryption_settings {
    enabled = true
  }
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

static APP_AUTHENTICATION: Rule = rule(
    "CM-AZR-023",
    Severity::Info,
    "An application of App Service does not ask who it is",
    "The platform lets every request through; the application must ask by itself.",
    "Add `auth_settings_v2` (`auth_settings`), if the application does not authenticate by itself.",
    const { &[see("CWE-306")] },
    [
        r#"resource "azurerm_app_service" "x" {
  name = "a"
}
"#,
        r#"resource "azurerm_app_service" "x" {
  name = "a"
  auth_settings {
    enabled = true
  }
}
"#,
    ],
);

static APP_IDENTITY: Rule = rule(
    "CM-AZR-024",
    Severity::Info,
    "An application of App Service has no identity",
    "Without an identity it needs keys that are stored somewhere.",
    "Add `identity { type = \"SystemAssigned\" }`.",
    const { &[see("CWE-798")] },
    [
        r#"resource "azurerm_app_service" "x" {
  name = "a"
}
"#,
        r#"resource "azurerm_app_service" "x" {
  name = "a"
  identity {
    type = "SystemAssigned"
  }
}
"#,
    ],
);

static WORKSPACE_PUBLIC: Rule = rule(
    "CM-AZR-040",
    Severity::High,
    "A machine learning workspace is open to the Internet",
    "Its studio and its API, and with them data, models and compute, are reachable from \
     everywhere by whoever holds a token.",
    "Set `public_network_access_enabled` to `false`, and use a private endpoint.",
    const { &[see("CWE-668"), see("AML.T0012")] },
    [
        r#"resource "azurerm_machine_learning_workspace" "x" {
  name = "w"
}
"#,
        r#"resource "azurerm_machine_learning_workspace" "x" {
  name                          = "w"
  public_network_access_enabled = false
}
"#,
    ],
);

static WORKSPACE_IMPACT: Rule = rule(
    "CM-AZR-041",
    Severity::Low,
    "A machine learning workspace sends diagnostics of its data",
    "Without the mark of high business impact, Microsoft collects diagnostic data of the \
     workspace, and local disks of compute are not encrypted the strict way.",
    "Set `high_business_impact` to `true` where the data is sensitive.",
    const { &[see("CWE-359")] },
    [
        r#"resource "azurerm_machine_learning_workspace" "x" {
  name = "w"
}
"#,
        r#"resource "azurerm_machine_learning_workspace" "x" {
  name                 = "w"
  high_business_impact = true
}
"#,
    ],
);

static COMPUTE_SSH: Rule = rule(
    "CM-AZR-042",
    Severity::High,
    "A compute cluster takes SSH from the Internet",
    "Nodes that hold data and weights in training can be tried by everybody.",
    "Set `ssh_public_access_enabled` to `false`.",
    const { &[see("CWE-668"), see("T1133")] },
    [
        r#"resource "azurerm_machine_learning_compute_cluster" "x" {
  ssh_public_access_enabled = true
  local_auth_enabled        = false
}
"#,
        r#"resource "azurerm_machine_learning_compute_cluster" "x" {
  ssh_public_access_enabled = false
  local_auth_enabled        = false
}
"#,
    ],
);

static COMPUTE_LOCAL: Rule = rule(
    "CM-AZR-043",
    Severity::Medium,
    "Machine learning compute takes keys and passwords of its own",
    "Local authentication passes by the identity provider, its conditions and its logs.",
    "Set `local_auth_enabled` to `false`.",
    const { &[see("CWE-287")] },
    [
        r#"resource "azurerm_machine_learning_compute_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "azurerm_machine_learning_compute_cluster" "x" {
  name               = "c"
  local_auth_enabled = false
}
"#,
    ],
);

static COMPUTE_PUBLIC: Rule = rule(
    "CM-AZR-044",
    Severity::Medium,
    "Nodes of machine learning compute have public addresses",
    "Every node can be reached from the Internet as soon as a rule has a gap.",
    "Set `node_public_ip_enabled` to `false`.",
    const { &[see("CWE-668")] },
    [
        r#"resource "azurerm_machine_learning_compute_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "azurerm_machine_learning_compute_cluster" "x" {
  name                   = "c"
  node_public_ip_enabled = false
}
"#,
    ],
);

static AI_KEYS: Rule = rule(
    "CM-AZR-045",
    Severity::Medium,
    "An AI account takes keys",
    "A key of an Azure OpenAI or Cognitive Services account is a password that names nobody: \
     whoever finds it uses the models at your cost.",
    "Set `local_auth_enabled` to `false`, and use Entra ID.",
    const { &[see("CWE-287"), see("AML.T0034"), see("AML.T0055")] },
    [
        r#"resource "azurerm_cognitive_account" "x" {
  kind = "OpenAI"
}
"#,
        r#"resource "azurerm_cognitive_account" "x" {
  kind               = "OpenAI"
  local_auth_enabled = false
}
"#,
    ],
);

static AI_PUBLIC: Rule = rule(
    "CM-AZR-046",
    Severity::Medium,
    "An AI account is open to the Internet",
    "Models can be used from everywhere by whoever holds a key or a token.",
    "Set `public_network_access_enabled` to `false`, or `network_acls { default_action = \"Deny\" }`.",
    const { &[see("CWE-668"), see("AML.T0040")] },
    [
        r#"resource "azurerm_cognitive_account" "x" {
  kind = "OpenAI"
}
"#,
        r#"resource "azurerm_cognitive_account" "x" {
  kind                          = "OpenAI"
  public_network_access_enabled = false
}
"#,
    ],
);

static AI_OUTBOUND: Rule = rule(
    "CM-AZR-047",
    Severity::Low,
    "An AI account reaches every address",
    "What an account fetches on behalf of a request, such as files and images by URL, is a way \
     for data to leave.",
    "Set `outbound_network_access_restricted` to `true`, and name the hosts in `fqdns`.",
    const { &[see("CWE-918"), see("AML.T0025")] },
    [
        r#"resource "azurerm_cognitive_account" "x" {
  kind = "OpenAI"
}
"#,
        r#"resource "azurerm_cognitive_account" "x" {
  kind                               = "OpenAI"
  outbound_network_access_restricted = true
}
"#,
    ],
);
