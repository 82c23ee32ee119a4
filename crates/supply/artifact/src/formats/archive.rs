//! Containers: the worst of what is in them, and what is odd about them.

use std::io;

use casemate_container::{Anomaly, ContainerError, Contents, Magic};
use casemate_core::{Coverage, Severity, Source};

use crate::{
    Verdict,
    examine::Examiner,
    formats::{opaque, pt2, torch_tar, torch_zip},
    notes::Notes,
};

/// Judges a container, and gives its format; nothing where it is none that can be opened.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    source: &dyn Source,
    magic: Magic,
    examiner: &mut Examiner<'_, '_>,
    depth: u8,
) -> io::Result<Option<&'static str>> {
    let mut budget = examiner.budget.clone();
    budget.depth = depth;
    let contents = match casemate_container::open(source, magic, &budget) {
        Ok(Some(contents)) => contents,
        Ok(None) => return Ok(None),
        Err(ContainerError::Io(error)) => return Err(error),
        Err(error) => {
            let reason = error.to_string();
            examiner.notes.leave_out("container", None, reason);
            return Ok(Some(magic.as_str()));
        }
    };
    note_anomalies(&contents, examiner);
    let inner = depth.saturating_sub(1);
    if contents.format == "zip" {
        let model = match (torch_zip::folder(&contents), pt2::folder(&contents)) {
            (None, None) => None,
            (Some(folder), None) => Some(torch_zip::examine(&contents, folder, examiner, inner)?),
            (None, Some(folder)) => Some(pt2::examine(&contents, folder, examiner, inner)?),
            (Some(checkpoint), Some(program)) => {
                opaque::note_polyglot("pt2", "torch-zip", 0, &mut examiner.notes);
                torch_zip::examine(&contents, checkpoint, examiner, inner)?;
                Some(pt2::examine(&contents, program, examiner, inner)?)
            }
        };
        if model.is_some() {
            return Ok(model);
        }
    }
    if contents.format == "tar" && torch_tar::is_checkpoint(&contents) {
        torch_tar::examine(&contents, examiner, inner)?;
        return Ok(Some("torch-tar"));
    }
    let mut arrays = 0;
    let mut others = 0;
    let mut only = None;
    for member in &contents.members {
        if !member.holds_bytes() {
            continue;
        }
        let format = examiner.member(member, inner)?;
        match format {
            Some("npy") => arrays += 1,
            _ => others += 1,
        }
        only = format;
    }
    let format = match contents.format {
        "zip" if arrays > 0 && others == 0 => "npz",
        "zip" | "tar" | "7z" => contents.format,
        // A stream of one compressed file is that file to whoever loads it.
        stream => compressed(only, stream),
    };
    Ok(Some(format))
}

fn note_anomalies(contents: &Contents<'_>, examiner: &mut Examiner<'_, '_>) {
    let notes = &mut examiner.notes;
    for anomaly in &contents.anomalies {
        note_anomaly(anomaly, notes);
    }
    if contents.coverage == Coverage::Partial {
        let reason = contents.reason.clone();
        let reason = reason.unwrap_or_else(|| "the container could not be read whole".to_owned());
        notes.leave_out(contents.format, None, reason);
    }
}

pub(crate) fn note_anomaly(anomaly: &Anomaly, notes: &mut Notes<'_>) {
    // Of links this is said too, which trees of real checkpoints have.
    let climbs = anomaly.rule.id.as_str() == "CM-ARC-001"
        && (anomaly.member.as_deref())
            .is_some_and(|member| member.split(['/', '\\']).any(|part| part == ".."));
    let verdict = match anomaly.rule.severity {
        _ if climbs => Verdict::Dangerous,
        Severity::Info | Severity::Low => Verdict::Inert,
        _ => Verdict::Unknown,
    };
    let anchor = match &anomaly.member {
        Some(member) => format!("{} {member}", anomaly.anchor),
        None => anomaly.anchor.clone(),
    };
    let message = &anomaly.message;
    notes.observe(anomaly.rule, verdict, anomaly.region, anchor, message);
}

fn compressed(member: Option<&'static str>, format: &'static str) -> &'static str {
    match member {
        Some(member @ ("pickle" | "joblib")) => member,
        _ => format,
    }
}

#[cfg(test)]
mod tests {
    use casemate_core::{Coverage, MemorySource};

    use crate::{Allowlist, Examination, Limits, Verdict, examine};

    fn judge(bytes: &[u8]) -> Examination {
        examine(
            &MemorySource(bytes),
            Allowlist::builtin(),
            &Limits::default(),
        )
    }

