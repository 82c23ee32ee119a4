//! One expression of TorchScript, followed token by token.

use super::{
    code::{Reader, Use},
    lexer::{Kind, Token},
};

/// Follows the tokens of a statement behind its first word, and tells `reader` what they call.
///
/// # Errors
///
/// What was not understood, and where; the rest of the statement is not followed.
pub(super) fn follow<'t>(
    reader: &mut Reader<'t>,
    tokens: &[Token<'t>],
    statement: Statement,
) -> Result<(), (String, usize)> {
    let mut walk = Walk {
        reader,
        statement,
        open: Vec::new(),
        last: Last::Nothing,
        loose: true,
        is_negated: false,
        is_over: false,
    };
    for (at, &token) in tokens.iter().enumerate() {
        if let Err(what) = walk.take(token, tokens.get(at + 1)) {
            return Err((format!("{what} at {:?}", cut(token.text)), token.at));
        }
    }
    let end = tokens.last().map_or(0, |token| token.at);
    walk.finish().map_err(|what| (what.to_owned(), end))
}

/// How a statement begins, which says what else may stand in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Statement {
    Definition,
    /// It opens a block, and a colon ends it.
    Block,
    /// Anything else.
    Plain,
}

/// The expression at hand, token by token.
struct Walk<'r, 't> {
    reader: &'r mut Reader<'t>,
    statement: Statement,
    open: Vec<Open<'t>>,
    last: Last<'t>,
    /// Whether an operand may be missing here, as after a comma.
    loose: bool,
    /// Whether the last operator was `not` behind an operand.
    is_negated: bool,
    /// Whether the colon of a block has been seen.
    is_over: bool,
}

/// A bracket that is open.
struct Open<'t> {
    bracket: Bracket,
    /// How many commas stand in it.
    commas: usize,
    /// Whether nothing but one operand stands in it.
    is_sole: bool,
    /// The text of its second argument, as long as that is one string.
    selector: Selector<'t>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Group,
    Parameters,
    Call,
    /// `getattr(VALUE, "NAME")`, which is `VALUE.NAME`.
    Attribute,
    /// `fork(FUNCTION, ARGUMENTS)`, which calls it.
    Fork,
    Square,
    Curly,
}

#[derive(Clone, Copy)]
enum Selector<'t> {
    None,
    Is(&'t str),
    Computed,
}

