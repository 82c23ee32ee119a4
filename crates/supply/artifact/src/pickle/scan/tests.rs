//! Where bytes that are no pickle look like one, and where they are one after all.

use std::io;

use casemate_core::{Coverage, MemorySource, Source};

use crate::{Allowlist, Examination, Limits, Verdict, examine};

fn judge(bytes: &[u8]) -> Examination {
    examine(
        &MemorySource(bytes),
        Allowlist::builtin(),
        &Limits::default(),
    )
}

/// A file of joblib's with one array of bytes, without padding, as joblib wrote them before 1.3.
fn joblib(array: &[u8]) -> Vec<u8> {
    let mut file = b"\x80\x03}(X\x05\0\0\0namescjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\
        X\x08\0\0\0subclasscnumpy\nndarray\nX\x05\0\0\0shape"
        .to_vec();
    file.push(b'J');
    file.extend_from_slice(&u32::try_from(array.len()).expect("short").to_le_bytes());
    file.extend_from_slice(
        b"\x85X\x05\0\0\0orderX\x01\0\0\0CX\x05\0\0\0dtypecnumpy\ndtype\n(X\x02\0\0\0u1\x89\x88tR\
          X\x0a\0\0\0allow_mmap\x89ub",
    );
    file.extend_from_slice(array);
    file.extend_from_slice(b"X\x01\0\0\0aK\x01u.");
    file
}

#[test]
fn array_bytes_are_no_opcodes_by_chance() {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for round in 0..1024 {
        let mut array: Vec<u8> = (0..96).map(|_| noise()).collect();
        array[0] = u8::try_from(round % 256).expect("a byte");
        let examination = judge(&joblib(&array));
        assert_eq!(examination.verdict, Verdict::Known, "{examination:?}");
        assert_eq!(examination.coverage, Coverage::Complete, "{array:?}");
    }
    for array in [
        &b"((((((((\xff"[..],
        b"NNNN",
        b".txt.csv.json",
        b"cat\0dog\0cow\0\n",
    ] {
        assert_eq!(judge(&joblib(array)).verdict, Verdict::Known, "{array:?}");
    }
}

#[test]
fn array_bytes_that_act_are_told() {
    for array in [
        &b"0cos\nsystem\n(S'true'\ntR."[..],
        b"00cmy-model\nx\n.",
        b".cos\nsystem\n(S'true'\ntR.",
        b"0csys\npath\n]a.",
    ] {
        let examination = judge(&joblib(array));
        assert_eq!(examination.verdict, Verdict::Dangerous, "{array:?}");
        let mut rules = examination
            .findings
            .iter()
            .map(|found| found.rule.id.as_str());
        assert!(rules.any(|rule| rule == "CM-PKL-030"), "{array:?}");
    }
    let long = [&b"N0".repeat(20)[..], b"N."].concat();
    assert_eq!(judge(&joblib(&long)).verdict, Verdict::Unknown);
}

#[test]
fn lists_and_prose_are_text() {
    for text in [
        &b"coverage.out\n*~\ncoverage.txt\nprofile.out\n\n.tmp/\n.env\n"[..],
        b"coverage.out\n*~\n.tmp/a\n",
        b"coverage\nconfig\n.env\nnode_modules\n.cache\ndist\n",
        b"can't stop\nnow\n.net is a framework\n",
        b"cat\ndog\ncow\n",
        b"Please read\n.bashrc first\n",
        b"Pickles are fine.\nSo is this.\n",
    ] {
        let examination = judge(text);
        let text = String::from_utf8_lossy(text);
        assert_eq!(
            examination.verdict,
            Verdict::Inert,
            "{text:?}: {examination:?}"
        );
    }
}

#[test]
fn text_that_loads_is_a_pickle() {
    for text in [
        &b"cmy-model\nx\n."[..],
        b"cmy-model\nx\n.hello world\n",
        b"cmy-model\nx\n)R.and\nso\nit\ngoes\non\n",
        b"Pabc\n.",
        b"Pabc\n.hello\n",
        b"I1\nQ.hello\n",
        b"GIF89a\x01\0\x010cmy-model\nx\n.",
    ] {
        let examination = judge(text);
        let text = String::from_utf8_lossy(text);
        assert!(
            examination.verdict >= Verdict::Unknown,
            "{text:?}: {examination:?}"
        );
    }
}

/// A medium with a hole in the middle; its ends can be read.
struct Failing(Vec<u8>);

impl Source for Failing {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if (600 << 10..700 << 10).contains(&offset) {
            return Err(io::Error::other("a bad sector"));
        }
        MemorySource(&self.0[..]).read_at(offset, buf)
    }
}

#[test]
fn a_medium_that_fails_does_not_take_back_what_was_found() {
    let mut bytes = b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR0".to_vec();
    bytes.resize(1 << 20, b'N');
    let failing = Failing(bytes);
    let examination = examine(&failing, Allowlist::builtin(), &Limits::default());
    assert_eq!(examination.verdict, Verdict::Dangerous, "{examination:?}");
    assert_eq!(examination.coverage, Coverage::Partial);
}
