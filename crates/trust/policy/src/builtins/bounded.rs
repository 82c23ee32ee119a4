//! Builtins of the library whose result can be much larger than what it was made of: one that doubles
//! a text is a gigabyte when thirty rules call it in turn. Each step is bounded, and before it is taken.

use regorus::Value;

use super::{Answer, Builtin, Fault, Moment, can_be_gone_through, delegate, text::MAX_TEXT};
use crate::size;

macro_rules! bounded {
    ($($name:literal / $arity:literal: $growth:expr,)*) => {
        &[$(Builtin::new($name, $arity, |arguments, _: Moment| {
            of_growth($name, arguments, $growth)
        })),*]
    };
}

pub(super) const BUILTINS: &[Builtin] = bounded![
    "array.concat" / 2: joined,
    "base64.encode" / 1: text,
    "base64url.encode" / 1: text,
    "base64url.encode_no_pad" / 1: text,
    "bits.lsh" / 2: shifted,
    "concat" / 2: separated,
    "format_int" / 2: can_be_gone_through,
    "hex.encode" / 1: text,
    "json.filter" / 2: can_be_gone_through,
    "json.marshal" / 1: marshalled,
    "json.marshal_with_options" / 2: lines,
    "json.patch" / 2: can_be_gone_through,
    "json.remove" / 2: can_be_gone_through,
    // The library hides that memory is the reason behind another one.
    "json.unmarshal" / 1: can_be_gone_through,
    "max" / 1: can_be_gone_through,
    "min" / 1: can_be_gone_through,
    "object.union" / 2: can_be_gone_through,
    "object.union_n" / 1: can_be_gone_through,
    "replace" / 3: replaced,
    "sort" / 1: can_be_gone_through,
    "walk" / 1: can_be_gone_through,
];

/// What keeps `arguments` from making something of a size that is known. How many escapes a text is written
/// with is known only afterwards.
type Growth = fn(&[Value]) -> Result<(), Fault>;

pub(super) fn of_growth(name: &'static str, arguments: &[Value], growth: Growth) -> Answer {
    growth(arguments)?;
    let made = delegate(name, arguments)?;
    fits(length(&made))?;
    Ok(made)
}

/// `bits.lsh(number, by)`. What is shifted again and again is bounded as every number is that is written.
fn shifted(arguments: &[Value]) -> Result<(), Fault> {
    can_be_gone_through(arguments)?;
    let by = arguments.get(1);
    if by.is_some_and(|by| matches!(by, Value::Number(_)) && *by > Value::from(MAX_SHIFT)) {
        return Err(Fault::refuse("would shift by more than 65,536 bits"));
    }
    Ok(())
}

/// What is written as JSON, before its escapes.
pub(super) fn marshalled(arguments: &[Value]) -> Result<(), Fault> {
    match size::of(arguments) {
        Some(size) => fits(size.bytes),
        None => can_be_gone_through(arguments),
    }
}

/// `json.marshal_with_options(value, options)`: each part is a line, which begins with the prefix, and with
/// the indentation as often as it is deep.
fn lines(arguments: &[Value]) -> Result<(), Fault> {
    let (Some(size), [_, options]) = (size::of(arguments), arguments) else {
        return can_be_gone_through(arguments);
    };
    // A tab, where nothing is said.
    let indent = length(&options["indent"]).max(1);
    let margin = size.depth.saturating_mul(indent);
    let margin = margin.saturating_add(length(&options["prefix"]));
    // Two lines of brackets for one part.
    let margins = margin.saturating_mul(2 * size.parts);
    fits(margins.saturating_add(size.bytes))
}

fn joined(arguments: &[Value]) -> Result<(), Fault> {
    let length = |value: &Value| value.as_array().map_or(0, |items| items.len());
    if arguments.iter().map(length).sum::<usize>() > MAX_ITEMS {
        return Err(Fault::refuse(
            "would make an array of more than a million items",
        ));
    }
    Ok(())
}

fn text(arguments: &[Value]) -> Result<(), Fault> {
    fits(arguments.iter().map(length).fold(0, usize::saturating_add))
}

/// The separator stands between any two.
fn separated(arguments: &[Value]) -> Result<(), Fault> {
    let [separator, parts] = arguments else {
        return Ok(());
    };
    let of_parts = |parts: &mut dyn Iterator<Item = &Value>| {
        parts.fold(0_usize, |all, part| {
            all.saturating_add(length(part))
                .saturating_add(length(separator))
        })
    };
    fits(match parts {
        Value::Array(parts) => of_parts(&mut parts.iter()),
        Value::Set(parts) => of_parts(&mut parts.iter()),
        _ => 0,
    })
}

/// `replace(text, old, new)`.
fn replaced(arguments: &[Value]) -> Result<(), Fault> {
    let [Value::String(text), Value::String(old), Value::String(new)] = arguments else {
        return Ok(());
    };
    let matches = text.matches(&**old).count();
    fits(matches.saturating_mul(new.len()).saturating_add(text.len()))
}

pub(super) fn fits(bytes: usize) -> Result<(), Fault> {
    if bytes > MAX_TEXT {
        return Err(Fault::refuse("would make more than 16 MiB of text"));
    }
    Ok(())
}

pub(super) fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        _ => 0,
    }
}

const MAX_ITEMS: usize = 1_000_000;

/// In bits.
const MAX_SHIFT: u64 = 65_536;

#[cfg(test)]
mod tests {
    use crate::{
        Bundle, Engine as _, EngineError, Limits, Question,
        testkit::{file, now},
    };

