//! Samples of the `pdf` analyser.

use palisade_formats::document::samples::{pdf_attachment, pe_overlay};

use super::Case;

/// A document of these objects, numbered from 1, with a table. The first is the catalogue.
fn document(objects: &[&str]) -> Vec<u8> {
    raw_document(&objects.iter().map(|object| object.as_bytes().to_vec()).collect::<Vec<_>>())
}

fn raw_document(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", at + 1).into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    let end =
        format!("trailer\n<</Root 1 0 R/Size {}>>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    file.extend(end.into_bytes());
    file
}

const PAGES: &str = "<</Type/Pages/Kids[3 0 R]/Count 1>>";
const PAGE: &str = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]>>";

/// A document that does this when it is opened.
fn opening(action: &str) -> Vec<u8> {
    document(&["<</Type/Catalog/Pages 2 0 R/OpenAction 4 0 R>>", PAGES, PAGE, action])
}

/// A document that does this when a link is clicked.
fn clicking(action: &str) -> Vec<u8> {
    let link = format!("<</Type/Annot/Subtype/Link/Rect[10 10 90 30]/A {action}>>");
    document(&["<</Type/Catalog/Pages 2 0 R>>", PAGES, PAGE, &link])
}

fn script(text: &str) -> String {
    format!("<</S/JavaScript/JS({text})>>")
}

/// Something that a form does with its numbers.
const HARMLESS: &str = "var total = 1 + 2; app.alert\\(total\\);";

fn stream(dictionary: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("<<{dictionary}/Length {}>>\nstream\n", bytes.len());
    [head.as_bytes(), bytes, b"\nendstream"].concat()
}

fn with_stream(dictionary: &str, bytes: &[u8]) -> Vec<u8> {
    let catalog = b"<</Type/Catalog/Pages 2 0 R>>".to_vec();
    raw_document(&[catalog, PAGES.into(), PAGE.into(), stream(dictionary, bytes)])
}

fn link_over(rectangle: &str, address: &str) -> Vec<u8> {
    let link = format!("<</Type/Annot/Subtype/Link/Rect{rectangle}/A<</S/URI/URI({address})>>>>");
    document(&["<</Type/Catalog/Pages 2 0 R>>", PAGES, PAGE, &link])
}

/// A form in XML with a script on this event.
fn form(activity: &str) -> Vec<u8> {
    let form = format!(
        "<template><field><event activity=\"{activity}\"><script>var a = 1;</script></event></field></template>"
    );
    let catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</XFA 4 0 R>>>>".to_vec();
    raw_document(&[catalog, PAGES.into(), PAGE.into(), stream("", form.as_bytes())])
}

/// Words of memory as scripts write them, of no meaning.
fn words(count: usize) -> String {
    (0..count).map(|at| format!("%u{:04x}", at * 257)).collect()
}

const fn case(finding: &'static str, sample: fn() -> Vec<u8>, near_miss: fn() -> Vec<u8>) -> Case {
    Case { analyzer: "pdf", finding, name: "a.pdf", sample, near_miss }
}

fn plain() -> Vec<u8> {
    document(&["<</Type/Catalog/Pages 2 0 R>>", PAGES, PAGE])
}

pub(super) fn cases() -> Vec<Case> {
    [script_cases(), action_cases(), content_cases(), structure_cases()].concat()
}

