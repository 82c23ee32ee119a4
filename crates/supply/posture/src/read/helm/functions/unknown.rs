//! What nobody knows before the chart is installed, and what is not worked out here.

use super::{Function, MANY, of};
use crate::read::helm::template::{Engine, Fail, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    // By chance.
    of("randAlphaNum", 1, 1, chance),
    of("randAlpha", 1, 1, chance),
    of("randAscii", 1, 1, chance),
    of("randNumeric", 1, 1, chance),
    of("randBytes", 1, 1, chance),
    of("randInt", 2, 2, chance),
    of("shuffle", 1, 1, chance),
    of("uuidv4", 0, 0, chance),
    of("bcrypt", 1, 1, chance),
    of("htpasswd", 2, 2, chance),
    of("encryptAES", 2, 2, chance),
    // Keys and certificates that are made then.
    of("genPrivateKey", 1, 1, key),
    of("genCA", 2, 2, key),
    of("genCAWithKey", 3, 3, key),
    of("genSelfSignedCert", 4, 4, key),
    of("genSelfSignedCertWithKey", 5, 5, key),
    of("genSignedCert", 5, 5, key),
    of("genSignedCertWithKey", 6, 6, key),
    of("buildCustomCert", 2, 2, key),
    // The time of day.
    of("now", 0, 0, time),
    of("ago", 1, 1, time),
    of("date", 2, 2, time),
    of("date_in_zone", 3, 3, time),
    of("dateInZone", 3, 3, time),
    of("date_modify", 2, 2, time),
    of("dateModify", 2, 2, time),
    of("must_date_modify", 2, 2, time),
    of("mustDateModify", 2, 2, time),
    of("htmlDate", 1, 1, time),
    of("htmlDateInZone", 2, 2, time),
    of("toDate", 2, 2, time),
    of("mustToDate", 2, 2, time),
    of("unixEpoch", 1, 1, time),
    // What could be worked out, and is not.
    of("duration", 1, 1, here),
    of("durationRound", 1, 1, here),
    of("mustToDuration", 1, 1, here),
    of("durationSeconds", 1, 1, here),
    of("durationMilliseconds", 1, 1, here),
    of("durationMicroseconds", 1, 1, here),
    of("durationNanoseconds", 1, 1, here),
    of("durationMinutes", 1, 1, here),
    of("durationHours", 1, 1, here),
    of("durationDays", 1, 1, here),
    of("durationWeeks", 1, 1, here),
    of("durationRoundTo", 2, 2, here),
    of("durationTruncateTo", 2, 2, here),
    of("derivePassword", 5, 5, here),
    of("decryptAES", 2, 2, here),
    of("b32enc", 1, 1, here),
    of("b32dec", 1, 1, here),
    of("wrap", 2, 2, here),
    of("wrapWith", 3, 3, here),
    of("abbrevboth", 3, 3, here),
    of("urlJoin", 1, 1, here),
    of("call", 1, MANY, here),
];

fn chance(_: &mut Engine, _: &[Value]) -> Result<Value, Fail> {
    Ok(Value::unknown(
        "it is made by chance when the chart is installed",
    ))
}

fn key(_: &mut Engine, _: &[Value]) -> Result<Value, Fail> {
    Ok(Value::unknown(
        "it is a key or certificate that is made when the chart is installed",
    ))
}

fn time(_: &mut Engine, _: &[Value]) -> Result<Value, Fail> {
    Ok(Value::unknown("it is a time that is not worked out here"))
}

fn here(_: &mut Engine, _: &[Value]) -> Result<Value, Fail> {
    Ok(Value::unknown(
        "a function makes it that is not worked out here",
    ))
}
