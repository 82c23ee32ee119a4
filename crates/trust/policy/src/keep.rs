//! How gates keep what a policy obliges them to.

use std::collections::BTreeSet;

use casemate_core::{Approval, Decision, Digest, Kept, canonical_json};
use serde_json::Value;

use crate::{
    GateInput,
    obligation::{Duty, Term},
};

/// A gate, as far as it keeps obligations. What it does not keep is denied.
pub trait Keeper {
    /// Keeps `duty`, and proves it.
    ///
    /// # Errors
    ///
    /// Why it was not kept, in words that continue "the gate did not keep it: ".
    fn keep(&mut self, duty: &Duty, asked: &Asked<'_>) -> Result<Kept, String>;
}

/// What a gate knows when it is obliged to something.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What the policy was asked.
    pub input: &'a GateInput,
    /// The decision with the obligations that were kept before. An entry of a log is about this:
    /// obligations to log come last, and what the entry commits to is [`Decision::digest`].
    pub draft: &'a Decision,
}

/// A gate that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepsNothing;

impl Keeper for KeepsNothing {
    fn keep(&mut self, _: &Duty, _: &Asked<'_>) -> Result<Kept, String> {
        Err("it keeps no obligations".to_owned())
    }
}

/// The proof that a decision about `input` holds for a while. Whoever uses the decision has to look at
/// its end.
///
/// # Errors
///
/// When the end was over before the gate was asked, or is none.
pub fn expire(term: &Term, input: &GateInput) -> Result<Kept, String> {
    let expires = match term {
        Term::After(span) => span.after(input.now).ok_or("it would never end")?,
        Term::At(at) => *at,
    };
    if expires <= input.now {
        return Err(format!("it was over at {expires}, before it was asked"));
    }
    Ok(Kept::Expire { expires })
}

/// Somebody's approval of a gate's input, verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approved {
    /// Who, and what they signed.
    pub approval: Approval,
    /// The digest of the key that signed it: who holds one key is one person, whatever they are called.
    pub key: Digest,
    /// The digest of the input that they approve.
    pub input: Digest,
}

/// The proof that enough of those who may have approved the input of a decision.
///
/// # Errors
///
/// How many are missing.
pub fn approve(
    (by, threshold): (&[String], usize),
    approved: &[Approved],
    input: Digest,
) -> Result<Kept, String> {
    let (mut signers, mut keys, mut approvals) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut sorted: Vec<&Approved> = approved.iter().filter(|it| it.input == input).collect();
    sorted.sort();
    for it in sorted {
        if by.contains(&it.approval.signer)
            && !signers.contains(&it.approval.signer)
            && keys.insert(it.key)
        {
            signers.insert(it.approval.signer.clone());
            approvals.push(it.approval.clone());
        }
    }
    if signers.len() >= threshold {
        return Ok(Kept::Approve { approvals });
    }
    let names: Vec<String> = signers.into_iter().collect();
    let who = match names.len() {
        0 => "nobody of them did".to_owned(),
        _ => format!("only {} did", names.join(" and ")),
    };
    Err(format!(
        "{threshold} of {} have to approve the input {input}, and {who}",
        by.join(", ")
    ))
}

/// What is let through, with its parts masked.
#[derive(Clone, Debug, PartialEq)]
pub struct Masked {
    asked: Value,
    passed: Value,
}

impl Masked {
    /// Nothing masked yet.
    pub fn new(asked: Value) -> Self {
        Self {
            passed: asked.clone(),
            asked,
        }
    }

    /// What is let through.
    pub fn passed(&self) -> &Value {
        &self.passed
    }

    /// Masks what `fields` lead to: the text `[masked]` takes its place, whatever it was.
    ///
    /// # Errors
    ///
    /// When a pointer leads nowhere in what was asked for: something else was meant, and would pass.
    pub fn mask(&mut self, fields: &[String]) -> Result<Kept, String> {
        if let Some(field) = fields.iter().find(|it| self.asked.pointer(it).is_none()) {
            return Err(format!("there is nothing at {field:?}"));
        }
        let before = digest(&self.passed);
        for field in fields {
            // One that leads into what was masked as a whole leads nowhere any more.
            if let Some(place) = self.passed.pointer_mut(field) {
                *place = MASK.into();
            }
        }
        Ok(Kept::Mask {
            before,
            after: digest(&self.passed),
            fields: fields.to_vec(),
        })
    }
}

