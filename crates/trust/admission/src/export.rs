//! Rules as ValidatingAdmissionPolicies: what an API server can decide by itself, in CEL
//! (<https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>).

use std::sync::LazyLock;

use casemate_core::{Rule, RuleId};
use casemate_policy::RulePattern;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can be said in CEL, and what cannot.
pub struct Cel {
    resources: Vec<Resources>,
    policies: Vec<Policy>,
    cannot: Vec<Cannot>,
}

/// What an API server does where a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It denies.
    Deny,
    /// It warns the client.
    Warn,
    /// It writes an audit annotation.
    Audit,
}

/// Whether a rule can be said in CEL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The rule.
    pub rule: RuleId,
    /// Its title.
    pub title: String,
    /// The name of the policy that says it, alone or with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// One expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The rules, of which one is broken where it is false.
    pub rules: Vec<RuleId>,
    on: String,
    /// The expression.
    pub valid: String,
}

/// What expressions are asked of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    name: String,
    #[serde(rename = "match")]
    matches: Vec<Match>,
    /// The kinds of the objects.
    pub kinds: Vec<String>,
    /// The fields in which an object declares what expressions are asked of.
    declares: Vec<String>,
    /// What expressions call by a name, each made of those before it.
    #[serde(default)]
    pub variables: Vec<Variable>,
}

/// A part of an expression with a name.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it is called, behind `variables.`.
    pub name: String,
    /// What it is.
    pub expression: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cannot {
    rules: Vec<RulePattern>,
    why: String,
}

impl Cel {
    /// The table of the house.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Each expression with what it is asked of.
    pub fn policies(&self) -> impl Iterator<Item = (&Policy, &Resources)> {
        self.policies.iter().filter_map(|policy| {
            let on = self.resources.iter().find(|it| it.name == policy.on);
            Some((policy, on?))
        })
    }

    /// Of each of `rules` that is about Kubernetes, whether it can be said.
    pub fn said<'a>(
        &'a self,
        rules: impl Iterator<Item = &'a Rule> + 'a,
    ) -> impl Iterator<Item = Said> + 'a {
        rules.filter_map(|rule| {
            let found = self.found(&rule.id)?;
            Some(Said {
                rule: rule.id.clone(),
                title: rule.title.to_string(),
                policy: found.ok().map(Policy::name),
                why_not: found.err().map(str::to_owned),
            })
        })
    }

    /// Why a rule cannot be said; none where it can.
    pub fn why_not(&self, rule: &RuleId) -> Option<&str> {
        match self.found(rule) {
            Some(found) => found.err(),
            None => Some("it is not about an object of Kubernetes"),
        }
    }

    /// The policies of `wanted`, or all, each with its binding, as one list that `kubectl apply` takes. `rules` are those whose titles
    /// they tell.
    pub fn export(&self, wanted: &[RuleId], action: Action, rules: &[&Rule]) -> Value {
        let is_wanted = |policy: &Policy| {
            wanted.is_empty() || policy.rules.iter().any(|rule| wanted.contains(rule))
        };
        let chosen = self.policies().filter(|(policy, _)| is_wanted(policy));
        let items =
            chosen.flat_map(|(policy, on)| [policy.object(on, rules), policy.binding(action)]);
        json!({"apiVersion": "v1", "kind": "List", "items": items.collect::<Vec<_>>()})
    }

    /// The policy that says a rule, or why none can. Nothing of a rule that is not about Kubernetes.
    fn found(&self, rule: &RuleId) -> Option<Result<&Policy, &str>> {
        if let Some(policy) = self.policies.iter().find(|it| it.rules.contains(rule)) {
            return Some(Ok(policy));
        }
        let is_in = |it: &&Cannot| it.rules.iter().any(|pattern| pattern.matches(rule));
        let cannot = self.cannot.iter().find(is_in)?;
        Some(Err(&cannot.why))
    }
}

impl Policy {
    /// What the policy is called.
    fn name(&self) -> String {
        let first = self.rules.first().map(RuleId::as_str).unwrap_or_default();
        format!("casemate-{}", first.to_lowercase())
    }

    fn object(&self, on: &Resources, rules: &[&Rule]) -> Value {
        let told = self.rules.iter().map(|id| {
            let rule = rules.iter().find(|rule| rule.id == *id);
            format!("{id}: {}", rule.map_or("", |rule| rule.title.as_ref()))
        });
        let message = told.collect::<Vec<_>>().join("; or ");
        let matches = on.matches.iter().map(|it| {
            json!({"apiGroups": it.groups, "apiVersions": it.versions, "operations": ["CREATE", "UPDATE"],
                "resources": it.resources})
        });
        let mut spec = json!({
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": matches.collect::<Vec<_>>()},
            "matchConditions": [
                {"name": "stays", "expression": on.stays()},
                {"name": "not-of-the-api-server", "expression": of_nobody("system:apiserver")},
                {"name": "not-of-the-aggregation-of-roles", "expression": of_nobody(AGGREGATION)},
            ],
            "validations": [{"expression": self.valid, "message": message, "reason": "Forbidden"}],
        });
        if !on.variables.is_empty() {
            spec["variables"] = json!(on.variables);
        }
        json!({
            "apiVersion": API_VERSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": self.name()},
            "spec": spec,
        })
    }

    fn binding(&self, action: Action) -> Value {
        let action = match action {
            Action::Deny => "Deny",
            Action::Warn => "Warn",
            Action::Audit => "Audit",
        };
        json!({
            "apiVersion": API_VERSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": self.name()},
            "spec": {
                "policyName": self.name(),
                "validationActions": [action],
                // What runs the cluster comes before it.
                "matchResources": {"namespaceSelector": {"matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": OF_THE_CLUSTER},
                ]}},
            },
        })
    }
}

impl Resources {
    /// The expression that is false of what is about to go and declares what it did: its finalisers are removed by updates.
    pub fn stays(&self) -> String {
        let same = self.declares.iter().map(|field| {
            format!("(has(object.{field}) ? has(oldObject.{field}) && object.{field} == oldObject.{field} : !has(oldObject.{field}))")
        });
        let same = same.collect::<Vec<_>>().join(" && ");
        format!("!has(object.metadata.deletionTimestamp) || oldObject == null || !({same})")
    }
}

/// That it is somebody else who asks.
fn of_nobody(user: &str) -> String {
    format!("request.userInfo.username != '{user}'")
}

static BUILTIN: LazyLock<Cel> = LazyLock::new(|| {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        resources: Vec<Resources>,
        policy: Vec<Policy>,
        cannot: Vec<Cannot>,
    }
    let text = include_str!("../../../../content/admission/cel.toml");
    let table: Table = toml::from_str(text).expect("the table is right: a test reads it");
    Cel {
        resources: table.resources,
        policies: table.policy,
        cannot: table.cannot,
    }
});

/// What fills in the rules of a ClusterRole out of those of others, which are judged themselves.
const AGGREGATION: &str = "system:serviceaccount:kube-system:clusterrole-aggregation-controller";

const OF_THE_CLUSTER: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

const API_VERSION: &str = "admissionregistration.k8s.io/v1";
