//! Kubernetes objects, Helm charts and Kustomize; workflows in their clothes are pipelines.

use casemate_core::{AssetKind, Class};
use memchr::memmem;

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let text = head.text()?;
    if let Some(json) = head.json() {
        let is_object = json.has(&["apiVersion", "kind"]);
        return is_object.then_some(class(AssetKind::Kubernetes, "kubernetes"));
    }
    if head.has_extension(&["tpl"]) && memmem::find(text, b"{{").is_some() {
        return Some(class(AssetKind::Kubernetes, "helm-template"));
    }
    let lines = head.lines();
    let group = lines.value("apiVersion").map(unquoted);
    if lines.is_yaml_with(&["apiVersion", "kind"]) {
        let (group, kind) = (group?, unquoted(lines.value("kind")?));
        return Some(object(group, kind, memmem::find(text, b"{{").is_some()));
    }
    if lines.is_yaml_with(&["apiVersion", "name", "version"]) {
        return Some(class(AssetKind::Kubernetes, "helm-chart"));
    }
    let is_kustomization = matches!(
        head.name.as_str(),
        "kustomization.yaml" | "kustomization.yml" | "kustomization"
    );
    let is_kustomize = is_kustomization && lines.is_yaml();
    is_kustomize.then_some(class(AssetKind::Kubernetes, "kustomize"))
}

fn object(group: &[u8], kind: &[u8], is_template: bool) -> Class {
    let is_workflow = group.starts_with(b"argoproj.io/")
        && matches!(
            kind,
            b"Workflow" | b"CronWorkflow" | b"WorkflowTemplate" | b"ClusterWorkflowTemplate"
        );
    if is_workflow {
        return class(AssetKind::Pipeline, "argo-workflow");
    }
    if group.starts_with(b"tekton.dev/") {
        return class(AssetKind::Pipeline, "tekton");
    }
    if group.starts_with(b"kustomize.config.k8s.io/") {
        return class(AssetKind::Kubernetes, "kustomize");
    }
    let format = if is_template {
        "helm-template"
    } else {
        "kubernetes"
    };
    class(AssetKind::Kubernetes, format)
}

fn unquoted(value: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| *byte == b'"' || *byte == b'\'';
    match value {
        [first, inside @ .., last] if is_quote(first) && first == last => inside,
        _ => value,
    }
}
