//! Distinct bytes of the same format: the number goes where the format has room for it, so that a
//! variant costs every engine what the file itself costs.

/// The end-of-central-directory record of a zip without a comment (APPNOTE 4.3.16).
const ZIP_END: &[u8] = b"PK\x05\x06";
const ZIP_END_BYTES: usize = 22;

/// The chunk that ends a PNG (RFC 2083, 4.1.4).
const PNG_END: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";

/// A variant of the file `bytes`.
pub(super) fn variant(bytes: &[u8], number: u32) -> Vec<u8> {
    let text = format!("palisade-bench-{number:08x}");
    let mut out = Vec::with_capacity(bytes.len() + 96);
    out.extend_from_slice(bytes);
    if is_gzip_with_free_time(bytes) {
        // RFC 1952, 2.3: MTIME.
        out[4..8].copy_from_slice(&number.to_le_bytes());
    } else if ends_as_zip(bytes) {
        // The comment of the whole archive, and its length before it.
        out.truncate(bytes.len() - 2);
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        // RFC 8878, 3.1.2: a skippable frame.
        out.extend_from_slice(&0x184D_2A50_u32.to_le_bytes());
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    } else if bytes.starts_with(b"!<arch>\n") {
        // One more member, named and dated alike in every variant.
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
        let head = format!("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", "_bench", 0, 0, 0, 100_644, 24);
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(format!("{text:<24}").as_bytes());
    } else if bytes.starts_with(b"\x89PNG") && bytes.ends_with(PNG_END) {
        out.truncate(bytes.len() - PNG_END.len());
        push_png_text(&mut out, &text);
        out.extend_from_slice(PNG_END);
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        // A comment segment right after the start of the image (ITU T.81, B.2.4.5).
        let mut comment = vec![0xff, 0xfe];
        comment.extend_from_slice(&(text.len() as u16 + 2).to_be_bytes());
        comment.extend_from_slice(text.as_bytes());
        out.splice(2..2, comment);
    } else if bytes.starts_with(b"%PDF") || bytes.starts_with(b"%!PS") {
        out.extend_from_slice(format!("\n% {text}\n").as_bytes());
    } else if bytes.starts_with(b"<") || bytes.starts_with(b"\xef\xbb\xbf<") {
        out.extend_from_slice(format!("<!-- {text} -->\n").as_bytes());
    } else if bytes.contains(&0) {
        // An ELF file or an icon: what follows the last byte that the headers speak of is not read.
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(format!("# {text}\n").as_bytes());
    }
    out
}

fn is_gzip_with_free_time(bytes: &[u8]) -> bool {
    // Without FHCRC, which would cover the time.
    bytes.starts_with(b"\x1f\x8b\x08") && bytes.len() >= 18 && bytes[3] & 0b10 == 0
}

fn ends_as_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
        && bytes
            .len()
            .checked_sub(ZIP_END_BYTES)
            .is_some_and(|at| bytes[at..].starts_with(ZIP_END) && bytes.ends_with(&[0, 0]))
}

/// A `tEXt` chunk (RFC 2083, 4.2.7).
fn push_png_text(out: &mut Vec<u8>, text: &str) {
    let mut chunk = b"tEXtComment\0".to_vec();
    chunk.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&(chunk.len() as u32 - 4).to_be_bytes());
    out.extend_from_slice(&chunk);
    out.extend_from_slice(&crc32(&chunk).to_be_bytes());
}

/// CRC-32 of ISO 3309, bit by bit: the chunk has 40 bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_from_the_file_and_from_each_other() {
        let zip: Vec<u8> = [b"PK\x03\x04name".as_slice(), ZIP_END, &[0; 18]].concat();
        let png: Vec<u8> = [b"\x89PNG\r\n\x1a\n".as_slice(), PNG_END].concat();
        let files: [&[u8]; 9] = [
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0",
            &zip,
            &png,
            b"\xff\xd8\xff\xe0jpeg",
            b"%PDF-1.4\n%%EOF",
            b"<html></html>",
            b"\x7fELF\0\0\0",
            b"#!/bin/sh\n",
            b"!<arch>\n",
        ];
        for file in files {
            let (one, two) = (variant(file, 1), variant(file, 0xABCD_0002));
            assert_ne!(one, two);
            assert_ne!(one, file);
            assert_eq!(one.len(), two.len());
        }
    }

    #[test]
    fn a_zip_keeps_its_end_record_and_has_a_comment_of_the_stated_length() {
        let zip: Vec<u8> = [b"PK\x03\x04name".as_slice(), ZIP_END, &[0; 18]].concat();
        let out = variant(&zip, 5);
        let comment = &out[zip.len()..];
        assert_eq!(out[zip.len() - 2..zip.len()], (comment.len() as u16).to_le_bytes());
        assert!(comment.ends_with(b"00000005"));
    }

    #[test]
    fn the_checksum_is_that_of_png() {
        assert_eq!(crc32(b"IEND"), 0xAE42_6082);
    }
}
