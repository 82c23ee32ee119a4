//! Continuous integration, and pipelines of machine learning.

use casemate_core::{AssetKind, Class};
use memchr::memmem;

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let text = head.text()?;
    if head.name.starts_with("jenkinsfile") {
        let is_groovy = [&b"pipeline"[..], b"node"]
            .iter()
            .any(|word| memmem::find(text, word).is_some());
        return is_groovy.then_some(class(AssetKind::Pipeline, "jenkinsfile"));
    }
    let lines = head.lines();
    if !lines.is_yaml() {
        return None;
    }
    let has = |name: &str| lines.value(name).is_some();
    let holds = |word: &str| memmem::find(text, word.as_bytes()).is_some();
    let format = if has("on") && has("jobs") {
        "github-workflow"
    } else if has("runs") && holds("using:") {
        "github-action"
    } else if has("version") && has("jobs") && (has("workflows") || has("orbs")) {
        "circleci"
    } else if has("pipelines") && holds("step:") {
        "bitbucket-pipelines"
    } else if has("stages") && holds("cmd:") || has("outs") && holds("md5:") {
        "dvc"
    } else if has("entry_points") {
        "mlproject"
    } else if has("pipelineInfo") && has("deploymentSpec") || has("pipelineSpec") {
        "kubeflow-pipeline"
    } else if (has("trigger") || has("pr") || has("pool"))
        && (has("stages") || has("jobs") || has("steps"))
        || head.name.starts_with("azure-pipelines")
    {
        "azure-pipelines"
    } else if head.name.ends_with(".gitlab-ci.yml") || has("stages") && holds("script:") {
        "gitlab-ci"
    } else if head.name.starts_with("cloudbuild") && has("steps") {
        "cloud-build"
    } else {
        return None;
    };
    Some(class(AssetKind::Pipeline, format))
}
