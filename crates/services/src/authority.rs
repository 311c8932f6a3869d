use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

/// A certificate authority, and what it signs: PEM files in a directory of its own.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
    count: AtomicUsize,
}

/// A certificate with its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate (PEM).
    pub certificate: PathBuf,
    /// Its key (PEM, PKCS #8).
    pub key: PathBuf,
}

impl Authority {
    /// One that nobody knows yet. `name` is in its certificate.
    ///
    /// # Panics
    /// When its files cannot be written.
    pub fn new(name: &str) -> Self {
        let dir = TempDir::with_prefix("palisade-authority-").expect("a temporary directory");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).expect("a file");
        Self { dir, issuer: Issuer::new(params, key), count: AtomicUsize::new(0) }
    }

    /// Its own certificate: what a client trusts.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for these host names and addresses, for a server or a client.
    ///
    /// # Panics
    /// When its files cannot be written.
    pub fn issue(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("names");
        params.distinguished_name.push(DnType::CommonName, names.concat());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str, text: String| -> PathBuf {
            let path = self.dir.path().join(format!("{number}-{kind}.pem"));
            std::fs::write(&path, text).expect("a file");
            path
        };
        Identity {
            certificate: file("certificate", certificate.pem()),
            key: file("key", key.serialize_pem()),
        }
    }
}

impl Identity {
    /// Key and certificate in one file, as Kafka's key stores in PEM are.
    pub(crate) fn write_together(&self, path: &Path) {
        let parts = [&self.key, &self.certificate];
        let text: String =
            parts.map(|part| std::fs::read_to_string(part).expect("an identity's file")).concat();
        std::fs::write(path, text).expect("a key store");
    }
}
