//! What is stored in AWS: databases, volumes, keys, queues, images, trails.

use casemate_core::Rule;

use super::{Ask, Check, Family, Persona, Report, Severity, Wrong, ask, reach, rule, see};
use crate::{Resource, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&DATABASE_PLAIN, Persona::Regular),
        (&DATABASE_PUBLIC, Persona::Regular),
        (&NO_BACKUP, Persona::Pedantic),
        (&VOLUME_PLAIN, Persona::Regular),
        (&MACHINE_DISK_PLAIN, Persona::Pedantic),
        (&KEY_NOT_ROTATED, Persona::Regular),
        (&QUEUE_PLAIN, Persona::Pedantic),
        (&SEARCH_PLAIN, Persona::Regular),
        (&SEARCH_TLS, Persona::Regular),
        (&TAGS_CHANGE, Persona::Regular),
        (&IMAGES_NOT_SCANNED, Persona::Pedantic),
        (&TRAIL, Persona::Regular),
        (&DATABASE_LOG, Persona::Pedantic),
        (&NOT_PROTECTED, Persona::Pedantic),
        (&PASSWORDS_ONLY, Persona::Auditor),
        (&SEARCH_PUBLIC, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    let databases = [
        "aws_db_instance",
        "aws_rds_cluster",
        "aws_neptune_cluster",
        "aws_docdb_cluster",
    ];
    for database in databases.iter().flat_map(|kind| world.of_kind(kind)) {
        let encrypted = database.at("storage_encrypted");
        // What is made from a snapshot or a source has the encryption of that; Aurora without servers
        // is encrypted always.
        let inherits = [
            "snapshot_identifier",
            "replicate_source_db",
            "replication_source_identifier",
        ];
        let inherits = Truth::any(inherits.iter().map(|key| !database.at(key).is_absent()));
        let is_plain = (!encrypted.is_true())
            .and(|| !inherits)
            .and(|| !database.at("engine_mode").equals("serverless"));
        report.when(is_plain, &DATABASE_PLAIN, &encrypted, || {
            "the database is not encrypted".to_owned()
        });
        check_authentication(database, report);
        let mut logs = [
            "enabled_cloudwatch_logs_exports",
            "enable_cloudwatch_logs_exports",
        ]
        .iter()
        .map(|key| database.at(key));
        let sends = Truth::any(logs.by_ref().map(|it| !it.is_absent()));
        report.when(!sends, &DATABASE_LOG, &database.cursor(), || {
            "the database sends no logs".to_owned()
        });
    }
    for kind in ["aws_instance", "aws_launch_configuration"] {
        for machine in world.of_kind(kind) {
            for path in ["root_block_device.encrypted", "ebs_block_device.encrypted"] {
                // A machine has a root disk, whether a block says so or not.
                let is_asked = path.starts_with("root")
                    || !machine.at("ebs_block_device").is_absent().is_yes();
                for encrypted in reach(&machine.cursor(), path).iter().filter(|_| is_asked) {
                    report.when(!encrypted.is_true(), &MACHINE_DISK_PLAIN, encrypted, || {
                        "the disk is not encrypted".to_owned()
                    });
                }
            }
        }
    }
    for key in world.of_kind("aws_kms_key") {
        // Only symmetric keys are rotated.
        let spec = key.at("customer_master_key_spec");
        let is_symmetric = spec.is_absent().or(|| spec.equals("SYMMETRIC_DEFAULT"));
        let rotated = key.at("enable_key_rotation");
        let is_kept = (!rotated.is_true()).and(|| is_symmetric);
        report.when(is_kept, &KEY_NOT_ROTATED, &rotated, || {
            "the key is not rotated".to_owned()
        });
    }
    for (kind, managed) in [
        ("aws_sqs_queue", "sqs_managed_sse_enabled"),
        ("aws_sns_topic", "kms_master_key_id"),
    ] {
        for queue in world.of_kind(kind) {
            let key = queue.at("kms_master_key_id");
            let is_managed = if kind == "aws_sqs_queue" {
                queue.at(managed).is_true()
            } else {
                Truth::No
            };
            let is_plain = key.is_absent().and(|| !is_managed);
            report.when(is_plain, &QUEUE_PLAIN, &key, || {
                "it has no key of KMS".to_owned()
            });
        }
    }
}

