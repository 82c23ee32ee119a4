//! What can go wrong on the way to a cluster.

use std::{path::PathBuf, time::Duration};

/// Why there is no way to a cluster.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file that is needed cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// The kubeconfig is not what one should be.
    #[error("the kubeconfig: {0}")]
    Kubeconfig(String),
    /// The program that gives credentials gave none.
    #[error("the credential plugin {command}: {why}")]
    Plugin {
        /// What was run, or would have been.
        command: String,
        /// Why.
        why: String,
    },
    /// Keys, certificates or names that TLS cannot use.
    #[error("TLS to {server}: {why}")]
    Tls {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
}

/// Why one request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No connection, or one that broke.
    #[error("no connection to the API server: {0}")]
    Connection(String),
    /// The server is not who it should be, or does not want us.
    #[error("TLS: {0}")]
    Tls(String),
    /// It took too long.
    #[error("the API server did not answer in time")]
    Timeout,
    /// All of it took too long.
    #[error(
        "the {} seconds that the reading of the cluster may take are over, and nothing more was asked",
        .0.as_secs()
    )]
    Over(Duration),
    /// No HTTP, or none that we read.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
    /// The answer ends before its end.
    #[error("the answer is cut off")]
    Truncated,
    /// The answer is longer than what is read.
    #[error("the answer is longer than {0} bytes, which are not read")]
    TooLong(u64),
    /// The answer holds more values than are taken.
    #[error("the answer holds more than {0} values, which are not taken")]
    TooMany(usize),
    /// The server sends us elsewhere, where we do not go.
    #[error("the API server redirects to {0}, which is not followed; name that server instead")]
    Redirect(String),
    /// The server says no.
    #[error("{}{}", status_name(*code), detail(message))]
    Status {
        /// The status of HTTP.
        code: u16,
        /// What the server says of it.
        message: String,
    },
}

impl RequestError {
    /// The status of HTTP, where the server gave one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }
}

fn detail(message: &str) -> String {
    match message.is_empty() {
        true => String::new(),
        false => format!(": {message}"),
    }
}

fn status_name(code: u16) -> String {
    let name = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => return format!("status {code}"),
    };
    format!("{code} {name}")
}
