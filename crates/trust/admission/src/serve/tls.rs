//! The certificate, and the next one in its place.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use casemate_core::{Digest, Hasher};
use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::interval,
};

use super::{ServeError, Told};
use crate::{Metrics, file};

/// A certificate with its key, from two files that somebody replaces from time to time. Who has begun to ask keeps the one that he
/// was shown; who asks anew gets the new one.
#[derive(Debug)]
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// What was tried last, so that what cannot be used is told once.
    tried: Mutex<Digest>,
}

impl Certificates {
    /// The certificate of these files, in PEM: the leaf first, and then those who issued it.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, ServeError> {
        let (bytes, digest) = read(cert, key)?;
        let current =
            certified(&bytes).map_err(|why| ServeError::Certificate(cert.to_owned(), why))?;
        Ok(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Arc::new(current)),
            tried: Mutex::new(digest),
        })
    }

    /// Takes what the files have now, if that is something else. While one of them is old and the other new they do not fit, and
    /// nothing changes.
    ///
    /// # Errors
    ///
    /// Why the new one cannot be used: the one before stays. The same files are not told of twice.
    pub fn renew(&self) -> Result<bool, ServeError> {
        let (bytes, digest) = read(&self.cert, &self.key)?;
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if *tried == digest {
            return Ok(false);
        }
        *tried = digest;
        let next =
            certified(&bytes).map_err(|why| ServeError::Certificate(self.cert.clone(), why))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(true)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// How the server speaks TLS: 1.2 or 1.3, and HTTP/1.1 in it.
pub(super) fn config(certificates: Arc<Certificates>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions")
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// Looks at the files every now and then, and at once on SIGHUP.
pub(super) async fn renew(certificates: Arc<Certificates>, metrics: Arc<Metrics>, told: Told) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    let mut clock = interval(EVERY);
    clock.tick().await;
    // A file that is not there is told of once.
    let mut last = None;
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            _ = hangup.recv() => {}
        }
        let certificates = Arc::clone(&certificates);
        match tokio::task::spawn_blocking(move || certificates.renew()).await {
            Ok(Ok(false)) | Err(_) => {}
            Ok(Ok(true)) => {
                metrics.certificates_loaded.add(1);
                told("the certificate was replaced");
                last = None;
            }
            Ok(Err(error)) => {
                let text = format!("the certificate stays as it was: {error}");
                if last.as_ref() != Some(&text) {
                    metrics.certificates_refused.add(1);
                    told(&text);
                }
                last = Some(text);
            }
        }
    }
}

/// What the files have, and its digest.
fn read(cert: &Path, key: &Path) -> Result<([Vec<u8>; 2], Digest), ServeError> {
    let of = |path: &Path| {
        let bytes = file::read(path, MAX_FILE);
        bytes.map_err(|error: io::Error| ServeError::Read(path.to_owned(), error))
    };
    let bytes = [of(cert)?, of(key)?];
    let mut hasher = Hasher::default();
    bytes.iter().for_each(|it| {
        hasher.part(it);
    });
    Ok((bytes, hasher.finish()))
}

fn certified([cert, key]: &[Vec<u8>; 2]) -> Result<CertifiedKey, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
    let chain = chain.map_err(|error| format!("the certificate is no PEM: {error}"))?;
    if chain.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| format!("the key is no private key in PEM: {error}"))?;
    let key = ring::sign::any_supported_type(&key)
        .map_err(|error| format!("the key cannot be used: {error}"))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(format!("the key is not that of the certificate: {error}")),
    }
}

/// Kubelets replace the files of a Secret about once a minute.
const EVERY: Duration = Duration::from_secs(10);

const MAX_FILE: u64 = 1 << 20;
