//! Machine learning and AI services of Azure.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, reach, rule, see};
use crate::{Cursor, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&WORKSPACE_PUBLIC, Persona::Regular),
        (&WORKSPACE_IMPACT, Persona::Pedantic),
        (&COMPUTE_SSH, Persona::Regular),
        (&COMPUTE_LOCAL, Persona::Pedantic),
        (&COMPUTE_PUBLIC, Persona::Pedantic),
        (&AI_KEYS, Persona::Regular),
        (&AI_PUBLIC, Persona::Regular),
        (&AI_OUTBOUND, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for account in ["azurerm_cognitive_account", "azurerm_ai_services"]
        .iter()
        .flat_map(|kind| world.of_kind(kind))
    {
        check_account(&account.cursor(), report);
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

const ASKS: &[Ask] = &[
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
