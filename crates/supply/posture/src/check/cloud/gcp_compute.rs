//! Clusters and machines of Google Cloud.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, is_in, reach, rule, see};
use crate::{Cursor, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&CLUSTER_PUBLIC_NODES, Persona::Regular),
        (&CLUSTER_API_OPEN, Persona::Regular),
        (&CLUSTER_LEGACY_ABAC, Persona::Regular),
        (&CLUSTER_NO_POLICY, Persona::Pedantic),
        (&CLUSTER_NO_LOGS, Persona::Regular),
        (&NODE_METADATA, Persona::Pedantic),
        (&MACHINE_PUBLIC, Persona::Pedantic),
        (&SERIAL_PORT, Persona::Regular),
        (&FORWARDS, Persona::Pedantic),
        (&SHIELDED, Persona::Pedantic),
        (&CLUSTER_CERTIFICATE, Persona::Regular),
        (&PROJECT_KEYS, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for cluster in world.of_kind("google_container_cluster") {
        check_cluster(&cluster.cursor(), report);
    }
    for kind in ["google_container_cluster", "google_container_node_pool"] {
        for resource in world.of_kind(kind) {
            check_nodes(&resource.cursor(), report);
        }
    }
    for machine in world.of_kind("google_compute_instance") {
        let metadata = machine.at("metadata");
        let says_yes = |key: &str| {
            let words = ["true", "1", "y", "yes"];
            metadata.get(key).text().is(|text| is_in(&text, &words))
        };
        // Where the login is of the system, keys in metadata are ignored.
        let is_shut = says_yes("block-project-ssh-keys").or(|| says_yes("enable-oslogin"));
        report.when(!is_shut, &PROJECT_KEYS, &metadata, || {
            "keys of the whole project open the machine".to_owned()
        });
        for address in reach(&machine.cursor(), "network_interface.access_config") {
            report.when(!address.is_absent(), &MACHINE_PUBLIC, &address, || {
                "the machine has a public address".to_owned()
            });
        }
    }
}

fn check_cluster(cluster: &Cursor<'_>, report: &mut Report) {
    let networks = cluster.get("master_authorized_networks_config");
    let is_private = reach(cluster, "private_cluster_config.enable_private_endpoint");
    let is_private = Truth::any(is_private.iter().map(Cursor::is_true));
    let is_wide = networks.is_absent().or(|| {
        let blocks = reach(
            cluster,
            "master_authorized_networks_config.cidr_blocks.cidr_block",
        );
        Truth::any(blocks.iter().map(|it| it.equals("0.0.0.0/0")))
    });
    report.when(
        (!is_private).and(|| is_wide),
        &CLUSTER_API_OPEN,
        &networks,
        || "the API is open to the Internet".to_owned(),
    );
    let policy = Truth::any(
        reach(cluster, "network_policy.enabled")
            .iter()
            .map(Cursor::is_true),
    );
    let enforces = policy
        .or(|| cluster.get("datapath_provider").equals("ADVANCED_DATAPATH"))
        .or(|| cluster.get("enable_autopilot").is_true());
    report.when(!enforces, &CLUSTER_NO_POLICY, cluster, || {
        "network policies are not enforced".to_owned()
    });
}

fn check_nodes(nodes: &Cursor<'_>, report: &mut Report) {
    let modes = reach(nodes, "node_config.workload_metadata_config.mode");
    let old = reach(nodes, "node_config.workload_metadata_config.node_metadata");
    let hides = Truth::any(modes.iter().map(|it| it.equals("GKE_METADATA")))
        .or(|| {
            Truth::any(old.iter().map(|it| {
                it.text()
                    .is(|text| text.starts_with("GKE_METADATA") || text == "SECURE")
            }))
        })
        .or(|| nodes.get("enable_autopilot").is_true());
    // A cluster whose first pool is removed has no nodes of its own.
    let has_nodes = !nodes.get("remove_default_node_pool").is_true();
    report.when(has_nodes.and(|| !hides), &NODE_METADATA, nodes, || {
        "pods reach the metadata server of their node".to_owned()
    });
}

