//! DER and OpenPGP, which begin with a tag and a length.

use super::super::tables::named;
use super::super::{Type, head};
use crate::bytes::{find, u16_be};

/// A DER sequence (X.690): which one follows from what comes first inside.
pub(in crate::filetype) fn der(data: &[u8]) -> Option<&'static Type> {
    let length = usize::from(u16_be(data, 2)?);
    let inside = data.get(4..)?;
    if length < 16 || length > inside.len() {
        return None;
    }
    // contentType of PKCS #7 (RFC 2315): signedData and its siblings, 1.2.840.113549.1.7.x.
    if inside.starts_with(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07") {
        // The certificate trust list of Microsoft catalogues, 1.3.6.1.4.1.311.10.1.
        let catalog = find(head(data), b"\x2b\x06\x01\x04\x01\x82\x37\x0a\x01", 4).is_some();
        return Some(if catalog {
            const { named("security_catalog") }
        } else {
            const { named("pkcs7") }
        });
    }
    // Version 3, then the content: a PFX (RFC 7292).
    if inside.starts_with(b"\x02\x01\x03\x30") {
        return Some(const { named("pkcs12") });
    }
    // A certificate (RFC 5280): sequence, [0] version.
    (inside.first() == Some(&0x30) && inside.get(1) == Some(&0x82) && inside.get(4) == Some(&0xa0))
        .then_some(const { named("der_certificate") })
}

/// An OpenPGP public key packet of version 3 or 4 with a known algorithm (RFC 9580).
pub(in crate::filetype) fn pgp_key(data: &[u8]) -> Option<&'static Type> {
    let wide = usize::from(data.first()? & 1);
    let version = *data.get(2 + wide)?;
    let algorithm = *data.get(7 + wide)?;
    (matches!(version, 3 | 4) && matches!(algorithm, 1..=3 | 16..=22))
        .then_some(const { named("pgp_binary_key") })
}
