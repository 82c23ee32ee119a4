//! A field with its modifiers and values, as a test.

use std::sync::Arc;

use casemate_document::{Node, Span, Value};
use regex::{Regex, RegexBuilder};

use super::{
    Shared,
    encode::{Utf16, base64, base64_offsets},
    modifiers::{Change, Kind, Modifiers},
    pattern::Pattern,
    test::{Network, Numeral, Reference, Search, Test},
    texts::{MOST_REGEX, Texts, TooLarge},
};
use crate::{
    error::{Error, Text, quote},
    text::Number,
};

/// Reads `key: values` of a selection, whose key is a field's name with modifiers; keywords, where the name is
/// empty.
///
/// # Errors
///
/// What is not understood of it.
pub(crate) fn read(
    text: &Text<'_>,
    shared: &mut Shared,
    key: (&str, Span),
    values: &Node,
) -> Result<Search, Error> {
    let mut words = key.0.split('|');
    let name = words.next().unwrap_or_default().trim();
    let words: Vec<&str> = words.collect();
    let modifiers =
        Modifiers::parse(&words).map_err(|(message, advice)| text.error(key.1, message, advice))?;
    let mut item = Item {
        text,
        shared,
        modifiers,
        is_keyword: name.is_empty(),
        key: key.1,
    };
    let test = Arc::new(item.read(values)?);
    let field = (!name.is_empty()).then(|| shared.id(name));
    Ok(Search::Item(field, test))
}

struct Item<'r, 't> {
    text: &'r Text<'t>,
    shared: &'r mut Shared,
    modifiers: Modifiers,
    is_keyword: bool,
    key: Span,
}

impl Item<'_, '_> {
    fn read(&mut self, values: &Node) -> Result<Test, Error> {
        let nodes = match &values.value {
            Value::List(nodes) => &nodes[..],
            _ => std::slice::from_ref(values),
        };
        let is_list = matches!(values.value, Value::List(_));
        if nodes.is_empty() {
            return Err(self.wrong(values.span, "the list has no values", "add one"));
        }
        if self.modifiers.all && nodes.len() < 2 {
            let what = "`all` is for several values";
            return Err(self.wrong(self.key, what, "leave it out, or add a value"));
        }
        if self.is_keyword {
            self.is_for_keywords()?;
        }
        let test = match self.modifiers.all {
            true => Test::All(
                (nodes.iter())
                    .map(|node| self.any(std::slice::from_ref(node), true))
                    .collect::<Result<_, _>>()?,
            ),
            false => self.any(nodes, is_list)?,
        };
        Ok(match self.modifiers.neq {
            true => Test::Differs(Box::new(test)),
            false => test,
        })
    }

    fn is_for_keywords(&self) -> Result<(), Error> {
        let kind = self.modifiers.kind;
        let is_text = matches!(kind, Kind::Plain | Kind::Regex { .. });
        if is_text && !self.modifiers.neq && self.modifiers.part.is_none() {
            return Ok(());
        }
        let what = "keywords are looked for in every field, which this modifier is not for";
        Err(self.wrong(self.key, what, "name a field before it"))
    }

    /// A test that is passed by what passes one of the values.
    fn any(&mut self, nodes: &[Node], is_list: bool) -> Result<Test, Error> {
        if let Some(null) = nodes.iter().find(|node| node.is_null()) {
            return self.null(null, is_list);
        }
        match self.modifiers.kind {
            Kind::Plain => self.plain(nodes),
            Kind::Regex {
                insensitive,
                lines,
                dot_all,
            } => {
                let flags = |builder: &mut RegexBuilder| {
                    builder
                        .case_insensitive(insensitive)
                        .multi_line(lines)
                        .dot_matches_new_line(dot_all);
                };
                let regexes = nodes.iter().map(|node| self.regex(node, flags));
                Ok(Test::Regexes(regexes.collect::<Result<_, _>>()?))
            }
            Kind::Network => {
                let network = |node: &Node| {
                    let (_, written) = self.written(node)?;
                    Network::parse(&written).map_err(|why| {
                        let message = format!("{} {why}", quote(&written));
                        self.wrong(node.span, &message, "write a network such as 10.0.0.0/8")
                    })
                };
                let networks = nodes.iter().map(network).collect::<Result<_, _>>()?;
                Ok(Test::Networks(networks))
            }
            Kind::Exists => match (nodes, is_list) {
                ([node], false) if node.as_bool().is_some() => {
                    Ok(Test::Exists(node.as_bool() == Some(true)))
                }
                _ => {
                    let what = "`exists` takes one value";
                    Err(self.wrong(nodes[0].span, what, "write true or false"))
                }
            },
            Kind::Compare(comparison) => {
                let test = |node: &Node| self.numeral(node).map(|it| (comparison, it.number));
                let tests: Vec<_> = nodes.iter().map(test).collect::<Result<_, _>>()?;
                let tests = tests
                    .into_iter()
                    .map(|(how, number)| self.of_part(Test::Compare(how, number)));
                Ok(one_of(tests.collect()))
            }
            Kind::Reference => {
                let tests = nodes.iter().map(|node| self.reference(node));
                Ok(one_of(tests.collect::<Result<_, _>>()?))
            }
        }
    }

