//! A claims file: everything that is said of one model, in one file of JSON Lines.
//!
//! Each line is a bundle: the model's signature, its provenance, what came of a scan, what others concluded.
//! Nothing binds the lines together but that each is about the same model, which is what is verified here.

use std::io::{self, BufRead};

use casemate_attest::{ResourceDescriptor, TrustStore};
use casemate_core::{Digest, Timestamp};

use crate::{
    Attested, Claim, Class, Problem, Verdict,
    signed::read_attestation,
    verify::{LONGEST_BUNDLE, VerifyOptions, is_one},
};

/// The lines of a claims file, as they are in it.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Those that are there and not too long.
    pub lines: Vec<ClaimLine>,
    /// What of the file was not read, and so is not known.
    pub problems: Vec<Problem>,
}

/// One line of a claims file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimLine {
    /// Which, counted from one.
    pub number: u64,
    /// The bundle, as JSON.
    pub bytes: Vec<u8>,
}

impl Claims {
    /// What stands for a file that cannot be read, and why: never for one without claims.
    pub fn unreadable(why: &str) -> Self {
        Self {
            lines: Vec::new(),
            problems: vec![Problem::new(Class::Malformed, why)],
        }
    }

    /// Reads a claims file, of which lines may be without end and without number.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(reader: &mut dyn BufRead) -> io::Result<Self> {
        let mut claims = Self::default();
        let mut left = LONGEST_FILE;
        for number in 1.. {
            let line = match read_line(reader, left.min(LONGEST_BUNDLE))? {
                Line::End => return Ok(claims),
                Line::Long => {
                    let told = format!(
                        "is longer than {LONGEST_BUNDLE} bytes, or the file than {LONGEST_FILE}; no more was read"
                    );
                    claims
                        .problems
                        .push(Problem::new(Class::Malformed, told).on(number));
                    return Ok(claims);
                }
                Line::Whole(line) => line,
            };
            left = left.saturating_sub(line.len() as u64 + 1);
            if number > MOST_LINES {
                let told = format!("comes after {MOST_LINES} others, and no more are read");
                claims
                    .problems
                    .push(Problem::new(Class::Malformed, told).on(number));
                return Ok(claims);
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                claims.lines.push(ClaimLine {
                    number,
                    bytes: text.to_vec(),
                });
            }
        }
        Ok(claims)
    }
}

enum Line {
    Whole(Vec<u8>),
    Long,
    End,
}

/// The next line without its end, if it has at most `limit` bytes.
fn read_line(reader: &mut dyn BufRead, limit: u64) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut seen = false;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(if seen { Line::Whole(line) } else { Line::End });
        }
        seen = true;
        let end = buffer.iter().position(|&b| b == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        if (line.len() + part.len()) as u64 > limit {
            return Ok(Line::Long);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Line::Whole(line));
        }
    }
}

/// One statement with all who signed it, and where their bundles are in the list that was given.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The statement, by all of its signers.
    pub attested: Attested,
    /// Where its bundles are.
    pub at: Vec<u64>,
}

/// Puts bundles with the same statement together. Who signed it more than once counts once.
pub fn together(all: impl IntoIterator<Item = (u64, Attested)>) -> Vec<Stated> {
    let mut stated: Vec<Stated> = Vec::new();
    for (at, attested) in all {
        let same = stated
            .iter_mut()
            .find(|it| it.attested.payload == attested.payload);
        let Some(same) = same else {
            stated.push(Stated {
                attested,
                at: vec![at],
            });
            continue;
        };
        same.at.push(at);
        same.attested
            .evidence
            .logged
            .extend(attested.evidence.logged);
        let signers = &mut same.attested.evidence.signers;
        for signer in attested.evidence.signers {
            if !signers.iter().any(|it| is_one(it, &signer)) {
                signers.push(signer);
            }
        }
    }
    stated
}

impl Stated {
    /// What is wrong, where fewer have signed this very statement than `trust` asks for.
    pub fn lacks_signers(&self, trust: &TrustStore) -> Option<Problem> {
        let evidence = &self.attested.evidence;
        let need = trust.threshold_of(&evidence.predicate_type);
        let have = evidence.signers.len();
        (have < need).then(|| {
            let told = format!("{need} signers must have signed the same statement, and the signatures of {have} count");
            Problem::new(Class::UntrustedSigner, told)
        })
    }
}

