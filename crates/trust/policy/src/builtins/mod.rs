//! Builtins that replace the library's or that it has not, a table for each family.
//!
//! Replaced are those that panic on ordinary input, those whose result nothing bounds, and those that
//! would make one input give two decisions. To add one, write a function and a row for it.

mod bounded;
mod cases;
mod collections;
mod crypto;
mod deprecated;
mod glob;
mod jwt;
mod net;
mod plain;
mod re2;
mod refused;
mod regex;
mod schema;
mod text;
mod urlquery;
mod uuid;
mod x509;
mod yaml;

pub(crate) use {cases::take as take_cases, crypto::hex, jwt::verified_token, plain::Plain};

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use casemate_core::Timestamp;
use regorus::{Value, unstable};

use crate::{EngineError, engine::Message, memory, rewrite::Known, size};

/// Puts ours into `engine`. The library asks for extensions before it asks for its own. They ask for
/// the [`Moment`] of the thread they run on, so that an engine has them once for all evaluations.
pub(crate) fn install(engine: &mut regorus::Engine) -> Result<(), EngineError> {
    install_all(engine, all())
}

/// Puts in what only version 0 of Rego has.
pub(crate) fn install_deprecated(engine: &mut regorus::Engine) -> Result<(), EngineError> {
    install_all(engine, deprecated::BUILTINS.iter())
}

fn install_all(
    engine: &mut regorus::Engine,
    builtins: impl Iterator<Item = &'static Builtin>,
) -> Result<(), EngineError> {
    for builtin in builtins {
        let extension = Box::new(move |arguments: Vec<Value>| {
            let Builtin { name, function, .. } = *builtin;
            let moment = MOMENT.get();
            // The library looks between steps of its own, and a step of ours can be a large one.
            memory::check()?;
            match function(&arguments, moment) {
                Ok(value) => Ok(value),
                Err(Fault::NoAnswer(_)) if !moment.strict => Ok(Value::Undefined),
                Err(fault) => {
                    let (Fault::NoAnswer(why) | Fault::Refuse(why)) = &fault;
                    let text = Message::new(&format!("`{name}` {why}"));
                    let error = std::io::Error::other(text.to_string());
                    if let Fault::Refuse(_) = fault {
                        REFUSAL.with_borrow_mut(|refusal| _ = refusal.get_or_insert(text));
                    }
                    Err(error.into())
                }
            }
        });
        engine
            .add_extension(builtin.name.to_owned(), builtin.arity, extension)
            .map_err(|error| EngineError::Evaluate(Message::of_diagnostic(&error.to_string())))?;
    }
    Ok(())
}

/// What is the same for all of one evaluation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    now: i64,
    strict: bool,
}

impl Moment {
    /// `now` is what `time.now_ns()` answers; `strict` says whether a builtin that gives no answer is
    /// an error, or undefined.
    pub(crate) fn new(now: Timestamp, strict: bool) -> Self {
        let now = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX);
        Self { now, strict }
    }

    /// From here on, what is evaluated on this thread is evaluated at this moment.
    pub(crate) fn begin(self) {
        MOMENT.set(self);
        cases::take();
        take_refusal();
    }
}

/// What was refused first since the moment began. Where errors are undefined, the library may have kept
/// it to itself.
pub(crate) fn take_refusal() -> Option<Message> {
    REFUSAL.take()
}

thread_local! {
    static MOMENT: Cell<Moment> = const {
        Cell::new(Moment {
            now: 0,
            strict: true,
        })
    };
    static REFUSAL: RefCell<Option<Message>> = const { RefCell::new(None) };
}

/// The builtins that a module can name.
pub(crate) const KNOWN: Known = Known {
    ours: |name| {
        let is_theirs = unstable::BUILTINS.contains_key(name);
        let ours = all().find(|builtin| builtin.name == name && !is_theirs);
        ours.map(|builtin| usize::from(builtin.arity))
    },
    theirs: |name| {
        let builtin = unstable::BUILTINS.get(name);
        builtin.map(|(_, arity)| usize::from(*arity))
    },
};

fn all() -> impl Iterator<Item = &'static Builtin> {
    let families = [
        bounded::BUILTINS,
        cases::BUILTINS,
        collections::BUILTINS,
        crypto::BUILTINS,
        glob::BUILTINS,
        jwt::BUILTINS,
        net::BUILTINS,
        refused::BUILTINS,
        regex::BUILTINS,
        schema::BUILTINS,
        text::BUILTINS,
        urlquery::BUILTINS,
        uuid::BUILTINS,
        x509::BUILTINS,
        yaml::BUILTINS,
    ];
    families.into_iter().flatten()
}