    /// A chain of rules, each made of the one before: `x0` is `first`, and `x` stands for the last.
    fn chain(
        first: &str,
        next: &str,
        deny: &str,
    ) -> Result<Option<serde_json::Value>, EngineError> {
        let mut policy = format!("package a\nx0 := {first}\n");
        for at in 1..=40 {
            let next = next.replace('@', &format!("x{}", at - 1));
            policy.push_str(&format!("x{at} := {next}\n"));
        }
        policy.push_str(&format!("deny := {}\n", deny.replace('@', "x40")));
        let bundle = Bundle::alone(vec![file("a.rego", &policy)]).expect("loads");
        // What ends it is its size, also where the machine has other work to do.
        let time = std::time::Duration::from_secs(600);
        let bundle = bundle.limited(Limits {
            time,
            ..Limits::default()
        });
        let question = Question {
            input: &().into(),
            now: now(),
        };
        let mut values = bundle.eval(&["data.a.deny"], &question)?;
        Ok(values.pop().flatten())
    }

    #[test]
    fn nothing_that_doubles_goes_on_for_ever() {
        for (first, next, deny) in [
            ("[1]", "[@, @]", "@"),
            ("[1]", "[@, @]", "json.marshal(@)"),
            ("[1]", "[@, @]", "sprintf(\"%v\", [@])"),
            ("[1]", "[@, @]", "$\"{@}\""),
            (
                "[1]",
                "[@, @]",
                "strings.render_template(\"{{.a}}\", {\"a\": @})",
            ),
            (
                "[1]",
                "[@, @]",
                "io.jwt.encode_sign({\"alg\": \"HS256\"}, {\"a\": @}, {\"kty\": \"oct\", \"k\": \"AAAA\"})",
            ),
            ("[1]", "[@, @]", "yaml.marshal(@)"),
            ("{}", "{\"a\": @, \"b\": @}", "object.subset(@, {\"a\": @})"),
            (
                "\"x\"",
                "json.marshal_with_options([1], {\"indent\": @, \"prefix\": @})",
                "count(@)",
            ),
            ("\"%\"", "urlquery.encode_object({@: [@, @]})", "count(@)"),
            ("[1]", "[@, @]", "sort([@])"),
            ("[1]", "[@, @]", "[p | walk(@, [p, _])]"),
            (
                "{\"a\": 1}",
                "{\"a\": @, \"b\": @}",
                "object.union(@, {\"a\": @})",
            ),
            ("[1]", "array.concat(@, @)", "count(@)"),
            ("[1]", "array.flatten([@, @])", "count(@)"),
            ("\"x\"", "concat(\"\", [@, @])", "count(@)"),
            ("\"x\"", "sprintf(\"%s%s\", [@, @])", "count(@)"),
            ("\"x\"", "hex.encode(@)", "count(@)"),
            ("\"xx\"", "replace(@, \"x\", \"xx\")", "count(@)"),
            (
                "\"xx\"",
                "strings.replace_n({\"x\": \"xx\"}, @)",
                "count(@)",
            ),
            ("\"xx\"", "regex.replace(@, `x+`, \"$0$0\")", "count(@)"),
            ("1", "bits.lsh(1, 40000000)", "sprintf(\"%v\", [@])"),
            ("1", "bits.lsh(@, 65536)", "@"),
            // Nothing bounds a product but time and memory: what writes it is bounded.
            (PRODUCT, "@", "@"),
            (PRODUCT, "@", "sprintf(\"%v\", [@])"),
            (PRODUCT, "@", "json.marshal(@)"),
            (PRODUCT, "@", "format_int(@, 10)"),
            (PRODUCT, "@", "$\"{@}\""),
        ] {
            let answer = chain(first, next, deny);
            assert!(
                matches!(
                    answer,
                    Err(EngineError::Evaluate(_) | EngineError::Refuse(_))
                ),
                "{next}, {deny}: {answer:?}"
            );
        }
        let answer = chain("bits.lsh(1, 100)", "@", "@ - bits.lsh(1, 100)").expect("answers");
        assert_eq!(answer, Some(serde_json::json!(0)));
        let answer = chain("[1]", "[@[0], 1]", "@").expect("answers");
        assert_eq!(answer, Some(serde_json::json!([1, 1])));
    }

    #[test]
    fn what_is_made_is_no_more_than_fits_with_its_escapes() {
        let large = |part: &str| {
            let parts = "[\"x\" | some _ in numbers.range(1, 1000)]";
            let part = part.repeat(16_000);
            format!("replace(concat(\"\", {parts}), \"x\", `{part}`)")
        };
        let sign = "io.jwt.encode_sign({\"alg\": \"HS256\"}, {\"a\": @}, {\"kty\": \"oct\", \"k\": \"AAAA\"})";
        for (part, what) in [
            ("1", "json.marshal([@, @, @])"),
            ("\"", "json.marshal(@)"),
            ("\"", "json.marshal_with_options(@, {\"indent\": \"\"})"),
            ("1", "hex.encode(@)"),
            ("1", sign),
        ] {
            let answer = chain(
                &large(part),
                "1",
                &format!("count({})", what.replace('@', "x0")),
            );
            let Err(EngineError::Evaluate(why)) = answer else {
                panic!("{what}: {answer:?}");
            };
            let why = why.to_string();
            assert!(why.contains("more than 16 MiB of text"), "{what}: {why}");
        }
        let answer = chain(&large("1"), "1", "count(json.marshal(x0))").expect("answers");
        assert_eq!(answer, Some(serde_json::json!(16_000_002)));
    }

    const PRODUCT: &str =
        "bits.lsh(1, 60000) * bits.lsh(1, 60000) * bits.lsh(1, 60000) * bits.lsh(1, 60000)";
}
