//! Go's `text/template`, as far as `strings.render_template` needs it: fields and variables, `range`,
//! `if`, `with`, comments, and dashes that trim. Functions are not known, and say so.

use regorus::Value;

use super::{super::from_json, Fault, MAX_TEXT};

/// `template` with what it names in `data`. What is not there is written `<undefined>`.
pub(super) fn render(template: &str, data: &Value) -> Result<String, Fault> {
    let pieces = pieces(template)?;
    let mut renderer = Renderer {
        pieces: &pieces,
        text: String::new(),
        variables: vec![("$", Item::Value(data.clone()))],
        steps: 0,
    };
    let end = renderer.block(0, &Item::Value(data.clone()), 0)?;
    if end < pieces.len() {
        return Err("has a template with an end too many".into());
    }
    Ok(renderer.text)
}

/// Text as it is, or what stands between `{{` and `}}`.
enum Piece<'a> {
    Text(&'a str),
    Action(&'a str),
}

/// What a name stands for. A place in an array is a number that can be zero, and so false; a number of
/// the data is never false, because Go keeps its digits.
#[derive(Clone)]
enum Item {
    Value(Value),
    Place(usize),
    Missing,
}

impl Item {
    fn is_true(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Place(place) => *place != 0,
            Self::Value(value) => match value {
                Value::Null | Value::Undefined => false,
                Value::Bool(value) => *value,
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Set(items) => !items.is_empty(),
                Value::Object(fields) => !fields.is_empty(),
                Value::Number(_) => true,
            },
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Missing => "<undefined>".to_owned(),
            Self::Place(place) => place.to_string(),
            Self::Value(value) => shown(value),
        }
    }
}

/// As Go prints it. Recurses as deep as the value.
fn shown(value: &Value) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(" ");
    match value {
        Value::String(text) => text.to_string(),
        Value::Null | Value::Undefined => "<nil>".to_owned(),
        Value::Array(items) => format!("[{}]", list(&mut items.iter().map(shown))),
        Value::Set(items) => format!("[{}]", list(&mut items.iter_sorted().map(shown))),
        Value::Object(fields) => {
            let field = |(key, value): (&Value, &Value)| format!("{}:{}", shown(key), shown(value));
            format!("map[{}]", list(&mut fields.iter_sorted().map(field)))
        }
        value => value.to_string(),
    }
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut trims = false;
    loop {
        let (text, after) = match rest.split_once("{{") {
            Some((text, after)) => (text, Some(after)),
            None => (rest, None),
        };
        let text = if trims { text.trim_start() } else { text };
        let Some(after) = after else {
            pieces.push(Piece::Text(text));
            return Ok(pieces);
        };
        let trimmed = after
            .strip_prefix('-')
            .filter(|after| after.starts_with(SPACE));
        pieces.push(Piece::Text(match trimmed {
            Some(_) => text.trim_end(),
            None => text,
        }));
        let after = trimmed.unwrap_or(after);
        let end = end_of_action(after).ok_or("has a template with an action that does not end")?;
        let (action, after) = (&after[..end], &after[end + 2..]);
        let without = action
            .strip_suffix('-')
            .filter(|action| action.ends_with(SPACE));
        trims = without.is_some();
        let action = without.unwrap_or(action).trim();
        if !action.starts_with("/*") {
            pieces.push(Piece::Action(action));
        }
        rest = after;
    }
}

/// Where `}}` stands outside of quotes.
fn end_of_action(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some('"') if c == '\\' => is_escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '`') => quote = Some(c),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

struct Renderer<'a> {
    pieces: &'a [Piece<'a>],
    text: String,
    variables: Vec<(&'a str, Item)>,
    steps: usize,
}

