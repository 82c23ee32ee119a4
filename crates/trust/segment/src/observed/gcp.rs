//! VPC flow logs of Google Cloud, as JSON: log entries, or their payloads alone
//! (cloud.google.com/vpc/docs/about-flow-logs-records).
//!
//! A flow does not say who called; its ports have to. It is reported at each end that is in the VPC.

use serde::Deserialize;

use super::{Flow, Party, Told, address, is_call, protocol};
use crate::Connections;

pub(super) fn is_one(line: &str) -> bool {
    let record = serde_json::from_str::<Record>(line);
    record.is_ok_and(|it| it.payload.is_some() || it.bare.connection.is_some())
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "jsonPayload")]
    payload: Option<Payload>,
    #[serde(flatten)]
    bare: Payload,
}

#[derive(Deserialize)]
struct Payload {
    connection: Option<Connection>,
    disposition: Option<String>,
    src_gke_details: Option<Gke>,
    dest_gke_details: Option<Gke>,
}

#[derive(Deserialize)]
struct Connection {
    src_ip: String,
    dest_ip: String,
    #[serde(default)]
    src_port: u16,
    #[serde(default)]
    dest_port: u16,
    protocol: u64,
}

#[derive(Deserialize)]
struct Gke {
    pod: Option<Pod>,
}

#[derive(Deserialize)]
struct Pod {
    pod_namespace: Option<String>,
    pod_workload: Option<Workload>,
}

#[derive(Deserialize)]
struct Workload {
    workload_name: Option<String>,
}

pub(super) fn line(line: &str) -> Told {
    let record: Record = serde_json::from_str(line).map_err(|it| it.to_string())?;
    let flow = record.payload.unwrap_or(record.bare);
    let connection = flow.connection.ok_or("it has no connection")?;
    let Some(protocol) = protocol(connection.protocol) else {
        return Ok(None);
    };
    if flow.disposition.as_deref() == Some("DROPPED") {
        return Ok(None);
    }
    if connection.src_port == 0 || connection.dest_port == 0 {
        return Err("it has no ports".to_owned());
    }
    if !is_call(connection.src_port, connection.dest_port)? {
        return Ok(None);
    }
    let call: Flow = (
        party(flow.src_gke_details, &connection.src_ip)?,
        party(flow.dest_gke_details, &connection.dest_ip)?,
        Connections::of(protocol, connection.dest_port, connection.dest_port),
    );
    Ok(Some(call))
}

fn party(details: Option<Gke>, ip: &str) -> Result<Party, String> {
    let address = address(ip)?;
    let named = || {
        let pod = details?.pod?;
        Some(Party::Workload {
            namespace: pod.pod_namespace?,
            name: pod.pod_workload?.workload_name?,
        })
    };
    Ok(named().unwrap_or(Party::Somewhere(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match line(text) {
            Ok(flows) => flows
                .iter()
                .map(|(from, to, what)| format!("{from} {to} {what}"))
                .collect(),
            Err(why) => why,
        }
    }

    #[test]
    fn pods_are_known_by_what_makes_them_or_by_address() {
        let flow = r#"{"connection":{"src_ip":"10.4.0.5","src_port":40000,"dest_ip":"10.4.1.7","dest_port":8080,"protocol":6},"reporter":"DEST","dest_gke_details":{"pod":{"pod_name":"registry-0","pod_namespace":"models","pod_workload":{"workload_name":"registry","workload_type":"STATEFULSET"}}}}"#;
        assert_eq!(told(flow), "10.4.0.5 models/registry TCP 8080");
        assert_eq!(told(&format!("{{\"jsonPayload\":{flow}}}")), told(flow));
        let reply = flow.replace("40000", "80").replace("8080", "50000");
        assert_eq!(told(&reply), "");
        let dropped = flow.replace("\"reporter\"", "\"disposition\":\"DROPPED\",\"reporter\"");
        assert_eq!(told(&dropped), "");
        let ping = flow.replace("\"protocol\":6", "\"protocol\":1");
        assert_eq!(told(&ping), "");
    }

    #[test]
    fn what_is_no_flow_is_told() {
        assert_eq!(told("{}"), "it has no connection");
        let flow = r#"{"connection":{"src_ip":"x","src_port":40000,"dest_ip":"10.4.1.7","dest_port":80,"protocol":6}}"#;
        assert_eq!(told(flow), "\"x\" is no address");
        assert_eq!(told(&flow.replace("40000", "0")), "it has no ports");
    }
}
