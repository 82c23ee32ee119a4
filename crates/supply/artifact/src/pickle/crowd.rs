//! Keys that are made to have one hash. Python compares each of them with all the others, so that a
//! few megabytes of a dictionary take hours. What text hashes to, nobody can know beforehand; what
//! numbers do, and tuples and sets of them, everybody can.

use std::collections::{HashMap, HashSet};

use super::{
    effect::View,
    value::{Ref, Shape, Value},
};

/// Hashes that were met, and by how many different values.
#[derive(Default)]
pub(super) struct Crowds {
    seen: HashSet<(u64, u64)>,
    counts: HashMap<u64, u16>,
    told: bool,
}

impl Crowds {
    /// Notes what an integer, or a tuple or set of some, hashes to; says whether as many others do as
    /// only somebody finds who looks for them. Once is enough.
    pub(super) fn note(&mut self, item: Ref, view: &View<'_>) -> bool {
        if self.told {
            return false;
        }
        let Some(hashed) = hashed(item, DEEPEST, view).filter(|hashed| hashed.is_wide) else {
            return false;
        };
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
            self.counts.clear();
        }
        let versions = [hashed.now, hashed.before.rotate_left(1) ^ BEFORE];
        for hash in versions {
            if self.seen.insert((hash, hashed.fingerprint)) {
                let count = self.counts.entry(hash).or_default();
                *count += 1;
                self.told |= *count >= CROWD;
            }
        }
        self.told
    }
}

/// What a value hashes to, and what tells it from others that hash to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hashed {
    now: u64,
    /// The same before Python 3.8, which hashed tuples otherwise.
    before: u64,
    fingerprint: u64,
    /// Whether there are integers in it beyond those that counting finds.
    is_wide: bool,
}

fn hashed(item: Ref, depth: u8, view: &View<'_>) -> Option<Hashed> {
    let (shape, items) = match view.value(item) {
        Value::Int(number) => {
            let hash = of_residue(number.unsigned_abs() % MODULUS, number < 0);
            return Some(Hashed {
                now: hash,
                before: hash,
                fingerprint: number.cast_unsigned(),
                is_wide: number.unsigned_abs() >= WIDE,
            });
        }
        Value::BigInt { hash, print } => {
            return Some(Hashed {
                now: hash,
                before: hash,
                fingerprint: u64::from(print),
                is_wide: true,
            });
        }
        Value::Container {
            shape: shape @ (Shape::Tuple | Shape::FrozenSet),
            ..
        } => (shape, view.heap.items(item)?),
        _ => return None,
    };
    let depth = depth.checked_sub(1)?;
    let items = items.iter().map(|&item| hashed(item, depth, view));
    let mut items: Vec<Hashed> = items.collect::<Option<_>>()?;
    if shape == Shape::Tuple {
        return Some(of_tuple(&items));
    }
    // A set has each of its members once.
    items.sort_unstable_by_key(|item| (item.now, item.fingerprint));
    items.dedup();
    Some(of_set(&items))
}

/// The hash of an integer of this rest and sign.
fn of_residue(residue: u64, negative: bool) -> u64 {
    let hash = match negative {
        true => residue.wrapping_neg(),
        false => residue,
    };
    // -1 stands for an error.
    if hash == u64::MAX { u64::MAX - 1 } else { hash }
}

/// What an integer hashes to whose two's complement is `bytes`, the little end first, and a number
/// that tells it from others.
pub(super) fn of_bytes(bytes: &[u8]) -> (u64, u32) {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let flip = if negative { 0xff } else { 0 };
    let mut residue = 0;
    for byte in bytes.iter().rev() {
        residue = residue_of(residue, 256, u64::from(byte ^ flip));
    }
    // The complement of a negative number is one short of its absolute value.
    let residue = (residue + u64::from(negative)) % MODULUS;
    (of_residue(residue, negative), print(bytes))
}

/// The same for decimal digits.
pub(super) fn of_digits(line: &[u8]) -> (u64, u32) {
    let negative = line.contains(&b'-');
    let mut residue = 0;
    for digit in line.iter().filter(|byte| byte.is_ascii_digit()) {
        residue = residue_of(residue, 10, u64::from(digit - b'0'));
    }
    (of_residue(residue, negative), print(line))
}

