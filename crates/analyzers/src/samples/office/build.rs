//! Builders of documents.

use palisade_formats::document::samples::{Entry, compound_tree};
use palisade_formats::samples::{ZipMember, zip_members};

/// Source as VBA stores it: chunks of literals only.
pub(super) fn compress(source: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    for chunk in source.chunks(3_584) {
        let body: Vec<u8> = chunk.chunks(8).flat_map(|eight| [&[0][..], eight].concat()).collect();
        out.extend((0xb000 | (body.len() as u16 - 1)).to_le_bytes());
        out.extend(body);
    }
    out
}

fn record(id: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &(data.len() as u32).to_le_bytes(), data].concat()
}

/// A module to be built.
#[derive(Clone)]
pub(super) struct Module<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a str,
    /// String literals of its compiled lines, one line each.
    pub(super) compiled: &'a [&'a str],
    /// Whether the `PROJECT` stream names it.
    pub(super) listed: bool,
}

impl<'a> Module<'a> {
    pub(super) fn new(name: &'a str, source: &'a str) -> Self {
        Self { name, source, compiled: &[], listed: true }
    }
}

/// What stands in front of the source: a table of lines, each with one string literal.
fn cache(strings: &[&str]) -> Vec<u8> {
    let mut cache = vec![0; 0x3c];
    cache.extend(0xcafe_u16.to_le_bytes());
    cache.extend([1, 0]);
    cache.extend((strings.len() as u16).to_le_bytes());
    let mut code = Vec::new();
    for text in strings {
        let start = code.len() as u32;
        // LitStr of 32 bits, length, text padded to even.
        code.extend(182_u16.to_le_bytes());
        code.extend((text.len() as u16).to_le_bytes());
        code.extend(text.as_bytes());
        code.resize(code.len().next_multiple_of(2), 0);
        cache.extend([0; 4]);
        cache.extend((code.len() as u16 - start as u16).to_le_bytes());
        cache.extend([0; 2]);
        cache.extend(start.to_le_bytes());
    }
    cache.extend([0; 10]);
    cache.extend(code);
    cache
}

/// A `vbaProject.bin` with these modules.
pub(super) fn vba_project(modules: &[Module<'_>]) -> Vec<u8> {
    let mut directory = record(1, &1u32.to_le_bytes());
    directory.extend(record(3, &1252u16.to_le_bytes()));
    directory.extend([9, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0]);
    directory
        .extend(record(0x000d, b"\x10\0\0\0*\\G{00020430-0000-0000-C000}#2.0#0#stdole2.tlb#OLE"));
    directory.extend(record(0x000f, &(modules.len() as u16).to_le_bytes()));
    let mut settings = String::from("ID=\"{00000000-0000-0000-0000-000000000000}\"\r\n");
    let mut streams = vec![("_VBA_PROJECT".to_owned(), b"\xcc\x61\xb2\0\0\x01\0\xff".to_vec())];
    for module in modules {
        let cache = cache(module.compiled);
        directory.extend(record(0x19, module.name.as_bytes()));
        directory.extend(record(0x1a, module.name.as_bytes()));
        directory.extend(record(0x31, &(cache.len() as u32).to_le_bytes()));
        directory.extend(record(0x21, &[]));
        directory.extend(record(0x2b, &[]));
        if module.listed {
            settings.push_str(&format!("Module={}\r\n", module.name));
        }
        let source = format!("Attribute VB_Name = \"{}\"\r\n{}", module.name, module.source);
        streams.push((module.name.to_owned(), [cache, compress(source.as_bytes())].concat()));
    }
    directory.extend(record(0x10, &[]));
    streams.push(("dir".to_owned(), compress(&directory)));
    let code = streams.iter().map(|(name, bytes)| Entry::Stream(name, bytes)).collect();
    compound_tree(
        [0; 16],
        &[Entry::Stream("PROJECT", settings.as_bytes()), Entry::Folder("VBA", [0; 16], code)],
    )
}

/// A package of these parts.
pub(super) fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    zip_members(&package_members(parts))
}

