//! As much HTTP/1.1 as reading an API takes: one GET on a connection, within bounds.
//!
//! There is no way through here to send anything else: a path goes in, and the word GET stands in the one
//! place that writes a request. Redirects are not followed.

mod message;
mod server;
pub(crate) mod tls;

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};

pub(crate) use self::server::{Server, without_userinfo};
use crate::{Access, RequestError, discovery::json};

/// What can be asked of a cluster, so that who asks need not know how it is reached.
pub trait Api {
    /// The body of the answer to a GET of `path`, which begins with a slash and may have a query.
    ///
    /// # Errors
    ///
    /// [`RequestError`], for every answer but 200 as well.
    fn get(&self, path: &str, accept: Accept, limit: u64) -> Result<Vec<u8>, RequestError>;
}

/// In which form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Objects as they are.
    Json,
    /// Objects without all but their metadata, so that nothing else leaves the server
    /// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables>).
    Metadata,
    /// All groups and resources in one answer, where the server has it
    /// (<https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery>).
    Discovery,
}

impl Accept {
    fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Metadata => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Self::Discovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                 application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                 application/json"
            }
        }
    }
}

/// How long a server is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long everything may take that one client asks, with all pauses.
    pub whole: Duration,
    /// How long one answer may take, from the connection to its last byte.
    pub answer: Duration,
    /// How often a server that is busy or broken is asked.
    pub tries: u32,
    /// The pause before the second try; each one after it is twice as long.
    pub pause: Duration,
    /// The longest pause that a server can ask for.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            whole: Duration::from_secs(600),
            answer: Duration::from_secs(60),
            tries: 4,
            pause: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

/// A client of one API server.
pub struct Client {
    access: Access,
    patience: Patience,
    /// When nothing more is asked; a time that no clock shows is none.
    end: Option<Instant>,
}

impl Client {
    /// A client by this way.
    pub fn new(access: Access, patience: Patience) -> Self {
        Self {
            access,
            patience,
            end: Instant::now().checked_add(patience.whole),
        }
    }

    /// How much of the whole time is left.
    fn left(&self) -> Duration {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        self.end.map_or(Duration::MAX, left)
    }

    fn once(&self, path: &str, accept: Accept, limit: u64) -> Result<Answer, RequestError> {
        let deadline = Instant::now() + self.patience.answer.min(self.left());
        let mut socket = self.connect(deadline)?;
        if let Some(proxy) = &self.access.proxy {
            tunnel(&mut socket, proxy, &self.access.server)?;
        }
        match &self.access.tls {
            None => exchange(socket, &self.request(path, accept), limit),
            Some((config, name)) => {
                let connection = ClientConnection::new(Arc::clone(config), name.clone())
                    .map_err(|error| RequestError::Tls(error.to_string()))?;
                let stream = StreamOwned::new(connection, socket);
                exchange(stream, &self.request(path, accept), limit)
            }
        }
    }

    fn connect(&self, deadline: Instant) -> Result<Timed, RequestError> {
        let server = self.access.proxy.as_ref().unwrap_or(&self.access.server);
        let failed = |error: &dyn std::fmt::Display| {
            RequestError::Connection(format!("{}: {error}", server.authority()))
        };
        let addresses = (server.host.as_str(), server.port).to_socket_addrs();
        let mut last = None;
        for address in addresses.map_err(|error| failed(&error))? {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(RequestError::Timeout);
            }
            match TcpStream::connect_timeout(&address, left.min(CONNECT)) {
                Ok(socket) => return Ok(Timed { socket, deadline }),
                Err(error) => last = Some(error),
            }
        }
        Err(match last {
            Some(error) => failed(&error),
            None => failed(&"the name has no address"),
        })
    }

    fn request(&self, path: &str, accept: Accept) -> zeroize::Zeroizing<String> {
        use std::fmt::Write as _;

        let server = &self.access.server;
        let mut text = zeroize::Zeroizing::new(String::new());
        let _ = write!(
            text,
            "GET {}{path} HTTP/1.1\r\nHost: {}\r\nAccept: {}\r\nUser-Agent: casemate\r\nConnection: close\r\n",
            server.prefix,
            server.authority(),
            accept.header()
        );
        for (name, value) in &self.access.headers {
            let _ = write!(text, "{name}: {}\r\n", **value);
        }
        text.push_str("\r\n");
        text
    }
}

