//! Pools of nodes with GPUs: who else lands on them.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use crate::check::{Check, Family, Persona, Report};
use crate::{Cursor, Fact, Truth, World};

pub(super) const FAMILY: Family = Family {
    rules: &[(&UNTAINTED, Persona::Pedantic)],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for Pool {
        kind,
        pools,
        machines,
        taints,
    } in POOLS
    {
        for resource in world.of_kind(kind) {
            for pool in resource.cursor().walk(pools) {
                let types = machines.iter().flat_map(|way| texts(&pool, way));
                let has_gpu = Truth::any(types.map(|it| it.is(|it| is_accelerated(&it))));
                untainted(has_gpu, &pool, taints, report);
            }
        }
    }
    for (kind, way) in KARPENTER {
        for resource in world.of_kind(kind) {
            let spec = resource.at(way);
            let asks = spec.get("requirements").items();
            let has_gpu = Truth::any(asks.iter().map(asks_for_gpu));
            untainted(has_gpu, &spec, "taints", report);
        }
    }
}

fn untainted(has_gpu: Truth, pool: &Cursor<'_>, taints: &str, report: &mut Report) {
    let taints = pool.get(taints);
    let is_free = taints.is_absent().or(|| {
        let is_empty = taints.items().is_empty() && taints.entries().is_empty();
        is_empty.into()
    });
    report.when(has_gpu.and(|| is_free), &UNTAINTED, pool, || {
        "any pod may land on the nodes with accelerators".to_owned()
    });
}

/// A requirement of Karpenter's that only machines with accelerators meet.
fn asks_for_gpu(requirement: &Cursor<'_>) -> Truth {
    let is_in = requirement
        .get("operator")
        .text()
        .is(|it| it != "NotIn" && it != "DoesNotExist");
    let key = requirement.get("key").text();
    let is_about_gpu = key.clone().is(|it| {
        let name = it.rsplit('/').next().unwrap_or_default();
        name.starts_with("instance-gpu-")
            || name.starts_with("instance-accelerator-")
            || name == "sku-gpu-count"
    });
    let values = || {
        let values = requirement.get("values").items();
        // Where one of them has none, other machines are there too.
        let all = values
            .iter()
            .map(|it| it.text().is(|it| is_accelerated(&it)));
        Truth::from(!values.is_empty()).and(|| Truth::all(all))
    };
    let names_machines = key.is(|it| MACHINES.iter().any(|key| it.ends_with(key)));
    is_in.and(|| is_about_gpu.or(|| names_machines.and(values)))
}

/// The texts at a way, which may be one or a list.
fn texts(pool: &Cursor<'_>, way: &str) -> Vec<Fact<String>> {
    let place = pool.at(way);
    match &place.fact {
        Fact::Known(attr) if !attr.items().is_empty() => {
            place.items().iter().map(Cursor::text).collect()
        }
        _ => vec![place.text()],
    }
}

/// Whether a machine, or a family of them, has accelerators: `p5.48xlarge`, `g6`, `trn1`,
/// `Standard_NC24ads_A100_v4`; images of nodes for them are called so too.
fn is_accelerated(machine: &str) -> bool {
    if machine.ends_with("_GPU") || machine.ends_with("_NVIDIA") || machine.ends_with("_NEURON") {
        return true;
    }
    if let Some(size) = machine.strip_prefix("Standard_N") {
        return size.starts_with(['C', 'D', 'V', 'G', 'P']);
    }
    let family = machine.split('.').next().unwrap_or_default();
    let digit = family
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(family.len());
    ["p", "g", "gr", "trn", "inf", "dl", "vt"].contains(&&family[..digit])
}

/// Where pools are.
struct Pool {
    kind: &'static str,
    /// The way to each of them.
    pools: &'static str,
    /// Where it says its machines.
    machines: &'static [&'static str],
    taints: &'static str,
}

