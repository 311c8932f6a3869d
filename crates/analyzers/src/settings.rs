use palisade_formats::document::decode::base64;

/// What the operator chooses for the analysers. The default chooses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnalyzerSettings {
    /// Certificates of the authorities whose code signatures are trusted, each as DER. There is no
    /// built-in list: without one, every intact signature is one of an untrusted root.
    pub roots: Vec<Vec<u8>>,
}

/// The default, for whoever gives none.
pub(crate) static DEFAULT: AnalyzerSettings = AnalyzerSettings { roots: Vec::new() };

impl AnalyzerSettings {
    /// Adds every certificate of a PEM file (RFC 7468). Gives how many there were; blocks of other
    /// kinds and blocks that are not base64 are left out.
    pub fn add_pem_roots(&mut self, pem: &str) -> usize {
        let before = self.roots.len();
        for block in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let Some((body, _)) = block.split_once("-----END CERTIFICATE-----") else { continue };
            self.roots.extend(decode_base64(body));
        }
        self.roots.len() - before
    }
}

/// Strict base64 with white space between the digits (RFC 7468, section 3).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
    let common = |byte: &u8| base64::digit(*byte).is_some() && !matches!(byte, b'-' | b'_');
    digits.iter().all(common).then(|| base64::decode(&digits))
}
