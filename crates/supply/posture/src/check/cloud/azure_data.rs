//! Databases of Azure.

use casemate_core::Rule;

use super::{
    Ask, Check, Companions, Family, Persona, Report, Severity, Wrong, ask, is_in, rule, see,
};
use crate::World;

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&SQL_PUBLIC, Persona::Regular),
        (&SQL_FIREWALL, Persona::Regular),
        (&SQL_PLAIN, Persona::Regular),
        (&SQL_TLS, Persona::Pedantic),
        (&SQL_NO_AUDIT, Persona::Pedantic),
        (&SQL_PASSWORDS, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for kind in ["azurerm_mssql_server", "azurerm_sql_server"] {
        let policy = "azurerm_mssql_server_extended_auditing_policy";
        let audits = Companions::new(world, policy, "server_id", kind);
        for server in world.of_kind(kind) {
            // Before version 3 of the provider it was a block of the server.
            let own = server.at("extended_auditing_policy");
            let is_silent = own.is_absent().and(|| !audits.has(server));
            report.when(is_silent, &SQL_NO_AUDIT, &server.cursor(), || {
                "what is asked of the server is not logged".to_owned()
            });
        }
    }
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
        rule: &SQL_PASSWORDS,
        kinds: &["azurerm_mssql_server"],
        path: "azuread_administrator",
        wrong: Wrong::Absent,
        says: "no identity of Entra administers the server",
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
];

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

static SQL_NO_AUDIT: Rule = rule(
    "CM-AZR-025",
    Severity::Low,
    "What is asked of an SQL server is not logged",
    "Without an auditing policy nobody can say afterwards who read or changed what.",
    "Add an `azurerm_mssql_server_extended_auditing_policy` for the server.",
    const { &[see("CWE-778"), see("T1562.008")] },
    [
        r#"resource "azurerm_mssql_server" "x" {
  name                          = "x"
  version                       = "12.0"
  public_network_access_enabled = false
}
"#,
        r#"resource "azurerm_mssql_server" "x" {
  name                          = "x"
  version                       = "12.0"
  public_network_access_enabled = false
}

resource "azurerm_mssql_server_extended_auditing_policy" "x" {
  server_id              = azurerm_mssql_server.x.id
  log_monitoring_enabled = true
}
"#,
    ],
);

static SQL_PASSWORDS: Rule = rule(
    "CM-AZR-026",
    Severity::Low,
    "An SQL server is administered with a password alone",
    "Its administrator is a name and a password that the state and the configuration know. Identities of \
     Entra have conditions, several factors and an end.",
    "Add `azuread_administrator`, with `azuread_authentication_only = true` where nobody needs passwords.",
    const { &[see("CWE-308"), see("T1078.004")] },
    [
        r#"resource "azurerm_mssql_server" "x" {
  name                          = "x"
  version                       = "12.0"
  public_network_access_enabled = false
}
"#,
        r#"resource "azurerm_mssql_server" "x" {
  name                          = "x"
  version                       = "12.0"
  public_network_access_enabled = false
  azuread_administrator {
    login_username = "dba"
    object_id      = "00000000-0000-0000-0000-000000000000"
  }
}
"#,
    ],
);
