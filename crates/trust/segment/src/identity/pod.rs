//! What a pod has in it: the token of its service account, and Secrets.

use std::sync::Arc;

use casemate_posture::{Container, Cursor, Fact, Origin, Pod, Truth};

use crate::listed::is_there;

/// What is in the pods of a workload.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whether its pods have the token of their account without asking for it; absent where it is not said of
    /// the pods, and the account decides.
    pub automount: Fact<bool>,
    /// Whether a volume has a token that the API server takes.
    pub projected: Truth,
    /// The Secrets that its containers see.
    pub secrets: Vec<(String, Origin)>,
    /// Why there may be others.
    pub more_secrets: Option<Arc<str>>,
    /// Whether they are on their node as if there were no container: privileged, or with files or processes of it.
    pub is_on_node: Truth,
    /// Where the account is said.
    pub origin: Origin,
}

impl Credentials {
    pub(crate) fn of(pod: &Pod<'_>) -> Self {
        let automount = pod.get("automountServiceAccountToken");
        let account = pod.get("serviceAccountName");
        let place = match is_there(&account) {
            true => account.origin(),
            false => pod.spec().origin(),
        };
        Self {
            automount: boolean(&automount),
            projected: Truth::any(pod.volumes().iter().flat_map(tokens)),
            more_secrets: named(pod).iter().find_map(|it| match it.text() {
                Fact::Unknown(why) => Some(why),
                Fact::Known(_) | Fact::Absent => None,
            }),
            secrets: secrets(pod),
            is_on_node: is_on_node(pod),
            origin: place.clone(),
        }
    }

    /// Whether pods have the same in them.
    pub(crate) fn are_alike(&self, other: &Self) -> bool {
        let names = |it: &Self| it.secrets.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
        self.automount == other.automount
            && self.projected == other.projected
            && names(self) == names(other)
            && self.more_secrets == other.more_secrets
            && self.is_on_node == other.is_on_node
    }
}

/// Yes or no, where something says it.
pub(super) fn boolean(cursor: &Cursor<'_>) -> Fact<bool> {
    match (cursor.is_absent(), cursor.is_true()) {
        (Truth::Yes, _) => Fact::Absent,
        (_, Truth::Unknown(why)) => Fact::Unknown(why),
        (_, truth) => Fact::Known(truth.is_yes()),
    }
}

/// Of each token that a volume has, whether it is one for the API server.
fn tokens(volume: &Cursor<'_>) -> Vec<Truth> {
    let sources = volume.walk("projected.sources[].serviceAccountToken");
    let is_for_server = |it: &Cursor<'_>| match it.get("audience").text() {
        Fact::Absent => Truth::Yes,
        audience => audience.holds(|it| match it.contains("kubernetes.default") {
            true => Truth::Yes,
            false if OF_OTHERS.contains(&&*it) => Truth::No,
            false => {
                let why = format!("whether the API server takes tokens for {it} is not known");
                Truth::Unknown(why.into())
            }
        }),
    };
    sources.iter().map(is_for_server).collect()
}

/// Audiences of clouds and others who take tokens themselves.
const OF_OTHERS: &[&str] = &[
    "api://AzureADTokenExchange",
    "istio-ca",
    "pods.eks.amazonaws.com",
    "sts.amazonaws.com",
    "vault",
];

fn is_on_node(pod: &Pod<'_>) -> Truth {
    let volumes = pod.volumes();
    let containers = pod.containers();
    let has_files = || Truth::any(volumes.iter().map(|it| !it.get("hostPath").is_absent()));
    let is_privileged = |it: &Container<'_>| it.cursor().at("securityContext.privileged").is_true();
    pod.get("hostPID")
        .is_true()
        .or(has_files)
        .or(|| Truth::any(containers.iter().map(is_privileged)))
}

/// Where its Secrets are named.
fn named<'a>(pod: &Pod<'a>) -> Vec<Cursor<'a>> {
    let volumes = pod.volumes();
    let of_volumes = volumes.iter().flat_map(|it| {
        let alone = it.walk("secret.secretName");
        alone
            .into_iter()
            .chain(it.walk("projected.sources[].secret.name"))
    });
    let containers = pod.containers();
    let of_containers = containers.iter().map(Container::cursor).flat_map(|it| {
        let variables = it.walk("env[].valueFrom.secretKeyRef.name");
        variables
            .into_iter()
            .chain(it.walk("envFrom[].secretRef.name"))
    });
    of_volumes.chain(of_containers).collect()
}

fn secrets(pod: &Pod<'_>) -> Vec<(String, Origin)> {
    let named = named(pod).into_iter();
    let named = named.filter_map(|it| Some((it.text().ok()?, it.origin().clone())));
    let mut secrets: Vec<(String, Origin)> = named.collect();
    secrets.sort_by(|a, b| a.0.cmp(&b.0));
    secrets.dedup_by(|b, a| a.0 == b.0);
    secrets
}
