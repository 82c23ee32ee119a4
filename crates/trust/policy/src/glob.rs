//! Patterns of paths, as ignore files have them.

use std::{fmt, str::FromStr};

/// A pattern that is matched against a whole path. `*` stands for any run of characters but a
/// slash, `?` for one of them; `**` stands alone between slashes, for any number of directories, at
/// the end for everything below. Everything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    tokens: Vec<Token>,
}

impl PathPattern {
    /// Whether `path` matches. Takes time in proportion to the length of both, whatever they hold.
    pub fn matches(&self, path: &str) -> bool {
        // The set of places in the pattern that the path so far can have led to.
        let mut places = vec![false; self.tokens.len() + 1];
        places[0] = true;
        let mut begins_name = true;
        self.skip(&mut places, begins_name);
        for c in path.chars() {
            let mut next = vec![false; places.len()];
            for (at, token) in self.tokens.iter().enumerate().filter(|(at, _)| places[*at]) {
                match token {
                    Token::Character(expected) => next[at + 1] |= *expected == c,
                    Token::One => next[at + 1] |= c != '/',
                    Token::Run => next[at] |= c != '/',
                    Token::Directories | Token::Below => next[at] = true,
                }
            }
            places = next;
            begins_name = c == '/';
            self.skip(&mut places, begins_name);
        }
        places[self.tokens.len()]
    }

    /// Adds the places that can be reached without another character.
    fn skip(&self, places: &mut [bool], begins_name: bool) {
        for (at, token) in self.tokens.iter().enumerate() {
            let can_be_empty = match token {
                Token::Run => true,
                Token::Directories => begins_name,
                // Below a directory there is at least one name.
                Token::Below => !begins_name,
                Token::Character(_) | Token::One => false,
            };
            places[at + 1] |= places[at] && can_be_empty;
        }
    }
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        let pattern = text.strip_prefix("./").unwrap_or(text);
        if pattern.is_empty() || pattern.starts_with('/') {
            return Err(PathPatternError::NotRelative);
        }
        if pattern.len() > MAX_LENGTH {
            return Err(PathPatternError::TooLong);
        }
        let mut tokens = Vec::new();
        let names: Vec<&str> = pattern.split('/').collect();
        for (at, name) in names.iter().enumerate() {
            let is_last = at + 1 == names.len();
            if matches!(*name, "" | "." | "..") {
                return Err(PathPatternError::NotRelative);
            }
            if *name == "**" {
                tokens.push(if is_last {
                    Token::Below
                } else {
                    Token::Directories
                });
                continue;
            }
            if name.contains("**") {
                return Err(PathPatternError::Stars);
            }
            tokens.extend(name.chars().map(|c| match c {
                '*' => Token::Run,
                '?' => Token::One,
                c => Token::Character(c),
            }));
            if !is_last {
                tokens.push(Token::Character('/'));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            tokens,
        })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a pattern of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// It is empty, absolute, or goes up.
    #[error("a path pattern is relative to what is assessed, without empty names, `.` and `..`")]
    NotRelative,
    /// Two stars that do not stand alone.
    #[error("`**` stands alone between slashes")]
    Stars,
    /// Nobody writes such a path.
    #[error("a path pattern has at most {MAX_LENGTH} bytes")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Character(char),
    /// `?`
    One,
    /// `*`
    Run,
    /// `**/`: nothing, or names that each end with a slash.
    Directories,
    /// `**` at the end.
    Below,
}

const MAX_LENGTH: usize = 4_096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, matching, other) in [
            (
                "a/b.pkl",
                &["a/b.pkl"][..],
                &["b.pkl", "x/a/b.pkl", "a/b.pkl/c", "a/bxpkl"][..],
            ),
            ("*.pkl", &["b.pkl", ".pkl"], &["a/b.pkl", "b.pkl2"]),
            ("a?c", &["abc", "a\u{e9}c"], &["a/c", "ac"]),
            (
                "**/*.pkl",
                &["b.pkl", "a/b.pkl", "a/b/c.pkl"],
                &["b.pk", "a.pkl/b"],
            ),
            (
                "tests/**",
                &["tests/a", "tests/a/b"],
                &["tests", "tests/", "my/tests/a", "testsa"],
            ),
            (
                "a/**/z",
                &["a/z", "a/b/z", "a/b/c/z"],
                &["a/bz", "az", "a/b/zz"],
            ),
            ("**", &["a", "a/b"], &[""]),
            ("./a*b*c", &["abc", "axxbxxc"], &["axxbxx", "a/bc"]),
            ("a/**/**/z", &["a/z", "a/b/c/z"], &["a/bz"]),
        ] {
            let compiled: PathPattern = pattern.parse().expect(pattern);
            for path in matching {
                assert!(compiled.matches(path), "{pattern} should match {path}");
            }
            for path in other {
                assert!(!compiled.matches(path), "{pattern} should not match {path}");
            }
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in ["", "/a", "a//b", "../a", "a/./b", "a/"] {
            assert_eq!(
                text.parse::<PathPattern>(),
                Err(PathPatternError::NotRelative),
                "{text}"
            );
        }
        assert_eq!("a**b".parse::<PathPattern>(), Err(PathPatternError::Stars));
        let long = "a".repeat(MAX_LENGTH + 1);
        assert_eq!(long.parse::<PathPattern>(), Err(PathPatternError::TooLong));
    }

    proptest! {
        #[test]
        fn a_path_without_stars_matches_itself_alone(
            path in "[a-c]{1,3}(/[a-c]{1,3}){0,2}", other in "[a-c/]{0,6}",
        ) {
            let pattern: PathPattern = path.parse().expect("relative");
            prop_assert!(pattern.matches(&path));
            prop_assert_eq!(pattern.matches(&other), path == other);
        }

        #[test]
        fn no_text_panics_the_pattern(text in ".{0,40}", path in ".{0,40}") {
            if let Ok(pattern) = text.parse::<PathPattern>() {
                let _ = pattern.matches(&path);
            }
        }

        #[test]
        fn everything_is_below_the_root(path in "[a-c]{1,3}(/[a-c]{1,3}){0,3}") {
            let all: PathPattern = "**".parse().expect("relative");
            prop_assert!(all.matches(&path));
            let named: PathPattern = "**/*".parse().expect("relative");
            prop_assert!(named.matches(&path));
        }
    }
}
