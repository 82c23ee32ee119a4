//! Buckets, databases and data sets of Google Cloud.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, is_in, reach, rule, see};
use crate::{Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&BUCKET_ACLS, Persona::Pedantic),
        (&BUCKET_MAY_BE_PUBLIC, Persona::Pedantic),
        (&NO_VERSIONS, Persona::Pedantic),
        (&SQL_OPEN, Persona::Regular),
        (&DATASET_PUBLIC, Persona::Regular),
        (&SQL_PLAIN, Persona::Regular),
        (&SQL_PUBLIC, Persona::Pedantic),
        (&SQL_NO_BACKUP, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for database in world.of_kind("google_sql_database_instance") {
        check_database(database, report);
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
}

fn check_database(database: &Resource, report: &mut Report) {
    // One of the two ways there has to be.
    let private = ["private_network", "psc_config"];
    let private = private.map(|key| format!("settings.ip_configuration.{key}"));
    let private = private
        .iter()
        .flat_map(|path| reach(&database.cursor(), path));
    let has_private = Truth::any(private.map(|it| !it.is_absent()).collect::<Vec<_>>());
    for address in reach(&database.cursor(), "settings.ip_configuration.ipv4_enabled") {
        let is_implied = address.is_absent().and(|| !has_private.clone());
        let is_public = address.is_true().or(|| is_implied);
        report.when(is_public, &SQL_PUBLIC, &address, || {
            "the database has a public address".to_owned()
        });
    }
    // A replica has the backups of what it replicates.
    let is_replica = !database.at("master_instance_name").is_absent();
    for kept in reach(&database.cursor(), "settings.backup_configuration.enabled") {
        let is_lost = (!kept.is_true()).and(|| !is_replica.clone());
        report.when(is_lost, &SQL_NO_BACKUP, &kept, || {
            "no backups are made".to_owned()
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
        rule: &DATASET_PUBLIC,
        kinds: &["google_bigquery_dataset"],
        path: "access.special_group",
        wrong: Wrong::In(&["allAuthenticatedUsers", "allUsers"]),
        says: "everybody may read the dataset",
    },
];

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

static SQL_PUBLIC: Rule = rule(
    "CM-GCP-021",
    Severity::Medium,
    "A database has a public address",
    "Whoever finds a password, or a flaw in the engine, reaches the database from anywhere that an \
     authorised network or a proxy lets through.",
    "Set `ipv4_enabled` to `false`, with a `private_network`.",
    const { &[see("CWE-668"), see("T1190")] },
    [
        r#"resource "google_sql_database_instance" "x" {
  database_version = "POSTGRES_16"
  settings {
    tier = "db-f1-micro"
    ip_configuration {
      ipv4_enabled = true
    }
  }
}
"#,
        r#"resource "google_sql_database_instance" "x" {
  database_version = "POSTGRES_16"
  settings {
    tier = "db-f1-micro"
    ip_configuration {
      ipv4_enabled    = false
      private_network = "projects/p/global/networks/n"
    }
  }
}
"#,
    ],
);

static SQL_NO_BACKUP: Rule = rule(
    "CM-GCP-022",
    Severity::Low,
    "A database has no backups",
    "What is deleted or encrypted by somebody else is gone.",
    "Add `backup_configuration` with `enabled = true`.",
    const { &[see("CWE-693"), see("T1485")] },
    [
        r#"resource "google_sql_database_instance" "x" {
  database_version = "POSTGRES_16"
  settings {
    tier = "db-f1-micro"
  }
}
"#,
        r#"resource "google_sql_database_instance" "x" {
  database_version = "POSTGRES_16"
  settings {
    tier = "db-f1-micro"
    backup_configuration {
      enabled = true
    }
  }
}
"#,
    ],
);
