//! TLS and sign-in: what works, and what an operator reads when it does not.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use palisade_kafka::{KafkaConfig, SaslMechanism, Security};
use palisade_model::Priority;
use palisade_ports::log::{Append, Durability, Start, Topic};
use palisade_ports::{Log, PortError, PortResult};
use palisade_services::{Authority, Identity, Kafka, Listener, Shared};
use tempfile::NamedTempFile;

use crate::support::{config, open};

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);

const TOPIC: Topic = Topic::Requests(Priority::Interactive);

struct Secured {
    authority: Authority,
    kafka: Kafka,
    password: NamedTempFile,
}

impl Secured {
    fn start() -> Self {
        let authority = Authority::new("The broker's authority");
        let kafka = Kafka::secured(&authority);
        Self { authority, kafka, password: file(Kafka::PASSWORD) }
    }

    /// Settings that fit a listener.
    fn config(&self, listener: Listener) -> KafkaConfig {
        let mut config = config(self.kafka.secured_address(listener), 1);
        config.security = match listener {
            Listener::SaslPlaintext => Security::SaslPlaintext,
            Listener::SaslSsl => Security::SaslSsl,
            Listener::Ssl | Listener::MutualSsl | Listener::MisnamedSsl => Security::Ssl,
        };
        if config.security != Security::SaslPlaintext {
            config.ca_file = Some(self.authority.certificate());
        }
        if matches!(listener, Listener::SaslPlaintext | Listener::SaslSsl) {
            Kafka::USER.clone_into(&mut config.username);
            config.password_file = Some(self.password.path().to_owned());
        }
        config
    }
}

async fn secured() -> Arc<Secured> {
    static BROKER: Shared<Secured> = Shared::new();
    tokio::task::spawn_blocking(|| BROKER.get(Secured::start)).await.expect("a broker")
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    writeln!(file, "{text}").expect("written");
    file
}

fn record() -> Append {
    let payload = Bytes::from_static(b"a record");
    Append { topic: TOPIC, key: Bytes::from_static(b"key"), payload }
}

/// What is appended is delivered.
async fn works(config: &KafkaConfig) {
    let log = open(config);
    let done = async {
        log.append(vec![record()], Durability::Machine).await?;
        let mut subscription = log.subscribe("group", &[TOPIC], Start::Oldest).await?;
        let deliveries = subscription.next(1).await?;
        assert_eq!(deliveries[0].payload, record().payload);
        subscription.acknowledger().acknowledge(&deliveries[0].position);
        subscription.acknowledger().flush().await?;
        assert_eq!(log.backlog("group", &TOPIC).await?, 0);
        PortResult::Ok(())
    };
    let done = tokio::time::timeout(HANGS, done).await;
    done.expect("it hangs").unwrap_or_else(|error| panic!("{config:?}: {}", chain(&error)));
}

/// Every call ends with an error that has these words.
async fn refused(config: &KafkaConfig, words: &str) {
    // Where topics are made by somebody else, an append meets the broker by itself.
    let mut made = config.clone();
    made.topics.create_missing = false;
    made.append_timeout_ms = 3_000;
    let (log, other) = (open(config), open(&made));
    let calls = async {
        tokio::join!(
            log.append(vec![record()], Durability::Machine),
            other.append(vec![record()], Durability::Machine),
            async { log.subscribe("group", &[TOPIC], Start::Oldest).await.map(drop) },
            async { other.subscribe("group", &[TOPIC], Start::Newest).await.map(drop) },
            async { log.backlog("group", &TOPIC).await.map(drop) },
        )
    };
    let (one, two, three, four, five) =
        tokio::time::timeout(HANGS, calls).await.expect("a call hangs");
    let answers = [one, two, three, four, five].map(|answer| answer.expect_err("refused"));
    let all: Vec<String> = answers.iter().map(|error| chain(error)).collect();
    assert!(all.iter().all(|text| text.contains(words)), "{words:?} is not in all of {all:#?}");
    let unavailable = |error: &PortError| matches!(error, PortError::Unavailable { .. });
    assert!(answers.iter().all(unavailable), "{answers:?}");
}

