//! .NET programs.

use palisade_formats::filetype;
use palisade_formats::program::dotnet::{Managed, Tables};
use palisade_formats::program::pe::{Image, directory};

use super::kinds;
use super::names::Names;
use crate::Examination;
use crate::program::entropy;

/// Bytes of an embedded resource that can hold a program.
const MIN_PAYLOAD: usize = 4 << 10;
/// Bits per byte of encrypted data of a few thousand bytes.
const ENCRYPTED: f64 = 7.9;
/// Names of types that are looked at.
const MAX_TYPES: usize = 20_000;
/// Resources that are looked at.
const MAX_RESOURCES: usize = 256;
/// References of assemblies that are listed.
const MAX_LISTED: usize = 40;

/// The streams that the runtime reads (ECMA-335 II.24.2.2), and two of edit-and-continue.
const STREAMS: [&str; 9] =
    ["#~", "#-", "#Strings", "#US", "#Blob", "#GUID", "#Pdb", "#Schema", "#JTD"];

/// What obfuscators leave: the name of a type, or the start of one.
const OBFUSCATORS: &[(&str, &[&str])] = &[
    ("ConfuserEx", &["ConfusedByAttribute", "Confuser.Core"]),
    ("SmartAssembly", &["PoweredByAttribute", "SmartAssembly"]),
    ("Dotfuscator", &["DotfuscatorAttribute"]),
    (".NET Reactor", &["NETReactor", "NineRays"]),
    ("Eazfuscator", &["EazfuscatorAttribute"]),
    ("Babel", &["BabelObfuscatorAttribute", "BabelAttribute"]),
    ("Crypto Obfuscator", &["CryptoObfuscator", "ObfuscatedByCryptoObfuscator"]),
    ("Agile.NET", &["ObfuscatedByAgileDotNetAttribute", "AgileDotNetRT", "SecureTeam.Attributes"]),
    ("Goliath", &["ObfuscatedByGoliath", "ObfuscatedByGoliathAttribute"]),
    ("Xenocode", &["ProcessedByXenocode", "Xenocode"]),
    ("Obfuscar", &["ObfuscatedByObfuscar"]),
    ("Yano", &["YanoAttribute"]),
];

/// Reads the managed part, adds the native functions that it calls, and gives whether there is one.
pub(super) fn look(
    image: &Image<'_>,
    names: &mut Names<'_>,
    examination: &mut Examination<'_>,
) -> bool {
    if image.directory(directory::CLR).is_none() {
        return false;
    }
    let Some(managed) = Managed::read(image) else {
        examination.find(&kinds::DAMAGED_METADATA, "the CLI header or the metadata cannot be read");
        return true;
    };
    examination.property("runtime", managed.runtime.clone());
    if managed.flags & 1 == 0 {
        examination.property("mixed-mode", "yes");
    }
    streams(&managed, examination);
    let Some(tables) = Tables::read(&managed) else {
        examination.find(&kinds::DAMAGED_METADATA, "the metadata tables cannot be read");
        return true;
    };
    identity(&tables, examination);
    for call in tables.native_calls() {
        names.add(call.function);
    }
    obfuscator(&tables, examination);
    loader(&tables, examination);
    true
}

fn streams(managed: &Managed<'_>, examination: &mut Examination<'_>) {
    if !managed.has_signature {
        examination
            .find(&kinds::DAMAGED_METADATA, "the metadata does not begin with its signature");
    }
    for (number, stream) in managed.streams.iter().enumerate() {
        let name = stream.name.escape_debug();
        if managed.streams.iter().take(number).any(|earlier| earlier.name == stream.name) {
            examination
                .find(&kinds::DAMAGED_METADATA, format!("the metadata stream {name} stands twice"));
        } else if !stream.is_whole {
            examination.find(
                &kinds::DAMAGED_METADATA,
                format!("the metadata stream {name} lies outside the file"),
            );
        } else if !STREAMS.contains(&stream.name.as_str()) {
            examination.find(
                &kinds::UNKNOWN_STREAM,
                format!("a metadata stream that the runtime does not know: {name}"),
            );
        }
    }
}

fn identity(tables: &Tables<'_>, examination: &mut Examination<'_>) {
    if let Some((name, id)) = tables.module() {
        examination.property("module", String::from_utf8_lossy(name));
        examination.property("module-version-id", id.unwrap_or_default());
    }
    if let Some((name, version)) = tables.assembly() {
        examination.property("assembly", format!("{} {version}", String::from_utf8_lossy(name)));
    }
    if let Some(id) = tables.type_library() {
        examination.property("type-library-id", String::from_utf8_lossy(id));
    }
    let references: Vec<String> = tables
        .assembly_references()
        .take(MAX_LISTED)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    if !references.is_empty() {
        examination.property("assembly-references", references.join(" "));
    }
}

fn obfuscator(tables: &Tables<'_>, examination: &mut Examination<'_>) {
    for (namespace, name) in tables.types().take(MAX_TYPES) {
        let (namespace, name) = (String::from_utf8_lossy(namespace), String::from_utf8_lossy(name));
        let found = OBFUSCATORS
            .iter()
            .find(|(_, known)| known.iter().any(|known| name == *known || namespace == *known));
        if let Some((obfuscator, _)) = found {
            examination.property("obfuscator", *obfuscator);
            examination
                .find(
                    &kinds::OBFUSCATED,
                    format!("obfuscated with {obfuscator}: it has the type {name}"),
                )
                .quoting("type", name.as_bytes());
            return;
        }
    }
}

/// Loads code that it decrypts: `Assembly.Load` of bytes, a cipher, and something encrypted to load.
fn loader(tables: &Tables<'_>, examination: &mut Examination<'_>) {
    let mut loads = false;
    let mut cipher = None;
    for reference in tables.references() {
        match (reference.type_name, reference.member) {
            (b"Assembly" | b"AppDomain", b"Load") => loads = true,
            (
                b"RijndaelManaged"
                | b"AesManaged"
                | b"AesCryptoServiceProvider"
                | b"Aes"
                | b"TripleDESCryptoServiceProvider"
                | b"DESCryptoServiceProvider"
                | b"RC2CryptoServiceProvider"
                | b"SymmetricAlgorithm",
                _,
            ) => cipher = Some(reference.type_name),
            _ => {}
        }
    }
    let payload = tables.resources().take(MAX_RESOURCES).find(|(_, bytes)| {
        bytes.len() >= MIN_PAYLOAD
            && entropy(bytes) > ENCRYPTED
            && filetype::detect(bytes).ty.id == "binary"
    });
    if let Some((name, bytes)) = payload {
        let shown = name.escape_ascii();
        let size = bytes.len();
        examination
            .find(
                &kinds::ENCRYPTED_RESOURCE,
                format!("the embedded resource {shown} of {size} bytes looks random"),
            )
            .quoting("resource", name);
        if let (true, Some(cipher)) = (loads, cipher) {
            let cipher = cipher.escape_ascii();
            examination
                .find(
                    &kinds::MANAGED_LOADER,
                    format!("uses Assembly.Load and {cipher}, and carries the resource {shown} of {size} bytes that looks encrypted"),
                )
                .quoting("resource", name);
        }
    }
}
