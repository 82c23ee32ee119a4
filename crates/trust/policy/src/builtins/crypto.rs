//! Digests and message authentication codes, as hexadecimal digits.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use regorus::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Answer, Builtin, Moment, string};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("crypto.hmac.equal", 2, equal),
    Builtin::new("crypto.hmac.md5", 2, |arguments, _| mac!(Md5, arguments)),
    Builtin::new("crypto.hmac.sha1", 2, |arguments, _| mac!(Sha1, arguments)),
    Builtin::new("crypto.hmac.sha256", 2, |arguments, _| {
        mac!(Sha256, arguments)
    }),
    Builtin::new("crypto.hmac.sha512", 2, |arguments, _| {
        mac!(Sha512, arguments)
    }),
    Builtin::new("crypto.md5", 1, digest::<Md5>),
    Builtin::new("crypto.sha1", 1, digest::<Sha1>),
    Builtin::new("crypto.sha256", 1, digest::<Sha256>),
];

macro_rules! mac {
    ($digest:ty, $arguments:expr) => {{
        let [message, key] = $arguments else {
            return Err("expects two strings".into());
        };
        let key = string(key)?.as_bytes();
        let mut mac = Hmac::<$digest>::new_from_slice(key).map_err(|_| "takes no such key")?;
        mac.update(string(message)?.as_bytes());
        Ok(Value::from(hex(&mac.finalize().into_bytes())))
    }};
}
use mac;

fn digest<D: Digest>(arguments: &[Value], _: Moment) -> Answer {
    let [text] = arguments else {
        return Err("expects a string".into());
    };
    Ok(Value::from(hex(&D::digest(string(text)?.as_bytes()))))
}

/// In time that does not depend on where the two differ.
fn equal(arguments: &[Value], _: Moment) -> Answer {
    let [a, b] = arguments else {
        return Err("expects two strings".into());
    };
    let (a, b) = (string(a)?.as_bytes(), string(b)?.as_bytes());
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    Ok(Value::from(a.len() == b.len() && difference == 0))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
