//! Keys that are in a token: `--key pkcs11:…`.

use std::path::Path;

use anyhow::Result;

use crate::cli::signing::Signer;

/// The URI that stands where a file could, if one does.
pub(super) fn uri(key: &Path) -> Option<&str> {
    let text = key.to_str()?;
    let scheme = text.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(text)
}

/// A key's name for a message: of a URI, what may not be a PIN.
pub(super) fn shown(key: &Path) -> String {
    match uri(key).and_then(|it| it.split('?').next()) {
        Some(named) => named.to_owned(),
        None => key.display().to_string(),
    }
}

/// The key that the URI names, in a session that stays open while the model is read.
#[cfg(feature = "pkcs11")]
pub(super) fn open(text: &str, signer: &Signer) -> Result<Box<dyn casemate_attest::Sign>> {
    use anyhow::{Context as _, anyhow, bail};
    use casemate_token::{Module, Pin, Token, Uri};

    let uri: Uri = text.parse().context("the PKCS#11 URI cannot be used")?;
    let module = match (uri.module(), &signer.pkcs11_module) {
        (Some(_), Some(_)) => bail!("the URI names a PKCS#11 module, and --pkcs11-module another"),
        (Some(module), None) => module,
        (None, Some(path)) => Module::File(path.clone()),
        (None, None) => {
            let named = std::env::var_os("CASEMATE_PKCS11_MODULE").filter(|it| !it.is_empty());
            Module::File(named.map(Into::into).ok_or_else(|| {
                anyhow!(
                    "no PKCS#11 module is named; --pkcs11-module, CASEMATE_PKCS11_MODULE or \
                     module-path in the URI does"
                )
            })?)
        }
    };
    let token = Token::find(&module.find()?, &uri)?;
    let passphrase = &signer.passphrase;
    let pin = match uri.pin() {
        _ if !token.wants_pin() => None,
        Some(_) if passphrase.is_on_the_command_line() => {
            bail!("the URI says what the PIN is, and so does the command line")
        }
        Some(Pin::Value(pin)) => Some(pin.clone()),
        Some(Pin::File(path)) => Some(super::passphrase::first_line(path)?),
        None => Some(match passphrase.given()? {
            Some(pin) => pin,
            None => passphrase.asked_as_pin(token.label())?,
        }),
    };
    token.log_in(pin.as_ref().map(|it| it.as_str()))?;
    Ok(Box::new(token.key(&uri)?))
}

#[cfg(not(feature = "pkcs11"))]
pub(super) fn open(_: &str, _: &Signer) -> Result<Box<dyn casemate_attest::Sign>> {
    anyhow::bail!(
        "this build does not sign with keys in tokens; `cargo build --release --features pkcs11` makes one \
         that does"
    )
}

const SCHEME: &str = "pkcs11:";