/// Not every engine takes credentials of IAM
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html>).
fn check_authentication(database: &Resource, report: &mut Report) {
    let takes = match &*database.kind {
        "aws_neptune_cluster" => Truth::Yes,
        // Before version 5 of the provider a cluster without an engine was one of Aurora.
        "aws_rds_cluster" if database.at("engine").is_absent().is_yes() => Truth::Yes,
        "aws_db_instance" | "aws_rds_cluster" => database.at("engine").text().is(|engine| {
            let engines = ["mysql", "mariadb", "postgres", "aurora"];
            engines.iter().any(|it| engine.starts_with(it))
        }),
        _ => Truth::No,
    };
    let is_on = database.at("iam_database_authentication_enabled");
    let is_off = takes
        .and(|| !is_on.is_true())
        .and(|| !database.at("engine_mode").equals("serverless"));
    report.when(is_off, &PASSWORDS_ONLY, &is_on, || {
        "credentials of IAM are not taken".to_owned()
    });
}

const ASKS: &[Ask] = &[
    Ask {
        rule: &NOT_PROTECTED,
        kinds: &[
            "aws_db_instance",
            "aws_rds_cluster",
            "aws_neptune_cluster",
            "aws_docdb_cluster",
        ],
        path: "deletion_protection",
        wrong: Wrong::NotTrue,
        says: "the database can be deleted by one call",
    },
    Ask {
        rule: &SEARCH_PUBLIC,
        kinds: &["aws_elasticsearch_domain", "aws_opensearch_domain"],
        path: "vpc_options",
        wrong: Wrong::Absent,
        says: "the domain has a public endpoint",
    },
    Ask {
        rule: &DATABASE_PUBLIC,
        kinds: &[
            "aws_db_instance",
            "aws_rds_cluster_instance",
            "aws_redshift_cluster",
            "aws_dms_replication_instance",
        ],
        path: "publicly_accessible",
        wrong: Wrong::True,
        says: "the database has a public address",
    },
    Ask {
        rule: &NO_BACKUP,
        kinds: &["aws_db_instance", "aws_rds_cluster"],
        path: "backup_retention_period",
        wrong: Wrong::In(&["0"]),
        says: "backups are kept for no day",
    },
    Ask {
        rule: &VOLUME_PLAIN,
        kinds: &["aws_ebs_volume", "aws_efs_file_system"],
        path: "encrypted",
        wrong: Wrong::NotTrue,
        says: "the volume is not encrypted",
    },
    Ask {
        rule: &SEARCH_PLAIN,
        kinds: &["aws_elasticsearch_domain", "aws_opensearch_domain"],
        path: "encrypt_at_rest.enabled",
        wrong: Wrong::NotTrue,
        says: "the domain is not encrypted at rest",
    },
    Ask {
        rule: &SEARCH_TLS,
        kinds: &["aws_elasticsearch_domain", "aws_opensearch_domain"],
        path: "domain_endpoint_options.tls_security_policy",
        wrong: Wrong::In(&["Policy-Min-TLS-1-0-2019-07"]),
        says: "TLS 1.0 is taken",
    },
    Ask {
        rule: &TAGS_CHANGE,
        kinds: &["aws_ecr_repository"],
        path: "image_tag_mutability",
        wrong: Wrong::NotIn(&["IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"]),
        says: "tags can be moved to other images",
    },
    Ask {
        rule: &IMAGES_NOT_SCANNED,
        kinds: &["aws_ecr_repository"],
        path: "image_scanning_configuration.scan_on_push",
        wrong: Wrong::NotTrue,
        says: "images are not scanned when they are pushed",
    },
    Ask {
        rule: &TRAIL,
        kinds: &["aws_cloudtrail"],
        path: "is_multi_region_trail",
        wrong: Wrong::NotTrue,
        says: "only one region is recorded",
    },
];

static DATABASE_PLAIN: Rule = rule(
    "CM-AWS-060",
    Severity::High,
    "A database is stored unencrypted",
    "Snapshots and disks of the database can be read by whoever gets at them.",
    "Set `storage_encrypted` to `true`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_db_instance" "x" {
  engine = "postgres"
}
"#,
        r#"resource "aws_db_instance" "x" {
  engine            = "postgres"
  storage_encrypted = true
}
"#,
    ],
);

