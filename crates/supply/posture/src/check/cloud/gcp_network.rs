//! Networks of Google Cloud.

use casemate_core::Rule;

use super::{
    Ask, Check, Family, Persona, Report, Severity, Wrong, ask, is_in, ports::holds_admin_port,
    reach, rule, see,
};
use crate::{Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ADMIN_PORT, Persona::Regular),
        (&SUBNET_NO_LOG, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for firewall in world.of_kind("google_compute_firewall") {
        check_firewall(firewall, report);
    }
}

fn check_firewall(firewall: &Resource, report: &mut Report) {
    let is_in_way = !firewall.at("direction").equals("EGRESS");
    let is_on = !firewall.at("disabled").is_true();
    let is_open =
        Truth::any(["0.0.0.0/0", "::/0"].map(|all| firewall.at("source_ranges").has(all)));
    let is_open = is_in_way.and(|| is_on).and(|| is_open);
    for allowed in reach(&firewall.cursor(), "allow")
        .iter()
        .flat_map(super::blocks)
    {
        let ports = allowed.get("ports");
        let protocol = allowed
            .get("protocol")
            .text()
            .is(|text| is_in(&text, &["tcp", "6", "all"]));
        let reaches = || {
            let named = ports
                .items()
                .into_iter()
                .map(|it| it.text().is(|text| holds_admin_port(&text)));
            ports
                .is_absent()
                .or(|| Truth::any(named.collect::<Vec<_>>()))
        };
        let is_reached = is_open.clone().and(|| protocol).and(reaches);
        report.when(is_reached, &ADMIN_PORT, &allowed, || {
            "a port of administration is reached from everywhere".to_owned()
        });
    }
}

const ASKS: &[Ask] = &[Ask {
    rule: &SUBNET_NO_LOG,
    kinds: &["google_compute_subnetwork"],
    path: "log_config",
    wrong: Wrong::Absent,
    says: "flow logs are off",
}];

static ADMIN_PORT: Rule = rule(
    "CM-GCP-001",
    Severity::High,
    "A port of administration is open to the Internet",
    "SSH, RDP, and the ports of databases and of machine learning control planes are tried by \
     everybody who scans the Internet.",
    "Allow the networks that need it, or use Identity-Aware Proxy.",
    const { &[see("CWE-284"), see("T1133"), see("T1190")] },
    [
        r#"resource "google_compute_firewall" "x" {
  network       = "n"
  source_ranges = ["0.0.0.0/0"]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
"#,
        r#"resource "google_compute_firewall" "x" {
  network       = "n"
  source_ranges = ["35.235.240.0/20"]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
"#,
    ],
);

static SUBNET_NO_LOG: Rule = rule(
    "CM-GCP-017",
    Severity::Low,
    "A subnet has no flow logs",
    "Nobody can say what a compromised machine reached.",
    "Add a `log_config` block.",
    const { &[see("CWE-778")] },
    [
        r#"resource "google_compute_subnetwork" "x" {
  name = "s"
}
"#,
        r#"resource "google_compute_subnetwork" "x" {
  name = "s"
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
  }
}
"#,
    ],
);
