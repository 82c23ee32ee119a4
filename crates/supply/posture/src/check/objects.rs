//! The kinds of objects of Kubernetes that checks ask for, with their groups: what to read of a cluster.

/// Every group with its kinds. A file says its kind alone, and a check asks for no more; whoever asks a
/// cluster has to name the group as well.
pub const OBJECTS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "ConfigMap",
            "Namespace",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("agents.x-k8s.io", &["Sandbox"]),
    (
        "apps",
        &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"],
    ),
    ("apps.openshift.io", &["DeploymentConfig"]),
    (
        "argoproj.io",
        &[
            "ClusterWorkflowTemplate",
            "CronWorkflow",
            "Workflow",
            "WorkflowTemplate",
        ],
    ),
    ("batch", &["CronJob", "Job"]),
    ("batch.volcano.sh", &["CronJob", "Job"]),
    ("cilium.io", &["CiliumNetworkPolicy"]),
    ("disaggregatedset.x-k8s.io", &["DisaggregatedSet"]),
    ("extensions.agents.x-k8s.io", &["SandboxTemplate"]),
    ("flow.volcano.sh", &["JobTemplate"]),
    (
        "gateway.networking.k8s.io",
        &["GRPCRoute", "Gateway", "HTTPRoute", "TCPRoute", "TLSRoute"],
    ),
    ("jobset.x-k8s.io", &["JobSet"]),
    (
        "kubeflow.org",
        &[
            "Experiment",
            "JAXJob",
            "MPIJob",
            "Notebook",
            "PVCViewer",
            "PaddleJob",
            "PodDefault",
            "PyTorchJob",
            "TFJob",
            "Trial",
            "XGBoostJob",
        ],
    ),
    ("karpenter.sh", &["NodePool", "Provisioner"]),
    ("kueue.x-k8s.io", &["Workload"]),
    ("leaderworkerset.x-k8s.io", &["LeaderWorkerSet"]),
    ("machinelearning.seldon.io", &["SeldonDeployment"]),
    (
        "mlops.seldon.io",
        &[
            "Model",
            "SeldonConfig",
            "SeldonRuntime",
            "Server",
            "ServerConfig",
        ],
    ),
    ("networking.istio.io", &["Gateway", "VirtualService"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("nvidia.com", &["ClusterPolicy"]),
    (
        "policy.networking.k8s.io",
        &["AdminNetworkPolicy", "ClusterNetworkPolicy"],
    ),
    ("production-stack.vllm.ai", &["VLLMRuntime"]),
    (
        "ray.io",
        &["RayCluster", "RayCronJob", "RayJob", "RayService"],
    ),
    (
        "rbac.authorization.k8s.io",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    ),
    (
        "resource.k8s.io",
        &["ResourceClaim", "ResourceClaimTemplate"],
    ),
    ("route.openshift.io", &["Route"]),
    (
        "security.istio.io",
        &["AuthorizationPolicy", "PeerAuthentication"],
    ),
    (
        "serving.knative.dev",
        &["Configuration", "Revision", "Service"],
    ),
    (
        "serving.kserve.io",
        &[
            "ClusterServingRuntime",
            "ClusterStorageContainer",
            "InferenceService",
            "LLMInferenceService",
            "LLMInferenceServiceConfig",
            "ServingRuntime",
        ],
    ),
    (
        "sparkoperator.k8s.io",
        &["ScheduledSparkApplication", "SparkApplication"],
    ),
    (
        "tekton.dev",
        &[
            "ClusterTask",
            "Pipeline",
            "PipelineRun",
            "StepAction",
            "Task",
            "TaskRun",
        ],
    ),
    (
        "trainer.kubeflow.org",
        &["ClusterTrainingRuntime", "TrainJob", "TrainingRuntime"],
    ),
    ("workload.codeflare.dev", &["AppWrapper"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use casemate_document::{
        Limits, Node, Value,
        yaml::{self, Dialect},
    };

    use super::*;
    use crate::{
        check::{FAMILIES, exposure, pod_templates::WAYS},
        read::kubernetes::INNER,
        survey::tests::survey,
    };

    const RBAC: &str = include_str!("../../../../../deploy/kubernetes/rbac.yaml");

    fn kinds() -> BTreeSet<&'static str> {
        let kinds = OBJECTS.iter().flat_map(|(_, kinds)| kinds.iter());
        kinds.copied().collect()
    }

    #[test]
    fn every_kind_that_a_check_knows_is_read_of_a_cluster() {
        let kinds = kinds();
        for kind in WAYS.iter().map(|way| way.kind) {
            assert!(kinds.contains(kind), "{kind}");
        }
        for (kind, _) in INNER {
            assert!(kinds.contains(kind), "{kind}");
        }
        for (kind, _) in exposure::ROUTES {
            assert!(kinds.contains(kind), "{kind}");
        }
    }

    #[test]
    fn every_kind_in_an_example_is_read_of_a_cluster() {
        let kinds = kinds();
        let rules = FAMILIES.iter().flat_map(|family| family.rules);
        let mut seen = 0;
        for (rule, _) in rules {
            for example in rule.bad.iter().chain(&rule.good) {
                let text = std::str::from_utf8(&example.content).expect("UTF-8");
                let stream = yaml::read(text, Dialect::KUBERNETES, &Limits::default());
                for document in &stream.documents {
                    let of = |key| document.root.get(key).and_then(Node::as_str);
                    let (Some(version), Some(kind)) = (of("apiVersion"), of("kind")) else {
                        continue;
                    };
                    // What only tools read is in no cluster.
                    let is_of_tools = version.starts_with("kustomize.") || kind == "Kustomization";
                    if !is_of_tools {
                        assert!(kinds.contains(kind), "{} has {version} {kind}", rule.id);
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn the_role_for_clusters_reads_exactly_what_is_judged() {
        let stream = yaml::read(RBAC, Dialect::KUBERNETES, &Limits::default());
        assert_eq!(stream.error, None);
        let is_role = |root: &&Node| root.get("kind").and_then(Node::as_str) == Some("ClusterRole");
        let mut roots = stream.documents.iter().map(|document| &document.root);
        let role = roots.find(is_role).expect("a role");
        let list = |node: &Node, key: &str| -> Vec<String> {
            let text = |item: &Node| item.as_str().expect("a text").to_owned();
            items(node.get(key)).iter().map(text).collect()
        };
        let mut granted = BTreeSet::new();
        for rule in items(role.get("rules")) {
            assert_eq!(list(rule, "verbs"), ["get", "list"]);
            for group in list(rule, "apiGroups") {
                for resource in list(rule, "resources") {
                    granted.insert((group.clone(), resource));
                }
            }
        }
        let wanted = OBJECTS.iter().flat_map(|(group, kinds)| {
            let kinds = kinds.iter().filter(|kind| **kind != "Secret");
            kinds.map(|kind| ((*group).to_owned(), plural(kind)))
        });
        assert_eq!(granted, wanted.collect());
    }

    #[test]
    fn nothing_is_wrong_with_the_role_for_clusters() {
        let outcomes = survey(&[("rbac.yaml", RBAC.as_bytes())]);
        assert_eq!(outcomes[0].findings, []);
        assert_eq!(outcomes[0].result, casemate_core::Status::Pass);
    }

    fn items(node: Option<&Node>) -> &[Node] {
        match node.map(|node| &node.value) {
            Some(Value::List(items)) => items,
            other => panic!("{other:?} is no list"),
        }
    }

    /// As Kubernetes makes the name of a resource from that of a kind.
    fn plural(kind: &str) -> String {
        let name = kind.to_lowercase();
        let is_vowel = |c: char| "aeiou".contains(c);
        match name.strip_suffix('y') {
            Some(stem) if !stem.ends_with(is_vowel) => format!("{stem}ies"),
            _ if name.ends_with(['s', 'x']) => format!("{name}es"),
            _ => format!("{name}s"),
        }
    }
}
