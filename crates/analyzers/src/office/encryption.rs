//! Encrypted documents (\[MS-OFFCRYPTO\]), and those that only look so: Excel and PowerPoint try a
//! password by themselves.

use palisade_formats::document::ole::MAX_ENTRIES;
use palisade_formats::document::ole::compound::Compound;
use palisade_formats::document::ole::decrypt::{self, DEFAULT_PASSWORDS, Opened};

use super::{kinds, xlm};
use crate::Examination;

/// Bytes of a package that are decrypted to try a password: its content is a child by itself.
const PROBE_BYTES: u64 = 4_096;

/// Looks at a workbook by its FILEPASS record, and what is in it where it can be opened.
pub(super) fn workbook(examination: &mut Examination<'_>, stream: &[u8], filepass: &[u8]) {
    match decrypt::workbook(stream, filepass, examination.passwords()) {
        Some(opened) => {
            if is_default(&opened) {
                examination.find(
                    &kinds::PROTECTED_WORKBOOK,
                    format!("The workbook is encrypted with the password {:?}", opened.password),
                );
            } else {
                examination
                    .find(&kinds::ENCRYPTED, "The workbook is encrypted with a given password");
            }
            xlm::biff::examine_plain(examination, &opened.bytes);
        }
        None => {
            examination.find(&kinds::ENCRYPTED, "The workbook is encrypted");
        }
    }
}

/// Looks at an encrypted package.
pub(super) fn package(examination: &mut Examination<'_>) {
    let opened = Compound::open(examination.bytes(), MAX_ENTRIES)
        .and_then(|compound| decrypt::document(&compound, &[], PROBE_BYTES));
    match opened {
        Some(opened) => {
            examination.find(
                &kinds::DEFAULT_PASSWORD,
                format!("The document opens by itself with the password {:?}", opened.password),
            );
        }
        None => {
            examination.find(&kinds::ENCRYPTED, "The document is encrypted");
        }
    }
}

fn is_default(opened: &Opened) -> bool {
    DEFAULT_PASSWORDS.contains(&opened.password.as_str())
}
