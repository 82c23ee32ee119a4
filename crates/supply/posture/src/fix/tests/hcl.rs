use std::fmt::Write as _;

use super::*;

/// What becomes of files, each with its name, of which one rule is repaired.
fn fixed(rule: &str, files: &[(&str, &str)]) -> Fixed {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| Arc::new(file(name, text)))
        .collect();
    fix(&PostureSurvey::new(Persona::Auditor), &files, |found| {
        found.rule.id.as_str() == rule
    })
}

fn after(fixed: &Fixed, name: &str) -> String {
    let change = fixed.files.get(&PathText::from(name));
    let why = || fixed.left.iter().map(|(_, why)| why).collect::<Vec<_>>();
    change
        .unwrap_or_else(|| panic!("{:?}", why()))
        .text
        .to_string()
}

fn in_volume(text: &str) -> String {
    after(&fixed("CM-AWS-063", &[("main.tf", text)]), "main.tf")
}

#[test]
fn a_literal_is_replaced_and_what_is_around_it_stays() {
    let before = "# a disk\nresource \"aws_ebs_volume\" \"x\" {\n  encrypted = false // why?\n  size      = 1\n}\n";
    let expected = before.replace("false", "true");
    assert_eq!(in_volume(before), expected);
    let quoted = before.replace("false", "\"false\"");
    assert_eq!(in_volume(&quoted), expected);
}

#[test]
fn what_is_not_there_is_put_at_the_end_as_terraform_formats_it() {
    let block = |body: &str| format!("resource \"aws_ebs_volume\" \"x\" {{{body}}}\n");
    for (before, expected) in [
        ("", "\n  encrypted = true\n"),
        (" size = 1 ", "\n  size      = 1\n  encrypted = true\n"),
        ("\n  a = 1\n", "\n  a = 1\n\n  encrypted = true\n"),
        (
            "\n  availability_zone = \"a\"\n",
            "\n  availability_zone = \"a\"\n  encrypted         = true\n",
        ),
        (
            "\n  timeouts {\n    create = \"1h\"\n  }\n",
            "\n  timeouts {\n    create = \"1h\"\n  }\n\n  encrypted = true\n",
        ),
        (
            "\n\tavailability_zone = \"a\" # where\n\t# the end\n",
            "\n\tavailability_zone = \"a\" # where\n\t# the end\n\tencrypted = true\n",
        ),
        (
            "\n  a = <<-EOT\n    encrypted = false\n    }\n  EOT\n",
            "\n  a = <<-EOT\n    encrypted = false\n    }\n  EOT\n  encrypted = true\n",
        ),
        (
            "\r\n  tags = {\r\n    a = 1\r\n  }\r\n",
            "\r\n  tags = {\r\n    a = 1\r\n  }\r\n  encrypted = true\r\n",
        ),
    ] {
        assert_eq!(in_volume(&block(before)), block(expected));
    }
}

#[test]
fn blocks_are_put_in_or_found() {
    for (before, expected) in [
        (
            "  ami = \"a\"\n",
            "  ami = \"a\"\n\n  metadata_options {\n    http_tokens = \"required\"\n  }\n",
        ),
        (
            "  metadata_options {\n    http_endpoint = \"enabled\"\n  }\n",
            "  metadata_options {\n    http_endpoint = \"enabled\"\n    http_tokens   = \"required\"\n  }\n",
        ),
        (
            "\tmetadata_options { http_tokens = \"optional\" }\n",
            "\tmetadata_options { http_tokens = \"required\" }\n",
        ),
        (
            "\tmetadata_options { http_endpoint = \"enabled\" }\n",
            "\tmetadata_options {\n\t\thttp_endpoint = \"enabled\"\n\t\thttp_tokens   = \"required\"\n\t}\n",
        ),
    ] {
        let block = |body: &str| format!("resource \"aws_instance\" \"x\" {{\n{body}}}\n");
        let fixed = fixed("CM-AWS-080", &[("a.tf", &block(before))]);
        assert_eq!(after(&fixed, "a.tf"), block(expected));
    }
}

