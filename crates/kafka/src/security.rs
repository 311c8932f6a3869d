//! TLS and sign-in, as librdkafka wants them. Settings that would not have the effect that their
//! reader expects are errors: a connection that was meant to be secured must not be a plain one.

use std::path::Path;

use rdkafka::config::ClientConfig;

use crate::KafkaConfig;
use crate::client::ConfigError;

/// Sets what belongs to the transport and to the sign-in.
pub(crate) fn secure(config: &KafkaConfig, client: &mut ClientConfig) -> Result<(), ConfigError> {
    has_effect(config)?;
    if config.certificate_file.is_some() && config.key_file.is_none() {
        let because = "kafka.certificate_file needs its key";
        return Err(ConfigError::Missing { missing: "kafka.key_file", because });
    }
    if config.key_file.is_some() && config.certificate_file.is_none() {
        let because = "kafka.key_file needs its certificate";
        return Err(ConfigError::Missing { missing: "kafka.certificate_file", because });
    }
    let files = [
        ("kafka.ca_file", "ssl.ca.location", &config.ca_file),
        ("kafka.certificate_file", "ssl.certificate.location", &config.certificate_file),
        ("kafka.key_file", "ssl.key.location", &config.key_file),
    ];
    for (setting, name, path) in files {
        if let Some(path) = path {
            // librdkafka tells OpenSSL's error, which does not name the file.
            read(setting, path)?;
            client.set(name, path.to_string_lossy());
        }
    }
    if config.security.signs_in() {
        sign_in(config, client)?;
    }
    Ok(())
}

fn sign_in(config: &KafkaConfig, client: &mut ClientConfig) -> Result<(), ConfigError> {
    // Another mechanism, by librdkafka's own settings, may need neither name nor password.
    let own = config.properties.keys().any(|name| name.starts_with("sasl."));
    let because = "kafka.security asks for a sign-in";
    if config.username.is_empty() && !own {
        return Err(ConfigError::Missing { missing: "kafka.username", because });
    }
    client.set("sasl.mechanism", config.mechanism.name());
    client.set("sasl.username", &config.username);
    match &config.password_file {
        Some(path) => {
            let text = read("kafka.password_file", path)?;
            client.set("sasl.password", text.lines().next().unwrap_or_default());
        }
        None if own => {}
        None => return Err(ConfigError::Missing { missing: "kafka.password_file", because }),
    }
    Ok(())
}

/// No setting is there in vain.
fn has_effect(config: &KafkaConfig) -> Result<(), ConfigError> {
    if config.properties.contains_key("security.protocol") {
        return Ok(());
    }
    let (tls, signs_in) = (config.security.is_encrypted(), config.security.signs_in());
    let no_tls = "is without TLS; set it to \"ssl\" or \"sasl-ssl\"";
    let no_sign_in = "is without a sign-in; set it to \"sasl-ssl\"";
    let settings = [
        ("kafka.ca_file", config.ca_file.is_some() && !tls, no_tls),
        ("kafka.certificate_file", config.certificate_file.is_some() && !tls, no_tls),
        ("kafka.key_file", config.key_file.is_some() && !tls, no_tls),
        ("kafka.username", !config.username.is_empty() && !signs_in, no_sign_in),
        ("kafka.password_file", config.password_file.is_some() && !signs_in, no_sign_in),
    ];
    for (setting, in_vain, why) in settings {
        if in_vain {
            return Err(ConfigError::NoEffect { setting, security: config.security.name(), why });
        }
    }
    Ok(())
}

fn read(setting: &'static str, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::File {
        setting,
        path: path.display().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SaslMechanism, Security};

    fn refused(change: impl Fn(&mut KafkaConfig)) -> String {
        let mut config = KafkaConfig::default();
        change(&mut config);
        secure(&config, &mut ClientConfig::new()).expect_err("refused").to_string()
    }

    #[test]
    fn a_setting_without_effect_is_refused() {
        let text = refused(|config| config.ca_file = Some("ca.pem".into()));
        assert_eq!(
            text,
            "kafka.ca_file has no effect: kafka.security = \"plaintext\" is without TLS; set it to \
             \"ssl\" or \"sasl-ssl\""
        );
        let text = refused(|config| {
            config.security = Security::Ssl;
            config.username = "me".to_owned();
        });
        assert!(text.starts_with("kafka.username has no effect: "), "{text}");
        let text = refused(|config| {
            config.security = Security::SaslPlaintext;
            config.certificate_file = Some("me.pem".into());
        });
        assert!(text.starts_with("kafka.certificate_file has no effect: "), "{text}");
    }

    #[test]
    fn what_goes_together_is_asked_for() {
        let text = refused(|config| {
            config.security = Security::Ssl;
            config.certificate_file = Some("me.pem".into());
        });
        assert_eq!(text, "kafka.key_file is not set: kafka.certificate_file needs its key");
        let text = refused(|config| config.security = Security::SaslSsl);
        assert_eq!(text, "kafka.username is not set: kafka.security asks for a sign-in");
        let text = refused(|config| {
            config.security = Security::SaslSsl;
            config.username = "me".to_owned();
        });
        assert_eq!(text, "kafka.password_file is not set: kafka.security asks for a sign-in");
        let text = refused(|config| {
            config.security = Security::Ssl;
            config.ca_file = Some("not/there.pem".into());
        });
        assert_eq!(text, "kafka.ca_file not/there.pem cannot be read");
    }

    /// Kerberos, for example, is set up by librdkafka's settings alone.
    #[test]
    fn another_mechanism_needs_no_password() {
        let mut config = KafkaConfig { security: Security::SaslSsl, ..KafkaConfig::default() };
        config.mechanism = SaslMechanism::Plain;
        config.properties.insert("sasl.mechanism".to_owned(), "GSSAPI".to_owned());
        secure(&config, &mut ClientConfig::new()).expect("accepted");
    }
}