const ASKS: &[Ask] = &[
    Ask {
        rule: &CLUSTER_PUBLIC_NODES,
        kinds: &["google_container_cluster"],
        path: "private_cluster_config.enable_private_nodes",
        wrong: Wrong::NotTrue,
        says: "nodes have public addresses",
    },
    Ask {
        rule: &CLUSTER_LEGACY_ABAC,
        kinds: &["google_container_cluster"],
        path: "enable_legacy_abac",
        wrong: Wrong::True,
        says: "legacy authorization is on",
    },
    Ask {
        rule: &CLUSTER_NO_LOGS,
        kinds: &["google_container_cluster"],
        path: "logging_service",
        wrong: Wrong::In(&["none"]),
        says: "the cluster sends no logs",
    },
    Ask {
        rule: &SERIAL_PORT,
        kinds: &[
            "google_compute_instance",
            "google_compute_instance_template",
            "google_compute_project_metadata",
        ],
        path: "metadata.serial-port-enable",
        wrong: Wrong::In(&["true", "1", "y", "yes"]),
        says: "the serial port takes connections",
    },
    Ask {
        rule: &FORWARDS,
        kinds: &[
            "google_compute_instance",
            "google_compute_instance_template",
        ],
        path: "can_ip_forward",
        wrong: Wrong::True,
        says: "the machine forwards packets",
    },
    Ask {
        rule: &SHIELDED,
        kinds: &[
            "google_compute_instance",
            "google_compute_instance_template",
        ],
        path: "shielded_instance_config",
        wrong: Wrong::Absent,
        says: "it is no shielded machine",
    },
    Ask {
        rule: &CLUSTER_CERTIFICATE,
        kinds: &["google_container_cluster"],
        path: "master_auth.client_certificate_config.issue_client_certificate",
        wrong: Wrong::True,
        says: "client certificates are issued",
    },
];

static CLUSTER_PUBLIC_NODES: Rule = rule(
    "CM-GCP-007",
    Severity::Medium,
    "Nodes of a GKE cluster have public addresses",
    "Every node, those with GPUs included, can be reached from the Internet as soon as a firewall \
     has a gap.",
    "Set `private_cluster_config { enable_private_nodes = true }`.",
    const { &[see("CWE-668")] },
    [
        r#"resource "google_container_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "google_container_cluster" "x" {
  name = "c"
  private_cluster_config {
    enable_private_nodes = true
  }
}
"#,
    ],
);

static CLUSTER_API_OPEN: Rule = rule(
    "CM-GCP-008",
    Severity::Medium,
    "The API of a GKE cluster is open to the Internet",
    "Everybody can try credentials, and flaws of the API server, from everywhere.",
    "Name the networks in `master_authorized_networks_config`, or make the endpoint private.",
    const { &[see("CWE-668"), see("T1133")] },
    [
        r#"resource "google_container_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "google_container_cluster" "x" {
  name = "c"
  master_authorized_networks_config {
    cidr_blocks {
      cidr_block = "10.0.0.0/8"
    }
  }
}
"#,
    ],
);

static CLUSTER_LEGACY_ABAC: Rule = rule(
    "CM-GCP-009",
    Severity::High,
    "A GKE cluster has legacy authorization",
    "Legacy authorization gives every identity of the cluster the rights of an administrator.",
    "Set `enable_legacy_abac` to `false`.",
    const { &[see("CWE-269")] },
    [
        r#"resource "google_container_cluster" "x" {
  enable_legacy_abac = true
}
"#,
        r#"resource "google_container_cluster" "x" {
  enable_legacy_abac = false
}
"#,
    ],
);

static CLUSTER_NO_POLICY: Rule = rule(
    "CM-GCP-010",
    Severity::Low,
    "A GKE cluster does not enforce network policies",
    "Policies in the cluster are there and do nothing: every pod reaches every other one.",
    "Set `network_policy { enabled = true }`, or `datapath_provider = \"ADVANCED_DATAPATH\"`.",
    const { &[see("CWE-284")] },
    [
        r#"resource "google_container_cluster" "x" {
  name = "c"
}
"#,
        r#"resource "google_container_cluster" "x" {
  name              = "c"
  datapath_provider = "ADVANCED_DATAPATH"
}
"#,
    ],
);

static CLUSTER_NO_LOGS: Rule = rule(
    "CM-GCP-011",
    Severity::Medium,
    "A GKE cluster sends no logs",
    "Nobody can say afterwards who did what in the cluster.",
    "Remove `logging_service = \"none\"`.",
    const { &[see("CWE-778"), see("T1562.008")] },
    [
        r#"resource "google_container_cluster" "x" {
  logging_service = "none"
}
"#,
        r#"resource "google_container_cluster" "x" {
  logging_service = "logging.googleapis.com/kubernetes"
}
"#,
    ],
);