fn script_cases() -> Vec<Case> {
    vec![
        case(
            "javascript",
            || clicking(&script(HARMLESS)),
            || clicking("<</S/URI/URI(https://example.com/javascript)>>"),
        ),
        case("javascript-auto-run", || opening(&script(HARMLESS)), || clicking(&script(HARMLESS))),
        case(
            "javascript-exploit",
            || opening(&script("util.printf\\(\"%45000f\", n\\);")),
            || opening(&script("util.printf\\(\"%.2f\", n\\);")),
        ),
        case(
            "javascript-heap-spray",
            || {
                opening(&script(&format!(
                    "var s = unescape\\(\"{}\"\\); while \\(s.length < 9\\) s += s;",
                    words(16)
                )))
            },
            // An accent or two in the words of a form.
            || opening(&script("var s = unescape\\(\"%u00e9t%u00e9\"\\); for \\(;;\\) break;")),
        ),
        case(
            "javascript-obfuscated",
            || opening(&script("eval\\(String.fromCharCode\\(118,97,114,32,97\\)\\);")),
            || clicking(&script("eval\\(String.fromCharCode\\(118,97,114,32,97\\)\\);")),
        ),
        case(
            "javascript-drops-file",
            || clicking(&script("this.exportDataObject\\({ cName: \"a.txt\", nLaunch: 2 }\\);")),
            // Saves only.
            || clicking(&script("this.exportDataObject\\({ cName: \"a.txt\" }\\);")),
        ),
        case(
            "javascript-network",
            || clicking(&script("app.launchURL\\(\"https://example.com/help\"\\);")),
            || clicking(&script("app.alert\\(\"See https://example.com/help\"\\);")),
        ),
        case("xfa-form", || form("click"), plain),
        case("xfa-script", || form("initialize"), || form("click")),
        case(
            "action-in-object-stream",
            || {
                let inner = script(HARMLESS);
                with_stream("/Type/ObjStm/N 1/First 4", format!("9 0 {inner}").as_bytes())
            },
            || with_stream("/Type/ObjStm/N 1/First 4", b"9 0 <</Type/Font/Name/Launch>>"),
        ),
    ]
}

fn action_cases() -> Vec<Case> {
    vec![
        case(
            "open-action",
            || opening("<</S/URI/URI(https://example.com/)>>"),
            // Shows a page.
            || opening("<</S/GoTo/D[3 0 R/Fit]>>"),
        ),
        case(
            "launch-program",
            || clicking("<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>"),
            || clicking("<</S/Launch/F(manual.pdf)>>"),
        ),
        case(
            "launch-file",
            || clicking("<</S/Launch/F(manual.pdf)>>"),
            || clicking("<</S/GoTo/D[3 0 R/Fit]>>"),
        ),
        case(
            "escaped-names",
            || {
                document(&[
                    "<</Type/Catalog/Pages 2 0 R>>",
                    PAGES,
                    PAGE,
                    "<</S/J#61vaScript/JS(1)>>",
                ])
            },
            // A blank in the name of a font or colour.
            || {
                document(&[
                    "<</Type/Catalog/Pages 2 0 R>>",
                    PAGES,
                    PAGE,
                    "<</BaseFont/Times#20New#2dRoman/C(#61)>>",
                ])
            },
        ),
        case(
            "opens-address-by-itself",
            || opening("<</S/URI/URI(http://example.com/)>>"),
            || clicking("<</S/URI/URI(http://example.com/)>>"),
        ),
        case(
            "submits-by-itself",
            || opening("<</S/SubmitForm/F(http://example.com/collect)>>"),
            || clicking("<</S/SubmitForm/F(http://example.com/collect)>>"),
        ),
        case(
            "submit-form",
            || clicking("<</S/SubmitForm/F(http://example.com/collect)>>"),
            || clicking("<</S/ResetForm>>"),
        ),
        case(
            "import-data",
            || clicking("<</S/ImportData/F(figures.fdf)>>"),
            || clicking("<</S/ResetForm>>"),
        ),
        case(
            "goes-to-other-document",
            || clicking("<</S/GoToR/F(volume2.pdf)/D[0/Fit]>>"),
            || clicking("<</S/GoTo/D[3 0 R/Fit]>>"),
        ),
        case(
            "share-link",
            || clicking("<</S/GoToR/F(\\\\\\\\server\\\\manuals\\\\volume2.pdf)/D[0/Fit]>>"),
            || clicking("<</S/GoToR/F(C:\\\\manuals\\\\volume2.pdf)/D[0/Fit]>>"),
        ),
        case(
            "share-by-itself",
            || opening("<</S/GoToR/F(\\\\\\\\server\\\\manuals\\\\volume2.pdf)/D[0/Fit]>>"),
            || clicking("<</S/GoToR/F(\\\\\\\\server\\\\manuals\\\\volume2.pdf)/D[0/Fit]>>"),
        ),
        case(
            "dangerous-link",
            || clicking("<</S/URI/URI(search-ms:query=report&crumb=location:example)>>"),
            || clicking("<</S/URI/URI(mailto:somebody@example.com)>>"),
        ),
        case(
            "page-is-a-link",
            || link_over("[0 0 600 800]", "https://example.com/offer"),
            || link_over("[10 10 300 40]", "https://example.com/offer"),
        ),
        case(
            "lure-link",
            || link_over("[0 0 600 800]", "http://192.0.2.1/invoice"),
            || link_over("[0 0 600 800]", "https://example.com/offer"),
        ),
    ]
}

