//! PKCS #11 URIs (RFC 7512).

use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use zeroize::Zeroizing;

use crate::Module;

/// Which key in which token, and how to get to it. Its `Display` form has what names the key, and never a PIN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    pub(crate) token: Option<String>,
    pub(crate) manufacturer: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) library_manufacturer: Option<String>,
    pub(crate) library_description: Option<String>,
    pub(crate) library_version: Option<(u8, u8)>,
    pub(crate) slot_manufacturer: Option<String>,
    pub(crate) slot_description: Option<String>,
    pub(crate) slot_id: Option<u64>,
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    pub(crate) is_private: bool,
    pub(crate) pin: Option<Pin>,
    pub(crate) module_name: Option<String>,
    pub(crate) module_path: Option<PathBuf>,
}

/// Where a URI says that the PIN is.
#[derive(Clone, PartialEq, Eq)]
pub enum Pin {
    /// In the URI itself.
    Value(Zeroizing<String>),
    /// In a file, by its absolute path.
    File(PathBuf),
}

impl Uri {
    /// Whether a text is a URI of this scheme, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        without_scheme(text).is_some()
    }

    /// Where the PIN is, if the URI says so.
    pub fn pin(&self) -> Option<&Pin> {
        self.pin.as_ref()
    }

    /// The vendor's library, if the URI names one.
    pub fn module(&self) -> Option<Module> {
        match (&self.module_path, &self.module_name) {
            (Some(path), Some(name)) => Some(Module::In(path.clone(), name.clone())),
            (Some(path), None) => Some(Module::File(path.clone())),
            (None, Some(name)) => Some(Module::Named(name.clone())),
            (None, None) => None,
        }
    }

    /// What it says of the token, and not of a key in it.
    pub(crate) fn without_key(&self) -> Self {
        Self {
            object: None,
            id: None,
            is_private: false,
            ..self.clone()
        }
    }

    /// Takes in `name=value` of the path. What is not known would narrow down what is meant, and so nothing
    /// is meant (RFC 7512, section 2.5).
    fn narrow(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let text = || decode(name, value, is_of_path).and_then(|bytes| as_text(name, bytes));
        match name {
            "token" => put(name, &mut self.token, text()?),
            "manufacturer" => put(name, &mut self.manufacturer, text()?),
            "serial" => put(name, &mut self.serial, text()?),
            "model" => put(name, &mut self.model, text()?),
            "library-manufacturer" => put(name, &mut self.library_manufacturer, text()?),
            "library-description" => put(name, &mut self.library_description, text()?),
            "library-version" => put(name, &mut self.library_version, version(value)?),
            "slot-manufacturer" => put(name, &mut self.slot_manufacturer, text()?),
            "slot-description" => put(name, &mut self.slot_description, text()?),
            "slot-id" => {
                let number = number(value).ok_or(UriError::Number("slot-id"))?;
                put(name, &mut self.slot_id, number)
            }
            "object" => put(name, &mut self.object, text()?),
            "id" => put(name, &mut self.id, decode(name, value, is_of_path)?),
            "type" if self.is_private => Err(UriError::Twice(name.to_owned())),
            "type" => match TYPES.contains(&value) {
                true if value == "private" => {
                    self.is_private = true;
                    Ok(())
                }
                true => Err(UriError::NotPrivate(value.to_owned())),
                false => Err(UriError::Type),
            },
            _ => Err(UriError::Unknown(name.to_owned())),
        }
    }

    /// Takes in `name=value` of the query, in which nothing narrows down what is meant: what is not known
    /// does not count, how often it stands there does not either (RFC 7512, sections 2.4 and 2.5).
    fn reach(&mut self, name: &str, value: &str) -> Result<(), UriError> {
        let text = || decode(name, value, is_of_query).and_then(|bytes| as_text(name, bytes));
        match name {
            "pin-value" | "pin-source" => {
                let pin = match name {
                    "pin-value" => Pin::Value(Zeroizing::new(text()?)),
                    _ => Pin::File(pin_file(&text()?)?),
                };
                match (&self.pin, &pin) {
                    (None, _) => self.pin = Some(pin),
                    (Some(Pin::Value(_)), Pin::Value(_)) | (Some(Pin::File(_)), Pin::File(_)) => {
                        return Err(UriError::Twice(name.to_owned()));
                    }
                    _ => return Err(UriError::TwoPins),
                }
                Ok(())
            }
            "module-name" => {
                let text = text()?;
                if text.is_empty() || text.contains(['/', '\0']) {
                    return Err(UriError::ModuleName);
                }
                put(name, &mut self.module_name, text)
            }
            "module-path" => {
                let path = PathBuf::from(text()?);
                if !path.is_absolute() {
                    return Err(UriError::ModulePath);
                }
                put(name, &mut self.module_path, path)
            }
            _ => decode(name, value, is_of_query).map(drop),
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let rest = without_scheme(text).ok_or(UriError::Scheme)?;
        if text.len() > LONGEST {
            return Err(UriError::Long);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for attribute in attributes(path, ';', "path") {
            let (name, value) = attribute?;
            uri.narrow(&name, value)?;
        }
        for attribute in attributes(query, '&', "query") {
            let (name, value) = attribute?;
            uri.reach(&name, value)?;
        }
        Ok(uri)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self
            .library_version
            .map(|(major, minor)| format!("{major}.{minor}"));
        let slot_id = self.slot_id.map(|id| id.to_string());
        let named = [
            ("token", &self.token),
            ("manufacturer", &self.manufacturer),
            ("serial", &self.serial),
            ("model", &self.model),
            ("library-manufacturer", &self.library_manufacturer),
            ("library-description", &self.library_description),
            ("library-version", &version),
            ("slot-manufacturer", &self.slot_manufacturer),
            ("slot-description", &self.slot_description),
            ("slot-id", &slot_id),
            ("object", &self.object),
        ];
        let mut written = String::new();
        for (name, value) in named {
            if let Some(value) = value {
                write!(written, ";{name}={}", encoded(value.as_bytes(), false))?;
            }
        }
        if let Some(id) = &self.id {
            write!(written, ";id={}", encoded(id, true))?;
        }
        if self.is_private {
            written += ";type=private";
        }
        write!(f, "pkcs11:{}", written.strip_prefix(';').unwrap_or(""))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(…)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// Why a text is no URI of a key that signs. None shows the value of an attribute, which may be a PIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It is of another scheme.
    #[error("it does not begin with `pkcs11:`")]
    Scheme,
    /// It is too long.
    #[error("it is longer than {LONGEST} bytes")]
    Long,
    /// Something between two delimiters is no attribute.
    #[error("attribute {0} of its {1} is not of the form name=value")]
    NotAnAttribute(usize, &'static str),
    /// An attribute of the path is not of the RFC.
    #[error("`{0}` in its path is no attribute of a key, a token, a slot or a library")]
    Unknown(String),
    /// An attribute stands twice.
    #[error("its attribute `{0}` stands there twice")]
    Twice(String),
    /// A percent sign is followed by something else than two hexadecimal digits.
    #[error("in its attribute `{0}`, a % is not followed by two hexadecimal digits")]
    Escape(String),
    /// A character may not stand there as it is.
    #[error("in its attribute `{0}`, character {1} of the value has to be percent-encoded")]
    Character(String, usize),
    /// What should be text is not.
    #[error("its attribute `{0}` is not UTF-8")]
    NotText(String),
    /// What should be a number is not.
    #[error("its attribute `{0}` is no such number")]
    Number(&'static str),
    /// The type is none of the RFC.
    #[error("its `type` is none of private, public, cert, secret-key and data")]
    Type,
    /// The type is of something that does not sign.
    #[error("it names an object of type {0}, and only a private key signs; write type=private")]
    NotPrivate(String),
    /// There are two places for one PIN.
    #[error("it has both pin-value and pin-source")]
    TwoPins,
    /// A program should be run for the PIN.
    #[error("its pin-source is a command, and none is run for a PIN; write the PIN into a file")]
    Command,
    /// The PIN is in no file that can be told.
    #[error("its pin-source is no file: write file: and an absolute path")]
    PinSource,
    /// A library's name is none.
    #[error("its module-name is no name of a library; module-path takes a path")]
    ModuleName,
    /// A library's path depends on where one stands.
    #[error("its module-path is not absolute")]
    ModulePath,
}

fn without_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// The attributes of a part of the URI; a part that is empty has none. Names are the same in either case
/// (RFC 5234, section 2.3).
fn attributes<'a>(
    part: &'a str,
    delimiter: char,
    what: &'static str,
) -> impl Iterator<Item = Result<(String, &'a str), UriError>> {
    let runs = part.split(delimiter).enumerate();
    runs.filter(|_| !part.is_empty())
        .map(move |(at, run)| match run.split_once('=') {
            Some((name, value)) if is_name(name) => Ok((name.to_ascii_lowercase(), value)),
            _ => Err(UriError::NotAnAttribute(at + 1, what)),
        })
}

fn is_name(text: &str) -> bool {
    let of_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(of_name)
}

fn put<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), UriError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(UriError::Twice(name.to_owned())),
    }
}

