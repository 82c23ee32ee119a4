//! Ways that walk through networks and identities: who cannot reach something directly may reach somebody who
//! can, or become them.

use std::{borrow::Cow, sync::Arc};

use casemate_posture::Truth;

use super::{
    Because,
    search::{Fact, Search, Why},
};
use crate::{Analysis, Bounds, Connections, TooLarge};

/// What a way leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// The endpoint at a place.
    Endpoint(usize),
    /// The rights of an account.
    Account(usize),
    /// What is in a Secret.
    Secret(usize),
    /// Something that is stored in a cloud, in whatever way.
    Store(usize),
}

/// A step of a way.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// How it goes.
    pub kind: HopKind,
    /// From where: an endpoint, `account/lab/notebook`, `secret/lab/token`, a role of a cloud.
    pub from: String,
    /// To where; `bucket/models` as well.
    pub to: String,
    /// By what: the name of a power, what is done with a bucket.
    pub by: String,
    /// What passes, of a step through the network.
    pub connections: Option<Cow<'a, Bounds<Connections>>>,
    /// What says so. Of the network, the proof of the pair does ([`Analysis::prove`]).
    pub because: Vec<Because>,
    /// The places of both endpoints, of a step through the network.
    pub ends: Option<(usize, usize)>,
    /// Why it is not known whether it is possible.
    pub unsure: Option<Arc<str>>,
}

/// How a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HopKind {
    /// Connections that pass.
    Network,
    /// What is in a pod, or in a Secret.
    Credential,
    /// A right at the API server.
    Rbac,
    /// A role of a cloud, or what it gives.
    Cloud,
}

impl HopKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Credential => "credential",
            Self::Rbac => "rbac",
            Self::Cloud => "cloud",
        }
    }
}

impl Analysis {
    /// A shortest way from one of some endpoints to one of some goals; who holds a workload has what is in its pods.
    /// One each step of which is sure, if there is one; else one whose steps may be. No step where there is none.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn way(&self, from: &[usize], to: &[Goal]) -> Result<Vec<Hop<'_>>, TooLarge> {
        let is_source = |it: &Goal| matches!(it, Goal::Endpoint(at) if from.contains(at));
        let (both, others): (Vec<Goal>, Vec<Goal>) = to.iter().copied().partition(is_source);
        for is_sure in [true, false] {
            let mut hops = self.search(from, &others, is_sure)?;
            // To one that is a source as well the way is from another.
            for goal in &both {
                if hops.is_empty() {
                    let rest = from.iter().filter(|at| Goal::Endpoint(**at) != *goal);
                    hops = self.search(&rest.copied().collect::<Vec<_>>(), &[*goal], is_sure)?;
                }
            }
            if !hops.is_empty() {
                return Ok(hops);
            }
        }
        Ok(Vec::new())
    }

    /// What may lead further from some endpoints in ways that [`Self::way`] does not search, since they are the
    /// same in every cluster: no answer that there is no way is sure where there is one.
    ///
    /// # Errors
    ///
    /// [`TooLarge`].
    pub fn open_ends(&self, from: &[usize]) -> Result<Vec<Arc<str>>, TooLarge> {
        let mut search = Search::new(self, &[], false)?;
        for at in from {
            search.reach(Fact::At(*at), Why::Begins, &[], &Truth::Yes);
        }
        search.run();
        Ok(search.notes.into_iter().collect())
    }

    fn search(&self, from: &[usize], to: &[Goal], is_sure: bool) -> Result<Vec<Hop<'_>>, TooLarge> {
        if from.is_empty() || to.is_empty() {
            return Ok(Vec::new());
        }
        let mut search = Search::new(self, to, is_sure)?;
        for at in from {
            search.reach(Fact::At(*at), Why::Begins, &[], &Truth::Yes);
        }
        search.run();
        Ok(search.hops())
    }
}
