//! Encrypted documents (\[MS-OFFCRYPTO\]).

use super::kinds;
use crate::Examination;

/// Looks at the FILEPASS record of a workbook (\[MS-XLS\] 2.4.117).
pub(super) fn workbook(examination: &mut Examination<'_>, _stream: &[u8], _filepass: &[u8]) {
    examination.find(&kinds::ENCRYPTED, "The workbook is encrypted");
}

/// Looks at an encrypted package.
pub(super) fn package(examination: &mut Examination<'_>) {
    examination.find(&kinds::ENCRYPTED, "The document is encrypted");
}
