//! Terraform and OpenTofu.

use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    head.text()?;
    let is_named = head.has_extension(&["tf", "tofu", "hcl"]) || head.name.ends_with(".tftest.hcl");
    let lines = head.lines();
    // Text in a heredoc may stand at the margin, so the name excuses lines of other kinds.
    let is_terraform = lines.blocks > 0 && (is_named || lines.others + lines.import_count() == 0);
    if is_terraform {
        return Some(class(AssetKind::Terraform, "terraform"));
    }
    let is_values = head.has_extension(&["tfvars"]) && lines.assignments > 0;
    if is_values {
        return Some(class(AssetKind::Terraform, "tfvars"));
    }
    let is_json = head.name.ends_with(".tf.json") || head.name.ends_with(".tfstate");
    let json = head.json().filter(|_| is_json)?;
    let blocks = [
        "resource", "data", "module", "provider", "variable", "output",
    ];
    if blocks.iter().any(|block| json.has(&[block])) {
        return Some(class(AssetKind::Terraform, "terraform-json"));
    }
    let is_state = json.has(&["terraform_version"]) && json.has(&["version"]);
    is_state.then_some(class(AssetKind::Terraform, "tfstate"))
}