static DATABASE_PUBLIC: Rule = rule(
    "CM-AWS-061",
    Severity::High,
    "A database has a public address",
    "The database can be reached from the Internet as soon as a security group has a gap.",
    "Set `publicly_accessible` to `false`.",
    const { &[see("CWE-668"), see("T1190")] },
    [
        r#"resource "aws_db_instance" "x" {
  publicly_accessible = true
}
"#,
        r#"resource "aws_db_instance" "x" {
  publicly_accessible = false
}
"#,
    ],
);

static NO_BACKUP: Rule = rule(
    "CM-AWS-062",
    Severity::Low,
    "A database keeps no backups",
    "With a retention of zero days there is nothing to return to after ransomware or a mistake.",
    "Set `backup_retention_period` to seven days or more.",
    const { &[see("CWE-1188")] },
    [
        r#"resource "aws_db_instance" "x" {
  backup_retention_period = 0
}
"#,
        r#"resource "aws_db_instance" "x" {
  backup_retention_period = 7
}
"#,
    ],
);

static VOLUME_PLAIN: Rule = rule(
    "CM-AWS-063",
    Severity::Medium,
    "A volume is stored unencrypted",
    "Snapshots of the volume can be read, copied and shared.",
    "Set `encrypted` to `true`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_ebs_volume" "x" {
  size = 10
}
"#,
        r#"resource "aws_ebs_volume" "x" {
  size      = 10
  encrypted = true
}
"#,
    ],
);

static MACHINE_DISK_PLAIN: Rule = rule(
    "CM-AWS-064",
    Severity::Medium,
    "The disks of a machine are stored unencrypted",
    "Snapshots of the disk can be read, copied and shared. An account may encrypt all disks by \
     default, which the files do not say.",
    "Set `encrypted` to `true` in `root_block_device` and every `ebs_block_device`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_instance" "x" {
  ami = "ami-1"
}
"#,
        r#"resource "aws_instance" "x" {
  ami = "ami-1"
  root_block_device {
    encrypted = true
  }
}
"#,
    ],
);

static KEY_NOT_ROTATED: Rule = rule(
    "CM-AWS-065",
    Severity::Low,
    "A key of KMS is not rotated",
    "A key that never changes protects all that it ever encrypted by one secret.",
    "Set `enable_key_rotation` to `true`.",
    const { &[see("CWE-326")] },
    [
        r#"resource "aws_kms_key" "x" {
  description = "k"
}
"#,
        r#"resource "aws_kms_key" "x" {
  description         = "k"
  enable_key_rotation = true
}
"#,
    ],
);

static QUEUE_PLAIN: Rule = rule(
    "CM-AWS-066",
    Severity::Low,
    "A queue or a topic has no key of KMS",
    "Messages of the queue are readable to all who may read the queue, without a second \
     permission and without a log of it.",
    "Set `kms_master_key_id`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_sns_topic" "x" {
  name = "t"
}
"#,
        r#"resource "aws_sns_topic" "x" {
  name              = "t"
  kms_master_key_id = "alias/aws/sns"
}
"#,
    ],
);

static SEARCH_PLAIN: Rule = rule(
    "CM-AWS-067",
    Severity::Medium,
    "A search domain is stored unencrypted",
    "OpenSearch holds documents and embeddings, which give away the text that they were made of.",
    "Set `encrypt_at_rest { enabled = true }`.",
    const { &[see("CWE-311")] },
    [
        r#"resource "aws_opensearch_domain" "x" {
  domain_name = "d"
}
"#,
        r#"resource "aws_opensearch_domain" "x" {
  domain_name = "d"
  encrypt_at_rest {
    enabled = true
  }
}
"#,
    ],
);

static SEARCH_TLS: Rule = rule(
    "CM-AWS-068",
    Severity::Medium,
    "A search domain takes old TLS",
    "TLS 1.0 and 1.1 are broken (RFC 8996).",
    "Set `tls_security_policy` to `Policy-Min-TLS-1-2-2019-07` or later.",
    const {
        &[
            see("CWE-326"),
            see("https://www.rfc-editor.org/rfc/rfc8996"),
        ]
    },
    [
        r#"resource "aws_opensearch_domain" "x" {
  domain_endpoint_options {
    tls_security_policy = "Policy-Min-TLS-1-0-2019-07"
  }
}
"#,
        r#"resource "aws_opensearch_domain" "x" {
  domain_endpoint_options {
    tls_security_policy = "Policy-Min-TLS-1-2-2019-07"
  }
}
"#,
    ],
);