impl Api for Client {
    fn get(&self, path: &str, accept: Accept, limit: u64) -> Result<Vec<u8>, RequestError> {
        let is_plain =
            path.starts_with('/') && path.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if !is_plain {
            return Err(RequestError::Malformed(format!(
                "{path:?} is no path to ask for"
            )));
        }
        let mut pause = self.patience.pause;
        for left in (0..self.patience.tries.max(1)).rev() {
            if self.left().is_zero() {
                return Err(RequestError::Over(self.patience.whole));
            }
            let error = match self.once(path, accept, limit) {
                Ok(answer) => match answer.judged(&self.access) {
                    Ok(body) => return Ok(body),
                    Err((error, asked)) => {
                        pause = asked.unwrap_or(pause);
                        error
                    }
                },
                Err(error) => error,
            };
            if self.left().is_zero() {
                return Err(RequestError::Over(self.patience.whole));
            }
            if left == 0 || !is_passing(&error) || pause > self.patience.longest.min(self.left()) {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(self.patience.longest);
        }
        Err(RequestError::Timeout)
    }
}

/// Whether it may be otherwise the next time.
fn is_passing(error: &RequestError) -> bool {
    match error {
        RequestError::Connection(_) | RequestError::Truncated => true,
        RequestError::Status { code, .. } => *code == 429 || (500..600).contains(code),
        _ => false,
    }
}

/// A status with its body.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub code: u16,
    /// How long to wait before asking again.
    pub retry_after: Option<Duration>,
    /// Where it sends us.
    pub location: Option<String>,
    /// What it says, unframed.
    pub body: Vec<u8>,
}

impl Answer {
    /// One answer with a body of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`RequestError`] where it is no HTTP/1.1, longer, or has no end.
    pub fn read(reader: &mut impl BufRead, limit: u64) -> Result<Self, RequestError> {
        message::read(reader, limit)
    }

    /// The body, or why there is none that counts and when to ask again.
    fn judged(self, access: &Access) -> Result<Vec<u8>, (RequestError, Option<Duration>)> {
        let error = match (self.code, self.location) {
            (200, _) => return Ok(self.body),
            (300..400, Some(location)) => {
                RequestError::Redirect(told(&without_userinfo(&location), access))
            }
            (code, _) => RequestError::Status {
                code,
                message: said(&self.body, access),
            },
        };
        Err((error, self.retry_after))
    }
}

/// What a `Status` of Kubernetes says, in one line.
fn said(body: &[u8], access: &Access) -> String {
    let status = json(body).map(|(status, _)| status).unwrap_or_default();
    told(status["message"].as_str().unwrap_or_default(), access)
}

/// What a server says, in one line, without the credential that it may repeat. That is taken out before
/// the rest is cut, so that no part of it is left at the end. The names that are acted for are no secrets.
fn told(text: &str, access: &Access) -> String {
    let mut text = text.to_owned();
    let credentials = access.headers.iter();
    for (_, value) in credentials.filter(|(name, _)| *name == "Authorization") {
        let bare = value.strip_prefix("Bearer ").unwrap_or(value).trim();
        if !bare.is_empty() {
            text = text.replace(bare, "…");
        }
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE)
        .collect()
}

fn exchange(
    mut stream: impl Read + Write,
    request: &str,
    limit: u64,
) -> Result<Answer, RequestError> {
    stream.write_all(request.as_bytes()).map_err(broken)?;
    stream.flush().map_err(broken)?;
    Answer::read(&mut BufReader::new(stream), limit)
}

/// Asks a proxy for a way to the server (RFC 9110, section 9.3.6).
fn tunnel(socket: &mut Timed, proxy: &Server, server: &Server) -> Result<(), RequestError> {
    let authority = server.authority();
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    socket.write_all(request.as_bytes()).map_err(broken)?;
    let code = message::head_alone(socket)?;
    match code {
        200..300 => Ok(()),
        _ => Err(RequestError::Malformed(format!(
            "the proxy {} answers {code} instead of a way to {authority}",
            proxy.authority()
        ))),
    }
}

/// What an error of a socket means: TLS says what it has to say through one.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape `map_err` asks for"
)]
pub(crate) fn broken(error: io::Error) -> RequestError {
    let tls = error
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(error), _) => RequestError::Tls(error.to_string()),
        (_, io::ErrorKind::UnexpectedEof) => RequestError::Truncated,
        (_, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => RequestError::Timeout,
        _ => RequestError::Connection(error.to_string()),
    }
}

/// A socket that has until the deadline, however slowly its bytes come.
struct Timed {
    socket: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(buf)
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

const CONNECT: Duration = Duration::from_secs(10);
const MAX_MESSAGE: usize = 300;
