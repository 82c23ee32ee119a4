//! What a policy cannot have, because it sees its input and nothing else, and the same input must
//! give the same decision. They are here all the same: a policy may name them, and its tests replace
//! them by `with`.

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("http.send", 1, outside),
    Builtin::new("net.lookup_ip_addr", 1, outside),
    Builtin::new("opa.runtime", 0, runtime),
    Builtin::new("rand.intn", 2, chance),
    Builtin::new("time.now_ns", 0, now),
    Builtin::new("uuid.rfc4122", 1, chance),
];

fn outside(_: &[Value], _: Moment) -> Answer {
    Err(Fault::refuse(
        "is not available: a policy sees its input and nothing else",
    ))
}

fn chance(_: &[Value], _: Moment) -> Answer {
    Err(Fault::refuse(
        "is not available: the same input must give the same decision",
    ))
}

/// Where OPA is not told of a runtime, it answers this too.
fn runtime(_: &[Value], _: Moment) -> Answer {
    Ok(Value::new_object())
}

/// The time that came with the question.
fn now(_: &[Value], moment: Moment) -> Answer {
    Ok(Value::from(moment.now))
}