/// The members of a package of these parts.
pub(super) fn package_members(parts: &[(&str, &[u8])]) -> Vec<ZipMember> {
    let types: &[u8] =
        b"<Types><Override ContentType=\"application/vnd.ms-word.document.macroEnabled.main+xml\"/></Types>";
    let mut members = vec![ZipMember::deflated("[Content_Types].xml", types)];
    members.extend(parts.iter().map(|(name, bytes)| ZipMember::deflated(name, bytes)));
    members
}

/// The main part of a document with this text.
pub(super) fn document(text: &str) -> Vec<u8> {
    format!("<w:document><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>")
        .into_bytes()
}

/// A document with one macro module.
pub(super) fn macro_document(source: &str) -> Vec<u8> {
    macro_document_saying("Quarterly figures", source)
}

/// The same with this text.
pub(super) fn macro_document_saying(text: &str, source: &str) -> Vec<u8> {
    let project = vba_project(&[Module::new("ThisDocument", source)]);
    package(&[("word/document.xml", &document(text)), ("word/vbaProject.bin", &project)])
}

/// A document whose macro project has these modules.
pub(super) fn modules_document(modules: &[Module<'_>]) -> Vec<u8> {
    let project = vba_project(modules);
    package(&[("word/document.xml", &document("Text")), ("word/vbaProject.bin", &project)])
}

/// A document with one external relationship of this kind.
pub(super) fn linked(kind: &str, target: &str) -> Vec<u8> {
    let relationships = relationships(&[("rId1", kind, target)]);
    package(&[
        ("word/document.xml", &document("Text")),
        ("word/_rels/document.xml.rels", relationships.as_bytes()),
    ])
}

/// A part of external relationships: id, kind, target.
pub(super) fn relationships(list: &[(&str, &str, &str)]) -> String {
    let mut out = String::from("<Relationships>");
    for (id, kind, target) in list {
        out.push_str(&format!(
            "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" \
             Target=\"{target}\" TargetMode=\"External\"/>"
        ));
    }
    out.push_str("</Relationships>");
    out
}

/// A document with one field.
pub(super) fn field(instruction: &str) -> Vec<u8> {
    // Runs split instructions anywhere.
    let (head, tail) = instruction.split_at(instruction.len() / 2);
    let body = format!(
        "<w:document><w:p><w:fldChar w:fldCharType=\"begin\"/><w:instrText>{head}</w:instrText>\
         <w:instrText>{tail}</w:instrText><w:fldChar w:fldCharType=\"separate\"/><w:t>x</w:t>\
         <w:fldChar w:fldCharType=\"end\"/></w:p></w:document>"
    );
    package(&[("word/document.xml", body.as_bytes())])
}

/// A slide with an action on a shape, and where it leads.
pub(super) fn slide(element: &str, action: &str, target: &str) -> Vec<u8> {
    let slide = format!("<p:sld><a:{element} r:id=\"rId2\" action=\"{action}\"/></p:sld>");
    let relationships = relationships(&[("rId2", "hyperlink", target)]);
    package(&[
        ("ppt/slides/slide1.xml", slide.as_bytes()),
        ("ppt/slides/_rels/slide1.xml.rels", relationships.as_bytes()),
    ])
}

/// Rich text with an object of these bytes; `noise` stands between its digits.
pub(super) fn rtf_object(header: &str, words: &str, object: &[u8], noise: &str) -> Vec<u8> {
    let mut text = format!("{header}\\ansi Text {{\\object\\objemb{words}{{\\*\\objdata ");
    for (at, byte) in object.iter().enumerate() {
        if at % 16 == 15 {
            text.push_str(noise);
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text.push_str("}}}");
    text.into_bytes()
}

/// An OLE1 object of this class around native data.
pub(super) fn ole1(class: &str, data: &[u8]) -> Vec<u8> {
    let mut object = vec![1, 5, 0, 0, 2, 0, 0, 0];
    object.extend((class.len() as u32 + 1).to_le_bytes());
    object.extend(class.as_bytes());
    object.extend([0; 9]);
    object.extend((data.len() as u32).to_le_bytes());
    object.extend(data);
    object
}

/// The stream of an equation whose font has this name.
pub(super) fn equation(font: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x1c, 0, 0, 0, 2, 0];
    stream.resize(0x1c, 0);
    // MTEF 3 of Windows; full size, a line, a font.
    stream.extend([3, 1, 1, 3, 10, 10, 1, 8, 0x5a, 0x5a]);
    stream.extend(font);
    stream.extend([0; 16]);
    stream
}

/// Text as UTF-16, little-endian.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The stream of a linked object with a URL moniker.
pub(super) fn url_moniker(address: &str) -> Vec<u8> {
    let address = wide(&format!("{address}\0"));
    let mut stream = vec![1, 0, 0, 2];
    stream.resize(24, 0);
    stream.extend(crate::office::class_bytes("79EAC9E0-BAF9-11CE-8C82-00AA004BA90B"));
    stream.extend((address.len() as u32).to_le_bytes());
    stream.extend(address);
    stream
}

/// A record of a workbook.
fn biff(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(body.len() as u16).to_le_bytes(), body].concat()
}

/// A binary workbook with a macro sheet: its state, the name of what runs, its formulas as tokens.
pub(super) fn macro_workbook(state: u8, name: Option<u8>, formulas: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = biff(0x0809, &[0, 6, 5, 0, 0, 0, 0, 0]);
    stream.extend(biff(0x0085, &[0, 0, 0, 0, state, 1, 6, 0, b'M', b'a', b'c', b'r', b'o', b'1']));
    if let Some(id) = name {
        let mut label = vec![0x20, 0, 0, 1];
        label.resize(14, 0);
        label.extend([0, id]);
        stream.extend(biff(0x0018, &label));
    }
    stream.extend(biff(0x000a, &[]));
    stream.extend(biff(0x0809, &[0, 6, 0x40, 0, 0, 0, 0, 0]));
    for (row, tokens) in formulas.iter().enumerate() {
        let mut cell = vec![row as u8, 0, 0, 0];
        cell.resize(20, 0);
        cell.extend((tokens.len() as u16).to_le_bytes());
        cell.extend(tokens);
        stream.extend(biff(0x0006, &cell));
    }
    stream.extend(biff(0x000a, &[]));
    compound_tree([0; 16], &[Entry::Stream("Workbook", &stream)])
}

/// Tokens of a call with one text: `EXEC("…")` is 110, `ALERT("…")` 0x8076.
pub(super) fn call(function: u16, text: &str) -> Vec<u8> {
    let mut tokens = vec![0x17, text.len() as u8, 0];
    tokens.extend(text.as_bytes());
    tokens.extend([0x42, 1]);
    tokens.extend(function.to_le_bytes());
    tokens
}

/// Tokens of `FORMULA(CHAR(c)&CHAR(c)&…)`.
pub(super) fn codes(text: &str) -> Vec<u8> {
    let mut tokens = Vec::new();
    for (at, letter) in text.bytes().enumerate() {
        tokens.extend([0x1e, letter, 0, 0x41, 111, 0]);
        if at > 0 {
            tokens.push(8);
        }
    }
    tokens.extend([0x42, 1, 0x60, 0x80]);
    tokens
}

/// An OpenDocument text with these parts.
pub(super) fn odt(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let kind = b"application/vnd.oasis.opendocument.text";
    let mut members = vec![ZipMember::stored("mimetype", kind)];
    members.extend(parts.iter().map(|(name, bytes)| ZipMember::deflated(name, bytes)));
    zip_members(&members)
}
