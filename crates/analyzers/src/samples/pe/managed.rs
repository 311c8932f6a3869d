use super::{Case, case};
use crate::samples::build::managed::Metadata;
use crate::samples::build::noise::{code, noise};
use crate::samples::build::pe::PeFile;

fn program(metadata: &Metadata) -> Vec<u8> {
    PeFile {
        managed: Some(metadata.build()),
        imports: vec![("mscoree.dll", vec!["_CorExeMain"])],
        ..PeFile::default()
    }
    .bytes()
}

/// A program that loads what it carries.
fn loader(payload: Vec<u8>, cipher: &'static str) -> Vec<u8> {
    program(&Metadata {
        references: vec![("Assembly", "Load"), (cipher, "CreateDecryptor")],
        resources: vec![("payload", payload)],
        ..Metadata::default()
    })
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "damaged-metadata",
            || program(&Metadata { further_streams: vec!["#Strings"], ..Metadata::default() }),
            || program(&Metadata { types: vec!["Program"], ..Metadata::default() }),
        ),
        case(
            "unknown-metadata-stream",
            || program(&Metadata { further_streams: vec!["#Odd"], ..Metadata::default() }),
            || program(&Metadata { further_streams: vec!["#Pdb"], ..Metadata::default() }),
        ),
        case(
            "obfuscated-assembly",
            || program(&Metadata { types: vec!["ConfusedByAttribute"], ..Metadata::default() }),
            || program(&Metadata { types: vec!["ConfusedException"], ..Metadata::default() }),
        ),
        case(
            "managed-loader",
            || loader(noise(0x4000), "RijndaelManaged"),
            // Libraries that are carried along compressed are loaded too.
            || loader(code(0x4000), "DeflateStream"),
        ),
    ]
}