#[test]
fn all_instances_of_a_resource_are_repaired_by_one_edit() {
    let text = "resource \"aws_ebs_volume\" \"x\" {\n  count     = 3\n  encrypted = false\n}\nresource \"aws_ebs_volume\" \"y\" {\n  for_each = toset([\"a\", \"b\"])\n}\n";
    let fixed = fixed("CM-AWS-063", &[("main.tf", text)]);
    assert_eq!((fixed.gone.len(), fixed.left.len()), (5, 0));
    assert_eq!(after(&fixed, "main.tf").matches("true").count(), 2);
}

const VOLUME: &str = "resource \"aws_ebs_volume\" \"x\" {\n  encrypted = var.safe\n}\n";

#[test]
fn a_default_that_decides_nothing_else_is_repaired_where_it_is() {
    let variable = "variable \"safe\" {\n  default = false # for now\n}\n";
    let text = format!("{variable}{VOLUME}");
    assert_eq!(in_volume(&text), text.replace("false", "true"));
    let two = format!("{text}{}", VOLUME.replace("\"x\"", "\"y\""));
    assert_eq!(in_volume(&two), two.replace("false", "true"));
    let local = format!(
        "locals {{\n  safe = \"false\"\n}}\n{}",
        VOLUME.replace("var.", "local.")
    );
    assert_eq!(in_volume(&local), local.replace("\"false\"", "true"));
}

#[test]
fn a_value_that_decides_something_else_is_left_and_said_so() {
    let variable = "variable \"safe\" {\n  default = false\n}\n";
    for (use_of_it, why) in [
        (
            "resource \"aws_db_instance\" \"d\" {\n  multi_az = var.safe\n}\n",
            "aws_db_instance.d has it too",
        ),
        (
            "resource \"aws_eip\" \"e\" {\n  count = var.safe ? 1 : 0\n}\n",
            "what else there is",
        ),
        (
            "resource \"aws_eip\" \"e\" {\n  tags = { a = \"x${var.safe}\" }\n}\n",
            "aws_eip.e has it too",
        ),
        (
            "output \"o\" {\n  value = var.safe\n}\n",
            "output.o has it too",
        ),
        (
            "data \"aws_vpc\" \"v\" {}\nresource \"aws_security_group\" \"s\" {\n  ingress {\n    from_port = 22\n    to_port = 22\n    \
             protocol = \"tcp\"\n    cidr_blocks = concat(data.aws_vpc.v.cidrs, var.safe ? [\"0.0.0.0/0\"] : [])\n  }\n}\n",
            "aws_security_group.s has it too",
        ),
        (
            "resource \"null_resource\" \"n\" {\n  provisioner \"local-exec\" {\n    command = var.safe ? \"a\" : \"b\"\n  }\n}\n",
            "is decided elsewhere",
        ),
        (
            "data \"aws_vpc\" \"v\" {}\nresource \"aws_eip\" \"e\" {\n  count = length(data.aws_vpc.v.ids) + (var.safe ? 1 : 0)\n}\n",
            "how many there are",
        ),
    ] {
        let text = format!("{variable}{VOLUME}{use_of_it}");
        let fixed = fixed("CM-AWS-063", &[("main.tf", &text)]);
        assert!(fixed.files.is_empty(), "{use_of_it}");
        assert!(fixed.left[0].1.contains(why), "{}", fixed.left[0].1);
    }
}

