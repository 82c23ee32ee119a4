//! How the resources of the provider `hashicorp/kubernetes` differ from the objects that they make, read
//! off the documentation and the schemas of its version 3
//! (<https://github.com/hashicorp/terraform-provider-kubernetes>).

/// A kind of object that a resource makes.
pub(super) struct Kind {
    /// What the resource is called, without `kubernetes_` and its version.
    pub(super) stems: &'static [&'static str],
    /// The kind of the object.
    pub(super) name: &'static str,
    /// Its `apiVersion`.
    pub(super) version: &'static str,
    /// Whether it is in a namespace: in `default`, where the resource names none.
    pub(super) is_namespaced: bool,
}

const fn namespaced(
    stems: &'static [&'static str],
    version: &'static str,
    name: &'static str,
) -> Kind {
    Kind {
        stems,
        name,
        version,
        is_namespaced: true,
    }
}

const fn global(stems: &'static [&'static str], version: &'static str, name: &'static str) -> Kind {
    Kind {
        stems,
        name,
        version,
        is_namespaced: false,
    }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";
const NETWORKING: &str = "networking.k8s.io/v1";
const ADMISSION: &str = "admissionregistration.k8s.io/v1";

/// What the provider has beside these is no object (`kubernetes_labels`, `kubernetes_env`), or is asked
/// for and not declared (`kubernetes_token_request_v1`).
pub(super) const KINDS: &[Kind] = &[
    namespaced(&["config_map"], "v1", "ConfigMap"),
    namespaced(&["cron_job"], "batch/v1", "CronJob"),
    namespaced(&["daemonset", "daemon_set"], "apps/v1", "DaemonSet"),
    namespaced(&["deployment"], "apps/v1", "Deployment"),
    namespaced(&["endpoints"], "v1", "Endpoints"),
    namespaced(&["endpoint_slice"], "discovery.k8s.io/v1", "EndpointSlice"),
    namespaced(
        &["horizontal_pod_autoscaler"],
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
    ),
    namespaced(&["ingress"], NETWORKING, "Ingress"),
    namespaced(&["job"], "batch/v1", "Job"),
    namespaced(&["limit_range"], "v1", "LimitRange"),
    namespaced(&["network_policy"], NETWORKING, "NetworkPolicy"),
    namespaced(&["persistent_volume_claim"], "v1", "PersistentVolumeClaim"),
    namespaced(&["pod"], "v1", "Pod"),
    namespaced(
        &["pod_disruption_budget"],
        "policy/v1",
        "PodDisruptionBudget",
    ),
    namespaced(&["replication_controller"], "v1", "ReplicationController"),
    namespaced(&["resource_quota"], "v1", "ResourceQuota"),
    namespaced(&["role"], RBAC, "Role"),
    namespaced(&["role_binding"], RBAC, "RoleBinding"),
    namespaced(&["secret"], "v1", "Secret"),
    namespaced(&["service"], "v1", "Service"),
    namespaced(
        &["service_account", "default_service_account"],
        "v1",
        "ServiceAccount",
    ),
    namespaced(&["stateful_set"], "apps/v1", "StatefulSet"),
    global(&["api_service"], "apiregistration.k8s.io/v1", "APIService"),
    global(&["cluster_role"], RBAC, "ClusterRole"),
    global(&["cluster_role_binding"], RBAC, "ClusterRoleBinding"),
    global(&["csi_driver"], "storage.k8s.io/v1", "CSIDriver"),
    global(&["ingress_class"], NETWORKING, "IngressClass"),
    global(
        &["mutating_webhook_configuration"],
        ADMISSION,
        "MutatingWebhookConfiguration",
    ),
    global(&["namespace"], "v1", "Namespace"),
    global(&["persistent_volume"], "v1", "PersistentVolume"),
    global(
        &["pod_security_policy"],
        "policy/v1beta1",
        "PodSecurityPolicy",
    ),
    global(&["priority_class"], "scheduling.k8s.io/v1", "PriorityClass"),
    global(&["runtime_class"], "node.k8s.io/v1", "RuntimeClass"),
    global(&["storage_class"], "storage.k8s.io/v1", "StorageClass"),
    global(
        &["validating_webhook_configuration"],
        ADMISSION,
        "ValidatingWebhookConfiguration",
    ),
];

/// Blocks that may stand many times, with the list that they make: within which block or kind (any,
/// where it is empty), the block, the field. Every other block stands once, and is an object.
pub(super) const LISTS: &[(&str, &str, &str)] = &[
    // Pods.
    ("", "container", "containers"),
    ("", "init_container", "initContainers"),
    ("", "env", "env"),
    ("", "env_from", "envFrom"),
    ("container", "port", "ports"),
    ("init_container", "port", "ports"),
    ("", "volume_device", "volumeDevices"),
    ("", "volume_mount", "volumeMounts"),
    ("", "http_header", "httpHeaders"),
    ("", "volume", "volumes"),
    ("", "items", "items"),
    ("", "sources", "sources"),
    ("", "toleration", "tolerations"),
    (
        "",
        "topology_spread_constraint",
        "topologySpreadConstraints",
    ),
    ("", "host_aliases", "hostAliases"),
    ("", "image_pull_secrets", "imagePullSecrets"),
    ("", "readiness_gate", "readinessGates"),
    ("", "sysctl", "sysctls"),
    ("dns_config", "option", "options"),
    ("", "on_pod_condition", "onPodConditions"),
    // Selectors and affinity.
    ("", "match_expressions", "matchExpressions"),
    ("scope_selector", "match_expression", "matchExpressions"),
    ("", "match_fields", "matchFields"),
    ("", "node_selector_term", "nodeSelectorTerms"),
    ("", PREFERRED, PREFERRED_FIELD),
    ("pod_affinity", REQUIRED, REQUIRED_FIELD),
    ("pod_anti_affinity", REQUIRED, REQUIRED_FIELD),
    // What is around pods.
    ("spec", "volume_claim_template", "volumeClaimTemplates"),
    ("spec", "metric", "metrics"),
    ("scale_down", "policy", "policies"),
    ("scale_up", "policy", "policies"),
    // Accounts and roles.
    ("", "rule", "rules"),
    ("", "subject", "subjects"),
    ("", "cluster_role_selectors", "clusterRoleSelectors"),
    ("ServiceAccount", "secret", "secrets"),
    ("ServiceAccount", "image_pull_secret", "imagePullSecrets"),
    // Networks.
    ("spec", "port", "ports"),
    ("spec", "ingress", "ingress"),
    ("spec", "egress", "egress"),
    ("", "from", "from"),
    ("", "to", "to"),
    ("", "ports", "ports"),
    ("http", "path", "paths"),
    ("spec", "tls", "tls"),
    ("", "subset", "subsets"),
    ("subset", "address", "addresses"),
    ("subset", "not_ready_address", "notReadyAddresses"),
    ("subset", "port", "ports"),
    ("EndpointSlice", "endpoint", "endpoints"),
    ("EndpointSlice", "port", "ports"),
    // The rest.
    ("", "webhook", "webhooks"),
    ("spec", "limit", "limits"),
    ("", "allowed_topologies", "allowedTopologies"),
    ("", "match_label_expressions", "matchLabelExpressions"),
    ("", "allowed_flex_volumes", "allowedFlexVolumes"),
    ("", "allowed_host_paths", "allowedHostPaths"),
    ("", "host_ports", "hostPorts"),
    ("", "range", "ranges"),
];

const PREFERRED: &str = "preferred_during_scheduling_ignored_during_execution";
const PREFERRED_FIELD: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const REQUIRED: &str = "required_during_scheduling_ignored_during_execution";
const REQUIRED_FIELD: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// Names that are more than the same words in another case: within which block or kind, the name, the
/// field.
pub(super) const RENAMED: &[(&str, &str, &str)] = &[
    // The provider encodes what is `data` for it.
    ("Secret", "data", "stringData"),
    ("Secret", "data_wo", "stringData"),
    ("Secret", "binary_data", "data"),
    ("Secret", "binary_data_wo", "data"),
    ("", "host_ip", "hostIP"),
    ("", "host_ipc", "hostIPC"),
    ("", "host_pid", "hostPID"),
    ("", "client_ip", "clientIP"),
    ("", "cluster_ip", "clusterIP"),
    ("", "cluster_ips", "clusterIPs"),
    ("", "external_ips", "externalIPs"),
    ("", "load_balancer_ip", "loadBalancerIP"),
    ("", "non_resource_urls", "nonResourceURLs"),
    ("", "insecure_skip_tls_verify", "insecureSkipTLSVerify"),
    ("", "run_as_username", "runAsUserName"),
    ("", "storage_provisioner", "provisioner"),
    ("", "timezone", "timeZone"),
    ("", "volume_id", "volumeID"),
    ("", "pd_id", "pdID"),
    ("", "data_disk_uri", "diskURI"),
    ("", "target_ww_ns", "targetWWNs"),
    ("", "dataset_uuid", "datasetUUID"),
    ("", "ceph_fs", "cephfs"),
    ("", "ceph_monitors", "monitors"),
    ("", "rados_user", "user"),
    ("", "rbd_image", "image"),
    ("", "rbd_pool", "pool"),
    ("", "endpoints_name", "endpoints"),
];

/// Maps of which the keys are the writer's own: within which block or kind (any, where it is empty), the map.
pub(super) const VERBATIM: &[(&str, &str)] = &[
    ("", "annotations"),
    ("", "binary_data"),
    ("", "binary_data_wo"),
    ("", "capacity"),
    ("", "data"),
    ("", "data_wo"),
    ("", "default"),
    ("", "default_request"),
    ("", "hard"),
    ("", "labels"),
    ("", "limits"),
    ("", "match_labels"),
    ("", "max"),
    ("", "max_limit_request_ratio"),
    ("", "min"),
    ("", "node_selector"),
    ("", "options"),
    ("", "overhead"),
    ("StorageClass", "parameters"),
    ("", "requests"),
    ("", "selector"),
    ("", "volume_attributes"),
];

/// What the provider takes for itself.
pub(super) const LEFT_OUT: &[&str] = &[
    "binary_data_wo_revision",
    "data_wo_revision",
    "id",
    "lifecycle_rule",
    "timeouts",
    "wait_for_completion",
    "wait_for_default_service_account",
    "wait_for_load_balancer",
    "wait_for_rollout",
    "wait_for_service_account_token",
    "wait_until_bound",
];

/// What the provider sends where nobody wrote it, and Kubernetes would not take: in which block in which
/// block, the field, its value. A container says that it may be root wherever it says anything of its
/// security, and so what its pod says of that does not hold (`expandContainerSecurityContext`).
pub(super) const DEFAULTS: &[((&str, &str), &str, bool)] = &[
    (("container", "security_context"), "runAsNonRoot", false),
    (
        ("init_container", "security_context"),
        "runAsNonRoot",
        false,
    ),
];
