//! Networks of Azure.

use casemate_core::Rule;

use super::{
    Check, Family, Persona, Report, Severity, is_in, ports::holds_admin_port, reach, rule, see,
};
use crate::{Cursor, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[(&ADMIN_PORT, Persona::Regular)],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
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

const EVERYWHERE: &[&str] = &["*", "0.0.0.0/0", "0.0.0.0", "::/0", "Internet", "any"];

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
