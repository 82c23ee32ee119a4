//! Why a token does not sign.

use std::path::PathBuf;

use casemate_attest::KeyError;
use cryptoki::error::{Error, RvError};

/// Why there is no key, or no signature.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The library cannot be loaded.
    #[error("cannot use {} as a PKCS#11 module: {reason}", .path.display())]
    Module {
        /// Its file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is no library of that name.
    #[error("there is no PKCS#11 module {name} in {}", shown(.directories))]
    NoModule {
        /// That name.
        name: String,
        /// Where it was looked for.
        directories: Vec<PathBuf>,
    },
    /// No token is as the URI says.
    #[error("there is no token {wanted}; {}", listed(.present, "the module has"))]
    NoToken {
        /// What the URI says.
        wanted: String,
        /// Which there are.
        present: Vec<String>,
    },
    /// More than one token is.
    #[error("{wanted} is of several tokens, and names none; {}", listed(.matching, "they are"))]
    SeveralTokens {
        /// What the URI says.
        wanted: String,
        /// Which there are.
        matching: Vec<String>,
    },
    /// The PIN is wrong.
    #[error("the token {token} refuses the PIN{}", match .last {
        true => "; one more wrong one locks it",
        false => "",
    })]
    WrongPin {
        /// Of which token.
        token: String,
        /// Whether the next wrong PIN locks it.
        last: bool,
    },
    /// There were too many wrong PINs.
    #[error("the PIN of the token {0} is locked")]
    LockedPin(String),
    /// No key is as the URI says.
    #[error("there is no private key {wanted}; {}", listed(.present, "the token has"))]
    NoKey {
        /// What the URI says.
        wanted: String,
        /// Which there are.
        present: Vec<String>,
    },
    /// More than one key is.
    #[error("{wanted} is of several private keys, and names none; {}", listed(.matching, "they are"))]
    SeveralKeys {
        /// What the URI says.
        wanted: String,
        /// Which there are.
        matching: Vec<String>,
    },
    /// The key is of another kind.
    #[error(
        "the key {key} is of a kind that is not supported ({kind}); model signatures are by keys on P-256, \
         P-384 and P-521, or by Ed25519"
    )]
    Unsupported {
        /// Which key.
        key: String,
        /// Its kind.
        kind: String,
    },
    /// The key wants the PIN again for each signature.
    #[error(
        "the key {0} asks for the PIN at each signature (CKA_ALWAYS_AUTHENTICATE), which is not supported"
    )]
    AlwaysAuthenticates(String),
    /// There is no public key.
    #[error("the token has neither a public key nor a certificate for {0}")]
    NoPublicKey(String),
    /// There are several, and not the same.
    #[error("the token has public keys for {0} that differ from each other")]
    SeveralPublicKeys(String),
    /// The public key is none.
    #[error("the public key of {0} cannot be used")]
    PublicKey(String, #[source] KeyError),
    /// What was signed does not verify.
    #[error(
        "what {0} signed does not verify under the public key that the token has for it; nothing was signed"
    )]
    OtherKey(String),
    /// The library refuses something else.
    #[error("the PKCS#11 module cannot {}: {}", .0, code(.1))]
    Call(&'static str, Error),
}

impl TokenError {
    pub(crate) fn call(what: &'static str) -> impl FnOnce(Error) -> Self {
        move |error| Self::Call(what, error)
    }
}

/// Whether it is this error of the library.
pub(crate) fn is(error: &Error, expected: RvError) -> bool {
    matches!(error, Error::Pkcs11(found, _) if *found == expected)
}

/// What the library answered, by the name that its documentation has for it; `cryptoki` would quote the
/// standard's paragraph on it.
pub(crate) fn code(error: &Error) -> String {
    let variant = match error {
        Error::Pkcs11(RvError::VendorDefined(code) | RvError::UnknownErrorCode(code), _) => {
            return format!("{code:#010x}");
        }
        Error::Pkcs11(answer, _) => format!("{answer:?}"),
        other => return other.to_string(),
    };
    let mut name = "CKR".to_owned();
    for c in variant.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
    paths.join(", ")
}

/// Modules list in any order, and a message is the same each time.
fn listed(all: &[String], lead: &str) -> String {
    let mut all = all.to_vec();
    all.sort();
    let more = all.len().saturating_sub(LISTED);
    match all.len() {
        0 => format!("{lead} none"),
        _ if more > 0 => format!("{lead} {}, and {more} more", all[..LISTED].join(", ")),
        _ => format!("{lead} {}", all.join(", ")),
    }
}

/// How many a message lists.
const LISTED: usize = 8;

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn what_a_library_answers_is_told_by_its_name() {
        let told = |answer| code(&Error::Pkcs11(answer, Function::Sign));
        assert_eq!(
            told(RvError::KeyFunctionNotPermitted),
            "CKR_KEY_FUNCTION_NOT_PERMITTED"
        );
        assert_eq!(told(RvError::Cancel), "CKR_CANCEL");
        assert_eq!(told(RvError::VendorDefined(0x8000_0001)), "0x80000001");
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let all: Vec<String> = (0..10).rev().map(|it| it.to_string()).collect();
        assert_eq!(
            listed(&all, "has"),
            "has 0, 1, 2, 3, 4, 5, 6, 7, and 2 more"
        );
        assert_eq!(listed(&all[2..], "has"), "has 0, 1, 2, 3, 4, 5, 6, 7");
        assert_eq!(listed(&[], "has"), "has none");
    }
}