    /// An expression. A large one counts for several.
    fn regex(&mut self, node: &Node, flags: impl Fn(&mut RegexBuilder)) -> Result<Regex, Error> {
        let (_, expression) = self.written(node)?;
        let mut builder = RegexBuilder::new(&expression);
        flags(&mut builder);
        let mut build = |times: usize| {
            let most = MOST_REGEX * times;
            builder.size_limit(most).dfa_size_limit(most).build()
        };
        self.compiles(1)?;
        let built = match build(1) {
            Err(regex::Error::CompiledTooBig(_)) => {
                self.compiles(LARGE)?;
                build(LARGE)
            }
            built => built,
        };
        built.map_err(|error| self.no_regex(node, &error))
    }

    fn null(&self, null: &Node, is_list: bool) -> Result<Test, Error> {
        let is_plain = self.modifiers.kind == Kind::Plain
            && self.modifiers.changes.is_empty()
            && self.modifiers.part.is_none();
        if is_list || self.is_keyword || !is_plain {
            let what = "null is no text and no number, and stands alone";
            let advice = "ask for it in a selection of its own: `Field: null`";
            return Err(self.wrong(null.span, what, advice));
        }
        Ok(Test::Null)
    }

    fn plain(&mut self, nodes: &[Node]) -> Result<Test, Error> {
        if self.modifiers.part.is_some() {
            let numerals = nodes.iter().map(|node| self.numeral(node));
            return Ok(self.of_part(Test::Numbers(numerals.collect::<Result<_, _>>()?)));
        }
        let mut numerals = Vec::new();
        let mut patterns = Vec::new();
        for node in nodes {
            let is_number = matches!(node.value, Value::Integer(_) | Value::Float(_));
            if is_number && self.modifiers.changes.is_empty() && !self.is_keyword {
                numerals.push(self.numeral(node)?);
                continue;
            }
            patterns.extend(self.patterns(node)?);
        }
        let mut tests = Vec::new();
        if !numerals.is_empty() {
            tests.push(Test::Numbers(numerals));
        }
        if !patterns.is_empty() {
            let texts = Texts::new(&patterns, self.modifiers.cased).map_err(|TooLarge| {
                let what = "the values are more than one search can hold";
                self.wrong(self.key, what, "spread them over several selections")
            })?;
            self.compiles(usize::from(texts.has_expression()))?;
            tests.push(Test::Texts(texts));
        }
        Ok(one_of(tests))
    }

    /// The patterns that a value becomes.
    fn patterns(&self, node: &Node) -> Result<Vec<Pattern>, Error> {
        let (is_text, written) = self.written(node)?;
        let mut forms = vec![Form::Pattern(match is_text {
            true => Pattern::parse(&written),
            false => Pattern::literal(written),
        })];
        for change in &self.modifiers.changes {
            let mut changed = Vec::new();
            for form in forms {
                form.change(*change, &mut changed)
                    .map_err(|(what, advice)| self.wrong(node.span, what, advice))?;
            }
            forms = changed;
        }
        let mut patterns = Vec::new();
        for form in forms {
            let pattern = form
                .pattern()
                .map_err(|(what, advice)| self.wrong(node.span, what, advice))?;
            patterns.push(match self.is_keyword {
                true => pattern.open(true, true),
                false => pattern,
            });
        }
        Ok(patterns)
    }

    fn reference(&mut self, node: &Node) -> Result<Test, Error> {
        let Some(name) = node.as_str().filter(|name| !name.is_empty()) else {
            let what = "`fieldref` takes the name of a field";
            return Err(self.wrong(node.span, what, "write the name as text"));
        };
        let (open_before, open_behind) = match self.modifiers.changes.first() {
            Some(Change::Open { before, behind }) => (*before, *behind),
            _ => (false, false),
        };
        Ok(Test::Reference(Reference {
            field: self.shared.id(name),
            cased: self.modifiers.cased,
            open_before,
            open_behind,
        }))
    }

    fn of_part(&self, test: Test) -> Test {
        match self.modifiers.part {
            Some(part) => Test::Part(part, Box::new(test)),
            None => test,
        }
    }