fn digest(value: &Value) -> Digest {
    Digest::of(&canonical_json(value).expect("it is JSON"))
}

const MASK: &str = "[masked]";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testkit::{input, now};

    fn approved(signer: &str, key: &str, input: &str) -> Approved {
        Approved {
            approval: Approval {
                signer: signer.into(),
                bundle: Digest::of(signer.as_bytes()),
            },
            key: Digest::of(key.as_bytes()),
            input: Digest::of(input.as_bytes()),
        }
    }

    #[test]
    fn approvals_count_by_people_and_by_what_they_are_of() {
        let by = ["a".to_owned(), "b".to_owned()];
        let asked = Digest::of(b"x");
        for (given, wanted, expected) in [
            (vec![], 1, Err("nobody")),
            (vec![approved("a", "1", "x")], 1, Ok(1)),
            (vec![approved("a", "1", "y")], 1, Err("nobody")),
            (vec![approved("c", "1", "x")], 1, Err("nobody")),
            (
                vec![approved("a", "1", "x"), approved("a", "2", "x")],
                2,
                Err("only a did"),
            ),
            (
                vec![approved("a", "1", "x"), approved("b", "1", "x")],
                2,
                Err("only a did"),
            ),
            (
                vec![approved("b", "2", "x"), approved("a", "1", "x")],
                2,
                Ok(2),
            ),
        ] {
            match (approve((&by, wanted), &given, asked), expected) {
                (Ok(Kept::Approve { approvals }), Ok(count)) => {
                    assert_eq!(approvals.len(), count);
                    assert!(approvals.is_sorted());
                }
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (kept, expected) => panic!("{kept:?} {expected:?}"),
            }
        }
    }

    #[test]
    fn a_mask_takes_the_place_of_what_the_pointer_leads_to() {
        let asked = json!({"messages": [{"role": "user", "content": "my PIN"}], "a/b": {"c": 1}});
        let mut masked = Masked::new(asked.clone());
        let fields = ["/a~1b", "/a~1b/c", "/messages/0/content"].map(str::to_owned);
        let Ok(Kept::Mask { before, after, .. }) = masked.mask(&fields) else {
            panic!("masks");
        };
        let passed = json!({"messages": [{"role": "user", "content": MASK}], "a/b": MASK});
        assert_eq!(*masked.passed(), passed);
        assert_eq!((before, after), (digest(&asked), digest(&passed)));
        // What another obligation masked already was there when it was asked for.
        let again = masked.mask(&["/a~1b/c".to_owned()]).expect("masks");
        assert_eq!(
            again,
            Kept::Mask {
                before: after,
                after,
                fields: vec!["/a~1b/c".to_owned()]
            }
        );
    }

    #[test]
    fn a_pointer_that_leads_nowhere_masks_nothing_and_says_so() {
        let mut masked = Masked::new(json!({"a": [1]}));
        for field in ["/b", "/a/1", "/a/-", "/a/0/x", "/a/00"] {
            let why = masked
                .mask(&["/a".to_owned(), field.to_owned()])
                .expect_err(field);
            assert!(why.contains(field), "{why}");
        }
        assert_eq!(*masked.passed(), json!({"a": [1]}));
    }

    #[test]
    fn an_end_in_the_past_is_none() {
        let asked = input(&[]);
        let after = Term::After("24h".parse().expect("a span"));
        let Ok(Kept::Expire { expires }) = expire(&after, &asked) else {
            panic!("expires");
        };
        assert_eq!(expires.to_string(), "2026-09-02T12:00:00Z");
        assert!(
            expire(&Term::At(now()), &asked)
                .expect_err("over")
                .contains("over")
        );
        let never = Term::After("99999999d".parse().expect("a span"));
        assert!(expire(&never, &asked).is_err());
    }

    proptest! {
        #[test]
        fn masking_never_lets_a_masked_value_through(
            secret in "[a-z]{8}", at in 0usize..3, whole in any::<bool>(),
        ) {
            let mut items: Vec<Value> = (0..3).map(|n| json!({"content": format!("public {n}")})).collect();
            items[at]["content"] = secret.clone().into();
            let mut masked = Masked::new(json!({"messages": items}));
            let field = match whole {
                true => format!("/messages/{at}"),
                false => format!("/messages/{at}/content"),
            };
            masked.mask(&[field]).expect("masks");
            let passed = masked.passed().to_string();
            prop_assert!(!passed.contains(&secret));
            prop_assert_eq!(passed.matches("public").count(), 2);
        }
    }
}
