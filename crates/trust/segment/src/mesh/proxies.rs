//! Who has a proxy.

use casemate_posture::{Fact, Truth};

use crate::{Cluster, Labels, Workload};

/// Whether a workload has a proxy: a container in each pod, or one of its node that sees bytes alone.
pub(super) struct Proxies {
    pub(super) sidecar: Truth,
    pub(super) node: Truth,
}

impl Proxies {
    /// Those of a workload, in a namespace with such labels; `is_seen`, if anything says who has one.
    pub(super) fn of(workload: &Workload, namespace: &Labels, is_seen: bool) -> Self {
        if is_seen {
            return of_signs(workload, namespace);
        }
        let unknown = || Truth::Unknown("nothing among the files says who has a proxy".into());
        let why = || (!workload.is_on_host.clone()).and(unknown);
        Self {
            sidecar: workload.signs.is_injected.clone().or(why),
            node: why(),
        }
    }
}

/// Whether anything of the cluster says who has a proxy.
pub(super) fn is_seen(cluster: &Cluster) -> bool {
    let says = |labels: &Labels, keys: &[&str]| {
        let mut keys = keys.iter();
        keys.any(|key| matches!(labels.get(key), Fact::Known(_)))
    };
    let of_namespace = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"];
    let of_pod = [
        "sidecar.istio.io/inject",
        "istio.io/rev",
        "istio.io/dataplane-mode",
    ];
    cluster
        .namespaces
        .values()
        .any(|it| says(&it.labels, &of_namespace))
        || cluster
            .workloads
            .iter()
            .any(|it| says(&it.labels, &of_pod) || it.signs.is_injected.is_yes())
}

/// By the webhook of Istio (its selectors and `injectRequired`), and for nodes by the label of ambient mode.
fn of_signs(workload: &Workload, namespace: &Labels) -> Proxies {
    let pod = &workload.labels;
    let has = |labels: &Labels, key: &str| !labels.get(key).is_absent();
    let asked = pod.get("sidecar.istio.io/inject");
    let annotation = || match &workload.signs.inject {
        Fact::Known(text) => Fact::Known(text.as_str()),
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    };
    let injection = namespace.get("istio-injection");
    let by_pod = || {
        asked
            .clone()
            .is(|it| it == "true")
            .or(|| has(pod, "istio.io/rev"))
    };
    let by_namespace = injection.clone().is(|it| it == "enabled");
    let reaches = by_namespace.or(|| {
        injection
            .is_absent()
            .and(|| has(namespace, "istio.io/rev").or(by_pod))
    });
    let refuses = || match asked.clone().or_else(annotation) {
        Fact::Known("false") => Truth::Yes,
        Fact::Known("true" | "") | Fact::Absent => Truth::No,
        Fact::Known(other) => {
            let why = format!("what sidecar.istio.io/inject: {other:?} says hangs on the version");
            Truth::Unknown(why.into())
        }
        Fact::Unknown(why) => Truth::Unknown(why),
    };
    let is_system = IGNORED.contains(&&*workload.namespace);
    let on_pods = !workload.is_on_host.clone();
    let injected = on_pods
        .and(|| Truth::from(!is_system))
        .and(|| reaches)
        .and(|| !refuses());
    let sidecar = workload.signs.is_injected.clone().or(|| injected);
    let mode = pod
        .get("istio.io/dataplane-mode")
        .or_else(|| namespace.get("istio.io/dataplane-mode"));
    let node = (!workload.is_on_host.clone())
        .and(|| mode.is(|it| it == "ambient"))
        .and(|| !sidecar.clone());
    Proxies { sidecar, node }
}

/// The webhook gives no proxies there (`IgnoredNamespaces`).
const IGNORED: [&str; 4] = [
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "local-path-storage",
];
