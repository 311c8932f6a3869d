//! `sslmode`, as libpq's documentation has it, with rustls.
//!
//! | mode | what it asks of the server |
//! |---|---|
//! | `disable` | nothing; no TLS |
//! | `prefer` | nothing; TLS where it is offered |
//! | `require` | TLS; with an authority named, as `verify-ca` |
//! | `verify-ca` | and a certificate by an authority that is trusted |
//! | `verify-full` | and the host's name in it |
//!
//! Two things differ: an authority that is named and no mode is `verify-full`, where libpq would go on
//! without TLS; and without an authority named the system's are meant. `allow` is not supported.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor as verify_chain;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::PostgresConfig;
use crate::session::{ConnectError, file};

/// What a connection asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn parse(text: &str) -> Result<Self, ConnectError> {
        Ok(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return Err(ConnectError::SslMode { found: text.to_owned() }),
        })
    }

    /// What the URL says and what the certificates say together; and the URL without it, because
    /// tokio-postgres knows three modes only.
    pub(crate) fn of(config: &PostgresConfig) -> Result<(Self, String), ConnectError> {
        let (found, url) = without_mode(&config.url);
        let mode = found.as_deref().map(Self::parse).transpose()?;
        let mode = match (mode, &config.ca_file) {
            (None, Some(_)) => Self::VerifyFull,
            (None, None) => Self::Prefer,
            (Some(Self::Require), Some(_)) => Self::VerifyCa,
            (Some(Self::Disable | Self::Prefer), Some(_)) => {
                return Err(ConnectError::NoEffect { mode: found.unwrap_or_default() });
            }
            (Some(mode), _) => mode,
        };
        Ok((mode, url))
    }

    pub(crate) fn negotiates(self) -> tokio_postgres::config::SslMode {
        match self {
            Self::Disable => tokio_postgres::config::SslMode::Disable,
            Self::Prefer => tokio_postgres::config::SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => {
                tokio_postgres::config::SslMode::Require
            }
        }
    }
}

/// The client's side of TLS in this mode.
pub(crate) fn connector(
    config: &PostgresConfig,
    mode: Mode,
) -> Result<MakeRustlsConnect, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let lenient = match mode {
        Mode::Disable | Mode::Prefer | Mode::Require => Lenient { provider, authorities: None },
        Mode::VerifyCa => {
            let authorities = Some(authorities(config.ca_file.as_deref())?);
            Lenient { provider, authorities }
        }
        Mode::VerifyFull => {
            let builder = builder.with_root_certificates(authorities(config.ca_file.as_deref())?);
            return Ok(MakeRustlsConnect::new(builder.with_no_client_auth()));
        }
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(lenient));
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

/// Those of a file, or the system's.
fn authorities(path: Option<&Path>) -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = path else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(ConnectError::NoAuthority) } else { Ok(roots) };
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| file(path, source))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(file(path, "there is no certificate in it (PEM)"));
    }
    Ok(roots)
}

/// Does not look at the host's name, and at the authority only where some are given: these modes of
/// libpq promise no more. The server still proves that it has the key of its certificate.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    authorities: Option<RootCertStore>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.authorities {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_chain(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The mode of a connection string, the last one where it stands twice, and the string without it.
fn without_mode(url: &str) -> (Option<String>, String) {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return without_mode_key(url);
    }
    // A password may have any character but this one.
    let start = url.find('@').map_or(0, |at| at + 1);
    let Some(at) = url[start..].find('?').map(|at| at + start) else {
        return (None, url.to_owned());
    };
    let mut mode = None;
    let kept: Vec<&str> = url[at + 1..]
        .split('&')
        .filter(|setting| match setting.strip_prefix("sslmode=") {
            Some(found) => {
                mode = Some(found.to_owned());
                false
            }
            None => true,
        })
        .collect();
    let mark = if kept.is_empty() { "" } else { "?" };
    (mode, format!("{}{mark}{}", &url[..at], kept.join("&")))
}

/// The same of `host=a user=b`. A value may stand in quotes, with `\` before what does not end it.
fn without_mode_key(text: &str) -> (Option<String>, String) {
    let (mut mode, mut kept) = (None, String::new());
    let mut rest = text.trim_start();
    while let Some((key, after)) = rest.split_once('=') {
        let value = after.trim_start();
        let length = length_of_value(value);
        let (found, next) = value.split_at(length);
        if key.trim() == "sslmode" {
            mode = Some(found.trim_matches('\'').to_owned());
        } else {
            kept.push_str(&format!("{}={found} ", key.trim()));
        }
        rest = next.trim_start();
    }
    // What is no setting is for the parser to complain of.
    kept.push_str(rest);
    (mode, kept.trim_end().to_owned())
}

fn length_of_value(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(usize::from(quoted)) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return at + 1,
            ' ' | '\t' | '\n' | '\r' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, ca_file: Option<&str>) -> Result<Mode, String> {
        let config = PostgresConfig {
            url: url.to_owned(),
            ca_file: ca_file.map(Into::into),
            ..PostgresConfig::default()
        };
        Mode::of(&config).map(|(mode, _)| mode).map_err(|error| error.to_string())
    }

    #[test]
    fn modes_are_libpqs() {
        assert_eq!(mode("postgres://h/d", None), Ok(Mode::Prefer));
        assert_eq!(mode("postgres://h/d?sslmode=disable", None), Ok(Mode::Disable));
        assert_eq!(mode("postgres://h/d?sslmode=require", None), Ok(Mode::Require));
        assert_eq!(mode("postgres://h/d?sslmode=require", Some("ca")), Ok(Mode::VerifyCa));
        assert_eq!(mode("postgres://h/d?sslmode=verify-ca", None), Ok(Mode::VerifyCa));
        assert_eq!(mode("host=h sslmode=verify-full", Some("ca")), Ok(Mode::VerifyFull));
    }

    #[test]
    fn an_authority_is_never_named_in_vain() {
        assert_eq!(mode("postgres://h/d", Some("ca")), Ok(Mode::VerifyFull));
        for weak in ["disable", "prefer"] {
            let error = mode(&format!("postgres://h/d?sslmode={weak}"), Some("ca"));
            let error = error.expect_err("refused");
            assert!(error.contains(&format!("has no effect with sslmode={weak}")), "{error}");
        }
    }

    #[test]
    fn other_modes_are_refused_by_name() {
        for unknown in ["allow", "verify_full", ""] {
            let error = mode(&format!("postgres://h/d?sslmode={unknown}"), None);
            assert!(error.expect_err("refused").contains(&format!("sslmode={unknown} ")));
        }
    }

    #[test]
    fn the_rest_of_the_string_stays() {
        let cases = [
            ("postgres://a:s?x=1@h/d?sslmode=require", Some("require"), "postgres://a:s?x=1@h/d"),
            (
                "postgresql://h/d?connect_timeout=3&sslmode=disable&sslmode=verify-ca&options=-c%20a",
                Some("verify-ca"),
                "postgresql://h/d?connect_timeout=3&options=-c%20a",
            ),
            (
                "postgres://h/d?application_name=sslmode",
                None,
                "postgres://h/d?application_name=sslmode",
            ),
            (
                r"host = h password='a sslmode=disable \' b' sslmode = 'require' user=me",
                Some("require"),
                r"host=h password='a sslmode=disable \' b' user=me",
            ),
            ("host=h nonsense", None, "host=h nonsense"),
        ];
        for (url, mode, rest) in cases {
            assert_eq!(without_mode(url), (mode.map(str::to_owned), rest.to_owned()), "{url}");
        }
    }
}
