//! Google Cloud: storage, networks, GKE, databases, and Vertex AI.

use casemate_core::Rule;

use super::{
    Ask, Family, Persona, Report, Severity, Wrong, ask, aws_network::ADMIN_PORTS, is_in, reach,
    rule, see,
};
use crate::{Cursor, Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ADMIN_PORT, Persona::Regular),
        (&PUBLIC_GRANT, Persona::Regular),
        (&BUCKET_ACLS, Persona::Pedantic),
        (&BUCKET_MAY_BE_PUBLIC, Persona::Pedantic),
        (&NO_VERSIONS, Persona::Pedantic),
        (&SQL_OPEN, Persona::Regular),
        (&CLUSTER_PUBLIC_NODES, Persona::Regular),
        (&CLUSTER_API_OPEN, Persona::Regular),
        (&CLUSTER_LEGACY_ABAC, Persona::Regular),
        (&CLUSTER_NO_POLICY, Persona::Pedantic),
        (&CLUSTER_NO_LOGS, Persona::Regular),
        (&NODE_METADATA, Persona::Pedantic),
        (&MACHINE_PUBLIC, Persona::Pedantic),
        (&SERIAL_PORT, Persona::Regular),
        (&DATASET_PUBLIC, Persona::Regular),
        (&SQL_PLAIN, Persona::Regular),
        (&SUBNET_NO_LOG, Persona::Pedantic),
        (&FORWARDS, Persona::Pedantic),
        (&SHIELDED, Persona::Pedantic),
        (&CLUSTER_CERTIFICATE, Persona::Regular),
        (&NOTEBOOK_PUBLIC, Persona::Regular),
        (&VERTEX_KEY, Persona::Pedantic),
        (&ENDPOINT_PUBLIC, Persona::Regular),
        (&PROJECT_WIDE, Persona::Regular),
    ],
    check,
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for firewall in world.of_kind("google_compute_firewall") {
        check_firewall(firewall, report);
    }
    check_grants(world, report);
    for cluster in world.of_kind("google_container_cluster") {
        check_cluster(&cluster.cursor(), report);
    }
    for kind in ["google_container_cluster", "google_container_node_pool"] {
        for resource in world.of_kind(kind) {
            check_nodes(&resource.cursor(), report);
        }
    }
    for machine in world.of_kind("google_compute_instance") {
        for address in reach(&machine.cursor(), "network_interface.access_config") {
            report.when(!address.is_absent(), &MACHINE_PUBLIC, &address, || {
                "the machine has a public address".to_owned()
            });
        }
    }
    for database in world.of_kind("google_sql_database_instance") {
        for configuration in reach(&database.cursor(), "settings.ip_configuration")
            .iter()
            .flat_map(super::blocks)
        {
            let mode = configuration.get("ssl_mode");
            let is_strict = mode.text().is(|text| {
                is_in(
                    &text,
                    &["ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"],
                )
            });
            let is_plain = (!is_strict).and(|| !configuration.get("require_ssl").is_true());
            report.when(is_plain, &SQL_PLAIN, &configuration, || {
                "connections without TLS are taken".to_owned()
            });
        }
    }
    check_vertex(world, report);
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

/// A port, or a range of some.
fn holds_admin_port(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first
        .trim()
        .parse::<i64>()
        .ok()
        .zip(last.trim().parse::<i64>().ok());
    range.is_some_and(|(first, last)| ADMIN_PORTS.iter().any(|port| (first..=last).contains(port)))
}

