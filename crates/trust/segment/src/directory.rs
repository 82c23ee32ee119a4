//! Who answers to which name and address: what only a cluster that runs knows of itself, as `kubectl get -o yaml` tells it.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use casemate_posture::Truth;

use crate::{
    Cluster, Connections, calls,
    entry::{Key, Service, Services},
};

/// The addresses and names of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pods: HashMap<IpAddr, usize>,
    /// Of workloads; of those that an object has several of, all.
    names: HashMap<Key, Vec<usize>>,
    services: HashMap<Key, Vec<Behind>>,
    /// Of Services.
    addresses: HashMap<IpAddr, Key>,
}

/// A workload behind a Service.
#[derive(Debug)]
struct Behind {
    /// Its place.
    to: usize,
    /// Which ports of the Service lead where; one without an address of its own leads to the pods themselves, at their ports.
    ports: Option<Vec<(Connections, Connections)>>,
}

impl Directory {
    pub(crate) fn of(cluster: &Cluster, services: &Services<'_>) -> Self {
        let mut directory = Self::default();
        let mut shared = HashSet::new();
        for (at, workload) in cluster.workloads.iter().enumerate() {
            let key = (workload.namespace.to_string(), workload.name.clone());
            directory.names.entry(key).or_default().push(at);
            for address in &workload.addresses {
                if directory
                    .pods
                    .insert(*address, at)
                    .is_some_and(|it| it != at)
                {
                    shared.insert(*address);
                }
            }
        }
        // What two have nobody is known by: they are of several clusters, or of several times.
        directory
            .pods
            .retain(|address, _| !shared.contains(address));
        for (key, service) in services {
            for address in service.addresses() {
                directory.addresses.insert(address, key.clone());
            }
            directory
                .services
                .insert(key.clone(), behind(service, cluster));
        }
        directory
    }

    /// The workload with a pod of that address.
    pub(crate) fn pod(&self, address: IpAddr) -> Option<usize> {
        self.pods.get(&address).copied()
    }

    /// The workloads of that name in a namespace.
    pub(crate) fn called(&self, namespace: &str, name: &str) -> &[usize] {
        let key = (namespace.to_owned(), name.to_owned());
        self.names.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The workloads behind the Service with that address, and what arrives there of what is sent to it.
    pub(crate) fn behind_address(
        &self,
        address: IpAddr,
        sent: &Connections,
    ) -> Option<Vec<(usize, Connections)>> {
        self.behind(self.addresses.get(&address)?, sent)
    }

    /// The same of a host, as somebody in a namespace calls it.
    pub(crate) fn behind_host(
        &self,
        host: &str,
        namespace: &str,
        sent: &Connections,
    ) -> Option<Vec<(usize, Connections)>> {
        self.behind(&calls::service(namespace, host)?, sent)
    }

    fn behind(&self, key: &Key, sent: &Connections) -> Option<Vec<(usize, Connections)>> {
        let arriving = |it: &Behind| {
            let Some(ports) = &it.ports else {
                return (it.to, sent.clone());
            };
            let ports = ports
                .iter()
                .filter(|(port, _)| !port.intersection(sent).is_empty());
            let all = ports.fold(Connections::default(), |all, (_, arriving)| {
                all.union(arriving)
            });
            (it.to, all)
        };
        let behind = self.services.get(key)?.iter().map(arriving);
        Some(
            behind
                .filter(|(_, arriving)| !arriving.is_empty())
                .collect(),
        )
    }
}

fn behind(service: &Service<'_>, cluster: &Cluster) -> Vec<Behind> {
    let surely = service.workloads.iter().filter(|(_, truth)| truth.is_yes());
    let ports = |to: usize| service.leads(&cluster.workloads[to]).collect();
    let behind = |(to, _): &(usize, Truth)| Behind {
        to: *to,
        ports: (!service.is_headless()).then(|| ports(*to)),
    };
    surely.map(behind).collect()
}
