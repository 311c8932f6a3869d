use palisade_ports::PortError;
use rustls::CertificateError;
use tokio_postgres::error::{Error, SqlState};

use crate::WHAT;

/// Words of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Words(pub(crate) String);

pub(crate) fn unavailable(
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> PortError {
    PortError::Unavailable { what: WHAT, source: source.into() }
}

pub(crate) fn corrupt(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::Corrupt { what: WHAT, source: source.into() }
}

/// What PostgreSQL says, as the port says it.
pub(crate) fn failed(error: Error) -> PortError {
    match error.code() {
        Some(&SqlState::DISK_FULL) => PortError::Full { what: WHAT },
        Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => corrupt(error),
        _ => unavailable(error),
    }
}

/// A connection that was not made, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{advice}")]
struct NotConnected {
    advice: &'static str,
    #[source]
    source: Error,
}

/// Why there is no connection, in the words of our settings.
pub(crate) fn not_connected(error: Error) -> PortError {
    match advice(&error) {
        Some(advice) => unavailable(NotConnected { advice, source: error }),
        None => failed(error),
    }
}

fn advice(error: &Error) -> Option<&'static str> {
    if let Some(certificate) = refused_certificate(error) {
        return Some(match certificate {
            CertificateError::UnknownIssuer => {
                "the server's certificate is not signed by an authority that is trusted: set \
                 postgres.ca_file to the certificate of the one that signed it"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate does not name the host in postgres.url: use a name that it \
                 has, or give the server another certificate"
            }
            _ => "the server's certificate is not valid",
        });
    }
    if let Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) =
        error.code()
    {
        return Some(
            "the server refuses the sign-in: see the user in postgres.url, postgres.password_file, and \
             pg_hba.conf on the server",
        );
    }
    match std::error::Error::source(error)?.to_string().as_str() {
        "server does not support TLS" => Some(
            "the server offers no TLS, and sslmode in postgres.url asks for it: set ssl = on in \
             postgresql.conf",
        ),
        "password missing" => Some("the server asks for a password: set postgres.password_file"),
        _ => None,
    }
}

/// What rustls found, which is inside an error of input and output.
fn refused_certificate(error: &Error) -> Option<&CertificateError> {
    let source = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    match source.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(found) => Some(found),
        _ => None,
    }
}