#[test]
fn in_json_it_is_keys_that_decide_something_else_and_no_words() {
    let text = format!("variable \"safe\" {{\n  default = false\n}}\n{VOLUME}");
    let beside = |json: &str| fixed("CM-AWS-063", &[("main.tf", &text), ("more.tf.json", json)]);
    for json in [
        r#"{"resource": {"aws_eip": {"important": {"tags": {"provisioner": "x"}}}}}"#,
        r#"{"resource": {"aws_elb": {"e": {"health_check": {"target": "HTTP:80/"}}}}}"#,
        r#"{"//": "check, import and provisioner", "locals": {"check": 1}}"#,
    ] {
        let fixed = beside(json);
        assert_eq!(
            after(&fixed, "main.tf"),
            text.replace("false", "true"),
            "{json}"
        );
    }
    for json in [
        r#"{"check": {"c": {"assert": {"condition": "${var.safe}", "error_message": "m"}}}}"#,
        r#"{"import": [{"id": "x", "to": "aws_eip.e"}]}"#,
        r#"{"resource": {"null_resource": {"n": {"provisioner": {"local-exec": {"command": "${var.safe}"}}}}}}"#,
        r#"{"resource": [{"null_resource": [{"n": [{"provi\u0073ioner": [{"local-exec": {"command": "x"}}]}]}]}]}"#,
    ] {
        let fixed = beside(json);
        assert!(fixed.files.is_empty(), "{json}");
        let why = &fixed.left[0].1;
        assert!(
            why.contains("what provisioners and checks make of it"),
            "{why}"
        );
    }
}

#[test]
fn an_argument_of_a_module_is_repaired_at_its_call() {
    let module =
        "variable \"safe\" {}\nresource \"aws_ebs_volume\" \"x\" {\n  encrypted = var.safe\n}\n";
    let call = "module \"m\" {\n  source = \"./m\"\n  safe   = false\n}\n";
    let fixed = fixed("CM-AWS-063", &[("main.tf", call), ("m/main.tf", module)]);
    assert_eq!(after(&fixed, "main.tf"), call.replace("false", "true"));
    assert_eq!(fixed.files.len(), 1);
}

#[test]
fn what_is_computed_or_stands_in_json_is_left_and_said_so() {
    let computed = "resource \"aws_ebs_volume\" \"x\" {\n  encrypted = 1 == 2\n}\n";
    let json = "{\"resource\": {\"aws_ebs_volume\": {\"x\": {\"size\": 1}}}}";
    for (name, text, why) in [
        ("main.tf", computed, "computed"),
        ("main.tf.json", json, "JSON"),
    ] {
        let fixed = fixed("CM-AWS-063", &[(name, text)]);
        assert!(fixed.files.is_empty(), "{name}");
        assert!(fixed.left[0].1.contains(why), "{}", fixed.left[0].1);
    }
}

/// Work that grows with the square takes minutes here, and the runner ends it.
#[test]
fn many_resources_are_repaired_in_one_go() {
    let mut text = String::new();
    for at in 0..2_000 {
        let _ = write!(
            text,
            "resource \"aws_ebs_volume\" \"v{at}\" {{\n  size = 1\n}}\n"
        );
    }
    let fixed = fixed("CM-AWS-063", &[("main.tf", &text)]);
    assert_eq!((fixed.gone.len(), fixed.left.len()), (2_000, 0));
}

#[test]
fn a_repaired_file_has_nothing_left_to_repair() {
    let text = "resource \"aws_s3_bucket_public_access_block\" \"b\" {\n  bucket = \"b\"\n}\n";
    let fixed_once = fixed("CM-AWS-002", &[("main.tf", text)]);
    let once = after(&fixed_once, "main.tf");
    assert_eq!(once.matches("= true").count(), 4, "{once}");
    assert!(fixed("CM-AWS-002", &[("main.tf", &once)]).gone.is_empty());
}

#[test]
fn of_an_object_that_terraform_makes_a_word_is_replaced_and_nothing_put_in() {
    let text = "resource \"kubernetes_pod\" \"p\" {\n  metadata { name = \"p\" }\n  spec {\n    container {\n      \
         name = \"c\"\n      image = \"x\"\n      security_context {\n        privileged = true\n      }\n    }\n  }\n}\n";
    let files = [("main.tf", text)];
    let expected = text.replace("true", "false");
    assert_eq!(after(&fixed("CM-POD-001", &files), "main.tf"), expected);
    let left = fixed("CM-POD-039", &files).left;
    assert!(left[0].1.contains("by hand"), "{}", left[0].1);
}
