//! What pods say of their proxies.

use casemate_posture::{Cursor, Fact, Pod, Truth};

use crate::{Connections, Protocol};

/// What a pod says of its proxy, apart from labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Whether it has one among its containers, or was given one.
    pub(crate) is_injected: Truth,
    /// `sidecar.istio.io/inject`, as it was before it was a label.
    pub(crate) inject: Fact<String>,
    /// The ports whose connections its proxy takes: all where nothing is said.
    include: Fact<String>,
    /// And those that it does not.
    exclude: Fact<String>,
    /// Whether some of what it sends goes past its proxy.
    pub(crate) sends_past: Truth,
}

impl Signs {
    pub(crate) fn of(pod: &Pod<'_>) -> Self {
        let annotations = pod.metadata().map(|it| it.get("annotations"));
        let annotation = |key: &str| match &annotations {
            Some(it) => it.get(key).text(),
            None => Fact::Unknown("the controller decides of the annotations of its pods".into()),
        };
        let is_proxy = |it: &Cursor<'_>| it.get("name").equals("istio-proxy");
        let containers = pod.containers();
        let has_proxy = Truth::any(containers.iter().map(|it| is_proxy(it.cursor())));
        let was_given = || !annotation("sidecar.istio.io/status").is_absent();
        Self {
            is_injected: match annotations.is_some() {
                true => has_proxy.or(was_given),
                false => has_proxy,
            },
            inject: annotation("sidecar.istio.io/inject"),
            include: annotation("traffic.sidecar.istio.io/includeInboundPorts"),
            exclude: annotation("traffic.sidecar.istio.io/excludeInboundPorts"),
            sends_past: Truth::any(SENT_PAST.map(|it| !annotation(it).is_absent())),
        }
    }

    /// What its proxy takes; or why that is not known.
    pub(crate) fn taken(&self) -> Result<Connections, String> {
        let whole = Connections::of_protocol(Protocol::Tcp);
        let included = match &self.include {
            Fact::Absent => whole,
            Fact::Known(text) if text == "*" => whole,
            text => listed(text)?,
        };
        let excluded = match &self.exclude {
            Fact::Absent => Connections::default(),
            text => listed(text)?,
        };
        Ok(included.difference(&excluded))
    }
}

fn listed(text: &Fact<String>) -> Result<Connections, String> {
    let text = match text {
        Fact::Known(text) => text,
        Fact::Absent => return Ok(Connections::default()),
        Fact::Unknown(why) => return Err(why.to_string()),
    };
    let ports = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let mut all = Connections::default();
    for port in ports {
        let port: u16 = port
            .parse()
            .map_err(|_| format!("{port:?} among the ports that its proxy takes is no port"))?;
        all = all.union(&Connections::of(Protocol::Tcp, port, port));
    }
    Ok(all)
}

/// What goes past the proxy is not said to be from anybody.
const SENT_PAST: [&str; 4] = [
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
    "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    "traffic.sidecar.istio.io/includeOutboundPorts",
    "traffic.sidecar.istio.io/excludeOutboundPorts",
];