fn decode(name: &str, value: &str, may_stand: fn(u8) -> bool) -> Result<Vec<u8>, UriError> {
    let mut bytes = value.bytes().enumerate();
    let mut decoded = Vec::with_capacity(value.len());
    while let Some((at, byte)) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?.1).to_digit(16);
                let pair = digit().zip(digit());
                let byte = pair.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                byte.ok_or_else(|| UriError::Escape(name.to_owned()))?
            }
            byte if may_stand(byte) => byte,
            _ => return Err(UriError::Character(name.to_owned(), at + 1)),
        });
    }
    Ok(decoded)
}

fn as_text(name: &str, bytes: Vec<u8>) -> Result<String, UriError> {
    String::from_utf8(bytes).map_err(|_| UriError::NotText(name.to_owned()))
}

/// `unreserved` of RFC 3986, and `pk11-res-avail` of RFC 7512.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:[]@!$'()*+,=".contains(&byte)
}

fn is_of_path(byte: u8) -> bool {
    is_plain(byte) || byte == b'&'
}

fn is_of_query(byte: u8) -> bool {
    is_plain(byte) || b"/?|".contains(&byte)
}

fn encoded(bytes: &[u8], all: bool) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match is_of_path(byte) && !all {
            true => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            false => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    // `parse` would take a sign.
    let is_decimal = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_decimal)
}

/// `MAJOR[.MINOR]`, one byte each.
fn version(text: &str) -> Result<(u8, u8), UriError> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let both = number(major).zip(number(minor));
    both.ok_or(UriError::Number("library-version"))
}

/// The path of a `file:` URI (RFC 8089) on this machine.
fn pin_file(source: &str) -> Result<PathBuf, UriError> {
    if source.starts_with('|') {
        return Err(UriError::Command);
    }
    let rest = source.strip_prefix("file:").ok_or(UriError::PinSource)?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    // It was decoded once as an attribute, and is a URI itself.
    let path = decode("pin-source", path, |_| true)?;
    let path = as_text("pin-source", path)?;
    match Path::new(&path).is_absolute() && !path.starts_with("//") {
        true => Ok(PathBuf::from(path)),
        false => Err(UriError::PinSource),
    }
}

const SCHEME: &str = "pkcs11:";
const TYPES: [&str; 5] = ["private", "public", "cert", "secret-key", "data"];
/// Every attribute of the RFC at its longest, percent-encoded, and two paths.
const LONGEST: usize = 16 << 10;

#[cfg(test)]
mod tests;
