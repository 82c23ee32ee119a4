//! Storage accounts, disks and vaults of Azure.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, reach, rule, see};
use crate::{Cursor, Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&STORAGE_PUBLIC, Persona::Regular),
        (&STORAGE_MAY_BE_PUBLIC, Persona::Pedantic),
        (&STORAGE_PLAIN, Persona::Regular),
        (&STORAGE_TLS, Persona::Regular),
        (&STORAGE_NETWORK, Persona::Pedantic),
        (&VAULT_PURGE, Persona::Regular),
        (&VAULT_NETWORK, Persona::Pedantic),
        (&DISK_PLAIN, Persona::Regular),
        (&STORAGE_KEYS, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for account in world.of_kind("azurerm_storage_account") {
        check_storage(account, report);
    }
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

const ASKS: &[Ask] = &[
    Ask {
        rule: &STORAGE_KEYS,
        kinds: &["azurerm_storage_account"],
        path: "shared_access_key_enabled",
        wrong: Wrong::NotIn(&["false"]),
        says: "the keys of the account open all of it",
    },
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
        rule: &DISK_PLAIN,
        kinds: &["azurerm_managed_disk"],
        path: "encryption_settings.enabled",
        wrong: Wrong::False,
        says: "the encryption is off",
    },
];

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

static STORAGE_KEYS: Rule = rule(
    "CM-AZR-027",
    Severity::Low,
    "A storage account takes its shared keys",
    "Two keys open everything in the account, for ever, to whoever has one: no identity, no conditions, \
     no name in the log. They are taken unless the account says otherwise.",
    "Set `shared_access_key_enabled` to `false`, and grant roles of Entra on the data.",
    const { &[see("CWE-308"), see("T1078.004")] },
    [
        r#"resource "azurerm_storage_account" "x" {
  name = "x"
}
"#,
        r#"resource "azurerm_storage_account" "x" {
  name                      = "x"
  shared_access_key_enabled = false
}
"#,
    ],
);
