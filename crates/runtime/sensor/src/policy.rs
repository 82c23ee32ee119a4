//! What is protected, and from whom.
//!
//! ```toml
//! [[protect]]
//! name      = "llm-weights"
//! paths     = ["/srv/models"]            # files and folders
//! allow     = ["/opt/serve/bin/server"]  # programs that may open them
//! libraries = ["/usr/lib"]               # what those may map to execute it
//! egress    = ["10.0.0.0/8:443"]         # whom they may call
//! signed    = "/etc/casemate/trust.toml" # whose models those may open
//! mode      = "enforce"
//! ```

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    str::FromStr,
};

use casemate_core::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Blocks;

/// What is protected. Blocks are known by their order: see [`Blocks`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What is protected, a block each.
    #[serde(default)]
    pub protect: Vec<Protect>,
}

/// Files, and the programs that may open them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Protect {
    /// What events call it.
    pub name: String,
    /// The files and folders, by absolute paths. A folder stands for everything in it, also what comes later.
    pub paths: Vec<PathBuf>,
    /// The programs that may open them.
    pub allow: Vec<Program>,
    /// Files and folders that those programs may map to execute them; the system's own libraries where it is not said.
    #[serde(default)]
    pub libraries: Option<Vec<PathBuf>>,
    /// Whom those programs, and what they start, may call: an address or a network, and a port where one is meant. Anybody where
    /// it is not said, but for the services of clouds that give out credentials (169.254.169.254 and its like).
    #[serde(default)]
    pub egress: Option<Vec<Peer>>,
    /// A trust store. Allowed programs open a file only if it is part of a model that is signed (OpenSSF Model Signing, `model.sig`
    /// in its folder) by whom the store trusts, and was not changed since that was verified.
    #[serde(default)]
    pub signed: Option<PathBuf>,
    /// Whether others are denied, or told of.
    #[serde(default)]
    pub mode: Mode,
}

/// A program that is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Program {
    /// The file that is at a path when the policy is loaded.
    Path(PathBuf),
    /// That file, if it has this digest.
    Pinned {
        /// Where it is.
        path: PathBuf,
        /// What is in it: 64 hexadecimal digits.
        sha256: Sha256,
    },
}

impl Program {
    /// Where it is.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Path(path) | Self::Pinned { path, .. } => path,
        }
    }

    /// What has to be in it.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Path(_) => None,
            Self::Pinned { sha256, .. } => Some(sha256.0),
        }
    }
}

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(#[schemars(with = "String")] pub Digest);

impl TryFrom<String> for Sha256 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        format!("sha256:{text}")
            .parse()
            .map(Self)
            .map_err(|error| format!("{text:?} is no SHA-256 digest: {error}"))
    }
}

impl From<Sha256> for String {
    fn from(it: Sha256) -> Self {
        let text = it.0.to_string();
        text.trim_start_matches("sha256:").to_owned()
    }
}

/// What happens to those who are not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They are told of.
    #[default]
    Audit,
    /// They are denied as well, where the sensor is started to enforce.
    Enforce,
}

