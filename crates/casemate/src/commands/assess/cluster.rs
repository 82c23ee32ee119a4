//! A cluster that is judged like the files beside it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use casemate_cluster::{Access, Client, InCluster, Limits, Patience, Scope, Wanted};
use casemate_core::{AssetId, Outcome, Status};
use casemate_inventory::Given;
use casemate_posture::check::OBJECTS;

use crate::{
    cli::{self, Global},
    output,
    progress::Ticker,
};

/// A cluster that can be read.
pub(super) struct Cluster {
    /// What it is called.
    pub(super) name: String,
    client: Client,
    scope: Scope,
    unverified: Option<String>,
}

/// What was read of it.
#[derive(Default)]
pub(super) struct Live {
    /// Its objects.
    pub(super) objects: Vec<Given>,
    /// Of each kind, whether all of it was read.
    pub(super) outcomes: Vec<Outcome>,
}

impl Cluster {
    /// The cluster that the caller names, if he does.
    pub(super) fn new(global: &Global, arguments: &cli::cluster::Cluster) -> Result<Option<Self>> {
        let access = match &arguments.kubeconfig {
            Some(file) => {
                let context = arguments.context.as_deref();
                Access::from_kubeconfig(file, context, arguments.allow_exec)
                    .with_context(|| format!("cannot use {}", file.display()))?
            }
            None if arguments.in_cluster => Access::in_cluster(&pod()?, "")?,
            None if arguments.cluster.is_some()
                || arguments.timeout.is_some()
                || !arguments.namespace.is_empty() =>
            {
                bail!("which cluster? Name it with --kubeconfig or --in-cluster")
            }
            None => return Ok(None),
        };
        if let Some(why) = &access.unverified {
            output::hint(global, &format!("warning: {why}"));
        }
        let (known, unverified) = (access.cluster.clone(), access.unverified.clone());
        let patience = Patience::default();
        let whole = arguments.timeout.map(Duration::from_secs);
        let patience = Patience {
            whole: whole.unwrap_or(patience.whole),
            ..patience
        };
        let client = Client::new(access, patience);
        let name = match &arguments.cluster {
            Some(name) => name.clone(),
            None if known.is_empty() => casemate_cluster::uid(&client)
                .context("cannot read the namespace kube-system, whose UID would name the cluster; name it with --cluster")?,
            None => known,
        };
        Ok(Some(Self {
            name,
            client,
            scope: Scope {
                namespaces: arguments.namespace.clone(),
            },
            unverified,
        }))
    }

    /// Everything that a check asks for.
    pub(super) fn read(&self, global: &Global) -> Result<Live> {
        let kinds = OBJECTS.iter().flat_map(|(group, kinds)| {
            let group = *group;
            kinds.iter().map(move |kind| Wanted { group, kind })
        });
        let wanted: Vec<Wanted<'_>> = kinds.collect();
        let ticker = Ticker::new(global.quiet);
        let progress = |objects: u64| {
            if let Some(ticker) = &ticker {
                ticker.count(objects, "objects read");
            }
        };
        let limits = Limits::default();
        let reading = casemate_cluster::read(
            &self.client,
            &self.name,
            &wanted,
            &self.scope,
            &limits,
            &progress,
        )
        .with_context(|| format!("cannot read the cluster {}", self.name))?;
        for text in unread(&reading.outcomes) {
            output::hint(global, &text);
        }
        let unverified = self.unverified.iter();
        let unverified = unverified.map(|why| casemate_cluster::unverified(&self.name, why));
        let objects = reading.documents.into_iter().map(|document| Given {
            subject: document.subject,
            bytes: document.text.into_bytes(),
        });
        Ok(Live {
            objects: objects.collect(),
            outcomes: unverified.chain(reading.outcomes).collect(),
        })
    }
}

/// What was not asked for or need not be read, by the reason. Reports only count it.
fn unread(outcomes: &[Outcome]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let outcomes = outcomes.iter();
    for outcome in outcomes.filter(|it| it.result == Status::NotApplicable) {
        if let (AssetId::Kubernetes { kind, .. }, Some(why)) = (&outcome.subject, &outcome.reason) {
            reasons.entry(why).or_default().push(kind);
        }
    }
    let reasons = reasons.into_iter();
    reasons
        .map(|(why, kinds)| format!("{}: {why}", kinds.join(", ")))
        .collect()
}

/// Where Kubernetes tells a pod of the cluster that it is in.
fn pod() -> Result<InCluster> {
    let of = |name: &str| {
        let value = std::env::var(name);
        value.with_context(|| format!("--in-cluster is for pods, and {name} is not set"))
    };
    Ok(InCluster {
        host: of("KUBERNETES_SERVICE_HOST")?,
        port: of("KUBERNETES_SERVICE_PORT")?,
        directory: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_is_told_once_for_each_reason() {
        let outcome = |kind: &str, result: Status, why: &str| {
            let mut outcome = casemate_cluster::unverified("prod", why);
            outcome.subject = AssetId::Kubernetes {
                cluster: "prod".to_owned(),
                namespace: String::new(),
                kind: kind.to_owned(),
                name: String::new(),
            };
            outcome.result = result;
            outcome
        };
        let outcomes = [
            outcome("node", Status::NotApplicable, "not read"),
            outcome("pod", Status::Error, "403 Forbidden"),
            outcome("secret", Status::NotApplicable, "may not be listed"),
            outcome("ingressclass", Status::NotApplicable, "not read"),
        ];
        assert_eq!(
            unread(&outcomes),
            ["secret: may not be listed", "node, ingressclass: not read"]
        );
    }
}
