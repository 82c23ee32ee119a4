//! What is refused, and what a hostile file cannot do. What real libraries load is compared in
//! `tests/program/convert.rs`.

mod entries;
mod files;
mod findings;
mod views;

pub(super) use files::gzip;

use std::sync::Mutex;

use casemate_core::MemorySource;

use super::{ConvertError, Convertible, Obstacle, Options, Plan};
use crate::{Allowlist, Limits, Verdict};

/// A zip of stored members.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut local, mut central) = (Vec::new(), Vec::new());
    for (name, body) in members {
        let mut fields = [0_u8; 26];
        fields[10..14].copy_from_slice(&crc32(body).to_le_bytes());
        let len = u32::try_from(body.len()).expect("small").to_le_bytes();
        fields[14..18].copy_from_slice(&len);
        fields[18..22].copy_from_slice(&len);
        fields[22] = u8::try_from(name.len()).expect("short");
        let at = u32::try_from(local.len()).expect("small").to_le_bytes();
        central.extend([b"PK\x01\x02\0\0", &fields[..], &[0; 10], &at].concat());
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

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A checkpoint of one storage of eight bytes under the key `0`; `object` is the pickle between
/// the protocol and STOP.
fn checkpoint(object: &[u8]) -> Vec<u8> {
    let pickle = [b"\x80\x02", object, b"."].concat();
    zip(&[
        ("m/data.pkl", &pickle),
        ("m/byteorder", b"little"),
        ("m/data/0", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("m/version", b"3\n"),
    ])
}

fn text(text: &str) -> Vec<u8> {
    let len = u32::try_from(text.len()).expect("short").to_le_bytes();
    [b"X", &len[..], text.as_bytes()].concat()
}

fn numbers(numbers: &[i64]) -> Vec<u8> {
    let mut out = b"(".to_vec();
    for number in numbers {
        out.extend(b"\x8a\x08");
        out.extend(number.to_le_bytes());
    }
    out.push(b't');
    out
}

/// A view of the storage `key` of `numel` bytes.
fn view(key: &str, numel: u8, offset: i64, size: &[i64], stride: &[i64]) -> Vec<u8> {
    let parts = [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nByteStorage\n".to_vec(),
        text(key),
        text("cpu"),
        vec![b'K', numel],
        b"tQ".to_vec(),
        b"\x8a\x08".to_vec(),
        offset.to_le_bytes().to_vec(),
        numbers(size),
        numbers(stride),
        b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ];
    parts.concat()
}

fn dictionary(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"}(".to_vec();
    for (key, value) in entries {
        out.extend(key);
        out.extend(value);
    }
    out.push(b'u');
    out
}

/// What is planned for a file: names of tensors, names and reasons of what is refused, what stands
/// in the way, and the output.
struct Outcome {
    tensors: Vec<String>,
    refused: Vec<(String, String)>,
    obstacle: Option<Obstacle>,
    verdict: Verdict,
    metadata: Vec<(String, String)>,
    files: Vec<Vec<u8>>,
}

fn plan(bytes: &[u8], options: &Options) -> Result<Outcome, ConvertError> {
    let source = MemorySource(bytes);
    let file = Convertible {
        name: "m",
        source: &source,
    };
    let plan = Plan::new(
        &[file],
        None,
        Allowlist::builtin(),
        &Limits::default(),
        options,
    )
    .map_err(|failure| failure.error)?;
    let write = |nth: usize| {
        let out = Mutex::new(Vec::new());
        plan.write(nth, &out, &|_| ()).expect("memory");
        out.into_inner().expect("no panic")
    };
    let metadata = plan.metadata().iter();
    Ok(Outcome {
        tensors: plan
            .tensors()
            .map(|tensor| tensor.name.to_owned())
            .collect(),
        refused: (plan.refused().iter())
            .map(|refused| (refused.name.clone(), refused.reason.clone()))
            .collect(),
        obstacle: plan.obstacle().cloned(),
        verdict: plan.examinations()[0].1.verdict,
        metadata: metadata
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        files: (0..plan.sizes().len()).map(write).collect(),
    })
}

fn converted(object: &[u8]) -> Outcome {
    plan(&checkpoint(object), &Options::default()).expect("a checkpoint")
}