fn residue_of(residue: u64, base: u128, digit: u64) -> u64 {
    let next = (u128::from(residue) * base + u128::from(digit)) % u128::from(MODULUS);
    // Less than the modulus.
    u64::try_from(next).unwrap_or_default()
}

fn print(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |print: u32, &byte| {
        (print ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// `tuplehash` of CPython's `Objects/tupleobject.c`, since 3.8 and before.
fn of_tuple(items: &[Hashed]) -> Hashed {
    let (mut now, mut before, mut multiplier) = (PRIME_5, 0x0034_5678, 1_000_003u64);
    let mut left = items.len() as u64;
    for item in items {
        now = now.wrapping_add(item.now.wrapping_mul(PRIME_2));
        now = now.rotate_left(31).wrapping_mul(PRIME_1);
        left -= 1;
        before = (before ^ item.before).wrapping_mul(multiplier);
        multiplier = multiplier.wrapping_add(82_520 + left + left);
    }
    now = now.wrapping_add((items.len() as u64) ^ PRIME_5 ^ 3_527_539);
    Hashed {
        now,
        before: before.wrapping_add(97_531),
        fingerprint: fingerprint(items),
        is_wide: items.iter().any(|item| item.is_wide),
    }
}

/// What `frozenset_hash` of CPython's `Objects/setobject.c` makes of the hashes of its members. What
/// the table that they lie in adds is the same for sets of one size.
fn of_set(items: &[Hashed]) -> Hashed {
    let shuffled = |hash: u64| (hash ^ 89_869_747 ^ (hash << 16)).wrapping_mul(3_644_798_167);
    let all = |hash: fn(&Hashed) -> u64| {
        let members = items.iter().map(hash).map(shuffled);
        members.fold(items.len() as u64, |all, member| all ^ member)
    };
    Hashed {
        now: all(|item| item.now),
        before: all(|item| item.before),
        fingerprint: fingerprint(items),
        is_wide: true,
    }
}

fn fingerprint(items: &[Hashed]) -> u64 {
    items.iter().fold(PRIME_5, |print, item| {
        (print ^ item.fingerprint).wrapping_mul(PRIME_1)
    })
}

/// So many different values of one hash nobody meets by chance, and comparing each with all others
/// takes no time yet.
const CROWD: u16 = 256;
const MOST_SEEN: usize = 1 << 18;
const DEEPEST: u8 = 4;
/// The integers of less bits are found by their value, not by a place in the heap.
const WIDE: u64 = 1 << 30;
/// Python's `sys.hash_info.modulus`.
const MODULUS: u64 = (1 << 61) - 1;
/// Keeps the hashes of old versions apart.
const BEFORE: u64 = 0x5bd1_e995_5bd1_e995;
/// The primes of xxHash.
const PRIME_1: u64 = 11_400_714_785_074_694_791;
const PRIME_2: u64 = 14_029_467_366_897_019_727;
const PRIME_5: u64 = 2_870_177_450_012_600_261;

#[cfg(test)]
mod tests {
    use super::*;

    fn int(number: i64) -> Hashed {
        let hash = of_residue(number.unsigned_abs() % MODULUS, number < 0);
        Hashed {
            now: hash,
            before: hash,
            fingerprint: number.cast_unsigned(),
            is_wide: false,
        }
    }

    #[test]
    fn numbers_and_tuples_hash_as_in_python() {
        // What CPython 3.11 says of 2**64, -2**64, -1 and 2**200 - 1.
        assert_eq!(of_bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 1]).0, 8);
        assert_eq!(
            of_bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0xff]).0,
            8u64.wrapping_neg()
        );
        assert_eq!(int(-1).now, 2u64.wrapping_neg());
        assert_eq!(of_digits(b"18446744073709551616L").0, 8);
        assert_eq!(of_digits(b"-18446744073709551616").0, 8u64.wrapping_neg());
        assert_eq!(
            of_tuple(&[int(1), int(2)]).now.cast_signed(),
            -3_550_055_125_485_641_917
        );
        // And CPython 3.7.
        assert_eq!(
            of_tuple(&[int(1), int(2)]).before.cast_signed(),
            3_713_081_631_934_410_656
        );
    }
}