fn content_cases() -> Vec<Case> {
    vec![
        case("embedded-file", || pdf_attachment("figures.txt", b"1, 2, 3"), plain),
        case(
            "embedded-executable",
            || pdf_attachment("tool.exe", &pe_overlay(b"")),
            || pdf_attachment("factur-x.xml", b"<?xml version=\"1.0\"?><invoice>exe</invoice>"),
        ),
        case(
            "embedded-disguised",
            || pdf_attachment("invoice.pdf.js", b"var a = 1;"),
            || pdf_attachment("invoice.2024.txt", b"1, 2, 3"),
        ),
        case(
            "rich-media",
            || {
                document(&[
                    "<</Type/Catalog/Pages 2 0 R>>",
                    PAGES,
                    PAGE,
                    "<</Type/Annot/Subtype/3D/Rect[0 0 9 9]>>",
                ])
            },
            || {
                document(&[
                    "<</Type/Catalog/Pages 2 0 R>>",
                    PAGES,
                    PAGE,
                    "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]>>",
                ])
            },
        ),
        case(
            "filter-chain",
            || with_stream("/Filter[/ASCIIHexDecode/ASCII85Decode/FlateDecode]", b"00>"),
            || with_stream("/Filter[/ASCII85Decode/FlateDecode]", b"00~>"),
        ),
        case(
            "jbig2-behind-text",
            || with_stream("/Filter[/ASCIIHexDecode/JBIG2Decode]", b"00>"),
            || with_stream("/Filter/JBIG2Decode", b"\0\0"),
        ),
    ]
}

/// A trailer that says that the file is encrypted by this dictionary.
fn encrypted(dictionary: &str) -> Vec<u8> {
    let mut file = document(&["<</Type/Catalog/Pages 2 0 R>>", PAGES, PAGE, dictionary]);
    file.extend(b"trailer\n<</Root 1 0 R/Encrypt 4 0 R/ID[(a)(b)]>>\nstartxref\n0\n%%EOF\n");
    file
}

/// A password that fits none: key and check value are of nothing.
fn locked() -> Vec<u8> {
    let blank = "0".repeat(64);
    encrypted(&format!("<</Filter/Standard/V 1/R 2/P -4/O<{blank}>/U<{blank}>>>"))
}

fn structure_cases() -> Vec<Case> {
    vec![
        case("encrypted-document", locked, plain),
        case("unknown-security-handler", || encrypted("<</Filter/Example.Handler/V 1>>"), locked),
        case(
            "late-header",
            || [&b"added by a gateway\x01\x02\r\n"[..], &plain()].concat(),
            || [&b"\xef\xbb\xbf"[..], &plain()].concat(),
        ),
        case(
            "data-after-end",
            || [&plain()[..], &[b'x'; 4096]].concat(),
            || [&plain()[..], &[0; 4096]].concat(),
        ),
        case(
            "broken-table",
            || {
                let file = plain();
                let at = file.len() - b"startxref\n000\n%%EOF\n".len();
                [&file[..at], b"startxref\n5\n%%EOF\n"].concat()
            },
            plain,
        ),
        case(
            "stream-length-lies",
            || {
                raw_document(&[
                    b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
                    PAGES.into(),
                    PAGE.into(),
                    b"<</Length 2>>\nstream\nmuch longer\nendstream".to_vec(),
                ])
            },
            || with_stream("", b"as long as it says"),
        ),
        case(
            "changed-after-signature",
            || {
                let signed = document(&[
                    "<</Type/Catalog/Pages 2 0 R>>",
                    PAGES,
                    PAGE,
                    "<</Type/Sig/ByteRange[0 100 200 100]>>",
                ]);
                let update = format!(
                    "5 0 obj\n({})\nendobj\ntrailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n",
                    "a".repeat(2_048)
                );
                [&signed[..], update.as_bytes()].concat()
            },
            || {
                document(&[
                    "<</Type/Catalog/Pages 2 0 R>>",
                    PAGES,
                    PAGE,
                    "<</Type/Sig/ByteRange[0 100 200 100]>>",
                ])
            },
        ),
    ]
}
