use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use serde::{Deserialize, Serialize};

/// How to reach the bucket. What is not set here is taken from the environment (`AWS_REGION`,
/// `AWS_ACCESS_KEY_ID`, `AWS_WEB_IDENTITY_TOKEN_FILE`, …) or from the machine's role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// The bucket. It must be there.
    pub bucket: String,
    /// What stands before every key, for several installations in one bucket. Default: nothing.
    pub prefix: String,
    /// The server, where it is not AWS: `https://s3.example.com`.
    pub endpoint: Option<String>,
    /// Default: from the environment, else `us-east-1`.
    pub region: Option<String>,
    /// Allows an endpoint without TLS. Default false.
    pub allow_http: bool,
    /// The bucket's name in front of the host's, instead of in the path: `https://bucket.s3.example.com`
    /// for the endpoint `https://s3.example.com`. Default false.
    pub virtual_hosted: bool,
    /// The access key's id.
    pub access_key_id: Option<String>,
    /// A file whose first line is the access key's secret.
    pub secret_key_file: Option<PathBuf>,
    /// Certificates (PEM) of further authorities that sign the server's.
    pub ca_file: Option<PathBuf>,
    /// What the server encrypts with. Default: as the bucket does.
    pub encryption: Encryption,
    /// The key's id, for `kms`.
    pub kms_key: Option<String>,
    /// Whether the server knows `If-None-Match` on writes, as AWS does since August 2024. Without it a
    /// write costs one request more. Default true.
    pub conditional_writes: bool,
    /// A use is noted in the bucket when the last note is older than this, in minutes; artifacts stay
    /// as much longer. Default 10.
    pub note_use_minutes: u64,
    /// Artifacts up to this size are gathered in memory before they are sent, in bytes; larger ones in
    /// a temporary file. Default 8 MiB.
    pub memory_bytes: usize,
    /// Where temporary files are made. Default: the system's place.
    pub spool: Option<PathBuf>,
    /// A request is given up after so many milliseconds, with its retries. Default 10,000.
    pub timeout_ms: u64,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            prefix: String::new(),
            endpoint: None,
            region: None,
            allow_http: false,
            virtual_hosted: false,
            access_key_id: None,
            secret_key_file: None,
            ca_file: None,
            encryption: Encryption::Bucket,
            kms_key: None,
            conditional_writes: true,
            note_use_minutes: 10,
            memory_bytes: 8 << 20,
            spool: None,
            timeout_ms: 10_000,
        }
    }
}

