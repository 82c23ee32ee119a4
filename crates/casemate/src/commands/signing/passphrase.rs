//! Where the pass phrase of a private key comes from.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _},
    path::Path,
};

use anyhow::{Context, Result, bail};
#[cfg(feature = "pkcs11")]
use casemate_report::sanitise;
use zeroize::Zeroizing;

use crate::cli::signing::Passphrase;

impl Passphrase {
    /// The pass phrase that the caller gave, without asking anybody.
    pub(super) fn given(&self) -> Result<Option<Zeroizing<String>>> {
        if let Some(text) = &self.passphrase {
            return Ok(Some(Zeroizing::new(text.clone())));
        }
        if let Some(path) = &self.passphrase_file {
            return first_line(path).map(Some);
        }
        match std::env::var("CASEMATE_PASSPHRASE") {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(error).context("CASEMATE_PASSPHRASE"),
        }
    }

    /// The pass phrase of a key that exists.
    pub(super) fn asked(&self, path: &Path) -> Result<Zeroizing<String>> {
        prompt(&format!("Pass phrase of {}: ", path.display()))
    }

    /// The PIN of the token with this label.
    #[cfg(feature = "pkcs11")]
    pub(super) fn asked_as_pin(&self, token: &str) -> Result<Zeroizing<String>> {
        prompt(&format!("PIN of the token {}: ", sanitise(token)))
    }

    /// Whether an argument has it, or where it is.
    #[cfg(feature = "pkcs11")]
    pub(super) fn is_on_the_command_line(&self) -> bool {
        self.passphrase.is_some() || self.passphrase_file.is_some()
    }

    /// A pass phrase for a key that is being made, asked for twice.
    pub(super) fn chosen(&self) -> Result<Zeroizing<String>> {
        let first = prompt("Pass phrase for the new key: ")?;
        if *prompt("The same again: ")? != *first {
            bail!("the two are not the same");
        }
        Ok(first)
    }
}

pub(super) fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let named = || format!("cannot read the pass phrase from {}", path.display());
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(LONGEST).read_line(&mut line),
        false => {
            let file = File::open(path).with_context(named)?;
            BufReader::new(file).take(LONGEST).read_line(&mut line)
        }
    };
    read.with_context(named)?;
    Ok(Zeroizing::new(
        line.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn prompt(text: &str) -> Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        bail!(
            "the private key needs a pass phrase or PIN and there is no terminal to ask; give it with \
             --passphrase-file or CASEMATE_PASSPHRASE"
        );
    }
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .context("cannot ask for the pass phrase")
}

const LONGEST: u64 = 4096;