fn check_grants(world: &World, report: &mut Report) {
    let grants = world.resources().iter().filter(|it| {
        it.kind.starts_with("google_")
            && (it.kind.ends_with("_iam_member") || it.kind.ends_with("_iam_binding"))
    });
    for grant in grants {
        let members = grant
            .at("members")
            .items()
            .into_iter()
            .chain([grant.at("member")]);
        for member in members {
            let is_everybody = member
                .text()
                .is(|text| is_in(&text, &["allUsers", "allAuthenticatedUsers"]));
            report.when(is_everybody, &PUBLIC_GRANT, &member, || {
                "everybody is granted the role".to_owned()
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

fn check_vertex(world: &World, report: &mut Report) {
    for (kind, path) in [
        ("google_workbench_instance", "gce_setup.disable_public_ip"),
        ("google_notebooks_instance", "no_public_ip"),
    ] {
        for notebook in world.of_kind(kind) {
            for address in reach(&notebook.cursor(), path) {
                report.when(!address.is_true(), &NOTEBOOK_PUBLIC, &address, || {
                    "the notebook has a public address".to_owned()
                });
            }
        }
    }
    for endpoint in world.of_kind("google_vertex_ai_endpoint") {
        let is_open = endpoint
            .at("network")
            .is_absent()
            .and(|| endpoint.at("private_service_connect_config").is_absent());
        report.when(is_open, &ENDPOINT_PUBLIC, &endpoint.cursor(), || {
            "the endpoint is public".to_owned()
        });
    }
}

const ASKS: &[Ask] = &[
    Ask {
        rule: &BUCKET_ACLS,
        kinds: &["google_storage_bucket"],
        path: "uniform_bucket_level_access",
        wrong: Wrong::NotTrue,
        says: "access is also granted by ACLs of objects",
    },
    Ask {
        rule: &BUCKET_MAY_BE_PUBLIC,
        kinds: &["google_storage_bucket"],
        path: "public_access_prevention",
        wrong: Wrong::NotIn(&["enforced"]),
        says: "public access is not prevented",
    },
    Ask {
        rule: &NO_VERSIONS,
        kinds: &["google_storage_bucket"],
        path: "versioning.enabled",
        wrong: Wrong::NotTrue,
        says: "versions are not kept",
    },
    Ask {
        rule: &SQL_OPEN,
        kinds: &["google_sql_database_instance"],
        path: "settings.ip_configuration.authorized_networks.value",
        wrong: Wrong::In(&["0.0.0.0/0", "::/0"]),
        says: "everybody may connect",
    },
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
        rule: &DATASET_PUBLIC,
        kinds: &["google_bigquery_dataset"],
        path: "access.special_group",
        wrong: Wrong::In(&["allAuthenticatedUsers", "allUsers"]),
        says: "everybody may read the dataset",
    },
    Ask {
        rule: &SUBNET_NO_LOG,
        kinds: &["google_compute_subnetwork"],
        path: "log_config",
        wrong: Wrong::Absent,
        says: "flow logs are off",
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
    Ask {
        rule: &VERTEX_KEY,
        kinds: &[
            "google_vertex_ai_dataset",
            "google_vertex_ai_metadata_store",
            "google_vertex_ai_endpoint",
            "google_vertex_ai_tensorboard",
            "google_vertex_ai_featurestore",
        ],
        path: "encryption_spec.kms_key_name",
        wrong: Wrong::Absent,
        says: "it has no key of yours",
    },
    Ask {
        rule: &PROJECT_WIDE,
        kinds: &["google_project_iam_member", "google_project_iam_binding"],
        path: "role",
        wrong: Wrong::In(&["roles/owner", "roles/editor"]),
        says: "a primitive role is granted",
    },
];

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

static PUBLIC_GRANT: Rule = rule(
    "CM-GCP-002",
    Severity::High,
    "Everybody is granted a role",
    "`allUsers` is the Internet, and `allAuthenticatedUsers` is everybody with a Google account.",
    "Grant the role to the groups and service accounts that need it.",
    const { &[see("CWE-284"), see("T1530"), see("AML.T0035")] },
    [
        r#"resource "google_storage_bucket_iam_member" "x" {
  bucket = "b"
  role   = "roles/storage.objectViewer"
  member = "allUsers"
}
"#,
        r#"resource "google_storage_bucket_iam_member" "x" {
  bucket = "b"
  role   = "roles/storage.objectViewer"
  member = "group:ml@example.org"
}
"#,
    ],
);

static BUCKET_ACLS: Rule = rule(
    "CM-GCP-003",
    Severity::Low,
    "A bucket has ACLs beside its policy",
    "With ACLs of single objects nobody can say who may read what from the policy alone.",
    "Set `uniform_bucket_level_access` to `true`.",
    const { &[see("CWE-732")] },
    [
        r#"resource "google_storage_bucket" "x" {
  name = "b"
}
"#,
        r#"resource "google_storage_bucket" "x" {
  name                        = "b"
  uniform_bucket_level_access = true
}
"#,
    ],
);

static BUCKET_MAY_BE_PUBLIC: Rule = rule(
    "CM-GCP-004",
    Severity::Low,
    "A bucket can be made public",
    "Public access prevention is what keeps a bucket closed whatever somebody grants later.",
    "Set `public_access_prevention` to `enforced`.",
    const { &[see("CWE-732"), see("T1530")] },
    [
        r#"resource "google_storage_bucket" "x" {
  name = "b"
}
"#,
        r#"resource "google_storage_bucket" "x" {
  name                     = "b"
  public_access_prevention = "enforced"
}
"#,
    ],
);

static NO_VERSIONS: Rule = rule(
    "CM-GCP-005",
    Severity::Low,
    "A bucket keeps no versions",
    "What overwrites an object leaves nothing to return to, and nothing to compare with.",
    "Set `versioning { enabled = true }`.",
    const { &[see("CWE-1188"), see("AML.T0020")] },
    [
        r#"resource "google_storage_bucket" "x" {
  name = "b"
}
"#,
        r#"resource "google_storage_bucket" "x" {
  name = "b"
  versioning {
    enabled = true
  }
}
"#,
    ],
);

