//! Builders of small archives, for tests and fuzz seeds (feature `samples`). They write what the
//! common tools write, not every corner of a format; hostile variants are made from their parts.

mod ar;
mod arj;
mod cab;
mod cpio;
mod iso;
mod lha;
mod rpm;
mod sevenzip;
mod streams;
mod szdd;
mod tar;
mod xar;
mod zip;

pub use ar::{ar, deb};
pub use arj::{ArjMethod, arj};
pub use cab::{CabMethod, cab};
pub use cpio::{CpioLayout, cpio};
pub use iso::{IsoNames, iso9660};
pub use lha::lha;
pub use rpm::{rpm, rpm_with_payload};
pub use sevenzip::{SevenZip, seven_zip};
pub use streams::{
    bzip2, compress, gzip, gzip_named, lz4, lz4_legacy, lzip, lzma, lzma_raw, xz, zlib, zstd,
};
pub use szdd::szdd;
pub use tar::{TarMember, pax_record, tar, tar_checksum, tar_members};
pub use xar::xar;
pub use zip::{
    ZipMember, aes_encrypted, deflated, zip, zip_aes, zip_crypto_encrypted, zip_encrypted,
    zip_members,
};

/// Text of `length` bytes that compresses, the same each time.
pub fn text(length: usize) -> Vec<u8> {
    let words = [&b"palisade "[..], b"keeps ", b"hostile ", b"content ", b"out. "];
    let mut out = Vec::with_capacity(length + 16);
    let mut state = 7_u32;
    while out.len() < length {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        out.extend_from_slice(words[(state >> 16) as usize % words.len()]);
        out.push(b'a' + (state >> 20) as u8 % 26);
    }
    out.truncate(length);
    out
}

fn sample_7z(password: Option<&str>, files: &[(&str, &[u8])]) -> Vec<u8> {
    seven_zip(SevenZip { lzma: true, password, pack_header: false }, files)
}

/// One sample or more of each format: type id, a name for the sample, bytes. Each is small.
pub fn all() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let hello = text(200);
    let files: &[(&str, &[u8])] = &[("hello.txt", &hello), ("folder/empty", b"")];
    vec![
        ("zip", "deflated", zip(files)),
        ("zip", "zipcrypto", zip_encrypted("infected", files)),
        ("zip", "aes256", zip_aes("infected", 32, files)),
        ("7z", "stored", sample_7z(None, files)),
        ("7z", "encrypted", sample_7z(Some("infected"), files)),
        ("cab", "stored", cab(CabMethod::Stored, files)),
        ("cab", "mszip", cab(CabMethod::MsZip, files)),
        ("cab", "lzx", cab(CabMethod::LzxUncompressed, files)),
        ("iso9660", "joliet", iso9660(IsoNames::Joliet, files)),
        ("iso9660", "rock-ridge", iso9660(IsoNames::RockRidge, files)),
        ("arj", "stored", arj(ArjMethod::Stored, files)),
        ("arj", "lzh", arj(ArjMethod::Lzh, files)),
        ("arj", "fast", arj(ArjMethod::Fast, files)),
        ("lha", "level-0", lha(0, files)),
        ("lha", "level-2", lha(2, files)),
        ("rpm", "gzip", rpm(files)),
        ("szdd", "plain", szdd(&hello)),
        ("xar", "zlib", xar(true, files)),
        ("tar", "ustar", tar(files)),
        ("cpio", "newc", cpio(CpioLayout::New, files)),
        ("cpio", "odc", cpio(CpioLayout::Old, files)),
        ("cpio", "binary-le", cpio(CpioLayout::LittleEndian, files)),
        ("cpio", "binary-be", cpio(CpioLayout::BigEndian, files)),
        ("ar", "plain", ar(files)),
        ("deb", "plain", deb(files)),
        ("gzip", "plain", gzip(&hello)),
        ("gzip", "named", gzip_named("hello.txt", &hello)),
        ("bzip2", "plain", bzip2(&hello)),
        ("xz", "plain", xz(&hello)),
        ("zstd", "plain", zstd(&hello)),
        ("lz4", "frame", lz4(&hello)),
        ("lz4", "legacy", lz4_legacy(&hello)),
        ("lzma", "plain", lzma(&hello)),
        ("lzip", "plain", lzip(&hello)),
        ("compress", "plain", compress(&hello)),
        ("zlib", "plain", zlib(&hello)),
    ]
}