/// As the server's log has it.
fn chain(error: &dyn Error) -> String {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn show(config: &mut KafkaConfig, identity: &Identity) {
    let Identity { certificate, key } = identity.clone();
    (config.certificate_file, config.key_file) = (Some(certificate), Some(key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls() {
    let secured = secured().await;
    let mut config = secured.config(Listener::Ssl);
    works(&config).await;
    // By its name, not its address.
    config = secured.config(Listener::Ssl);
    config.bootstrap = vec![config.bootstrap[0].replace("127.0.0.1", "localhost")];
    works(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_a_certificate_of_the_client() {
    let secured = secured().await;
    let mut config = secured.config(Listener::MutualSsl);
    show(&mut config, &secured.authority.issue(&["palisade"]));
    works(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sign_in() {
    let secured = secured().await;
    for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
        use SaslMechanism::{Plain, ScramSha256, ScramSha512};
        for mechanism in [ScramSha512, ScramSha256, Plain] {
            works(&KafkaConfig { mechanism, ..secured.config(listener) }).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password() {
    let secured = secured().await;
    let wrong = file("not-the-password");
    let password_file = Some(wrong.path().to_owned());
    let words = "the broker refuses the sign-in: see kafka.username, kafka.password_file and \
                 kafka.mechanism";
    let scram = secured.config(Listener::SaslSsl);
    let scram = KafkaConfig { password_file: password_file.clone(), ..scram };
    let plain = secured.config(Listener::SaslPlaintext);
    let plain = KafkaConfig { password_file, mechanism: SaslMechanism::Plain, ..plain };
    let mut stranger = secured.config(Listener::SaslSsl);
    "nobody".clone_into(&mut stranger.username);
    tokio::join!(refused(&scram, words), refused(&plain, words), refused(&stranger, words));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_trusted() {
    let secured = secured().await;
    let other = Authority::new("Another authority");
    let words = "the broker's certificate is not trusted: kafka.ca_file must hold the authority \
                 that signed it, and the certificate must name the host";
    let mut unknown = secured.config(Listener::Ssl);
    unknown.ca_file = Some(other.certificate());
    // The authorities of this system do not know it either.
    let system = KafkaConfig { ca_file: None, ..secured.config(Listener::SaslSsl) };
    let misnamed = secured.config(Listener::MisnamedSsl);
    tokio::join!(refused(&unknown, words), refused(&system, words), refused(&misnamed, words));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_certificate_of_the_client() {
    let secured = secured().await;
    let words = "the broker asks for a certificate of this client that it trusts: see \
                 kafka.certificate_file and kafka.key_file";
    let none = secured.config(Listener::MutualSsl);
    let mut stranger = secured.config(Listener::MutualSsl);
    let other = Authority::new("Another authority");
    show(&mut stranger, &other.issue(&["palisade"]));
    tokio::join!(refused(&none, words), refused(&stranger, words));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_protocol() {
    let secured = secured().await;
    let plain_to_tls = config(secured.kafka.secured_address(Listener::Ssl), 1);
    let mut tls_to_plain = secured.config(Listener::Ssl);
    tls_to_plain.bootstrap = vec![secured.kafka.address()];
    let plain_to_sasl = config(secured.kafka.secured_address(Listener::SaslPlaintext), 1);
    let mut sasl_to_plain = secured.config(Listener::SaslPlaintext);
    sasl_to_plain.bootstrap = vec![secured.kafka.address()];
    let perhaps_a_sign_in =
        "perhaps it speaks TLS there, or asks for a sign-in: see kafka.security";
    tokio::join!(
        refused(&plain_to_tls, perhaps_a_sign_in),
        refused(&tls_to_plain, "the broker seems to speak no TLS there: see kafka.security"),
        refused(&plain_to_sasl, perhaps_a_sign_in),
    );
    let mut sasl_to_tls = secured.config(Listener::SaslPlaintext);
    sasl_to_tls.bootstrap = vec![secured.kafka.secured_address(Listener::SaslSsl)];
    tokio::join!(
        refused(&sasl_to_plain, "the broker takes no such sign-in there: see kafka.security"),
        refused(&sasl_to_tls, "perhaps it speaks TLS there: see kafka.security"),
    );
}

/// A file that is there and holds something else is found when the client is made.
#[test]
fn a_file_that_is_no_certificate() {
    let nonsense = file("nonsense");
    let mut config = config("127.0.0.1:1".to_owned(), 1);
    config.security = Security::Ssl;
    let lost = Arc::new(|_: &Topic, _: u64| {});
    for change in [
        (|config, path| config.ca_file = Some(path)) as fn(&mut KafkaConfig, PathBuf),
        |config, path| {
            (config.certificate_file, config.key_file) = (Some(path.clone()), Some(path))
        },
    ] {
        let mut config = config.clone();
        change(&mut config, nonsense.path().to_owned());
        let error = palisade_kafka::KafkaLog::open(config, lost.clone()).err().expect("refused");
        let text = chain(&error);
        assert!(text.contains("location"), "{text}");
    }
}