// GKE taints its nodes with GPUs by itself.
const POOLS: &[Pool] = &[
    Pool {
        kind: "aws_eks_node_group",
        pools: "",
        machines: &["instance_types", "ami_type"],
        taints: "taint",
    },
    Pool {
        kind: "azurerm_kubernetes_cluster_node_pool",
        pools: "",
        machines: &["vm_size"],
        taints: "node_taints",
    },
    Pool {
        kind: "ClusterConfig",
        pools: "managedNodeGroups[]",
        machines: &["instanceType", "instanceTypes"],
        taints: "taints",
    },
    Pool {
        kind: "ClusterConfig",
        pools: "nodeGroups[]",
        machines: &["instanceType", "instancesDistribution.instanceTypes"],
        taints: "taints",
    },
];

const KARPENTER: &[(&str, &str)] = &[("NodePool", "spec.template.spec"), ("Provisioner", "spec")];

/// Labels of nodes that name machines.
const MACHINES: &[&str] = &["/instance-family", "/instance-category", "/instance-type"];

static UNTAINTED: Rule = Rule {
    id: RuleId::new("CM-AI-050"),
    title: Cow::Borrowed("Any pod may land on nodes with GPUs"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without a taint the scheduler puts web servers and system pods beside the workloads that the GPUs are \
         for: what breaks out of one of them is on the node with the models and their credentials. Karpenter \
         and the managed pools of EKS and AKS add no taint by themselves; GKE does, and is not asked.",
    ),
    remediation: Cow::Borrowed(
        "Taint the pool, as with `nvidia.com/gpu=present:NoSchedule`, and tolerate that where GPUs are used.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-653"),
        Reference::new("T1611"),
        Reference::new(
            "https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
        ),
    ]),
    bad: Some(Example::new("object.yaml", UNTAINTED_BAD)),
    good: Some(Example::new("object.yaml", UNTAINTED_GOOD)),
};

const UNTAINTED_BAD: &[u8] = br"apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, values: [g6, p5]}]
";

const UNTAINTED_GOOD: &[u8] = br"apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
      requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, values: [g6, p5]}]
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::tests::survey;

    #[test]
    fn machines_with_accelerators_are_known_by_their_names() {
        for (machine, expected) in [
            ("g5.2xlarge", true),
            ("p4d.24xlarge", true),
            ("trn1n", true),
            ("gr6.4xlarge", true),
            ("Standard_NC24ads_A100_v4", true),
            ("AL2023_x86_64_NVIDIA", true),
            ("m5.large", false),
            ("t3.micro", false),
            ("Standard_D4s_v5", false),
            ("AL2023_x86_64_STANDARD", false),
        ] {
            assert_eq!(is_accelerated(machine), expected, "{machine}");
        }
    }

    #[test]
    fn pools_are_asked_wherever_they_are_declared() {
        let pool = |taint: &str| {
            format!(
                "resource \"aws_eks_node_group\" \"gpu\" {{\n  instance_types = [\"g5.xlarge\"]\n{taint}}}\n"
            )
        };
        let eksctl = "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: c, region: r}\n\
            managedNodeGroups:\n- {name: web, instanceType: m5.large}\n- {name: gpu, instanceType: g5.xlarge}\n";
        let taint = "  taint {\n    key = \"nvidia.com/gpu\"\n    effect = \"NO_SCHEDULE\"\n  }\n";
        let azure = "resource \"azurerm_kubernetes_cluster_node_pool\" \"g\" {\n  vm_size = \"Standard_NC6s_v3\"\n}\n";
        for (name, text, expected) in [
            ("main.tf", pool(""), 1),
            ("main.tf", pool(taint), 0),
            ("main.tf", azure.to_owned(), 1),
            ("cluster.yaml", eksctl.to_owned(), 1),
        ] {
            let outcomes = survey(&[(name, text.as_bytes())]);
            let findings = outcomes.iter().flat_map(|it| &it.findings);
            let found = findings.filter(|it| it.rule.as_str() == "CM-AI-050");
            assert_eq!(found.count(), expected, "{text}");
        }
    }
}