/// Server-side encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// As the bucket is set up.
    Bucket,
    /// With keys of the server (SSE-S3).
    S3,
    /// With a key of a key management service (SSE-KMS).
    Kms,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No bucket is named.
    #[error("s3.bucket is empty: name the bucket that artifacts go into")]
    NoBucket,
    /// SSE-KMS without a key.
    #[error("s3.encryption = \"kms\" needs s3.kms_key, the key's id")]
    NoKmsKey,
    /// A key without SSE-KMS.
    #[error("s3.kms_key has no effect: set s3.encryption to \"kms\"")]
    KeyInVain,
    /// Not a URL that can be used.
    #[error("s3.endpoint {endpoint} cannot be used: {why}")]
    Endpoint {
        /// What stands there.
        endpoint: String,
        /// What to do.
        why: &'static str,
    },
    /// No certificate in a file.
    #[error("s3.ca_file {path} holds no certificate (PEM)")]
    NoCertificate {
        /// Its path.
        path: String,
    },
    /// A file that a setting names.
    #[error("{path} cannot be read")]
    File {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Refused by the client.
    #[error("the S3 client refuses the settings")]
    Refused(#[from] object_store::Error),
}

impl S3Config {
    /// The client. Does not connect.
    pub(crate) fn client(&self) -> Result<AmazonS3, ConfigError> {
        if self.bucket.is_empty() {
            return Err(ConfigError::NoBucket);
        }
        let endpoint = self.bucket_endpoint()?;
        // The first one in a process wins; they are all the same here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&self.bucket)
            .with_allow_http(self.allow_http)
            .with_virtual_hosted_style_request(self.virtual_hosted)
            .with_conditional_put(if self.conditional_writes {
                S3ConditionalPut::ETagMatch
            } else {
                S3ConditionalPut::Disabled
            })
            .with_disable_tagging(true)
            .with_client_options(self.options()?)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(50),
                    max_backoff: Duration::from_secs(1),
                    base: 2.0,
                },
                max_retries: 5,
                retry_timeout: self.timeout(),
            });
        if let Some(endpoint) = endpoint {
            // With the service's name, because `AWS_ENDPOINT_URL_S3` would go before the general one.
            let key = "aws_endpoint_url_s3".parse::<AmazonS3ConfigKey>()?;
            builder = builder.with_config(key, endpoint);
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(id) = &self.access_key_id {
            builder = builder.with_access_key_id(id);
        }
        if let Some(path) = &self.secret_key_file {
            let text = std::fs::read_to_string(path).map_err(|error| file(path, error))?;
            builder = builder.with_secret_access_key(text.lines().next().unwrap_or_default());
        }
        let builder = match (self.encryption, &self.kms_key) {
            (Encryption::Bucket | Encryption::S3, Some(_)) => return Err(ConfigError::KeyInVain),
            (Encryption::Bucket, None) => builder,
            (Encryption::S3, None) => {
                let key = "aws_server_side_encryption".parse::<AmazonS3ConfigKey>()?;
                builder.with_config(key, "AES256")
            }
            (Encryption::Kms, Some(key)) => builder.with_sse_kms_encryption(key),
            (Encryption::Kms, None) => return Err(ConfigError::NoKmsKey),
        };
        Ok(builder.build()?)
    }

    fn options(&self) -> Result<ClientOptions, ConfigError> {
        let mut options = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_connect_timeout(self.timeout().min(Duration::from_secs(5)))
            // Of a whole answer: large artifacts take long; a silent server is noticed by the next.
            .with_timeout(Duration::from_secs(600))
            .with_read_timeout(self.timeout())
            .with_pool_max_idle_per_host(64);
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).map_err(|error| file(path, error))?;
            let certificates = Certificate::from_pem_bundle(&pem)?;
            if certificates.is_empty() {
                return Err(ConfigError::NoCertificate { path: path.display().to_string() });
            }
            for certificate in certificates {
                options = options.with_root_certificate(certificate);
            }
        }
        Ok(options)
    }

    /// The endpoint as the client wants it: with the bucket's name in front, where that is in the
    /// host's.
    fn bucket_endpoint(&self) -> Result<Option<String>, ConfigError> {
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        let wrong = |why| ConfigError::Endpoint { endpoint: endpoint.clone(), why };
        let (scheme, host) = endpoint
            .split_once("://")
            .filter(|(scheme, _)| ["http", "https"].contains(scheme))
            .ok_or_else(|| wrong("begin it with https://"))?;
        if scheme == "http" && !self.allow_http {
            return Err(wrong("it is without TLS: use https, or set s3.allow_http"));
        }
        if scheme == "http" && self.ca_file.is_some() {
            return Err(wrong("it is without TLS, and s3.ca_file has no effect: use https"));
        }
        if !self.virtual_hosted {
            return Ok(Some(endpoint.clone()));
        }
        let name = host.split(['/', ':']).next().unwrap_or_default();
        if host.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(wrong("s3.virtual_hosted needs a host's name, not an address"));
        }
        let bucket = &self.bucket;
        let there = name.strip_prefix(bucket.as_str()).is_some_and(|rest| rest.starts_with('.'));
        Ok(Some(if there { endpoint.clone() } else { format!("{scheme}://{bucket}.{host}") }))
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(1))
    }
}

fn file(path: &std::path::Path, error: std::io::Error) -> ConfigError {
    ConfigError::File { path: path.display().to_string(), source: error.into() }
}
