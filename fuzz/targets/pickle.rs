//! What follows a payload never hides it, and a payload is found behind what precedes it.

use casemate_artifact::{Allowlist, Limits, Verdict, examine};
use casemate_core::MemorySource;

/// Judges the bytes behind a payload, and as streams of several protocols.
pub fn run(data: &[u8]) {
    let mut before = PAYLOAD.to_vec();
    before.extend_from_slice(data);
    assert_eq!(verdict(&before), Verdict::Dangerous, "hidden by what follows");

    // Where joblib reads an array, plain pickle goes on with its stack.
    let mut array = b"0".to_vec();
    array.extend_from_slice(&PAYLOAD[2..]);
    array.extend_from_slice(data);
    assert_eq!(verdict(&joblib(&array)), Verdict::Dangerous, "hidden in an array");

    // A stream may go on in any way, and must still come to an end.
    for protocol in [0, 2, 4, 5] {
        let mut stream = vec![0x80, protocol];
        stream.extend_from_slice(data);
        verdict(&stream);
    }
}

/// A pickle of one array of bytes as joblib writes it.
fn joblib(array: &[u8]) -> Vec<u8> {
    let mut file = b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(\
        X\x08\0\0\0subclasscnumpy\nndarray\nX\x05\0\0\0shapeI"
        .to_vec();
    file.extend_from_slice(array.len().to_string().as_bytes());
    file.extend_from_slice(
        b"\n\x85X\x05\0\0\0orderX\x01\0\0\0CX\x05\0\0\0dtypecnumpy\ndtype\n(X\x02\0\0\0u1\x89\
          \x88tRX\x0a\0\0\0allow_mmap\x89ub",
    );
    file.extend_from_slice(array);
    file.push(b'.');
    file
}

fn verdict(bytes: &[u8]) -> Verdict {
    let limits = Limits {
        opcodes: 2_000_000,
        bytes: 16 << 20,
        ..Limits::default()
    };
    examine(&MemorySource(bytes), Allowlist::builtin(), &limits).verdict
}

/// Calls `os.system`, and drops what it returns.
const PAYLOAD: &[u8] = b"\x80\x02cos\nsystem\n(S'id'\ntR0";
