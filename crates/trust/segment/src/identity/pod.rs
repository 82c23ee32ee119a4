//! What a pod has in it: the token of its service account, and Secrets.

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
            secrets: secrets(pod),
            origin: place.clone(),
        }
    }

    /// Whether pods have the same in them.
    pub(crate) fn are_alike(&self, other: &Self) -> bool {
        let names = |it: &Self| it.secrets.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
        self.automount == other.automount
            && self.projected == other.projected
            && names(self) == names(other)
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
        audience => audience.is(|it| it.contains("kubernetes.default")),
    };
    sources.iter().map(is_for_server).collect()
}

fn secrets(pod: &Pod<'_>) -> Vec<(String, Origin)> {
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
    let named = of_volumes.chain(of_containers);
    let named = named.filter_map(|it| Some((it.text().ok()?, it.origin().clone())));
    let mut secrets: Vec<(String, Origin)> = named.collect();
    secrets.sort_by(|a, b| a.0.cmp(&b.0));
    secrets.dedup_by(|b, a| a.0 == b.0);
    secrets
}
