//! What the words of other tools are taken for.

use casemate_core::Severity;

/// A severity with the word that it is from: `HIGH is high`.
pub(crate) struct Mapped {
    pub(crate) severity: Severity,
    pub(crate) word: String,
}

impl Mapped {
    fn of(word: &str, severity: Severity) -> Self {
        let word = format!("{} is {severity}", crate::fields::line(word, 40));
        Self { severity, word }
    }

    fn taken(what: &str, severity: Severity) -> Self {
        let word = format!("{what} is taken for {severity}");
        Self { severity, word }
    }
}

/// The words that Checkov and Trivy use.
pub(crate) fn of_word(word: Option<&str>) -> Mapped {
    let Some(word) = word else {
        return Mapped::taken("no severity", Severity::Medium);
    };
    match word.to_ascii_uppercase().as_str() {
        "CRITICAL" => Mapped::of(word, Severity::Critical),
        "HIGH" => Mapped::of(word, Severity::High),
        "MEDIUM" | "MODERATE" => Mapped::of(word, Severity::Medium),
        "LOW" => Mapped::of(word, Severity::Low),
        "INFO" | "NONE" => Mapped::of(word, Severity::Info),
        _ => Mapped::taken(&crate::fields::line(word, 40), Severity::Medium),
    }
}

/// The `level` of SARIF, the other way round than our own reports write it.
pub(crate) fn of_level(level: &str) -> Mapped {
    let word = format!("level {level}");
    match level {
        "error" => Mapped::of(&word, Severity::High),
        "warning" => Mapped::of(&word, Severity::Medium),
        "note" => Mapped::of(&word, Severity::Low),
        "none" => Mapped::of(&word, Severity::Info),
        _ => Mapped::taken(&crate::fields::line(&word, 40), Severity::Medium),
    }
}

/// A `security-severity` of GitHub: a number as CVSS has it, in GitHub's bands. `None` where it is no such
/// number.
pub(crate) fn of_score(score: &str) -> Option<Mapped> {
    let value: f64 = score.trim().parse().ok()?;
    let severity = match value {
        _ if !(0.0..=10.0).contains(&value) => return None,
        _ if value >= 9.0 => Severity::Critical,
        _ if value >= 7.0 => Severity::High,
        _ if value >= 4.0 => Severity::Medium,
        _ if value > 0.0 => Severity::Low,
        _ => Severity::Info,
    };
    Some(Mapped::of(
        &format!("security-severity {}", score.trim()),
        severity,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_told_with_what_it_was_taken_for() {
        for (mapped, word) in [
            (of_word(Some("HIGH")), "HIGH is high"),
            (of_word(Some("low")), "low is low"),
            (of_word(Some("UNKNOWN")), "UNKNOWN is taken for medium"),
            (of_word(None), "no severity is taken for medium"),
            (of_level("error"), "level error is high"),
            (of_level("none"), "level none is info"),
            (of_level("fatal"), "level fatal is taken for medium"),
        ] {
            assert_eq!(mapped.word, word);
        }
    }

    #[test]
    fn scores_are_in_the_bands_of_github() {
        for (score, severity) in [
            ("10.0", Some(Severity::Critical)),
            ("9", Some(Severity::Critical)),
            ("8.9", Some(Severity::High)),
            ("4.0", Some(Severity::Medium)),
            ("0.1", Some(Severity::Low)),
            ("0.0", Some(Severity::Info)),
            ("NaN", None),
            ("11", None),
            ("-1", None),
            ("high", None),
        ] {
            assert_eq!(of_score(score).map(|it| it.severity), severity, "{score}");
        }
    }
}
