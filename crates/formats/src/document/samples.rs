//! Builders of small documents, for tests of other crates and seeds of the fuzz targets.

use std::fmt::Write;

/// Standard base64, in lines of 76.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (number, chunk) in bytes.chunks(3).enumerate() {
        if number > 0 && number % 19 == 0 {
            out.push_str("\r\n");
        }
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            out.push(if digit <= chunk.len() {
                char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63])
            } else {
                '='
            });
        }
    }
    out
}

/// A mail with these attachments, in base64.
pub fn eml(attachments: &[(&str, &[u8])]) -> Vec<u8> {
    let mut mail = String::from(
        "From: sender@example.org\r\nTo: receiver@example.org\r\nSubject: Sample\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"sample-boundary\"\r\n\r\n\
         --sample-boundary\r\nContent-Type: text/plain\r\n\r\nSee the attachments.\r\n",
    );
    for (name, bytes) in attachments {
        let _ = write!(
            mail,
            "--sample-boundary\r\nContent-Type: application/octet-stream\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            base64(bytes)
        );
    }
    mail.push_str("--sample-boundary--\r\n");
    mail.into_bytes()
}

/// A mailbox of these messages.
pub fn mbox(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        out.extend(b"From sender@example.org Mon Jan  1 00:00:00 2024\n");
        out.extend(message);
        out.extend(b"\n\n");
    }
    out
}

/// The body of a package (\[MS-OLEDS\]): what Word makes of a file dropped into a document.
fn package(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = 2u16.to_le_bytes().to_vec();
    for _ in 0..2 {
        out.extend(name.as_bytes());
        out.push(0);
    }
    out.extend([0, 0, 3, 0]);
    out.extend((name.len() as u32 + 1).to_le_bytes());
    out.extend(name.as_bytes());
    out.push(0);
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    out
}

/// The content of an `\x01Ole10Native` stream that holds a file.
pub fn ole10native(name: &str, bytes: &[u8]) -> Vec<u8> {
    let body = package(name, bytes);
    let mut out = (body.len() as u32).to_le_bytes().to_vec();
    out.extend(body);
    out
}

/// Rich text with a package object that holds a file.
pub fn rtf_object(name: &str, bytes: &[u8]) -> Vec<u8> {
    let body = package(name, bytes);
    let mut object = vec![1, 5, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0];
    object.extend(b"Package\0\0\0\0\0\0\0\0\0");
    object.extend((body.len() as u32).to_le_bytes());
    object.extend(body);
    let mut text =
        String::from("{\\rtf1\\ansi{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata ");
    for byte in object {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str("}}}");
    text.into_bytes()
}

/// A page with a file in a `data:` link.
pub fn html_data_uri(bytes: &[u8]) -> Vec<u8> {
    let encoded = base64(bytes).replace("\r\n", "");
    format!(
        "<!DOCTYPE html><html><body><a download=\"file\" \
         href=\"data:application/octet-stream;base64,{encoded}\">file</a></body></html>"
    )
    .into_bytes()
}