static SQL_OPEN: Rule = rule(
    "CM-GCP-006",
    Severity::High,
    "A database takes connections from everywhere",
    "An authorized network of `0.0.0.0/0` is the Internet: a password is all that is between.",
    "Remove the network, and connect through a private address.",
    const { &[see("CWE-284"), see("T1190")] },
    [
        r#"resource "google_sql_database_instance" "x" {
  settings {
    ip_configuration {
      authorized_networks {
        value = "0.0.0.0/0"
      }
    }
  }
}
"#,
        r#"resource "google_sql_database_instance" "x" {
  settings {
    ip_configuration {
      ipv4_enabled = false
    }
  }
}
"#,
    ],
);

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

static DATASET_PUBLIC: Rule = rule(
    "CM-GCP-015",
    Severity::High,
    "A dataset of BigQuery is open to everybody",
    "`allAuthenticatedUsers` is everybody with a Google account, and `allUsers` everybody.",
    "Grant access to groups and service accounts.",
    const { &[see("CWE-284"), see("T1530"), see("AML.T0035")] },
    [
        r#"resource "google_bigquery_dataset" "x" {
  access {
    role          = "READER"
    special_group = "allAuthenticatedUsers"
  }
}
"#,
        r#"resource "google_bigquery_dataset" "x" {
  access {
    role           = "READER"
    group_by_email = "ml@example.org"
  }
}
"#,
    ],
);

static SQL_PLAIN: Rule = rule(
    "CM-GCP-016",
    Severity::Medium,
    "A database takes connections without TLS",
    "Passwords and rows can be read on the way.",
    "Set `ssl_mode` to `ENCRYPTED_ONLY` or stricter.",
    const { &[see("CWE-319")] },
    [
        r#"resource "google_sql_database_instance" "x" {
  settings {
    tier = "db-f1-micro"
  }
}
"#,
        r#"resource "google_sql_database_instance" "x" {
  settings {
    ip_configuration {
      ssl_mode = "ENCRYPTED_ONLY"
    }
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

static NOTEBOOK_PUBLIC: Rule = rule(
    "CM-GCP-040",
    Severity::High,
    "A notebook has a public address",
    "A notebook runs whatever its users type, with their credentials; an address of its own is a \
     way to it past the proxy of the service.",
    "Set `disable_public_ip` (`no_public_ip` for `google_notebooks_instance`) to `true`.",
    const { &[see("CWE-668"), see("AML.T0049")] },
    [
        r#"resource "google_workbench_instance" "x" {
  gce_setup {
    machine_type = "e2-standard-4"
  }
}
"#,
        r#"resource "google_workbench_instance" "x" {
  gce_setup {
    disable_public_ip = true
  }
}
"#,
    ],
);

static VERTEX_KEY: Rule = rule(
    "CM-GCP-041",
    Severity::Low,
    "A resource of Vertex AI has no key of yours",
    "Datasets, models and features are encrypted with keys of Google alone.",
    "Set `encryption_spec { kms_key_name }`.",
    const { &[see("CWE-311"), see("AML.T0035")] },
    [
        r#"resource "google_vertex_ai_dataset" "x" {
  display_name = "d"
}
"#,
        r#"resource "google_vertex_ai_dataset" "x" {
  display_name = "d"
  encryption_spec {
    kms_key_name = "k"
  }
}
"#,
    ],
);

static ENDPOINT_PUBLIC: Rule = rule(
    "CM-GCP-042",
    Severity::Medium,
    "An endpoint of Vertex AI is public",
    "Predictions can be asked for from the Internet, by whoever holds a token.",
    "Set `network`, or `private_service_connect_config`.",
    const { &[see("CWE-668"), see("AML.T0040")] },
    [
        r#"resource "google_vertex_ai_endpoint" "x" {
  display_name = "e"
  encryption_spec {
    kms_key_name = "k"
  }
}
"#,
        r#"resource "google_vertex_ai_endpoint" "x" {
  display_name = "e"
  network      = "projects/1/global/networks/n"
}
"#,
    ],
);

static PROJECT_WIDE: Rule = rule(
    "CM-GCP-043",
    Severity::High,
    "A primitive role is granted on a project",
    "Owner and editor are nearly every permission of every service, those of keys and of Vertex \
     AI included.",
    "Grant the predefined roles that are needed.",
    const { &[see("CWE-269"), see("T1078.004"), see("AML.T0012")] },
    [
        r#"resource "google_project_iam_member" "x" {
  project = "p"
  role    = "roles/editor"
  member  = "serviceAccount:n@p.iam.gserviceaccount.com"
}
"#,
        r#"resource "google_project_iam_member" "x" {
  project = "p"
  role    = "roles/aiplatform.user"
  member  = "serviceAccount:n@p.iam.gserviceaccount.com"
}
"#,
    ],
);
