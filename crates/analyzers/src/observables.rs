//! Addresses in text: URLs, domains, IP addresses, mail addresses.

use palisade_model::ObservableKind;

/// Every address in text, in order of appearance.
pub fn in_text(_: &[u8]) -> Vec<(ObservableKind, String)> {
    Vec::new()
}
