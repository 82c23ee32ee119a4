//! What a mesh makes of a workload.

use std::sync::Arc;

use casemate_posture::Truth;

use crate::{Bounds, Connections, Protocol};

/// A workload, as the proxies of a mesh see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Whether it says who it is to whom it calls.
    pub(crate) is_identified: Truth,
    /// Whether it may as well call so that it says nothing: past its proxy, or through it to an address of which
    /// that knows no Service (`PassthroughCluster`).
    pub(crate) may_hide: bool,
    /// What others call in the mesh so that they say who they are: ports to which a Service leads.
    pub(crate) served: Connections,
    /// Who vouches for that.
    pub(crate) trust_domain: Arc<str>,
    /// As whom; without the name of its account, where that is not known.
    pub(crate) principal: String,
    /// What its proxy decides of; the rest passes.
    pub(crate) taken: Bounds<Connections>,
    /// Why that is not known.
    pub(crate) unsure: Option<Arc<str>>,
    /// Where its proxy sees requests of HTTP.
    pub(crate) http: Bounds<Connections>,
    /// Where its proxy lets nobody say who he is.
    pub(crate) plain: Bounds<Connections>,
    /// Whether its proxy may be one that never sees requests.
    pub(crate) may_see_bytes_alone: bool,
    /// Whether it may be in the mesh at all.
    pub(crate) may_be_in: bool,
}

/// Of connections, those that the proxy of their destination sees in some way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wire {
    /// As requests of HTTP; or as nothing but bytes.
    pub(crate) http: Option<bool>,
    /// In plain text; or so that sources can say who they are.
    pub(crate) plain: Option<bool>,
    /// Whether that holds only perhaps where the proxy sees nothing but bytes.
    pub(crate) is_vague_in_bytes: bool,
}

impl Member {
    /// One that is in no mesh.
    pub(crate) fn outsider() -> Self {
        Self {
            is_identified: Truth::No,
            may_hide: false,
            served: Connections::default(),
            trust_domain: "".into(),
            principal: String::new(),
            taken: Bounds::default(),
            unsure: None,
            http: Bounds::default(),
            plain: Bounds::default(),
            may_see_bytes_alone: false,
            may_be_in: false,
        }
    }

    /// What tells it from others as a destination.
    pub(crate) fn told_apart(&self) -> impl Eq + std::hash::Hash + '_ {
        (
            &self.taken,
            &self.http,
            &self.plain,
            &self.served,
            (self.may_see_bytes_alone, self.may_be_in),
        )
    }

    /// Whether what goes to the other may be carried by proxies of nodes, all ports of TCP over one (HBONE).
    pub(crate) fn may_carry_to(&self, other: &Self) -> bool {
        self.may_be_in && other.may_be_in && (self.may_see_bytes_alone || other.may_see_bytes_alone)
    }
}

/// What the network lets pass between two that proxies of nodes may carry: it sees the port of the carrying alone.
pub(crate) fn carried(passing: &Bounds<Connections>) -> Bounds<Connections> {
    let whole = Connections::of_protocol(Protocol::Tcp);
    let port = Connections::of(Protocol::Tcp, HBONE, HBONE);
    Bounds {
        least: match passing.least.includes(&port) {
            true => passing.least.clone(),
            false => passing.least.difference(&whole),
        },
        most: match passing.most.includes(&port) {
            true => passing.most.union(&whole),
            false => passing.most.clone(),
        },
    }
}

/// Where proxies of nodes take what they carry (istio.io, "HBONE").
const HBONE: u16 = 15008;

impl Wire {
    pub(crate) fn is_any(self) -> bool {
        self == Self::default()
    }

    /// The connections to a member that it is.
    pub(crate) fn at(self, member: &Member) -> Bounds<Connections> {
        let on = |is: Option<bool>, set: &Bounds<Connections>| match is {
            None => Bounds::exact(Connections::all()),
            Some(true) => set.clone(),
            Some(false) => set.complement(),
        };
        let mut seen = on(self.http, &member.http).intersection(&on(self.plain, &member.plain));
        if self.is_vague_in_bytes && member.may_see_bytes_alone {
            seen.least = Connections::default();
        }
        seen
    }
}
