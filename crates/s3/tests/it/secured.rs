//! TLS, encryption, hosts of buckets: what works, and what an operator reads when it does not.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use palisade_model::Sha256;
use palisade_ports::{Objects, PortError, PortResult};
use palisade_s3::{Encryption, S3Config, S3Objects};
use palisade_services::{Authority, S3, Shared};
use tempfile::NamedTempFile;

use crate::recorder::Recorder;

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(30);

const NAME: Sha256 = Sha256([5; 32]);
const BYTES: &[u8] = b"bytes of an artifact";

struct Secured {
    authority: Authority,
    /// Its certificate names `localhost`, and not `127.0.0.1`.
    s3: S3,
    secret: NamedTempFile,
}

impl Secured {
    fn start() -> Self {
        let authority = Authority::new("The object store's authority");
        let s3 = S3::secured(&authority.issue(&["localhost"]));
        Self { authority, s3, secret: file(S3::SECRET_KEY) }
    }

    fn config(&self) -> S3Config {
        let endpoint = format!("https://localhost:{}", self.s3.port());
        let ca_file = Some(self.authority.certificate());
        S3Config { ca_file, allow_http: false, ..config(endpoint, &self.secret) }
    }
}

fn config(endpoint: String, secret: &NamedTempFile) -> S3Config {
    S3Config {
        bucket: S3::BUCKET.to_owned(),
        endpoint: Some(endpoint),
        region: Some("us-east-1".to_owned()),
        allow_http: true,
        access_key_id: Some(S3::ACCESS_KEY.to_owned()),
        secret_key_file: Some(secret.path().to_owned()),
        timeout_ms: 3_000,
        ..S3Config::default()
    }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    writeln!(file, "{text}").expect("written");
    file
}

async fn secured() -> Arc<Secured> {
    static SERVER: Shared<Secured> = Shared::new();
    tokio::task::spawn_blocking(|| SERVER.get(Secured::start)).await.expect("a server")
}

async fn plain(start: fn() -> S3) -> S3 {
    tokio::task::spawn_blocking(start).await.expect("a server")
}

async fn store(objects: &S3Objects, name: Sha256) -> PortResult<()> {
    let mut writer = objects.writer().await?;
    writer.write(Bytes::from_static(BYTES)).await?;
    writer.commit(name).await
}

async fn load(objects: &S3Objects, name: Sha256) -> PortResult<Option<Vec<u8>>> {
    let Some(object) = objects.open(name).await? else { return Ok(None) };
    let pieces: Vec<Bytes> = object.body.try_collect().await?;
    Ok(Some(pieces.concat()))
}

/// What is stored is there, and is used.
async fn works(config: &S3Config) {
    let objects = S3Objects::new(config).expect("settings");
    let done = async {
        store(&objects, NAME).await?;
        assert_eq!(load(&objects, NAME).await?.as_deref(), Some(BYTES));
        assert!(objects.touch(NAME).await?);
        PortResult::Ok(())
    };
    let done = tokio::time::timeout(HANGS, done).await;
    done.expect("it hangs").unwrap_or_else(|error| panic!("{}", chain(&error)));
}

/// Every call ends with an error that has these words.
async fn refused(config: &S3Config, words: &str) {
    let objects = S3Objects::new(config).expect("settings");
    let calls = async {
        tokio::join!(store(&objects, NAME), async { load(&objects, NAME).await.map(drop) }, async {
            objects.touch(NAME).await.map(drop)
        },)
    };
    let (one, two, three) = tokio::time::timeout(HANGS, calls).await.expect("a call hangs");
    for (call, answer) in [one, two, three].into_iter().enumerate() {
        let Err(error) = answer else { panic!("call {call} was not refused") };
        assert!(matches!(error, PortError::Unavailable { .. }), "call {call}: {error:?}");
        let text = chain(&error);
        assert!(text.contains(words), "call {call}: {text}");
    }
}

/// Those whose answers have a body.
async fn refused_whole(config: &S3Config, words: &str) {
    let objects = S3Objects::new(config).expect("settings");
    let stored = store(&objects, NAME).await;
    let loaded = load(&objects, NAME).await.map(drop);
    for answer in [stored, loaded] {
        let text = chain(&answer.expect_err("refused"));
        assert!(text.contains(words), "{text}");
    }
}

