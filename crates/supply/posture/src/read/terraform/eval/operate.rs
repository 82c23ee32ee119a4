//! Operators.

use crate::{
    Origin,
    read::terraform::{
        syntax::Operator,
        value::{Kind, Val},
    },
};

use super::MAX_COMPARED;

pub(super) fn not(value: &Val, origin: Origin) -> Val {
    match (value.as_bool(), value.as_unknown()) {
        (Some(is_true), _) => Val::bool(!is_true, origin),
        (None, Some(unknown)) => Val::new(Kind::Unknown(unknown.clone()), origin),
        (None, None) => Val::error("it is no bool", origin),
    }
    .mark(value.is_sensitive)
}

pub(super) fn negate(value: &Val, origin: Origin) -> Val {
    match (value.as_number(), value.as_unknown()) {
        (Some(number), _) => Val::number(-number, origin),
        (None, Some(unknown)) => Val::new(Kind::Unknown(unknown.clone()), origin),
        (None, None) => Val::error("it is no number", origin),
    }
    .mark(value.is_sensitive)
}

/// What two operands make, and what that took.
pub(super) fn binary(operator: Operator, left: &Val, right: &Val, origin: Origin) -> (Val, u32) {
    let is_sensitive = left.is_sensitive || right.is_sensitive;
    let (value, cost) = match operator {
        Operator::Equal | Operator::NotEqual => {
            let mut budget = MAX_COMPARED;
            let equal = left.equals(right, &mut budget);
            let value = match equal {
                Some(equal) => Val::bool(equal == (operator == Operator::Equal), origin),
                None => unknown(
                    left,
                    right,
                    "a part of what is compared is not known",
                    origin,
                ),
            };
            (value, MAX_COMPARED - budget)
        }
        Operator::And | Operator::Or => (logic(operator, left, right, origin), 0),
        _ => (arithmetic(operator, left, right, origin), 0),
    };
    (value.mark(is_sensitive), cost)
}

/// What one side decides stays decided where the other is not known.
fn logic(operator: Operator, left: &Val, right: &Val, origin: Origin) -> Val {
    let deciding = operator == Operator::Or;
    match (left.as_bool(), right.as_bool()) {
        (Some(side), _) | (_, Some(side)) if side == deciding => Val::bool(deciding, origin),
        (Some(_), Some(_)) => Val::bool(!deciding, origin),
        _ => unknown(left, right, "it is no bool", origin),
    }
}

fn arithmetic(operator: Operator, left: &Val, right: &Val, origin: Origin) -> Val {
    let (Some(a), Some(b)) = (left.as_number(), right.as_number()) else {
        return unknown(left, right, "it is no number", origin);
    };
    match operator {
        Operator::Less => Val::bool(a < b, origin),
        Operator::LessOrEqual => Val::bool(a <= b, origin),
        Operator::Greater => Val::bool(a > b, origin),
        Operator::GreaterOrEqual => Val::bool(a >= b, origin),
        Operator::Add => Val::number(a + b, origin),
        Operator::Subtract => Val::number(a - b, origin),
        Operator::Multiply => Val::number(a * b, origin),
        Operator::Divide | Operator::Modulo if b == 0.0 => Val::error("it divides by zero", origin),
        Operator::Divide => Val::number(a / b, origin),
        _ => Val::number(a % b, origin),
    }
}

/// Not known for the reason of an operand; an error for `why` where both are known.
fn unknown(left: &Val, right: &Val, why: &str, origin: Origin) -> Val {
    let unknown = |value: &Val| value.as_unknown().cloned();
    match unknown(left).or_else(|| unknown(right)) {
        Some(unknown) => Val::new(Kind::Unknown(unknown), origin),
        None => match left.reason().or_else(|| right.reason()) {
            Some(why) => Val::unknown(why, origin),
            None => Val::error(why, origin),
        },
    }
}
