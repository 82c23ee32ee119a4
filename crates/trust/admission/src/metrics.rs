//! What is counted, as Prometheus reads it (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::review::Operation;

/// A number that only grows, or that goes up and down.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// More.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// One less.
    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The value.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    decisions: [[Counter; OUTCOMES.len()]; Operation::ALL.len()],
    buckets: [Counter; BUCKETS.len()],
    microseconds: Counter,
    /// Requests whose body was none, or came too late.
    pub refused: Counter,
    /// Connections that were closed because there were too many.
    pub turned_away: Counter,
    /// Connections that are open.
    pub connections: Counter,
    /// Requests that are not answered yet.
    pub in_flight: Counter,
    /// Objects that were repaired.
    pub repaired: Counter,
    /// Requests that would have been exempt, had the exemption not ended.
    pub ended_exemptions: Counter,
    /// Records that the file has.
    pub records_written: Counter,
    /// Records that found no room.
    pub records_dropped: Counter,
    /// Records that could not be written.
    pub records_failed: Counter,
    /// Certificates that were put in the place of others.
    pub certificates_loaded: Counter,
    /// Certificates that could not be used; the one before stays.
    pub certificates_refused: Counter,
}

/// Something that is there for a while, and is counted until it ends, however that is.
pub(crate) struct Counted {
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &Counter,
}

impl Counted {
    pub(crate) fn new(metrics: &Arc<Metrics>, gauge: fn(&Metrics) -> &Counter) -> Self {
        gauge(metrics).add(1);
        Self {
            metrics: Arc::clone(metrics),
            gauge,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).leave();
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was let through.
    Allowed,
    /// It was let through with warnings.
    Warned,
    /// It was denied.
    Denied,
    /// It would have been denied, but for the mode.
    Audited,
    /// It was exempt.
    Exempt,
    /// It could not be decided.
    Failed,
}

impl Metrics {
    /// Counts a request.
    pub fn count(&self, operation: Operation, outcome: Outcome, took: Duration) {
        self.decisions[operation as usize][outcome as usize].add(1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.add(micros);
        let slot = BUCKETS.iter().position(|(bound, _)| micros <= *bound);
        if let Some(slot) = slot {
            self.buckets[slot].add(1);
        }
    }

    /// The text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        head(
            &mut text,
            "requests_total",
            "counter",
            "Requests, by operation and what came of them.",
        );
        let mut all = 0;
        for (operation, row) in Operation::ALL.iter().zip(&self.decisions) {
            for (outcome, count) in OUTCOMES.iter().zip(row) {
                let (operation, count) = (operation.as_str(), count.value());
                all += count;
                let labels = format!("{{operation=\"{operation}\",outcome=\"{outcome}\"}}");
                let _ = writeln!(text, "{PREFIX}requests_total{labels} {count}");
            }
        }
        let name = "request_duration_seconds";
        head(
            &mut text,
            name,
            "histogram",
            "How long a request took, waiting for its turn included.",
        );
        let mut below = 0;
        for ((_, bound), count) in BUCKETS.iter().zip(&self.buckets) {
            below += count.value();
            let _ = writeln!(text, "{PREFIX}{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(text, "{PREFIX}{name}_bucket{{le=\"+Inf\"}} {all}");
        let micros = self.microseconds.value();
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(text, "{PREFIX}{name}_sum {seconds}.{rest:06}");
        let _ = writeln!(text, "{PREFIX}{name}_count {all}");
        for (name, kind, help, counter) in [
            (
                "refused_total",
                "counter",
                "Requests that were none, or came too late.",
                &self.refused,
            ),
            (
                "turned_away_total",
                "counter",
                "Connections beyond the bound.",
                &self.turned_away,
            ),
            (
                "connections",
                "gauge",
                "Connections that are open.",
                &self.connections,
            ),
            (
                "in_flight",
                "gauge",
                "Requests that are not answered yet.",
                &self.in_flight,
            ),
            (
                "repaired_total",
                "counter",
                "Objects that were repaired.",
                &self.repaired,
            ),
            (
                "ended_exemptions_total",
                "counter",
                "Requests for which an exemption has ended.",
                &self.ended_exemptions,
            ),
            (
                "records_written_total",
                "counter",
                "Records that the file has.",
                &self.records_written,
            ),
            (
                "records_dropped_total",
                "counter",
                "Records that found no room.",
                &self.records_dropped,
            ),
            (
                "records_failed_total",
                "counter",
                "Records that could not be written.",
                &self.records_failed,
            ),
            (
                "certificates_loaded_total",
                "counter",
                "Certificates that were put in the place of others.",
                &self.certificates_loaded,
            ),
            (
                "certificates_refused_total",
                "counter",
                "Certificates that could not be used; the one before stays.",
                &self.certificates_refused,
            ),
        ] {
            head(&mut text, name, kind, help);
            let _ = writeln!(text, "{PREFIX}{name} {}", counter.value());
        }
        text
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(
        text,
        "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}"
    );
}

const PREFIX: &str = "casemate_admission_";

/// In the order of [`Outcome`].
const OUTCOMES: [&str; 6] = ["allowed", "warned", "denied", "audited", "exempt", "failed"];

/// In microseconds, and as seconds.
const BUCKETS: [(u64, &str); 11] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (10_000_000, "10"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_all_below_them() {
        let metrics = Metrics::default();
        for millis in [0, 3, 3, 60_000] {
            let took = Duration::from_millis(millis);
            metrics.count(Operation::Update, Outcome::Denied, took);
        }
        let text = metrics.text();
        for line in [
            "casemate_admission_requests_total{operation=\"UPDATE\",outcome=\"denied\"} 4",
            "casemate_admission_request_duration_seconds_bucket{le=\"0.0025\"} 1",
            "casemate_admission_request_duration_seconds_bucket{le=\"0.005\"} 3",
            "casemate_admission_request_duration_seconds_bucket{le=\"10\"} 3",
            "casemate_admission_request_duration_seconds_bucket{le=\"+Inf\"} 4",
            "casemate_admission_request_duration_seconds_sum 60.006000",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
