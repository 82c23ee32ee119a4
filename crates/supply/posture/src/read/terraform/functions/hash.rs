//! Digests, and names made of them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Answer, Args, Wrong};
use crate::read::hex::hex;

pub(super) fn call(name: &str, args: &Args<'_>) -> Option<Answer> {
    Some(match name {
        "md5" => args
            .text(0)
            .and_then(|it| args.say(hex(&md5::Md5::digest(it.as_bytes())))),
        "sha1" => args
            .text(0)
            .and_then(|it| args.say(hex(&Sha1::digest(it.as_bytes())))),
        "sha256" => args
            .text(0)
            .and_then(|it| args.say(hex(&Sha256::digest(it.as_bytes())))),
        "sha512" => args
            .text(0)
            .and_then(|it| args.say(hex(&Sha512::digest(it.as_bytes())))),
        "base64sha256" => args
            .text(0)
            .and_then(|it| args.say(STANDARD.encode(Sha256::digest(it.as_bytes())))),
        "base64sha512" => args
            .text(0)
            .and_then(|it| args.say(STANDARD.encode(Sha512::digest(it.as_bytes())))),
        "uuidv5" => uuid(args),
        _ => return None,
    })
}

/// RFC 9562, 5.5.
fn uuid(args: &Args<'_>) -> Answer {
    let (space, name) = (args.text(0)?, args.text(1)?);
    let space = match &*space {
        "dns" => "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "url" => "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
        "oid" => "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
        "x500" => "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
        other => other,
    };
    let digits: String = space.chars().filter(|c| *c != '-').collect();
    let space = (digits.len() == 32)
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten();
    let space = space.ok_or_else(|| Wrong::Error("the namespace is no UUID".to_owned()))?;
    let mut digest = Sha1::new();
    digest.update(space.to_be_bytes());
    digest.update(name.as_bytes());
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    args.say(parts.join("-"))
}