    /// A zip of stored members: name, Unix mode, body.
    fn zip(members: &[(&str, u16, &[u8])]) -> Vec<u8> {
        let (mut local, mut central) = (Vec::new(), Vec::new());
        for (name, mode, body) in members {
            let mut fields = [0_u8; 26];
            let len = u32::try_from(body.len()).expect("small").to_le_bytes();
            fields[14..18].copy_from_slice(&len);
            fields[18..22].copy_from_slice(&len);
            fields[22] = u8::try_from(name.len()).expect("short");
            let at = u32::try_from(local.len()).expect("small").to_le_bytes();
            let mode = (u32::from(*mode) << 16).to_le_bytes();
            let parts = [b"PK\x01\x02\x14\x03", &fields[..], &[0; 6], &mode, &at];
            central.extend(parts.concat());
            central.extend(name.as_bytes());
            local.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), body].concat());
        }
        let count = u8::try_from(members.len()).expect("few");
        let sizes = [central.len(), local.len()].map(|len| u32::try_from(len).expect("small"));
        local.extend(central);
        local.extend(b"PK\x05\x06\0\0\0\0");
        local.extend([count, 0, count, 0]);
        local.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        local.extend([0, 0]);
        local
    }

    #[test]
    fn a_body_is_judged_whatever_its_member_is_called() {
        for mode in [0, 0o100_644, 0o120_777, 0o010_644, 0o040_755] {
            for name in ["m/data.pkl", "a", "a.pkl/", "m/code/a.pkl", "m/code/a"] {
                let members = [(name, mode, CALL), ("m/data.pkl", 0, EMPTY), ("b", 0, b"3")];
                for members in [&members[..], &members[..1]] {
                    let verdict = judge(&zip(members)).verdict;
                    assert_eq!(verdict, Verdict::Dangerous, "{name} {mode:o}");
                }
            }
        }
    }

    #[test]
    fn a_link_with_a_body_is_said_and_read() {
        let link = include_bytes!("../../../container/fixtures/CM-ZIP-018.bad");
        let judged = judge(link);
        let rules: Vec<_> = judged
            .findings
            .iter()
            .map(|seen| seen.rule.id.as_str())
            .collect();
        assert_eq!(rules, ["CM-PTH-002", "CM-ZIP-018", "CM-PKL-001"]);
    }

    #[test]
    fn a_tar_hides_no_bytes_behind_a_kind() {
        let file = include_bytes!("../../../container/fixtures/CM-TAR-004.bad");
        assert_eq!(judge(file).verdict, Verdict::Dangerous);
        let at = memchr::memmem::find(file, b"late\0").expect("the header");
        for kind in *b"123567DMVZ" {
            let mut bytes = file.to_vec();
            bytes[at + 156] = kind;
            bytes[at + 148..at + 156].fill(b' ');
            let sum: u32 = bytes[at..at + 512]
                .iter()
                .map(|&byte| u32::from(byte))
                .sum();
            bytes[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert_eq!(
                judge(&bytes).verdict,
                Verdict::Dangerous,
                "{}",
                char::from(kind)
            );
        }
    }

    #[test]
    fn torch_script_is_judged_by_what_it_calls() {
        let judge = |bytes: &[u8]| {
            let judged = judge(bytes);
            assert_eq!(
                (judged.format, judged.coverage),
                ("torchscript", Coverage::Complete)
            );
            judged.verdict
        };
        let known = include_bytes!("../../fixtures/script.pt");
        let unknown = include_bytes!("../../fixtures/script-unknown.pt");
        let dangerous = include_bytes!("../../fixtures/script-save.pt");
        assert_eq!(judge(known), Verdict::Known);
        assert_eq!(judge(unknown), Verdict::Unknown);
        assert_eq!(judge(dangerous), Verdict::Dangerous);
    }

    /// A stored 7z, and streams that are cut, doubled or followed by more.
    #[test]
    fn what_is_packed_is_judged_however_it_is_packed() {
        let fixture = |name: &str| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            let path = folder
                .join("../../../tests/fixtures/pickle-tricks")
                .join(name);
            let mut bytes = Vec::new();
            let mut file = std::fs::File::open(path).expect("a fixture");
            std::io::Read::read_to_end(&mut file, &mut bytes).expect("a fixture");
            bytes
        };
        for (name, format) in [
            ("compressed.pkl.bz2", "pickle"),
            ("compressed.pkl.xz", "pickle"),
            ("compressed.pkl.lz4", "pickle"),
            ("compressed.pkl.zst", "pickle"),
            ("compressed-twice.bin", "pickle"),
            ("seven-zip.7z", "7z"),
        ] {
            let bytes = fixture(name);
            let judged = judge(&bytes);
            assert_eq!(
                (judged.format, judged.verdict),
                (format, Verdict::Dangerous),
                "{name}"
            );
            assert_eq!(judged.coverage, Coverage::Complete, "{name}");
            let behind = judge(&[bytes.as_slice(), CALL].concat());
            assert_eq!(behind.verdict, Verdict::Dangerous, "{name}");
            // What is missing of some is the pickle, of others what follows it.
            let cut = judge(&bytes[..bytes.len() - 12]);
            assert_eq!(cut.coverage, Coverage::Partial, "{name}");
            assert!(cut.verdict >= Verdict::Unknown, "{name}");
        }
    }

    const CALL: &[u8] = b"cos\nsystem\n(S'id'\ntR.";
    const EMPTY: &[u8] = b"\x80\x02}q\x00.";
}