impl<'a> Renderer<'a> {
    /// Renders from `at` on, up to the `else` or `end` that closes the block, or the end of it all.
    /// Recurses no deeper than [`MAX_DEPTH`].
    fn block(&mut self, mut at: usize, dot: &Item, depth: usize) -> Result<usize, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::refuse("has a template that nests too deeply"));
        }
        let scope = self.variables.len();
        while let Some(piece) = self.pieces.get(at) {
            self.steps += 1;
            if self.steps > MAX_STEPS || self.text.len() > MAX_TEXT {
                return Err(Fault::refuse(
                    "would make more than 16 MiB, or take too long",
                ));
            }
            let action = match piece {
                Piece::Text(text) => {
                    self.text.push_str(text);
                    at += 1;
                    continue;
                }
                Piece::Action(action) => *action,
            };
            let (word, rest) = action.split_once(SPACE).unwrap_or((action, ""));
            match word {
                "end" | "else" => break,
                "range" => at = self.range(at, rest.trim(), dot, depth)?,
                "if" | "with" => at = self.condition(at, word, rest.trim(), dot, depth)?,
                _ => {
                    let item = self.pipeline(action, dot)?;
                    if let Some(item) = item {
                        let shown = item.shown();
                        self.text.push_str(&shown);
                    }
                    at += 1;
                }
            }
        }
        self.variables.truncate(scope);
        Ok(at)
    }

    /// Where the block that begins behind `at` ends: its `else`, if it has one, and its `end`. What is looked
    /// over counts as steps: a block in a `range` is looked for each time.
    fn extent(&mut self, at: usize) -> Result<(Option<usize>, usize), Fault> {
        let start = at;
        let mut open = 0;
        let mut otherwise = None;
        for (at, piece) in self.pieces.iter().enumerate().skip(at + 1) {
            let Piece::Action(action) = piece else {
                continue;
            };
            match action.split(SPACE).next().unwrap_or_default() {
                "range" | "if" | "with" => open += 1,
                "end" if open == 0 => {
                    self.steps += at - start;
                    return Ok((otherwise, at));
                }
                "end" => open -= 1,
                "else" if open == 0 && otherwise.is_none() => otherwise = Some(at),
                _ => {}
            }
        }
        Err("has a template with a block that does not end".into())
    }

    fn condition(
        &mut self,
        at: usize,
        word: &str,
        rest: &'a str,
        dot: &Item,
        depth: usize,
    ) -> Result<usize, Fault> {
        let (otherwise, end) = self.extent(at)?;
        let scope = self.variables.len();
        let item = match self.pipeline(rest, dot)? {
            Some(item) => item,
            None => self
                .variables
                .last()
                .map_or(Item::Missing, |(_, item)| item.clone()),
        };
        if item.is_true() {
            let dot = if word == "with" { &item } else { dot };
            self.block(at + 1, dot, depth + 1)?;
        } else if let Some(otherwise) = otherwise {
            let Piece::Action(action) = &self.pieces[otherwise] else {
                return Ok(end + 1);
            };
            match action.trim_start_matches("else").trim() {
                "" => {
                    self.block(otherwise + 1, dot, depth + 1)?;
                }
                chained => {
                    let (word, rest) = chained.split_once(SPACE).unwrap_or((chained, ""));
                    if word != "if" {
                        return Err("has a template with a wrong else".into());
                    }
                    self.condition(otherwise, word, rest.trim(), dot, depth + 1)?;
                }
            }
        }
        self.variables.truncate(scope);
        Ok(end + 1)
    }

    fn range(
        &mut self,
        at: usize,
        rest: &'a str,
        dot: &Item,
        depth: usize,
    ) -> Result<usize, Fault> {
        let (otherwise, end) = self.extent(at)?;
        let (names, source) = match rest.split_once(":=") {
            Some((names, source)) => (names.trim(), source.trim()),
            None => ("", rest),
        };
        let names: Vec<&str> = names
            .split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .collect();
        if names.len() > 2 || !names.iter().all(|name| is_variable(name)) {
            return Err("has a template with a wrong range".into());
        }
        let entries: Vec<(Item, Value)> = match self.operand(source, dot)? {
            Item::Value(Value::Array(items)) => {
                let items = items.iter().cloned().enumerate();
                items.map(|(at, item)| (Item::Place(at), item)).collect()
            }
            Item::Value(Value::Set(items)) => {
                let items = items.iter_sorted().cloned().enumerate();
                items.map(|(at, item)| (Item::Place(at), item)).collect()
            }
            Item::Value(Value::Object(fields)) => fields
                .iter_sorted()
                .map(|(key, value)| (Item::Value(key.clone()), value.clone()))
                .collect(),
            item if !item.is_true() => Vec::new(),
            _ => return Err("has a template that goes over something without members".into()),
        };
        let scope = self.variables.len();
        if entries.is_empty()
            && let Some(otherwise) = otherwise
        {
            self.block(otherwise + 1, dot, depth + 1)?;
        }
        for (key, value) in entries {
            let item = Item::Value(value);
            match names[..] {
                [name] => self.variables.push((name, item.clone())),
                [first, second] => {
                    self.variables.push((first, key));
                    self.variables.push((second, item.clone()));
                }
                _ => {}
            }
            self.block(at + 1, &item, depth + 1)?;
            self.variables.truncate(scope);
        }
        Ok(end + 1)
    }

    /// What an action stands for; none, where it declares a variable.
    fn pipeline(&mut self, action: &'a str, dot: &Item) -> Result<Option<Item>, Fault> {
        if let Some((name, source)) = action.split_once(":=") {
            let name = name.trim();
            if !is_variable(name) {
                return Err("has a template with a wrong variable".into());
            }
            let item = self.operand(source.trim(), dot)?;
            self.variables.push((name, item));
            return Ok(None);
        }
        self.operand(action, dot).map(Some)
    }

    fn operand(&self, text: &str, dot: &Item) -> Result<Item, Fault> {
        let quoted = |quote: char| {
            text.strip_prefix(quote)
                .and_then(|text| text.strip_suffix(quote))
                .filter(|text| !text.contains([quote, '\\']))
        };
        if let Some(text) = quoted('"').or_else(|| quoted('`')) {
            return Ok(Item::Value(Value::from(text)));
        }
        let (start, path) = match text.find('.') {
            Some(at) => (&text[..at], &text[at..]),
            None => (text, ""),
        };
        let mut item = match start {
            "" => dot.clone(),
            name if is_variable(name) => {
                let variable = self
                    .variables
                    .iter()
                    .rev()
                    .find(|(known, _)| *known == name);
                let (_, item) = variable.ok_or("has a template with an unknown variable")?;
                item.clone()
            }
            "true" | "false" if path.is_empty() => Item::Value(Value::from(start == "true")),
            number if path.is_empty() && number.parse::<i64>().is_ok() => {
                Item::Value(from_json(number)?)
            }
            _ => return Err("has a template with a function, and knows none".into()),
        };
        for name in path.split('.').filter(|name| !name.is_empty()) {
            if !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return Err("has a template with a function, and knows none".into());
            }
            item = match &item {
                Item::Value(Value::Object(fields)) => fields
                    .get(&Value::from(name))
                    .map_or(Item::Missing, |value| Item::Value(value.clone())),
                _ => Item::Missing,
            };
        }
        Ok(item)
    }
}

fn is_variable(name: &str) -> bool {
    name.strip_prefix('$').is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

const MAX_DEPTH: usize = 32;

const MAX_STEPS: usize = 1_000_000;
