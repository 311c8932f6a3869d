use palisade_ports::PortError;

use crate::{WHAT, unavailable};

/// A request in vain, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{advice}")]
struct Refused {
    advice: &'static str,
    #[source]
    source: object_store::Error,
}

/// What the server says, as the port says it.
pub(crate) fn failed(error: object_store::Error) -> PortError {
    let text = words(&error);
    // The protocol has no code of its own for this: MinIO's and Ceph's, and the status of RFC 4918.
    let full = ["StorageFull", "QuotaExceeded", "507 Insufficient Storage"];
    if full.iter().any(|words| text.contains(words)) {
        return PortError::Full { what: WHAT };
    }
    match advice(&text) {
        Some(advice) => unavailable(Refused { advice, source: error }),
        None => unavailable(error),
    }
}

/// Whether an answer says that the object is not there: 404 is also for a bucket that is not, and with
/// some servers for an access key that nobody knows. An answer to `HEAD` does not say which.
pub(crate) fn is_absent(error: &object_store::Error) -> bool {
    let object_store::Error::NotFound { source, .. } = error else { return false };
    let text = source.to_string();
    !text.contains("<Code>") || text.contains("NoSuchKey")
}

/// The error with its sources: what the transport says stands in the innermost.
fn words(error: &object_store::Error) -> String {
    let first: &dyn std::error::Error = error;
    let sources = std::iter::successors(Some(first), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// By the protocol's codes and rustls's words, in the words of our settings. An answer to `HEAD` has no
/// code, only a status.
fn advice(text: &str) -> Option<&'static str> {
    let known = [
        (
            "SignatureDoesNotMatch",
            "the server refuses the signature: see s3.secret_key_file, and this machine's clock",
        ),
        ("InvalidAccessKeyId", "the server does not know the access key: see s3.access_key_id"),
        // Versity's gateway.
        ("XAdminUserNotFound", "the server does not know the access key: see s3.access_key_id"),
        ("RequestTimeTooSkewed", "this machine's clock is wrong"),
        ("NoSuchBucket", "there is no such bucket: make it, or see s3.bucket and s3.region"),
        (
            "UnknownIssuer",
            "the server's certificate is not signed by an authority that is trusted: set s3.ca_file \
             to the certificate of the one that signed it",
        ),
        (
            "certificate not valid for name",
            "the server's certificate does not name the host in s3.endpoint: use a name that it has",
        ),
        ("InvalidContentType", "the server seems to speak no TLS there: see s3.endpoint"),
        (
            "403 Forbidden",
            "the server refuses the request: see s3.access_key_id, s3.secret_key_file, and what the \
             key may do in the bucket",
        ),
    ];
    known.iter().find(|(words, _)| text.contains(words)).map(|(_, advice)| *advice)
}
