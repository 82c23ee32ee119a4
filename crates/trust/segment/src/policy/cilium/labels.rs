//! Which labels Cilium does not look at, unless it is told to (docs.cilium.io, "Limiting Identity-Relevant Labels").

/// Why it is not known who has a label, where it is not part of what tells pods apart.
pub(super) fn left_out(key: &str) -> Option<String> {
    let is_kept = KEPT.iter().any(|it| key.starts_with(it));
    let is_left_out = LEFT_OUT.iter().any(|it| key.starts_with(it));
    (!is_kept && (is_left_out || key.contains("beta.kubernetes.io")))
        .then(|| format!("Cilium does not look at labels like {key} unless it is told to"))
}

/// The longer of two beginnings decides.
const KEPT: &[&str] = &["app.kubernetes.io"];

const LEFT_OUT: &[&str] = &[
    "annotation",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "controller-revision-hash",
    "controller-uid",
    "etcd_node",
    "io.kubernetes",
    "k8s.io",
    "kubernetes.io",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "topology.kubernetes.io",
];
