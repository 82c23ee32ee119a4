//! Applications of Azure.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, is_in, reach, rule, see};
use crate::{Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&APP_PLAIN, Persona::Regular),
        (&APP_TLS, Persona::Regular),
        (&APP_AUTHENTICATION, Persona::Auditor),
        (&APP_IDENTITY, Persona::Auditor),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
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

const ASKS: &[Ask] = &[
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
];

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