/// Addresses that may be called: `10.0.0.0/8:443`, `192.0.2.7`, `[2001:db8::/32]:443`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Peer {
    /// The first address, IPv4 as `::ffff:a.b.c.d`.
    #[schemars(with = "String")]
    pub address: Ipv6Addr,
    /// How many bits of it matter, of 128.
    pub bits: u8,
    /// The port; any where it is not said.
    pub port: Option<u16>,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| {
            format!(
                "{text:?} is no address to call: {why}; write 10.0.0.0/8:443 or [2001:db8::/32]:443"
            )
        };
        let (network, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (network, port) = rest
                    .split_once(']')
                    .ok_or_else(|| wrong("a bracket is not closed"))?;
                (
                    network,
                    port.strip_prefix(':').or((!port.is_empty()).then_some("")),
                )
            }
            // More than one colon: an address of version 6 without a port.
            None => match text.split_once(':') {
                Some((network, port)) if !port.contains(':') => (network, Some(port)),
                _ => (text, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port != 0 => Some(port),
            Some(_) => return Err(wrong("a port is a number from 1 to 65535")),
        };
        let (address, bits) = network
            .split_once('/')
            .map_or((network, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address
            .parse()
            .map_err(|_| wrong("what stands before the port is no address"))?;
        let (address, before) = match address {
            IpAddr::V4(it) => (it.to_ipv6_mapped(), 96),
            IpAddr::V6(it) => (it, 0),
        };
        let bits = match bits.map(str::parse::<u8>) {
            None => 128,
            Some(Ok(bits)) if bits <= 128 - before => bits + before,
            Some(_) => return Err(wrong("what stands behind the slash is no number of bits")),
        };
        let address = u128::from(address);
        let rest = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
        if address & rest != 0 {
            return Err(wrong("bits of the address are set that do not matter"));
        }
        Ok(Self {
            address: address.into(),
            bits,
            port,
        })
    }
}

impl TryFrom<String> for Peer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Peer> for String {
    fn from(it: Peer) -> Self {
        it.to_string()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address.to_ipv4_mapped(), self.port) {
            (Some(it), _) if self.bits >= 96 => {
                write!(f, "{it}/{}", self.bits - 96)?;
                self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            (_, Some(port)) => write!(f, "[{}/{}]:{port}", self.address, self.bits),
            (_, None) => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

impl Peer {
    /// Whether every address of `other` is one of these.
    pub fn has(&self, other: &Self) -> bool {
        let rest = |bits: u8| u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
        let is_within = u128::from(other.address) & !rest(self.bits) == u128::from(self.address);
        self.bits <= other.bits && is_within && (self.port.is_none() || self.port == other.port)
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is no TOML, or not of this form.
    #[error("{0}")]
    Syntax(String),
    /// There are too many blocks.
    #[error("there are {0} blocks of `protect`; {max} at most", max = Blocks::MAX)]
    TooMany(usize),
    /// Two blocks have one name.
    #[error("two blocks of `protect` are called {0:?}: events could not tell them apart")]
    Twice(String),
    /// A block has something that is nothing.
    #[error("block {name:?}: {message}")]
    Block {
        /// The block.
        name: String,
        /// What is wrong, and what to do.
        message: String,
    },
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let policy: Self =
            toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        if policy.protect.len() > Blocks::MAX {
            return Err(PolicyError::TooMany(policy.protect.len()));
        }
        let mut names = BTreeSet::new();
        for block in &policy.protect {
            if !names.insert(&block.name) {
                return Err(PolicyError::Twice(block.name.clone()));
            }
            block.check().map_err(|message| PolicyError::Block {
                name: block.name.clone(),
                message,
            })?;
        }
        Ok(policy)
    }
}

impl Protect {
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        if self.paths.is_empty() {
            return Err("`paths` is empty: nothing would be protected".to_owned());
        }
        let libraries = self.libraries.iter().flatten();
        let programs = self.allow.iter().map(Program::path);
        for path in self
            .paths
            .iter()
            .chain(programs)
            .chain(libraries)
            .chain(&self.signed)
        {
            if !path.is_absolute() {
                return Err(format!("{} is no absolute path", path.display()));
            }
        }
        let is_system = |it: &&PathBuf| SYSTEM.iter().any(|path| it.as_path() == Path::new(path));
        if let Some(path) = self.paths.iter().find(is_system) {
            return Err(format!(
                "{} is what the machine runs from: nothing could be started any more; name a folder of models",
                path.display()
            ));
        }
        Ok(())
    }
}

/// What nobody may protect: whoever starts a program opens what is in there.
const SYSTEM: &[&str] = &[
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys",
    "/usr", "/var",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_policy_is_read() {
        let text = r#"
            [[protect]]
            name = "weights"
            paths = ["/srv/models"]
            allow = ["/opt/serve", { path = "/opt/copy", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }]
            egress = ["10.0.0.0/8:443", "2001:db8::1"]
            mode = "enforce"
        "#;
        let policy: Policy = text.parse().expect("a policy");
        let block = &policy.protect[0];
        assert_eq!(block.mode, Mode::Enforce);
        assert_eq!(block.allow[1].path(), &PathBuf::from("/opt/copy"));
        assert!(block.allow[1].digest().is_some() && block.libraries.is_none());
        let again = toml::to_string(&policy).expect("writes");
        assert_eq!(again.parse(), Ok(policy));
    }

    #[test]
    fn what_is_no_policy_says_what_to_do() {
        let of = |rest: &str| {
            let text = format!("[[protect]]\nname = 'a'\npaths = ['/a']\nallow = []\n{rest}");
            text.parse::<Policy>().expect_err("no policy").to_string()
        };
        assert!(of("alow = []").contains("unknown field `alow`"));
        assert!(of("egress = ['10.0.0.1/8']").contains("do not matter"));
        assert!(of("egress = ['example.org:443']").contains("no address"));
        assert!(of("libraries = ['lib']").contains("no absolute path"));
        assert!(of("mode = 'deny'").contains("audit"));
        assert!(of("[[protect]]\nname = 'a'\npaths = ['/b']\nallow = []").contains("two blocks"));
        let system = |path: &str| {
            format!("[[protect]]\nname = 'a'\npaths = ['{path}']\nallow = []").parse::<Policy>()
        };
        assert!(system("/").is_err() && system("/usr").is_err() && system("/srv/models").is_ok());
        let many = |count: usize| {
            let block = |at| format!("[[protect]]\nname = '{at}'\npaths = ['/a']\nallow = []\n");
            (0..count).map(block).collect::<String>().parse::<Policy>()
        };
        assert!(many(64).is_ok());
        assert_eq!(many(65), Err(PolicyError::TooMany(65)));
    }

    #[test]
    fn a_peer_has_what_is_within() {
        let peer = |text: &str| text.parse::<Peer>().expect("a peer");
        assert!(peer("10.0.0.0/8").has(&peer("10.1.0.0/16:443")));
        assert!(!peer("10.0.0.0/8:80").has(&peer("10.1.0.0/16:443")));
        assert!(!peer("10.1.0.0/16").has(&peer("10.0.0.0/8")));
        assert!(peer("::/0").has(&peer("10.0.0.0/8")));
    }

    proptest! {
        #[test]
        fn a_peer_is_written_as_it_is_read(address: u128, bits in 0_u8..=128, port in prop::option::of(1_u16..)) {
            let rest = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
            let peer = Peer { address: (address & !rest).into(), bits, port };
            prop_assert_eq!(peer.to_string().parse(), Ok(peer));
        }

        #[test]
        fn no_text_panics(text in "[0-9a-f:.\\[\\]/]{0,30}") {
            let _ = text.parse::<Peer>();
        }
    }
}
