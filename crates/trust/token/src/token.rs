//! Tokens, and logging in to one.

use std::path::Path;

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Info, Pkcs11},
    error::{Error, RvError},
    session::{Session, UserType},
    slot::{Slot, SlotInfo, TokenInfo},
    types::AuthPin,
};

use crate::{
    TokenError, TokenKey, Uri,
    error::{code, is},
};

/// One token, with a session in it that only reads.
#[derive(Debug)]
pub struct Token {
    module: Pkcs11,
    slot: Slot,
    info: TokenInfo,
    session: Session,
}

impl Token {
    /// Loads the library at `module` and finds the one token that is as `uri` says.
    ///
    /// # Errors
    ///
    /// When the file is no such library, or none or several of its tokens are.
    pub fn find(module: &Path, uri: &Uri) -> Result<Self, TokenError> {
        let loaded = load(module)?;
        let library = loaded
            .get_library_info()
            .map_err(TokenError::call("tell of itself"))?;
        let slots = loaded
            .get_slots_with_token()
            .map_err(TokenError::call("list its tokens"))?;
        let (mut matching, mut present) = (Vec::new(), Vec::new());
        for slot in slots {
            // A token may be pulled out while one looks; a slot may hold something that is no token yet.
            let (Ok(place), Ok(info)) = (loaded.get_slot_info(slot), loaded.get_token_info(slot))
            else {
                continue;
            };
            if !info.token_initialized() {
                continue;
            }
            present.push(named(slot, &info).to_string());
            if is_meant(uri, slot, &place, &info, &library) {
                matching.push((slot, info));
            }
        }
        let wanted = || uri.without_key().to_string();
        let (slot, info) = match <[_; 1]>::try_from(matching) {
            Ok([one]) => one,
            Err(none) if none.is_empty() => {
                return Err(TokenError::NoToken {
                    wanted: wanted(),
                    present,
                });
            }
            Err(several) => {
                let several = several.iter();
                return Err(TokenError::SeveralTokens {
                    wanted: wanted(),
                    matching: several
                        .map(|(slot, info)| named(*slot, info).to_string())
                        .collect(),
                });
            }
        };
        let session = loaded
            .open_ro_session(slot)
            .map_err(TokenError::call("open a session"))?;
        Ok(Self {
            module: loaded,
            slot,
            info,
            session,
        })
    }

    /// Its label.
    pub fn label(&self) -> &str {
        self.info.label()
    }

    /// Whether it wants a PIN from us; some have none, and some ask for it themselves.
    pub fn wants_pin(&self) -> bool {
        self.info.login_required() && !self.info.protected_authentication_path()
    }

    /// Logs in, with the PIN if [`wants_pin`](Self::wants_pin) says that it takes one.
    ///
    /// # Errors
    ///
    /// When the token refuses it.
    pub fn log_in(&self, pin: Option<&str>) -> Result<(), TokenError> {
        if !self.info.login_required() {
            return Ok(());
        }
        let pin = pin.map(AuthPin::from);
        let Err(error) = self.session.login(UserType::User, pin.as_ref()) else {
            return Ok(());
        };
        let token = self.to_string();
        match error {
            Error::Pkcs11(RvError::UserAlreadyLoggedIn, _) => Ok(()),
            Error::Pkcs11(RvError::PinLocked, _) => Err(TokenError::LockedPin(token)),
            Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            ) => {
                let now = self.module.get_token_info(self.slot);
                let last = now.is_ok_and(|info| info.user_pin_final_try());
                Err(TokenError::WrongPin { token, last })
            }
            error => Err(TokenError::Call("log in", error)),
        }
    }

    /// The one private key that is as `uri` says.
    ///
    /// # Errors
    ///
    /// When none or several are, or it cannot sign models.
    pub fn key(self, uri: &Uri) -> Result<TokenKey, TokenError> {
        let name = self.to_string();
        TokenKey::find(self.session, uri, &name)
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        named(self.slot, &self.info).fmt(f)
    }
}

fn load(path: &Path) -> Result<Pkcs11, TokenError> {
    let refused = |reason: String| TokenError::Module {
        path: path.to_owned(),
        reason,
    };
    let module = Pkcs11::new(path).map_err(|error| match error {
        Error::LibraryLoading(error) => refused(error.to_string()),
        Error::MissingSymbol(symbol) => {
            refused(format!("it is a library of another kind, without {symbol}"))
        }
        error => refused(code(&error)),
    })?;
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    match module.initialize(arguments) {
        // Once for a process, whoever it was.
        Err(error) if !is(&error, RvError::CryptokiAlreadyInitialized) => {
            Err(refused(format!("it does not start: {}", code(&error))))
        }
        _ => Ok(module),
    }
}

fn is_meant(uri: &Uri, slot: Slot, place: &SlotInfo, info: &TokenInfo, library: &Info) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|it| it == found);
    let version = library.library_version();
    is(&uri.token, info.label())
        && is(&uri.manufacturer, info.manufacturer_id())
        && is(&uri.serial, info.serial_number())
        && is(&uri.model, info.model())
        && is(&uri.slot_manufacturer, place.manufacturer_id())
        && is(&uri.slot_description, place.slot_description())
        && uri.slot_id.is_none_or(|it| it == slot.id())
        && is(&uri.library_manufacturer, library.manufacturer_id())
        && is(&uri.library_description, library.library_description())
        && (uri.library_version).is_none_or(|it| it == (version.major(), version.minor()))
}

/// What tells a token from others of the same module, as a URI.
fn named(slot: Slot, info: &TokenInfo) -> Uri {
    Uri {
        token: Some(info.label().to_owned()),
        serial: Some(info.serial_number().to_owned()),
        slot_id: Some(slot.id()),
        ..Uri::default()
    }
}
