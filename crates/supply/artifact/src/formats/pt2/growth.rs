//! Whether arithmetic stays small: Python and SymPy compute a power of literals when they read it, and
//! `9**9**9**9` has more digits than a machine can hold.

use crate::formats::torchscript::lexer::{Kind, Token};

/// Whether no literal is long, every power is of small literals or of symbols, no power is in
/// another, and no list, tuple or string is written that could be multiplied.
pub(super) fn is_bounded(tokens: &[Token<'_>]) -> bool {
    let mut walk = Walk {
        tokens,
        open: Vec::new(),
        closed: None,
        powers: 0,
        methods: 0,
    };
    (0..tokens.len()).all(|at| walk.take(at)) && (walk.methods == 0 || walk.powers == 1)
}

struct Walk<'t> {
    tokens: &'t [Token<'t>],
    open: Vec<Group>,
    /// The bracket that closed last.
    closed: Option<Group>,
    /// How many powers there are.
    powers: usize,
    /// How many of them are a method of what stands before them, however it was made.
    methods: usize,
}

/// What stands in brackets.
#[derive(Clone, Copy)]
struct Group {
    /// Whether they hold the operands of a power.
    is_power: bool,
    /// Whether they hold a power, or are one.
    has_power: bool,
    commas: usize,
    /// Whether they follow a name.
    is_call: bool,
    /// Whether they follow a bracket or a comma.
    is_argument: bool,
    /// Whether the operand at hand is an exponent.
    is_exponent: bool,
}

impl<'t> Walk<'t> {
    fn text(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn before(&self, at: usize) -> &'t str {
        at.checked_sub(1).map_or("", |at| self.text(at))
    }

    fn take(&mut self, at: usize) -> bool {
        let token = self.tokens[at];
        let is_apart = match at.checked_sub(1).and_then(|at| self.tokens.get(at)) {
            // `0x9` is a number in Python, and two words here.
            Some(before) if matches!(token.kind, Kind::Name | Kind::Number) => {
                before.kind != Kind::Number || before.at + before.text.len() < token.at
            }
            _ => true,
        };
        is_apart && self.exponent(token) && self.token(at, token)
    }

    /// An exponent that is computed may be of any size.
    fn exponent(&self, token: Token<'_>) -> bool {
        if !self.open.iter().any(|open| open.is_exponent) {
            return true;
        }
        match token.kind {
            Kind::Number => is_small(token.text, LARGEST_EXPONENT),
            Kind::Name => !ANY_SIZE.contains(&token.text),
            Kind::Symbol => matches!(token.text, "(" | ")" | "," | "=" | "-"),
            _ => true,
        }
    }

    fn token(&mut self, at: usize, token: Token<'_>) -> bool {
        match (token.kind, token.text) {
            (Kind::Number, text) => text.len() <= LONGEST_LITERAL && is_small(text, f64::MAX),
            // A string is a key or the name of a symbol.
            (Kind::String, _) => {
                let word = at.checked_sub(2).map_or("", |at| self.text(at));
                match self.before(at) {
                    "[" => true,
                    "(" => word == "Symbol",
                    _ => false,
                }
            }
            (Kind::Symbol, "(" | "[") => self.open(at),
            (Kind::Symbol, ")" | "]") => self.close(at),
            (Kind::Symbol, ",") => {
                if let Some(open) = self.open.last_mut() {
                    open.commas += 1;
                    open.is_exponent = open.is_power;
                }
                true
            }
            (Kind::Symbol, "**") => self.power() && self.base(at) && self.right(at, false),
            (Kind::Symbol, "<<") => self.power() && self.right(at, true),
            _ => true,
        }
    }

    /// A power stands here: none may be around it.
    fn power(&mut self) -> bool {
        self.powers += 1;
        if let Some(open) = self.open.last_mut() {
            open.has_power = true;
        }
        !self.open.iter().any(|open| open.is_power)
    }

    fn base(&self, at: usize) -> bool {
        let Some(base) = at.checked_sub(1).and_then(|at| self.tokens.get(at)) else {
            return false;
        };
        match base.kind {
            Kind::Number => is_small(base.text, LARGEST_BASE),
            Kind::Name => true,
            _ => self.closed.is_some_and(|closed| !closed.has_power),
        }
    }

    /// What stands right of a power is one number or one symbol; of a shift, nothing that binds
    /// stronger may follow.
    fn right(&self, at: usize, is_shift: bool) -> bool {
        let signs = usize::from(self.text(at + 1) == "-");
        let at = at + 1 + signs;
        let is_operand = match self.tokens.get(at).map(|token| (token.kind, token.text)) {
            Some((Kind::Number, text)) => is_small(text, LARGEST_EXPONENT),
            Some((Kind::Name, _)) => true,
            _ => false,
        };
        let after = self.text(at + 1);
        let is_over = match is_shift {
            true => matches!(
                after,
                "" | ")" | "]" | "," | "<" | ">" | "<=" | ">=" | "==" | "!=" | "and" | "or"
            ),
            false => !matches!(after, "(" | "[" | "." | "**" | "<<"),
        };
        is_operand && is_over
    }