static NODE_METADATA: Rule = rule(
    "CM-GCP-012",
    Severity::Medium,
    "Pods reach the metadata server of their node",
    "Without the metadata server of GKE, every pod gets the credentials of its node.",
    "Set `workload_metadata_config { mode = \"GKE_METADATA\" }`.",
    const { &[see("CWE-668"), see("T1552.005")] },
    [
        r#"resource "google_container_node_pool" "x" {
  node_config {
    machine_type = "a2-highgpu-1g"
  }
}
"#,
        r#"resource "google_container_node_pool" "x" {
  node_config {
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
}
"#,
    ],
);

static MACHINE_PUBLIC: Rule = rule(
    "CM-GCP-013",
    Severity::Low,
    "A machine has a public address",
    "The machine can be reached from the Internet as soon as a firewall has a gap.",
    "Remove `access_config`, and reach the Internet through NAT.",
    const { &[see("CWE-668")] },
    [
        r#"resource "google_compute_instance" "x" {
  network_interface {
    network = "n"
    access_config {}
  }
}
"#,
        r#"resource "google_compute_instance" "x" {
  network_interface {
    network = "n"
  }
}
"#,
    ],
);

static SERIAL_PORT: Rule = rule(
    "CM-GCP-014",
    Severity::Medium,
    "The serial port of a machine takes connections",
    "The serial console has no firewall: it takes connections from every address.",
    "Remove `serial-port-enable` from the metadata.",
    const { &[see("CWE-668")] },
    [
        r#"resource "google_compute_instance" "x" {
  metadata = {
    serial-port-enable = true
  }
}
"#,
        r#"resource "google_compute_instance" "x" {
  metadata = {
    serial-port-enable = false
  }
}
"#,
    ],
);

static FORWARDS: Rule = rule(
    "CM-GCP-018",
    Severity::Low,
    "A machine forwards packets",
    "It can send packets under addresses that are not its own.",
    "Set `can_ip_forward` to `false`.",
    const { &[see("CWE-284")] },
    [
        r#"resource "google_compute_instance" "x" {
  can_ip_forward = true
}
"#,
        r#"resource "google_compute_instance" "x" {
  can_ip_forward = false
}
"#,
    ],
);

static SHIELDED: Rule = rule(
    "CM-GCP-019",
    Severity::Low,
    "A machine does not verify how it starts",
    "A changed boot loader or kernel is not noticed.",
    "Add `shielded_instance_config`, and leave `enable_vtpm` and `enable_integrity_monitoring` on.",
    const { &[see("CWE-353")] },
    [
        r#"resource "google_compute_instance" "x" {
  name = "m"
}
"#,
        r#"resource "google_compute_instance" "x" {
  name = "m"
  shielded_instance_config {
    enable_secure_boot = true
  }
}
"#,
    ],
);

static CLUSTER_CERTIFICATE: Rule = rule(
    "CM-GCP-020",
    Severity::Medium,
    "A GKE cluster issues client certificates",
    "A certificate of a cluster cannot be revoked, and names nobody.",
    "Set `issue_client_certificate` to `false`.",
    const { &[see("CWE-287")] },
    [
        r#"resource "google_container_cluster" "x" {
  master_auth {
    client_certificate_config {
      issue_client_certificate = true
    }
  }
}
"#,
        r#"resource "google_container_cluster" "x" {
  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }
}
"#,
    ],
);

static PROJECT_KEYS: Rule = rule(
    "CM-GCP-023",
    Severity::Low,
    "SSH keys of the whole project open a machine",
    "Whoever may write metadata of the project logs in to every machine that does not refuse its keys.",
    "Set `block-project-ssh-keys` to `true` in `metadata`, or use OS Login.",
    const { &[see("CWE-284"), see("T1098.004")] },
    [
        r#"resource "google_compute_instance" "x" {
  name         = "x"
  machine_type = "e2-small"
}
"#,
        r#"resource "google_compute_instance" "x" {
  name         = "x"
  machine_type = "e2-small"
  metadata = {
    block-project-ssh-keys = "true"
  }
}
"#,
    ],
);