/// Reads every line that counts; each that does not is a problem of the verdict.
pub(crate) fn judge_lines(
    options: &VerifyOptions,
    trust: &TrustStore,
    now: Timestamp,
    verdict: &mut Verdict,
) -> Vec<(u64, Attested)> {
    let (claims, logs) = (&options.claims, options.logs.as_deref());
    verdict.problems.extend(claims.problems.iter().cloned());
    let mut read = Vec::with_capacity(claims.lines.len());
    for line in &claims.lines {
        match read_attestation(&line.bytes, trust, logs, now, &mut verdict.notes) {
            Ok(attested) => read.push((line.number, attested)),
            Err(problem) => verdict.problems.push(problem.on(line.number)),
        }
    }
    read
}

/// Holds the claims against the model whose root is `root`, of which a signature counts, and lists
/// those that are about it.
pub(crate) fn list(
    all: impl IntoIterator<Item = (u64, Attested)>,
    root: &Digest,
    trust: &TrustStore,
    verdict: &mut Verdict,
) {
    for stated in together(all) {
        let is_model = stated.attested.manifest.is_some();
        let wrong = match is_model {
            // How many must have signed the model is counted over all of its signatures.
            true => None,
            false => is_about_another(&stated.attested.evidence.subject, root)
                .or_else(|| stated.lacks_signers(trust)),
        };
        if let Some(problem) = wrong {
            let all = stated.at.iter().map(|&line| problem.clone().on(line));
            verdict.problems.extend(all);
            continue;
        }
        for logged in &stated.attested.evidence.logged {
            if !verdict.logged.contains(logged) {
                verdict.logged.push(logged.clone());
            }
        }
        verdict.claims.push(Claim {
            lines: stated.at,
            says: stated.attested.says,
            evidence: stated.attested.evidence,
        });
    }
    verdict.claims.sort_by(|a, b| a.lines.cmp(&b.lines));
}

/// What is wrong, unless the one subject is the model.
fn is_about_another(subjects: &[ResourceDescriptor], root: &Digest) -> Option<Problem> {
    let [subject] = subjects else {
        let told = format!(
            "is about {} subjects, and a claim is about the model alone",
            subjects.len()
        );
        return Some(Problem::new(Class::Malformed, told));
    };
    match subject.sha256() {
        Some(hex) if hex == root.hex() => None,
        Some(hex) => {
            let mut problem = Problem::new(
                Class::ContentMismatch,
                "is about something else than the model",
            );
            problem.expected = Some(format!("sha256:{hex}"));
            problem.actual = Some(root.to_string());
            Some(problem)
        }
        None => {
            let told = "has no sha256 digest of what it is about";
            Some(Problem::new(Class::Malformed, told))
        }
    }
}

/// How many lines are read.
const MOST_LINES: u64 = 1000;
/// How long a file may be, in bytes: one model signature of the longest, and what is said beside it.
const LONGEST_FILE: u64 = LONGEST_BUNDLE + (64 << 20);

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read as _, repeat};

    use super::*;

    fn read(text: &[u8]) -> Claims {
        Claims::read(&mut BufReader::with_capacity(3, text)).expect("reads")
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        let claims = read(b"{}\r\n\n  \n[1]\nlast");
        let lines: Vec<(u64, &[u8])> = claims
            .lines
            .iter()
            .map(|it| (it.number, &*it.bytes))
            .collect();
        assert_eq!(lines, [(1, &b"{}"[..]), (4, b"[1]"), (5, b"last")]);
        assert!(claims.problems.is_empty());
        assert!(read(b"").lines.is_empty());
    }

    #[test]
    fn a_million_lines_are_not_read_and_not_passed_over() {
        let claims = read(&b"x\n".repeat(1_000_000));
        assert_eq!(claims.lines.len() as u64, MOST_LINES);
        assert_eq!(claims.problems[0].line, Some(MOST_LINES + 1));
        assert_eq!(claims.problems[0].class, Class::Malformed);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut reader = BufReader::new(repeat(b'x').take(1 << 20));
        assert!(matches!(read_line(&mut reader, 1000), Ok(Line::Long)));
        let mut reader = &b"abc\nd"[..];
        assert!(matches!(read_line(&mut reader, 3), Ok(Line::Whole(line)) if line == b"abc"));
        assert!(matches!(read_line(&mut reader, 3), Ok(Line::Whole(line)) if line == b"d"));
        assert!(matches!(read_line(&mut reader, 3), Ok(Line::End)));
    }
}