    fn numeral(&self, node: &Node) -> Result<Numeral, Error> {
        let number = match node.value {
            Value::Integer(value) => Number::Integer(value),
            Value::Float(value) if value.is_finite() => Number::Float(value),
            _ => {
                let what = format!("{} stands where a number should", node.kind());
                return Err(self.wrong(node.span, &what, "write a number, without quotes"));
            }
        };
        let text = match number {
            Number::Integer(value) => value.to_string(),
            Number::Float(value) => value.to_string(),
        };
        Ok(Numeral {
            number,
            text: text.into(),
        })
    }

    /// The value as text, and whether it was text.
    fn written(&self, node: &Node) -> Result<(bool, String), Error> {
        let is_text = matches!(node.value, Value::String(_));
        let written = match &node.value {
            Value::String(value) => (**value).to_owned(),
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => {
                let what = format!("{} stands where a value should", node.kind());
                return Err(self.wrong(
                    node.span,
                    &what,
                    "write text, a number, or a list of them",
                ));
            }
        };
        Ok((is_text, written))
    }

    fn compiles(&mut self, expressions: usize) -> Result<(), Error> {
        match self.shared.compiles(expressions) {
            true => Ok(()),
            false => {
                let what = "the rules have more expressions than may be compiled together";
                Err(self.wrong(self.key, what, "give fewer files at once"))
            }
        }
    }

    fn no_regex(&self, node: &Node, error: &regex::Error) -> Error {
        let why = error.to_string();
        let why = why.lines().next_back().unwrap_or_default().trim();
        let why = why.strip_prefix("error: ").unwrap_or(why);
        let what = format!("the regular expression cannot be used: {why}");
        let advice = match error {
            regex::Error::CompiledTooBig(_) => "write it with fewer or shorter repetitions",
            _ => {
                "write it without look-around and back-references, which the specification has not"
            }
        };
        self.wrong(node.span, &what, advice)
    }

    fn wrong(&self, span: Span, message: &str, advice: &str) -> Error {
        self.text.error(span, message, advice)
    }
}

/// How many times as large as others a large expression may be.
const LARGE: usize = 16;

/// A value on its way through the modifiers.
enum Form {
    Pattern(Pattern),
    Bytes(Vec<u8>),
}

type Refused = (&'static str, &'static str);

impl Form {
    fn change(self, change: Change, changed: &mut Vec<Self>) -> Result<(), Refused> {
        match change {
            Change::Open { before, behind } => {
                changed.push(Self::Pattern(self.pattern()?.open(before, behind)));
            }
            Change::Dashes => {
                let ways = self.pattern()?.dashes().ok_or((
                    "more than four dashes of the value have to be tried in five forms each",
                    "split the value into several, joined with `all`",
                ))?;
                changed.extend(ways.into_iter().map(Self::Pattern));
            }
            Change::Utf16(form) => changed.push(self.utf16(form)?),
            Change::Base64 => {
                let encoded = base64(&self.bytes()?);
                changed.push(Self::Pattern(Pattern::literal(encoded)));
            }
            Change::Base64Offset => {
                let bytes = self.bytes()?;
                if bytes.len() < 3 {
                    return Err((
                        "so short a value leaves nothing that can be found in Base64",
                        "use a value of three bytes or more",
                    ));
                }
                let parts = base64_offsets(&bytes).into_iter();
                changed.extend(parts.map(|it| Self::Pattern(Pattern::literal(it))));
            }
        }
        Ok(())
    }

    fn utf16(self, form: Utf16) -> Result<Self, Refused> {
        match self {
            Self::Pattern(pattern) => match pattern.as_literal() {
                Some(text) => Ok(Self::Bytes(form.encode(text))),
                None => {
                    let encode = |text: &str| String::from_utf8(form.encode(text));
                    (pattern.map(encode).map(Self::Pattern)).map_err(|_| NO_TEXT)
                }
            },
            Self::Bytes(_) => Err(("the value is UTF-16 already", "leave one modifier out")),
        }
    }

    fn bytes(self) -> Result<Vec<u8>, Refused> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Pattern(pattern) => match pattern.as_literal() {
                Some(text) => Ok(text.as_bytes().to_vec()),
                None => Err((
                    "a wildcard cannot be encoded",
                    "write the value without `*` and `?`, or escape them",
                )),
            },
        }
    }

    fn pattern(self) -> Result<Pattern, Refused> {
        match self {
            Self::Pattern(pattern) => Ok(pattern),
            Self::Bytes(bytes) => {
                let text = String::from_utf8(bytes).map_err(|_| NO_TEXT)?;
                Ok(Pattern::literal(text))
            }
        }
    }
}

const NO_TEXT: Refused = (
    "the value in UTF-16 is no text, which a field could have",
    "add base64 or base64offset behind it",
);

fn one_of(mut tests: Vec<Test>) -> Test {
    match tests.pop() {
        Some(only) if tests.is_empty() => only,
        last => {
            tests.extend(last);
            Test::Any(tests)
        }
    }
}