/// What stands before the token at hand.
#[derive(Clone)]
enum Last<'t> {
    /// No operand: one is due.
    Nothing,
    /// Names and dots.
    Path(Vec<Token<'t>>),
    /// The same, after a dot.
    Dotted(Vec<Token<'t>>),
    /// An attribute of some value.
    Attribute(Token<'t>),
    /// Some value, after a dot.
    DottedValue,
    Text,
    Value,
}

type Taken = Result<(), &'static str>;

impl<'t> Walk<'_, 't> {
    fn take(&mut self, token: Token<'t>, next: Option<&Token<'t>>) -> Taken {
        if self.is_over {
            return Err("has something behind a colon");
        }
        self.select(token);
        match token.kind {
            Kind::Name => self.name(token, next),
            Kind::Number => self.operand(Last::Value),
            Kind::String => match self.last {
                Last::Text => Ok(()),
                _ => self.operand(Last::Text),
            },
            _ => self.symbol(token),
        }
    }

    /// Keeps the second argument of `getattr`.
    fn select(&mut self, token: Token<'t>) {
        if let Some(open) = self.open.last_mut()
            && open.commas == 1
            && token.text != ")"
        {
            open.selector = match (open.selector, token.kind) {
                (Selector::None, Kind::String) => Selector::Is(token.text),
                _ => Selector::Computed,
            };
        }
    }

    fn operand(&mut self, operand: Last<'t>) -> Taken {
        if !matches!(self.last, Last::Nothing) {
            return Err("has a value where none is due");
        }
        self.last = operand;
        self.loose = false;
        Ok(())
    }

    fn name(&mut self, token: Token<'t>, next: Option<&Token<'t>>) -> Taken {
        match std::mem::replace(&mut self.last, Last::Nothing) {
            Last::Dotted(mut path) => {
                path.push(token);
                self.last = Last::Path(path);
                return Ok(());
            }
            Last::DottedValue => {
                self.last = Last::Attribute(token);
                return Ok(());
            }
            last => self.last = last,
        }
        let is_due = matches!(self.last, Last::Nothing);
        match token.text {
            "not" if is_due => self.unary(),
            // Of `not in`, the second word.
            "in" if is_due && self.is_negated => self.unary(),
            "and" | "or" | "in" | "is" | "if" | "else" | "for" | "not" | "as" if !is_due => {
                self.is_negated = token.text == "not";
                self.operator()
            }
            word if KEYWORDS.contains(&word) => Err("has a word that TorchScript does not"),
            // The name of an argument, not of a value.
            _ if is_due
                && next.is_some_and(|next| next.text == "=" && next.kind == Kind::Symbol)
                && self.open.last().is_some_and(|open| open.is_call()) =>
            {
                self.operand(Last::Value)
            }
            _ => self.operand(Last::Path(vec![token])),
        }
    }

    fn symbol(&mut self, token: Token<'t>) -> Taken {
        let is_due = matches!(self.last, Last::Nothing);
        match token.text {
            "..." => self.operand(Last::Value),
            "." => {
                self.last = match std::mem::replace(&mut self.last, Last::Nothing) {
                    Last::Path(path) => Last::Dotted(path),
                    Last::Value | Last::Text | Last::Attribute(_) => Last::DottedValue,
                    _ => return Err("has a point where none is due"),
                };
                Ok(())
            }
            "(" if is_due => {
                let parameters = self.statement == Statement::Definition && self.open.is_empty();
                self.open(if parameters {
                    Bracket::Parameters
                } else {
                    Bracket::Group
                })
            }
            "(" => self.call(),
            "[" => {
                if !is_due {
                    self.end_operand()?;
                }
                self.open(Bracket::Square)
            }
            "{" if is_due => self.open(Bracket::Curly),
            ")" | "]" | "}" => self.close(token.text),
            "," => self.comma(),
            ":" => self.colon(),
            "->" => match (self.statement, self.open.is_empty(), is_due) {
                (Statement::Definition, true, false) => self.operator(),
                _ => Err("has an arrow where none is due"),
            },
            "-" | "+" | "*" | "~" if is_due => self.unary(),
            "=" => {
                let inside = self.open.last().map(Open::is_call);
                if inside == Some(false) || is_due && !self.loose {
                    return Err("has an assignment where none is due");
                }
                self.operator()
            }
            "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "**=" | "//=" | "<<="
            | ">>=" => match self.open.is_empty() && !is_due {
                true => self.operator(),
                false => Err("has an assignment where none is due"),
            },
            _ if !is_due => self.operator(),
            _ => Err("has an operator where a value is due"),
        }
    }

    /// An operator stands between two operands.
    fn operator(&mut self) -> Taken {
        self.end_operand()?;
        self.last = Last::Nothing;
        self.unary()
    }

    /// An operator stands before an operand.
    fn unary(&mut self) -> Taken {
        self.loose = false;
        if let Some(open) = self.open.last_mut() {
            open.is_sole = false;
        }
        Ok(())
    }

    fn open(&mut self, bracket: Bracket) -> Taken {
        if self.open.len() >= DEEPEST {
            let reason = "has brackets that are nested deeper than is followed";
            self.reader
                .leave_out("brackets of the code are nested deeper than is followed");
            return Err(reason);
        }
        self.open.push(Open {
            bracket,
            commas: 0,
            is_sole: true,
            selector: Selector::None,
        });
        self.last = Last::Nothing;
        self.loose = true;
        Ok(())
    }

    fn close(&mut self, symbol: &str) -> Taken {
        let Some(open) = self.open.pop() else {
            return Err("closes a bracket that is not open");
        };
        let fits = match open.bracket {
            Bracket::Square => symbol == "]",
            Bracket::Curly => symbol == "}",
            _ => symbol == ")",
        };
        if !fits || matches!(self.last, Last::Nothing) && !self.loose {
            return Err("closes a bracket in the wrong place");
        }
        // Brackets around one operand change nothing.
        if open.bracket == Bracket::Group
            && open.is_sole
            && open.commas == 0
            && matches!(self.last, Last::Path(_) | Last::Attribute(_))
        {
            return Ok(());
        }
        self.end_argument(&open)?;
        self.loose = false;
        self.last = match (open.bracket, open.selector) {
            (Bracket::Attribute, Selector::Is(name)) if open.commas == 1 => {
                if name.contains('\\') {
                    return Err("has an attribute whose name is spelled with escapes");
                }
                Last::Attribute(Token {
                    kind: Kind::Name,
                    text: name,
                    at: 0,
                })
            }
            (Bracket::Attribute, _) => return Err("has an attribute whose name is computed"),
            _ => Last::Value,
        };
        Ok(())
    }

    fn comma(&mut self) -> Taken {
        if matches!(self.last, Last::Nothing) && !self.loose {
            return Err("has a comma where a value is due");
        }
        match self.open.pop() {
            Some(mut open) => {
                self.end_argument(&open)?;
                open.commas = open.commas.saturating_add(1);
                self.open.push(open);
            }
            None => self.end_operand()?,
        }
        self.last = Last::Nothing;
        self.loose = true;
        Ok(())
    }

    fn colon(&mut self) -> Taken {
        let is_due = matches!(self.last, Last::Nothing);
        match self.open.last().map(|open| open.bracket) {
            Some(Bracket::Square) => {}
            Some(Bracket::Curly | Bracket::Parameters) if !is_due => {}
            Some(_) => return Err("has a colon where none is due"),
            None if is_due && !self.loose => return Err("has a colon where a value is due"),
            None => self.is_over = self.statement != Statement::Plain,
        }
        let in_slice = self
            .open
            .last()
            .is_some_and(|open| open.bracket == Bracket::Square);
        self.operator()?;
        self.loose = in_slice || self.is_over;
        Ok(())
    }

    fn finish(&mut self) -> Taken {
        if !self.open.is_empty() {
            return Err("ends within a bracket");
        }
        if self.statement != Statement::Plain && !self.is_over {
            return Err("has a block without a colon");
        }
        if matches!(self.last, Last::Nothing) && !self.loose {
            return Err("ends where a value is due");
        }
        self.end_operand()
    }

    /// The operand is what `fork` calls, or an ordinary one.
    fn end_argument(&mut self, open: &Open<'t>) -> Taken {
        if open.bracket != Bracket::Fork || open.commas > 0 {
            return self.end_operand();
        }
        let called = std::mem::replace(&mut self.last, Last::Nothing);
        self.called(&called).map(|_| ())
    }

    /// The operand at hand is complete, and was not called.
    fn end_operand(&mut self) -> Taken {
        match &self.last {
            Last::Dotted(_) | Last::DottedValue => Err("ends with a point"),
            Last::Path(path) => {
                let Some((root, rest)) = path.split_first() else {
                    return Ok(());
                };
                let (root, rest) = (*root, names(rest));
                match (root.text, &rest[..]) {
                    ("torch" | "ops", _) => self.operator_at(root, &rest),
                    ("__torch__", _) => {
                        self.defined(root, &rest);
                        Ok(())
                    }
                    ("CONSTANTS", [_]) => Ok(()),
                    ("CONSTANTS", _) => Err("has the constants as a value"),
                    (name, []) if self.reader.aliases.get(name) == Some(&None) => {
                        Err("has a function as a value")
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn call(&mut self) -> Taken {
        let called = std::mem::replace(&mut self.last, Last::Nothing);
        let bracket = self.called(&called)?;
        self.open(bracket)
    }

    /// Takes note of what is called, and gives the bracket of its arguments.
    fn called(&mut self, called: &Last<'t>) -> Result<Bracket, &'static str> {
        let path = match called {
            Last::Attribute(name) => {
                let method = Use::Method(name.text.to_owned());
                self.reader.used(method, name.at);
                return Ok(Bracket::Call);
            }
            Last::Path(path) => path,
            _ => return Err("calls something that is computed"),
        };
        let Some((&root, rest)) = path.split_first() else {
            return Err("calls nothing");
        };
        let rest = names(rest);
        match (root.text, &rest[..]) {
            ("torch" | "ops", rest) => self.operator_at(root, rest)?,
            ("__torch__", rest) => self.defined(root, rest),
            ("CONSTANTS", _) => return Err("calls a constant"),
            ("getattr", []) => return Ok(Bracket::Attribute),
            ("fork" | "awaitable", []) => return Ok(Bracket::Fork),
            (name, []) if BUILTINS.contains(&name) => {}
            (name, []) => match self.reader.aliases.get(name).copied() {
                Some(None) => {}
                Some(Some(method)) => {
                    let method = Use::Method(method.to_owned());
                    self.reader.used(method, root.at);
                    return Err("calls a method by another name");
                }
                None => return Err("calls a function that is not known"),
            },
            (_, [.., method]) => {
                let method = Use::Method((*method).to_owned());
                self.reader.used(method, root.at);
            }
        }
        Ok(Bracket::Call)
    }

    /// `torch.NAME` or `ops.NAMESPACE.NAME`; `autograd` may stand between, and means nothing.
    fn operator_at(&mut self, root: Token<'t>, path: &[&str]) -> Taken {
        let path: Vec<&str> = path
            .iter()
            .copied()
            .filter(|&name| name != "autograd")
            .collect();
        let (namespace, name) = match (root.text, &path[..]) {
            ("torch", [name]) => ("aten", *name),
            ("ops", [namespace, name]) => (*namespace, *name),
            // Nothing that torch resolves, and the name may tell all the same.
            (_, [.., name]) => {
                let operator = Use::Operator("aten".to_owned(), (*name).to_owned());
                self.reader.used(operator, root.at);
                return Err("refers to an operator in a form that torch does not write");
            }
            _ => {
                // What is made of it may yet be seen.
                self.reader
                    .fault("has a whole namespace as a value", root.at);
                return Ok(());
            }
        };
        let operator = Use::Operator(namespace.to_owned(), name.to_owned());
        self.reader.used(operator, root.at);
        Ok(())
    }

    fn defined(&mut self, root: Token<'t>, path: &[&str]) {
        let mut name = root.text.to_owned();
        for part in path {
            name.push('.');
            name.push_str(part);
        }
        self.reader.used(Use::Defined(name), root.at);
    }
}

impl Open<'_> {
    /// Whether arguments with names may stand in it.
    fn is_call(&self) -> bool {
        matches!(
            self.bracket,
            Bracket::Call | Bracket::Fork | Bracket::Parameters
        )
    }
}

fn names<'t>(path: &[Token<'t>]) -> Vec<&'t str> {
    path.iter().map(|token| token.text).collect()
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// Functions that torch resolves without a namespace, and that give values only:
/// `torch/csrc/jit/frontend/ir_emitter.cpp`, `Environment::getSugaredVar`.
const BUILTINS: [&str; 38] = [
    "abs",
    "all",
    "annotate",
    "any",
    "bin",
    "bool",
    "chr",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "float",
    "hasattr",
    "hash",
    "hex",
    "int",
    "isinstance",
    "len",
    "list",
    "max",
    "min",
    "oct",
    "ord",
    "pow",
    "print",
    "range",
    "rangelist",
    "round",
    "sorted",
    "str",
    "sum",
    "tuple",
    "unchecked_cast",
    "uninitialized",
    "zip",
    "set",
    "frozenset",
    "slice",
];

/// Torch's own parser calls itself at each bracket, and takes far fewer.
const DEEPEST: usize = 10_000;

const KEYWORDS: [&str; 17] = [
    "lambda", "yield", "async", "await", "try", "except", "finally", "global", "nonlocal",
    "import", "from", "class", "def", "exec", "super", "match", "case",
];
