//! HTML and the many kinds of XML, by the first elements.

use super::super::Type;
use super::super::tables::named;

/// Bytes of markup that are looked at for elements.
const LOOK: usize = 16 << 10;

/// The kind of markup at the start of `text`, which begins with `<`.
pub(super) fn classify(text: &[u8]) -> Option<&'static Type> {
    let head = &text[..text.len().min(LOOK)];
    if head.starts_with(b"<?php") || head.starts_with(b"<?=") {
        return Some(const { named("php") });
    }
    if head.starts_with(b"<%@")
        || head.starts_with(b"<% ")
        || head.starts_with(b"<%\r")
        || head.starts_with(b"<%\n")
    {
        let java = contains(head, b"java") || contains(head, b"jsp");
        return Some(if java { const { named("jsp") } } else { const { named("asp") } });
    }
    let declared = starts_with_ignore_case(head, b"<?xml");
    let root = root_element(head);
    let Some((name, attributes)) = root else {
        return declared.then_some(const { named("xml") });
    };
    let mut lower = name.to_ascii_lowercase();
    if contains_ignore_case(head, b"<hta:application") {
        return Some(const { named("hta") });
    }
    let local = lower.iter().rposition(|byte| *byte == b':').map_or(0, |colon| colon + 1);
    let prefixed = local > 0;
    lower.drain(..local);
    if !declared && !prefixed && HTML_ELEMENTS.contains(&lower.as_slice()) {
        return Some(html(head));
    }
    if lower == b"html" {
        return Some(if declared { const { named("xhtml") } } else { html(head) });
    }
    // Windows Script Host runs the scripts in these; others use the same element names.
    if contains_ignore_case(head, b"<script") {
        match lower.as_slice() {
            b"job" | b"package" => return Some(const { named("wsf") }),
            b"component" | b"scriptlet" => return Some(const { named("sct") }),
            _ => {}
        }
    }
    let known = XML_ROOTS.iter().find(|(root, space, _)| {
        *root == lower && (space.is_empty() || contains(attributes, space))
    });
    if let Some((_, _, ty)) = known {
        return Some(ty);
    }
    // Without a declaration, a namespace or a closing tag make it XML; else it may be anything.
    let closing = [b"</", name].concat();
    if declared || contains(attributes, b"xmlns") || contains(head, &closing) {
        return Some(const { named("xml") });
    }
    None
}

/// Code or elements that make text what its start does not say: a server page that begins with
/// text, or markup behind a line of it.
pub(super) fn embedded(text: &[u8]) -> Option<&'static Type> {
    if contains(text, b"<?php") {
        return Some(const { named("php") });
    }
    let head = &text[..text.len().min(LOOK)];
    let closed = contains_ignore_case(head, b"</script>") || contains_ignore_case(head, b"</html>");
    if closed && (contains_ignore_case(head, b"<script") || contains_ignore_case(head, b"<html")) {
        return Some(html(head));
    }
    None
}

fn html(head: &[u8]) -> &'static Type {
    if contains_ignore_case(head, b"<hta:application") {
        const { named("hta") }
    } else if contains(head, b"<?php") {
        const { named("php") }
    } else {
        const { named("html") }
    }
}

/// Elements that begin a page when no declaration says XML.
const HTML_ELEMENTS: [&[u8]; 33] = [
    b"!doctype",
    b"html",
    b"head",
    b"body",
    b"title",
    b"script",
    b"style",
    b"meta",
    b"link",
    b"iframe",
    b"frameset",
    b"table",
    b"div",
    b"p",
    b"a",
    b"img",
    b"span",
    b"font",
    b"center",
    b"form",
    b"h1",
    b"h2",
    b"h3",
    b"br",
    b"b",
    b"ul",
    b"object",
    b"embed",
    b"base",
    b"noscript",
    b"marquee",
    b"button",
    b"input",
];