/// One builtin.
struct Builtin {
    name: &'static str,
    arity: u8,
    function: Function,
}

impl Builtin {
    const fn new(name: &'static str, arity: u8, function: Function) -> Self {
        Self {
            name,
            arity,
            function,
        }
    }
}

type Function = fn(&[Value], Moment) -> Answer;

type Answer = Result<Value, Fault>;

/// Why a builtin gives no answer; reads on from its name.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// There is none: an error, or undefined, as the caller wishes.
    NoAnswer(String),
    /// It would cost too much, or depend on more than the input. Always an error.
    Refuse(String),
}

impl Fault {
    fn refuse(text: &str) -> Self {
        Self::Refuse(text.to_owned())
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::NoAnswer(text.to_owned())
    }
}

fn string(value: &Value) -> Result<&str, Fault> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err("expects a string".into()),
    }
}

/// An object of string keys.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields
        .into_iter()
        .map(|(key, value)| (Value::from(key), value));
    Value::from(fields.collect::<BTreeMap<_, _>>())
}

/// That a value can be gone through: what its parts share counts as often as they have it.
fn can_be_gone_through(arguments: &[Value]) -> Result<(), Fault> {
    match size::is_bounded(arguments) {
        true => Ok(()),
        false => Err(Fault::refuse(
            "was given a value that is too large to be gone through",
        )),
    }
}

/// The text of JSON, compact, with keys in order.
fn to_json(value: &Value) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::NoAnswer(error.to_string()))
}

fn from_json(text: &str) -> Answer {
    Value::from_json_str(text)
        .map_err(|error| fault(&error, "was given something that is not JSON"))
}

/// What an error of the library is. Of JSON that is well-formed, what keeps it from being read is the limit of memory, which the
/// library does not always say.
fn fault(error: &anyhow::Error, otherwise: &str) -> Fault {
    let is_unread = error.chain().any(|cause| {
        let json = cause.downcast_ref::<serde_json::Error>();
        json.is_some_and(serde_json::Error::is_data)
    });
    match memory::is_exceeded(error) || is_unread {
        true => Fault::Refuse(Message::of_diagnostic(&format!("{error:#}")).to_string()),
        false => otherwise.into(),
    }
}

/// Whether something can be read. What is refused is no answer to that.
fn is_read<T>(read: Result<T, Fault>) -> Answer {
    match read {
        Err(Fault::Refuse(why)) => Err(Fault::Refuse(why)),
        read => Ok(Value::from(read.is_ok())),
    }
}

/// What the library's own builtin answers.
fn delegate(name: &'static str, arguments: &[Value]) -> Answer {
    let (function, _) = unstable::BUILTINS.get(name).ok_or("is not there")?;
    let place = place(name)?;
    let parameters = vec![place.clone(); arguments.len()];
    function(place.span(), &parameters, arguments, true).map_err(|error| {
        let text = Message::of_diagnostic(&error.to_string()).to_string();
        fault(&error, &text)
    })
}

/// Where an argument stands, for the library to point to; made once for each name and thread.
fn place(name: &'static str) -> Result<Place, Fault> {
    thread_local! {
        static PLACES: RefCell<BTreeMap<&'static str, Place>> = const {
            RefCell::new(BTreeMap::new())
        };
    }
    PLACES.with_borrow_mut(|places| {
        if let Some(place) = places.get(name) {
            return Ok(place.clone());
        }
        let source = unstable::Source::from_contents(name.to_owned(), String::new());
        let source = source.map_err(|error| Fault::NoAnswer(error.to_string()))?;
        let place = unstable::Ref::new(unstable::Expr::Null {
            span: unstable::Span {
                source,
                line: 1,
                col: 1,
                start: 0,
                end: 0,
            },
            value: Value::Null,
            eidx: 0,
        });
        places.insert(name, place.clone());
        Ok(place)
    })
}

