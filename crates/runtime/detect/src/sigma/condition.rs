//! Conditions: how the searches of a rule are joined.

use std::sync::Arc;

use super::test::Search;
use crate::error::quote;

/// What is wrong with a condition: where, what, and what to do.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// A byte of the condition.
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) advice: &'static str,
}

/// A search of a rule under its name.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) search: Arc<Search>,
    pub(crate) is_used: bool,
}

/// Reads a condition, and marks the searches that it uses.
///
/// # Errors
///
/// The first mistake of the text.
pub(crate) fn parse(text: &str, searches: &mut [Named]) -> Result<Search, Wrong> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        end: text.len(),
        searches,
        depth: 0,
        nodes: 0,
    };
    let search = parser.or()?;
    match parser.peek() {
        None => Ok(search),
        Some(token) => Err(Wrong {
            at: token.at,
            message: format!(
                "{} stands where `and`, `or` or the end should",
                quote(token.text)
            ),
            advice: "join the two sides with `and` or `or`",
        }),
    }
}

#[derive(Clone, Copy)]
struct Token<'t> {
    text: &'t str,
    at: usize,
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
    if text.len() > MOST_BYTES {
        return Err(Wrong {
            at: 0,
            message: format!("the condition is longer than {MOST_BYTES} bytes"),
            advice: "name the searches alike and use `1 of name*`",
        });
    }
    let mut tokens = Vec::new();
    let mut start = None;
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, c) in ends {
        let is_word = !c.is_whitespace() && !matches!(c, '(' | ')' | '|');
        match (start, is_word) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                tokens.push(Token {
                    text: &text[from..at],
                    at: from,
                });
                start = None;
            }
            _ => {}
        }
        if c == '|' {
            return Err(Wrong {
                at,
                message: "an aggregation (`|`) is no longer part of Sigma".into(),
                advice: "write a correlation of type event_count or value_count",
            });
        }
        if matches!(c, '(' | ')') {
            let text = &text[at..=at];
            tokens.push(Token { text, at });
        }
    }
    Ok(tokens)
}

struct Parser<'t, 's> {
    tokens: &'t [Token<'t>],
    next: usize,
    end: usize,
    searches: &'s mut [Named],
    depth: usize,
    nodes: usize,
}

impl<'t> Parser<'t, '_> {
    fn or(&mut self) -> Result<Search, Wrong> {
        let mut sides = vec![self.and()?];
        while self.take("or") {
            sides.push(self.and()?);
        }
        Ok(join(sides, Search::Any))
    }

    fn and(&mut self) -> Result<Search, Wrong> {
        let mut sides = vec![self.not()?];
        while self.take("and") {
            sides.push(self.not()?);
        }
        Ok(join(sides, Search::All))
    }

    fn not(&mut self) -> Result<Search, Wrong> {
        let mut is_negated = false;
        while self.take("not") {
            is_negated = !is_negated;
        }
        let search = self.one()?;
        Ok(match is_negated {
            true => Search::Not(Box::new(search)),
            false => search,
        })
    }

    fn one(&mut self) -> Result<Search, Wrong> {
        let Some(token) = self.peek() else {
            return Err(Wrong {
                at: self.end,
                message: "the condition ends where a search should stand".into(),
                advice: "name a search of `detection`",
            });
        };
        self.next += 1;
        if token.text == "(" {
            return self.inside(token.at);
        }
        if self.take("of") {
            return self.of(token);
        }
        let is_name = !matches!(token.text, ")" | "and" | "or" | "not" | "of" | "them");
        let found = self.searches.iter_mut().find(|it| it.name == token.text);
        match found {
            Some(named) if is_name => {
                named.is_used = true;
                Ok(Search::Shared(Arc::clone(&named.search)))
            }
            _ => Err(Wrong {
                at: token.at,
                message: format!(
                    "the condition names {}, which is no search",
                    quote(token.text)
                ),
                advice: "name a search of `detection`, or add one of this name",
            }),
        }
    }

    fn inside(&mut self, at: usize) -> Result<Search, Wrong> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Wrong {
                at,
                message: format!("more than {MOST_DEPTH} parentheses stand in each other"),
                advice: "take some of them away",
            });
        }
        let search = self.or()?;
        self.depth -= 1;
        if !self.take(")") {
            return Err(Wrong {
                at,
                message: "this parenthesis is not closed".into(),
                advice: "add `)`",
            });
        }
        Ok(search)
    }

    /// `1 of`, `all of` and what follows.
    fn of(&mut self, quantity: Token<'t>) -> Result<Search, Wrong> {
        // `any of` is not in the specification, and old rules and other readers have it.
        let is_all = match quantity.text {
            "1" | "any" => false,
            "all" => true,
            other => {
                return Err(Wrong {
                    at: quantity.at,
                    message: format!("{} is no quantity", quote(other)),
                    advice: "write `1 of` or `all of`",
                });
            }
        };
        let Some(pattern) = self.peek() else {
            return Err(Wrong {
                at: self.end,
                message: "`of` is followed by nothing".into(),
                advice: "write `them` or a pattern of names",
            });
        };
        self.next += 1;
        let mut searches = Vec::new();
        for named in self.searches.iter_mut() {
            let is_meant = match pattern.text {
                "them" => !named.name.starts_with('_'),
                pattern => is_like(&named.name, pattern),
            };
            if is_meant {
                named.is_used = true;
                searches.push(Search::Shared(Arc::clone(&named.search)));
            }
        }
        self.nodes += searches.len();
        if searches.is_empty() || self.nodes > MOST_NODES {
            return Err(Wrong {
                at: pattern.at,
                message: match searches.is_empty() {
                    true => format!("no search is named like {}", quote(pattern.text)),
                    false => format!("the condition names searches more than {MOST_NODES} times"),
                },
                advice: "correct the pattern, or the names of the searches",
            });
        }
        Ok(match is_all {
            true => Search::All(searches),
            false => Search::Any(searches),
        })
    }

    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).copied()
    }

    /// The word, in small letters or capitals.
    fn take(&mut self, word: &str) -> bool {
        let is_here = (self.peek()).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
        self.next += usize::from(is_here);
        is_here
    }
}

fn join(mut sides: Vec<Search>, all: fn(Vec<Search>) -> Search) -> Search {
    match sides.pop() {
        Some(only) if sides.is_empty() => only,
        last => {
            sides.extend(last);
            all(sides)
        }
    }
}

/// Whether `name` is as `pattern` has it, whose `*` stands for any number of characters.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

const MOST_BYTES: usize = 16 << 10;
const MOST_DEPTH: usize = 50;
const MOST_NODES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_from_end_to_end() {
        for (pattern, is_meant) in [
            ("selection*", true),
            ("*_a", true),
            ("sel*ion*a", true),
            ("selection_a", true),
            ("*", true),
            ("selection", false),
            ("sel*b", false),
            ("*x*", false),
            ("selection_a*a", false),
        ] {
            assert_eq!(is_like("selection_a", pattern), is_meant, "{pattern}");
        }
    }
}
