//! Ports that nobody from everywhere has business with.

/// SSH, RDP, databases, and what controls clusters of machine learning: Ray's dashboard, client and
/// store, Jupyter, and the management ports of TorchServe.
pub(super) const ADMIN_PORTS: &[i64] = &[
    22, 3389, 1433, 3306, 5432, 6379, 27017, 9200, 8265, 10001, 8888, 8081,
];

/// Whether a port, a range of some, or all (`*`) has one of administration.
pub(super) fn holds_admin_port(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first = first.trim().parse::<i64>();
    let range = first.ok().zip(last.trim().parse::<i64>().ok());
    text == "*"
        || range.is_some_and(|(first, last)| {
            ADMIN_PORTS.iter().any(|port| (first..=last).contains(port))
        })
}
