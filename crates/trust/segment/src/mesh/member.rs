//! What a mesh makes of a workload.

use std::sync::Arc;

use casemate_posture::Truth;

use crate::{Bounds, Connections};

/// A workload, as the proxies of a mesh see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Whether it says who it is to whom it calls.
    pub(crate) is_identified: Truth,
    /// Who vouches for that.
    pub(crate) trust_domain: Arc<str>,
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
            trust_domain: "".into(),
            taken: Bounds::default(),
            unsure: None,
            http: Bounds::default(),
            plain: Bounds::default(),
            may_see_bytes_alone: false,
        }
    }

    /// What tells it from others as a destination.
    pub(crate) fn told_apart(&self) -> impl Eq + std::hash::Hash + '_ {
        (
            &self.taken,
            &self.http,
            &self.plain,
            self.may_see_bytes_alone,
        )
    }
}

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
