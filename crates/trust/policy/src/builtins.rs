//! Builtins that replace the library's: those that panic on ordinary input, those whose result
//! nothing bounds, and those that would make one input give two decisions.

use casemate_core::Timestamp;
use regorus::{Value, unstable};

use crate::{EngineError, engine::Message};

/// Puts the replacements into `engine`. The library asks for extensions before it asks for builtins.
pub(crate) fn install(engine: &mut regorus::Engine) -> Result<(), EngineError> {
    for &(name, arity, function) in REPLACED {
        add(engine, name, arity, function)?;
    }
    Ok(())
}

/// Tells `engine` what time it is. Once for each engine.
pub(crate) fn set_now(engine: &mut regorus::Engine, now: Timestamp) -> Result<(), EngineError> {
    let now = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX);
    add(engine, "time.now_ns", 0, move |_: &[Value]| {
        Ok(Value::from(now))
    })
}

fn add(
    engine: &mut regorus::Engine,
    name: &'static str,
    arity: u8,
    function: impl Fn(&[Value]) -> Result<Value, Fault> + Clone + Send + Sync + 'static,
) -> Result<(), EngineError> {
    let extension = Box::new(move |arguments: Vec<Value>| {
        let fault =
            |fault: Fault| std::io::Error::other(format!("`{name}` {}", fault.0).to_string());
        Ok(function(&arguments).map_err(fault)?)
    });
    engine
        .add_extension(name.to_owned(), arity, extension)
        .map_err(|error| EngineError::Evaluate(Message::of_diagnostic(&error.to_string())))
}

/// Why a builtin gives no answer; reads on from its name.
struct Fault(String);

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

type Function = fn(&[Value]) -> Result<Value, Fault>;

/// The library panics where `needle` is empty, and counts overlapping matches; OPA counts as Go's
/// `strings.Count` does.
fn strings_count(arguments: &[Value]) -> Result<Value, Fault> {
    let [Value::String(search), Value::String(needle)] = arguments else {
        return Err("expects two strings".into());
    };
    let count = if needle.is_empty() {
        search.chars().count() + 1
    } else {
        search.matches(&**needle).count()
    };
    Ok(Value::from(count as u64))
}

/// The library panics where an array is asked for an empty one, at any depth.
fn object_subset(arguments: &[Value]) -> Result<Value, Fault> {
    let [all, part] = arguments else {
        return Err("expects two arguments".into());
    };
    Ok(Value::from(is_subset(all, part)))
}

/// As OPA's documentation of `object.subset` has it. Recurses as deep as the values, which are as
/// deep as JSON is read: 128 levels.
fn is_subset(all: &Value, part: &Value) -> bool {
    match (all, part) {
        (Value::Object(all), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| all.get(key).is_some_and(|all| is_subset(all, part))),
        (Value::Set(all), Value::Set(part)) => part.is_subset(all),
        (Value::Array(all), Value::Array(part)) => {
            part.is_empty()
                || all
                    .as_slice()
                    .windows(part.len())
                    .any(|window| window == part.as_slice())
        }
        (Value::Array(all), Value::Set(part)) => part.iter().all(|item| all.contains(item)),
        (all, part) => all == part,
    }
}

fn numbers_range(arguments: &[Value]) -> Result<Value, Fault> {
    let mut numbers = arguments.iter().map(|number| number.as_i64().ok());
    let (from, to) = (numbers.next().flatten(), numbers.next().flatten());
    let step = numbers.next().unwrap_or(Some(1));
    if let (Some(from), Some(to), Some(step)) = (from, to, step) {
        let items = from.abs_diff(to) / step.unsigned_abs().max(1);
        if items >= MAX_ITEMS {
            return Err("would make more than a million numbers".into());
        }
    }
    let name = if arguments.len() == 3 {
        "numbers.range_step"
    } else {
        "numbers.range"
    };
    delegate(name, arguments)
}

fn sprintf(arguments: &[Value]) -> Result<Value, Fault> {
    let digits = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit())
            .any(|digits| digits.len() > MAX_WIDTH_DIGITS)
    };
    if let Some(Value::String(format)) = arguments.first()
        && format.split('%').skip(1).any(digits)
    {
        return Err("has a width of more than three digits".into());
    }
    delegate("sprintf", arguments)
}

fn net_cidr_expand(arguments: &[Value]) -> Result<Value, Fault> {
    if let Some(Value::String(range)) = arguments.first()
        && let Some((address, prefix)) = range.split_once('/')
        && let Ok(prefix) = prefix.parse::<u32>()
    {
        let bits: u32 = if address.contains(':') { 128 } else { 32 };
        if bits.saturating_sub(prefix) > MAX_HOST_BITS {
            return Err("would make more than 65,536 addresses".into());
        }
    }
    delegate("net.cidr_expand", arguments)
}

fn reachable_paths(_: &[Value]) -> Result<Value, Fault> {
    Err("is not available: nothing bounds the number of its paths".into())
}

fn rand_intn(_: &[Value]) -> Result<Value, Fault> {
    Err("is not available: the same input must give the same decision".into())
}

/// What the library's own builtin answers.
fn delegate(name: &str, arguments: &[Value]) -> Result<Value, Fault> {
    let (function, _) = unstable::BUILTINS.get(name).ok_or("is not there")?;
    let source = unstable::Source::from_contents(name.to_owned(), String::new());
    let source = source.map_err(|error| Fault(error.to_string()))?;
    let span = unstable::Span {
        source,
        line: 1,
        col: 1,
        start: 0,
        end: 0,
    };
    let parameters: Vec<_> = arguments
        .iter()
        .map(|_| {
            unstable::Ref::new(unstable::Expr::Null {
                span: span.clone(),
                value: Value::Null,
                eidx: 0,
            })
        })
        .collect();
    function(&span, &parameters, arguments, true)
        .map_err(|error| Fault(Message::of_diagnostic(&error.to_string()).to_string()))
}

const REPLACED: &[(&str, u8, Function)] = &[
    ("strings.count", 2, strings_count),
    ("object.subset", 2, object_subset),
    ("numbers.range", 2, numbers_range),
    ("numbers.range_step", 3, numbers_range),
    ("sprintf", 2, sprintf),
    ("net.cidr_expand", 1, net_cidr_expand),
    ("graph.reachable_paths", 2, reachable_paths),
    ("rand.intn", 2, rand_intn),
];

const MAX_ITEMS: u64 = 1_000_000;

const MAX_WIDTH_DIGITS: usize = 3;

const MAX_HOST_BITS: u32 = 16;

#[cfg(test)]
mod tests {
    use crate::testkit::{now, value_of};

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
            r#"graph.reachable_paths({"a": ["a"]}, {"a"})"#,
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
}