/// As the server's log has it.
fn chain(error: &dyn Error) -> String {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls() {
    let secured = secured().await;
    works(&secured.config()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_trusted() {
    let secured = secured().await;
    let words = "the server's certificate is not signed by an authority that is trusted: set \
                 s3.ca_file";
    let other = Authority::new("Another authority");
    refused(&S3Config { ca_file: Some(other.certificate()), ..secured.config() }, words).await;
    refused(&S3Config { ca_file: None, ..secured.config() }, words).await;
    let words = "the server's certificate does not name the host in s3.endpoint";
    refused(&S3Config { endpoint: Some(secured.s3.endpoint()), ..secured.config() }, words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_where_there_is_none() {
    let s3 = plain(S3::start).await;
    let secret = file(S3::SECRET_KEY);
    let config = config(s3.endpoint().replace("http://", "https://"), &secret);
    refused(&config, "the server seems to speak no TLS there: see s3.endpoint").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret() {
    let secured = secured().await;
    let wrong = file("not-the-secret");
    let config = S3Config { secret_key_file: Some(wrong.path().to_owned()), ..secured.config() };
    refused(&config, "the server refuses the").await;
    refused_whole(&config, "the server refuses the signature: see s3.secret_key_file").await;
}

/// Neither is an object that is not there, though the server's status is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_key_and_an_unknown_bucket() {
    let secured = secured().await;
    let config = S3Config { access_key_id: Some("nobody".to_owned()), ..secured.config() };
    refused_whole(&config, "the server does not know the access key: see s3.access_key_id").await;
    let config = S3Config { bucket: "nowhere".to_owned(), ..secured.config() };
    refused_whole(&config, "there is no such bucket: make it, or see s3.bucket").await;
}

/// The bucket's name in front of the host's. `127.0.0.1` as the bucket `127` of the host `0.0.1` needs no
/// name server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_in_the_hosts_name() {
    let s3 = plain(|| S3::virtual_hosted("0.0.1")).await;
    s3.make_bucket("127");
    let secret = file(S3::SECRET_KEY);
    let recorder = Recorder::before(s3.port());
    let config = S3Config {
        bucket: "127".to_owned(),
        virtual_hosted: true,
        ..config(format!("http://0.0.1:{}", recorder.port()), &secret)
    };
    works(&config).await;
    let key = format!("/objects/05/{NAME}");
    let requests = recorder.requests();
    assert!(!requests.is_empty());
    let of_object: Vec<_> = requests.iter().filter(|one| one.target.starts_with(&key)).collect();
    assert!(of_object.iter().any(|one| one.method == "PUT"), "{requests:?}");
    for request in &requests {
        assert!(!request.target.starts_with("/127/"), "{request:?}");
        let host = format!("127.0.0.1:{}", recorder.port());
        assert_eq!(request.header("host"), Some(host.as_str()), "{request:?}");
    }
    // The host `localhost` is in no domain, so there the bucket is in the path.
    let in_path = S3Config {
        virtual_hosted: false,
        endpoint: Some(format!("http://localhost:{}", s3.port())),
        ..config
    };
    let objects = S3Objects::new(&in_path).expect("settings");
    assert_eq!(load(&objects, NAME).await.expect("open").as_deref(), Some(BYTES));
}

/// What goes over the wire for whole artifacts, for those in parts, and for marks.
async fn encrypted(change: fn(&mut S3Config), expected: &[(&str, Option<&str>)]) {
    let s3 = plain(S3::start).await;
    let secret = file(S3::SECRET_KEY);
    let recorder = Recorder::before(s3.port());
    let mut config = config(format!("http://127.0.0.1:{}", recorder.port()), &secret);
    config.note_use_minutes = 0;
    change(&mut config);
    works(&config).await;
    config.memory_bytes = 1;
    let objects = S3Objects::new(&config).expect("settings");
    store(&objects, Sha256([6; 32])).await.expect("in parts");
    let requests = recorder.requests();
    let makes = |method: &str, words: &str| {
        requests
            .iter()
            .filter(|one| one.method == method && one.target.contains(words))
            .collect::<Vec<_>>()
    };
    let whole = makes("PUT", &format!("/objects/05/{NAME}"));
    let in_parts = makes("POST", "?uploads");
    let marks = makes("PUT", "/uses/");
    for (what, found) in [("whole", whole), ("in parts", in_parts), ("a mark", marks)] {
        assert!(!found.is_empty(), "{what}: {requests:?}");
        for request in found {
            for (name, value) in expected {
                assert_eq!(request.header(name), *value, "{what}: {request:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_is_asked_for() {
    let kind = "x-amz-server-side-encryption";
    let key = "x-amz-server-side-encryption-aws-kms-key-id";
    encrypted(|_| {}, &[(kind, None), (key, None)]).await;
    let change = |config: &mut S3Config| config.encryption = Encryption::S3;
    encrypted(change, &[(kind, Some("AES256")), (key, None)]).await;
    let change = |config: &mut S3Config| {
        config.encryption = Encryption::Kms;
        config.kms_key = Some("a-key".to_owned());
    };
    encrypted(change, &[(kind, Some("aws:kms")), (key, Some("a-key"))]).await;
}

fn settings_refused(change: impl Fn(&mut S3Config)) -> String {
    let secret = file("a secret");
    let mut config = config("http://127.0.0.1:1".to_owned(), &secret);
    change(&mut config);
    chain(&S3Objects::new(&config).err().expect("refused"))
}

#[test]
fn settings_that_would_not_do_what_they_say() {
    let nonsense = file("nonsense");
    type Change = fn(&mut S3Config, &NamedTempFile);
    let cases: [(Change, &str); 7] = [
        (
            |config, _| config.allow_http = false,
            "it is without TLS: use https, or set s3.allow_http",
        ),
        (
            |config, nonsense| config.ca_file = Some(nonsense.path().to_owned()),
            "it is without TLS, and s3.ca_file has no effect: use https",
        ),
        (
            |config, nonsense| {
                config.endpoint = Some("https://localhost".to_owned());
                config.ca_file = Some(nonsense.path().to_owned());
            },
            "holds no certificate (PEM)",
        ),
        (|config, _| config.endpoint = Some("localhost:9000".to_owned()), "begin it with https://"),
        (|config, _| config.virtual_hosted = true, "needs a host's name, not an address"),
        (|config, _| config.encryption = Encryption::Kms, "needs s3.kms_key"),
        (
            |config, _| config.kms_key = Some("a-key".to_owned()),
            "s3.kms_key has no effect: set s3.encryption to \"kms\"",
        ),
    ];
    for (change, words) in cases {
        let text = settings_refused(|config| change(config, &nonsense));
        assert!(text.contains(words), "{text}");
    }
}