/// Local name of the root, a string that its attributes hold (or nothing), and the type.
const XML_ROOTS: [(&[u8], &[u8], &Type); 58] = [
    (b"svg", b"", named("svg")),
    (b"rss", b"", named("rss")),
    (b"feed", b"Atom", named("atom")),
    (b"rdf", b"", named("rdf")),
    (b"plist", b"", named("plist")),
    (b"stylesheet", b"XSL", named("xslt")),
    (b"transform", b"XSL", named("xslt")),
    (b"schema", b"XMLSchema", named("xsd")),
    (b"definitions", b"wsdl", named("wsdl")),
    (b"description", b"wsdl", named("wsdl")),
    (b"envelope", b"soap", named("soap")),
    (b"document", b"opendocument", named("fodt")),
    (b"document", b"office:", named("fodt")),
    (b"worddocument", b"", named("word_xml")),
    (b"workbook", b"office:spreadsheet", named("excel_xml")),
    (b"package", b"xmlPackage", named("flat_opc")),
    (b"package", b"idpf.org", named("opf")),
    (b"package", b"nuspec", named("nuspec")),
    (b"ncx", b"", named("ncx")),
    (b"xdp", b"", named("xdp")),
    (b"xfdf", b"", named("xfdf")),
    (b"kml", b"", named("kml")),
    (b"gpx", b"", named("gpx")),
    (b"gml", b"", named("gml")),
    (b"math", b"MathML", named("mathml")),
    (b"smil", b"", named("smil")),
    (b"tt", b"ttml", named("ttml")),
    (b"xliff", b"", named("xliff")),
    (b"ts", b"", named("qt_ts")),
    (b"ui", b"", named("qt_ui")),
    (b"interface", b"", named("qt_ui")),
    (b"collada", b"", named("collada")),
    (b"x3d", b"", named("x3d")),
    (b"score-partwise", b"", named("musicxml")),
    (b"score-timewise", b"", named("musicxml")),
    (b"mxfile", b"", named("drawio")),
    (b"project", b"maven", named("maven_pom")),
    (b"project", b"msbuild", named("msbuild")),
    (b"project", b"Sdk=", named("msbuild")),
    (b"project", b"ToolsVersion", named("msbuild")),
    (b"manifest", b"android", named("android_manifest")),
    (b"assembly", b"asm.v", named("windows_manifest")),
    (b"fontconfig", b"", named("fontconfig")),
    (b"busconfig", b"", named("dbus_interface")),
    (b"repository", b"introspection", named("gir")),
    (b"playlist", b"xspf", named("xspf")),
    (b"opml", b"", named("opml")),
    (b"tei", b"", named("tei")),
    (b"urlset", b"", named("sitemap")),
    (b"sitemapindex", b"", named("sitemap")),
    (b"fictionbook", b"", named("fb2")),
    (b"abiword", b"", named("abiword")),
    (b"article", b"", named("docbook")),
    (b"book", b"", named("docbook")),
    (b"jnlp", b"", named("jnlp")),
    (b"librarydescription", b"", named("library_ms")),
    (b"searchconnectordescription", b"", named("search_ms")),
    (b"pcsettings", b"", named("settingcontent")),
];

/// Name and attributes of the first element, after declaration, comments and document type.
/// Without an element the document type's name is taken.
fn root_element(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    let mut doctype: Option<(&[u8], &[u8])> = None;
    // Each step consumes a `<`.
    loop {
        let start = match memchr::memchr(b'<', rest) {
            Some(start) => start,
            None => return doctype,
        };
        rest = &rest[start..];
        if rest.starts_with(b"<!--") {
            let Some(end) = memchr::memmem::find(rest, b"-->") else { return doctype };
            rest = &rest[end + 3..];
        } else if rest.starts_with(b"<?") {
            let Some(end) = memchr::memmem::find(rest, b"?>") else { return doctype };
            rest = &rest[end + 2..];
        } else if rest.starts_with(b"<!") {
            if starts_with_ignore_case(rest, b"<!doctype") {
                let name = rest[9..].trim_ascii_start();
                let end = name.iter().position(|b| !is_name(*b)).unwrap_or(name.len());
                if name[..end].eq_ignore_ascii_case(b"html") {
                    return Some((b"html", &[]));
                }
                doctype = Some((&name[..end], &[]));
            }
            // An internal subset holds declarations of its own.
            let close = memchr::memchr2(b'>', b'[', rest);
            let Some(mut end) = close else { return doctype };
            if rest[end] == b'[' {
                let Some(subset) = memchr::memmem::find(&rest[end..], b"]>") else {
                    return doctype;
                };
                end += subset + 1;
            }
            rest = &rest[end + 1..];
        } else {
            let tag = &rest[1..];
            let end = tag.iter().position(|byte| !is_name(*byte)).unwrap_or(tag.len());
            if end == 0 {
                return doctype;
            }
            let close = memchr::memchr(b'>', tag).unwrap_or(tag.len()).max(end);
            return Some((&tag[..end], &tag[end..close]));
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.')
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(text, needle).is_some()
}

fn starts_with_ignore_case(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `needle` is in lower case and begins with `<`.
fn contains_ignore_case(text: &[u8], needle: &[u8]) -> bool {
    memchr::memchr_iter(b'<', text).any(|at| starts_with_ignore_case(&text[at..], needle))
}
