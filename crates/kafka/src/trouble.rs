//! Why a broker is not reached. What a call answers is `Local: Timed out`, whether the broker is away, a
//! password is wrong or a certificate is not to be trusted: librdkafka tries again in all these cases, and
//! tells the reason in its log alone.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_ports::PortError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Security, lock, unavailable};

/// An older reason is not one any more. librdkafka repeats the same one after half a minute.
const RECENT: Duration = Duration::from_secs(60);

/// The longest reason.
const LONGEST: usize = 1024;

/// The last reason, shared by all clients of a log.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    last: Arc<Mutex<Option<(Instant, String)>>>,
    security: Security,
}

/// A call in vain, with the reason.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
struct Unreached {
    reason: String,
    #[source]
    source: KafkaError,
}

impl Trouble {
    pub(crate) fn new(security: Security) -> Self {
        Self { last: Arc::default(), security }
    }

    /// Remembers a line of librdkafka's log, if it tells why a connection failed.
    pub(crate) fn note(&self, facility: &str, text: &str) {
        if facility == "FAIL" {
            *lock(&self.last) = Some((Instant::now(), self.in_our_words(text)));
        }
    }

    /// The error of a call, with the reason where the error has none.
    pub(crate) fn explain(&self, error: KafkaError) -> PortError {
        match self.reason() {
            Some(reason) if is_unreached(&error) => {
                unavailable(Unreached { reason, source: error })
            }
            _ => unavailable(error),
        }
    }

    /// Why a broker was not reached in the last minute.
    pub(crate) fn reason(&self) -> Option<String> {
        let known = lock(&self.last).clone().filter(|(at, _)| at.elapsed() < RECENT);
        known.map(|(_, reason)| reason)
    }

    /// What to do, and librdkafka's line without the name of its thread.
    fn in_our_words(&self, text: &str) -> String {
        let thread = text.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: "));
        let text = thread.map_or(text, |(_, rest)| rest);
        let text: String = text.chars().take(LONGEST).collect();
        match advice(self.security, &text) {
            Some(advice) => format!("{advice} ({text})"),
            None => text,
        }
    }
}

/// Errors by which librdkafka says that it could not talk to a broker, in time or at all.
fn is_unreached(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::AdminOp(code) => Some(*code),
        error => error.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(
            RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::MessageTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::TimedOutQueue
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::Resolve
        )
    )
}

/// In the words of our settings.
fn advice(security: Security, text: &str) -> Option<&'static str> {
    let has = |words: &str| text.contains(words);
    if has("certificate verify failed") {
        return Some(
            "the broker's certificate is not trusted: kafka.ca_file must hold the authority that \
             signed it, and the certificate must name the host by which the broker is reached",
        );
    }
    // Java's TLS answers a missing certificate with `bad_certificate`, others with
    // `certificate_required` (RFC 8446, 6.2).
    if has(" alert ") && (has("certificate") || has("unknown ca") || has("handshake failure")) {
        return Some(
            "the broker asks for a certificate of this client that it trusts: see \
             kafka.certificate_file and kafka.key_file",
        );
    }
    // A broker that cannot make sense of what it reads closes the connection. What librdkafka says
    // of it depends on whether it was reading or writing then, and on what had not been read; the state
    // is always there.
    let closed = ["Disconnected", "Broken pipe", "Connection reset"].into_iter().any(has);
    let closed_in = |state: &str| closed && has(&format!("in state {state}"));
    if has("SASL authentication error") || has("Authentication failed") || closed_in("AUTH_REQ") {
        return Some(
            "the broker refuses the sign-in: see kafka.username, kafka.password_file and \
             kafka.mechanism",
        );
    }
    if has("mechanism handshake failed") || closed_in("AUTH_HANDSHAKE") {
        return Some(
            "the broker takes no such sign-in there: see kafka.security and kafka.mechanism",
        );
    }
    if has("SSL handshake failed") || closed_in("SSL_HANDSHAKE") {
        return Some("the broker seems to speak no TLS there: see kafka.security");
    }
    match security {
        Security::Plaintext if closed => Some(
            "the broker closes the connection; perhaps it speaks TLS there, or asks for a sign-in: see \
             kafka.security",
        ),
        Security::SaslPlaintext if closed => Some(
            "the broker closes the connection; perhaps it speaks TLS there: see kafka.security",
        ),
        // In TLS 1.3 the client is through before the server has looked at its certificate, and the
        // alert is lost where the connection is reset.
        Security::Ssl if closed_in("APIVERSION_QUERY") => Some(
            "the broker closes the connection; perhaps the broker asks for a certificate of this client \
             that it trusts: see kafka.certificate_file and kafka.key_file",
        ),
        _ => None,
    }
}
