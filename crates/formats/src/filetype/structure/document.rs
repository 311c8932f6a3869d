//! Old spreadsheet streams.

use super::super::Type;
use super::super::tables::named;
use crate::bytes::u16_le;

/// A bare BIFF stream: the BOF record has 4 to 16 bytes and a known sheet type
/// (\[MS-XLS\] 2.4.21; OpenOffice's Excel documentation, 5.8).
pub(in crate::filetype) fn biff(data: &[u8]) -> Option<&'static Type> {
    let length = u16_le(data, 2)?;
    let kind = u16_le(data, 6)?;
    (matches!(length, 4 | 6 | 8 | 16) && matches!(kind, 0x05 | 0x06 | 0x10 | 0x20 | 0x40 | 0x100))
        .then_some(const { named("excel_biff") })
}