static TAGS_CHANGE: Rule = rule(
    "CM-AWS-069",
    Severity::Medium,
    "Tags of images can be moved",
    "What `serve:1.4` is today can be something else tomorrow: whoever may push replaces what \
     runs.",
    "Set `image_tag_mutability` to `IMMUTABLE`.",
    const { &[see("CWE-494"), see("AML.T0010")] },
    [
        r#"resource "aws_ecr_repository" "x" {
  name = "serve"
}
"#,
        r#"resource "aws_ecr_repository" "x" {
  name                 = "serve"
  image_tag_mutability = "IMMUTABLE"
}
"#,
    ],
);

static IMAGES_NOT_SCANNED: Rule = rule(
    "CM-AWS-070",
    Severity::Low,
    "Images are not scanned when they are pushed",
    "Known flaws in a base image or a CUDA library are found when somebody looks.",
    "Set `image_scanning_configuration { scan_on_push = true }`, or scan the whole registry.",
    const { &[see("CWE-1104")] },
    [
        r#"resource "aws_ecr_repository" "x" {
  name = "serve"
}
"#,
        r#"resource "aws_ecr_repository" "x" {
  name = "serve"
  image_scanning_configuration {
    scan_on_push = true
  }
}
"#,
    ],
);

static TRAIL: Rule = rule(
    "CM-AWS-071",
    Severity::Medium,
    "A trail does not see all regions",
    "What somebody does in a region that is not watched is not recorded.",
    "Set `is_multi_region_trail` to `true`.",
    const { &[see("CWE-778"), see("T1562.008")] },
    [
        r#"resource "aws_cloudtrail" "x" {
  name = "t"
}
"#,
        r#"resource "aws_cloudtrail" "x" {
  name                  = "t"
  is_multi_region_trail = true
}
"#,
    ],
);

static DATABASE_LOG: Rule = rule(
    "CM-AWS-072",
    Severity::Low,
    "A database sends no logs",
    "Nobody can say afterwards who connected, and what was asked.",
    "Set `enabled_cloudwatch_logs_exports` (`enable_cloudwatch_logs_exports` for Neptune).",
    const { &[see("CWE-778")] },
    [
        r#"resource "aws_db_instance" "x" {
  engine = "postgres"
}
"#,
        r#"resource "aws_db_instance" "x" {
  engine                          = "postgres"
  enabled_cloudwatch_logs_exports = ["postgresql"]
}
"#,
    ],
);

static NOT_PROTECTED: Rule = rule(
    "CM-AWS-073",
    Severity::Low,
    "A database can be deleted by one call",
    "Stolen credentials, or a plan that nobody read, delete the database with all that it knows.",
    "Set `deletion_protection` to `true`.",
    const { &[see("CWE-693"), see("T1485")] },
    [
        r#"resource "aws_db_instance" "x" {
  engine = "postgres"
}
"#,
        r#"resource "aws_db_instance" "x" {
  engine              = "postgres"
  deletion_protection = true
}
"#,
    ],
);

static PASSWORDS_ONLY: Rule = rule(
    "CM-AWS-074",
    Severity::Low,
    "A database takes passwords alone",
    "A password lives until somebody changes it, and in whatever was configured with it. Tokens of IAM \
     last fifteen minutes and are bound to a role.",
    "Set `iam_database_authentication_enabled` to `true`.",
    const { &[see("CWE-308"), see("T1078")] },
    [
        r#"resource "aws_db_instance" "x" {
  engine = "postgres"
}
"#,
        r#"resource "aws_db_instance" "x" {
  engine                              = "postgres"
  iam_database_authentication_enabled = true
}
"#,
    ],
);

static SEARCH_PUBLIC: Rule = rule(
    "CM-AWS-075",
    Severity::Medium,
    "A search domain has a public endpoint",
    "A domain that is in no VPC is reached from the Internet, and its access policy is all that keeps \
     logs, embeddings and documents from whoever asks.",
    "Add `vpc_options` with private subnets; the domain has to be made again.",
    const { &[see("CWE-668"), see("T1190")] },
    [
        r#"resource "aws_opensearch_domain" "x" {
  domain_name = "x"
}
"#,
        r#"resource "aws_opensearch_domain" "x" {
  domain_name = "x"
  vpc_options {
    subnet_ids = ["subnet-1"]
  }
}
"#,
    ],
);