type Place = unstable::Ref<unstable::Expr>;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testkit::{file, now, value_of};

    #[test]
    fn the_inputs_that_panic_the_library_have_the_answers_of_opa() {
        for (expression, expected) in [
            (r#"strings.count("cheese", "")"#, "7"),
            (r#"strings.count("cheese", "e")"#, "3"),
            (r#"strings.count("11111", "11")"#, "2"),
            ("object.subset([1, 2], [])", "true"),
            (r#"object.subset({"a": [1]}, {"a": []})"#, "true"),
            ("object.subset([1, 2, 3], [2, 3])", "true"),
            ("object.subset([1, 2, 3], [1, 3])", "false"),
            ("object.subset([1, 2, 3], {3, 1})", "true"),
            ("object.subset({1, 2}, {2})", "true"),
            (
                r#"object.subset({"a": {"b": 1}}, {"a": {"c": 1}})"#,
                "false",
            ),
            ("numbers.range(3, 1)", "[3,2,1]"),
            ("numbers.range_step(1, 6, 2)", "[1,3,5]"),
            (r#"sprintf("%03d %s", [7, "a"])"#, r#""007 a""#),
            (
                r#"sprintf("%d to 65535, %s 100000", [1, "a"])"#,
                r#""1 to 65535, a 100000""#,
            ),
            (r#"count(net.cidr_expand("10.0.0.0/30"))"#, "4"),
        ] {
            let value =
                value_of(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
            assert_eq!(
                value.expect(expression).to_string(),
                expected,
                "{expression}"
            );
        }
    }

    #[test]
    fn what_nothing_bounds_or_decides_twice_is_an_error() {
        for expression in [
            "numbers.range(1, 100000000)",
            "numbers.range_step(1, 100000000, 2)",
            r#"sprintf("%1000000000d", [1])"#,
            r#"sprintf("%.1000000000f", [1.5])"#,
            r#"net.cidr_expand("::/0")"#,
            r#"rand.intn("a", 10)"#,
        ] {
            let error = value_of(expression).expect_err(expression).to_string();
            let name = expression.split('(').next().expect("a name");
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }

    #[test]
    fn the_time_is_the_one_that_was_handed_in() {
        let value = value_of("time.now_ns()")
            .expect("evaluates")
            .expect("defined");
        assert_eq!(value.as_i64().map(i128::from), Some(now().as_nanosecond()));
    }

    #[test]
    fn every_builtin_has_one_row() {
        let mut names: Vec<&str> = all().map(|builtin| builtin.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!((KNOWN.ours)("io.jwt.decode"), Some(1));
        assert_eq!((KNOWN.ours)("sprintf"), None, "the library knows it");
        assert_eq!((KNOWN.theirs)("sprintf"), Some(2));
    }

    #[test]
    fn what_gives_no_answer_is_an_error_or_undefined_and_what_is_refused_is_an_error() {
        use crate::{Bundle, Errors, Question, query};

        // What one definition of a function is refused is not made good by another one.
        let policy = "package a\nf(x) := http.send({})\nf(x) := 1\n";
        let bundle = Bundle::alone(vec![file("a.rego", policy)]).expect("loads");
        let question = Question {
            input: &().into(),
            now: now(),
        };
        for (text, errors, rows) in [
            (r#"x := uuid.parse("x")"#, Errors::Strict, None),
            (r#"x := uuid.parse("x")"#, Errors::Lenient, Some(0)),
            (r#"not uuid.parse("x")"#, Errors::Lenient, Some(1)),
            ("x := numbers.range(1, 10000000)", Errors::Lenient, None),
            ("not http.send({})", Errors::Lenient, None),
            ("x := data.a.f(1)", Errors::Lenient, None),
        ] {
            let answer = query(&bundle, text, &question, errors).ok();
            assert_eq!(answer.map(|answer| answer.len()), rows, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no other", |number| number.is_finite())
                .prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            prop::sample::select(TEXTS).prop_map(Value::from),
            "(\\{\\{|\\}\\}|[$.a-]|range |if |end|else|:=| ){0,12}".prop_map(Value::from),
            "[0-9a-f:.]{0,12}/[0-9]{0,3}".prop_map(Value::from),
            "[ab.*+\\[\\]\\\\-]{0,10}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                prop::sample::select(KEYS).prop_map(Value::from),
                inner.clone()
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_set(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4).prop_map(Value::from),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_value_panics_a_builtin(arguments in prop::array::uniform4(value()), strict: bool) {
            for builtin in all() {
                let given = &arguments[..usize::from(builtin.arity)];
                let _ = (builtin.function)(given, Moment::new(now(), strict));
            }
        }
    }

    const TEXTS: &[&str] = &[
        "",
        "a",
        "PS256",
        "eyJhbGciOiJIUzI1NiIsImN0eSI6IkpXVCJ9.e30.AAAA",
        "eyJhbGciOiJSUzI1NiJ9.e30.",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AA\"}",
        "-----BEGIN CERTIFICATE-----\nMIAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END",
        "MAMCAQE=",
        "urn:uuid:a1a2a3a4-b1b2-21d1-b201-d4d5d6d7d8d9",
        "{{range $a, $b := .a}}{{$b}}{{end}}",
    ];

    const KEYS: &[&str] = &[
        "a", "alg", "typ", "kty", "crv", "k", "n", "e", "d", "x", "y", "keys", "secret", "cert",
        "time",
    ];
}