    fn open(&mut self, at: usize) -> bool {
        let before = self.before(at);
        if self.text(at) == "[" && !matches!(before, "L" | "]" | ")") {
            return false;
        }
        let is_method = before == "pow";
        let is_power = is_method || POWERS.contains(&before);
        self.methods += usize::from(is_method);
        if is_power && !self.power() || self.open.len() >= DEEPEST {
            return false;
        }
        let name = at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let group = Group {
            is_power,
            has_power: is_power,
            commas: 0,
            is_call: name.is_some_and(|name| name.kind == Kind::Name),
            is_argument: matches!(before, "(" | ","),
            is_exponent: is_method,
        };
        self.open.push(group);
        true
    }

    fn close(&mut self, at: usize) -> bool {
        let Some(closed) = self.open.pop() else {
            return false;
        };
        if let Some(outer) = self.open.last_mut() {
            outer.has_power |= closed.has_power;
        }
        self.closed = Some(closed);
        // A tuple is an argument and nothing else.
        let is_tuple = closed.commas > 0 && !closed.is_call;
        !is_tuple || closed.is_argument && matches!(self.text(at + 1), ")" | ",")
    }
}

fn is_small(literal: &str, largest: f64) -> bool {
    literal.parse::<f64>().is_ok_and(|number| number <= largest)
}

/// What computes a power of its arguments, the last of which is the exponent.
const POWERS: [&str; 5] = ["Pow", "PowByNatural", "FloatPow", "LShift", "RShift"];

/// Functions whose value may be larger than their arguments.
const ANY_SIZE: [&str; 2] = ["Mul", "Add"];

const LARGEST_EXPONENT: f64 = 64.0;
const LARGEST_BASE: f64 = 65_536.0;
/// A size has nineteen digits.
const LONGEST_LITERAL: usize = 40;
/// Python's parser takes two hundred.
const DEEPEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::super::evaluated::{Fault, expression, guard};

    #[test]
    fn small_powers_are_arithmetic() {
        for text in [
            "s0**2 + 3*s1**2",
            "-(s0 - 1)**2 // 2**10",
            "2**s0",
            "s0**-1",
            "(1 << 10) + 3",
            "Mul(Integer(2), Pow(Symbol('s0', integer=True), Integer(-1)))",
            "PowByNatural(s0, 2) + PowByNatural(s1, 3)",
            "Piecewise((s0, s1 > 2), (2, True))",
            "9223372036854775807",
        ] {
            assert_eq!(expression(text), Ok(()), "{text}");
        }
        assert_eq!(guard("L['x'].size()[0].pow(2) > 3"), Ok(()));
        assert_eq!(guard("L['x'].size()[0]**2 > 3"), Ok(()));
    }

    #[test]
    fn what_may_have_any_size_is_not_known() {
        let long = "9".repeat(41);
        for text in [
            "9**9**9**9",
            "9**(9**9)",
            "(9**9)**9",
            "Max(9**9, 1)**9",
            "9**-9**9",
            "9**999999999",
            "999999999**9",
            "9**(9*99999999)",
            "9**Integer(999999999)",
            "9**0x99999999",
            "1<<999999999",
            "1<<9*99999999",
            "1<<-(-99999999)",
            "Pow(Integer(9), Integer(999999999))",
            "Pow(9, Mul(64, 64, 64, 64, 64))",
            "Pow(9, 64*64*64*64)",
            "Pow(9, Max(s0, (64*64)))",
            "Pow(Pow(9, 9), 9)",
            "Pow(9, Integer('999999999'))",
            "PowByNatural(9, PowByNatural(9, 9))",
            "RShift(1, 999999999)",
            "LShift(1, 999999999)",
            "Pow(9**9, 9)",
            "floor(1e999999999)",
            "(1,)*999999999",
            "Symbol('a')*Integer('9')",
            &long,
        ] {
            assert_eq!(expression(text), Err(Fault::Unknown), "{text}");
        }
        for text in [
            "9**9**9**9 > 1",
            "L['x'].size()[0].pow(64).floor().pow(64) > 1",
            "L['x'].size()[0].pow(999999999) > 1",
            "['a']*999999999",
            "'a'*999999999",
        ] {
            assert_eq!(guard(text), Err(Fault::Unknown), "{text}");
        }
        let nested = "(".repeat(1 << 20);
        assert_eq!(expression(&nested), Err(Fault::Unknown));
    }
}
