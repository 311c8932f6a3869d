//! Samples of Excel 4 macros and text spreadsheets.

use palisade_formats::document::samples::compound;

use super::super::Case;
use super::build::{call, codes, macro_workbook, package};
use super::case;

const AUTO_OPEN: Option<u8> = Some(1);

/// A formula that shows a message: a command that does nothing else.
fn alert() -> Vec<u8> {
    call(0x8076, "Hello")
}

fn plain_workbook() -> Vec<u8> {
    macro_workbook(0, None, &[])
}

/// A workbook in XOR obfuscation with this check value.
fn protected(verifier: u16) -> Vec<u8> {
    let mut stream = vec![0x09, 0x08, 8, 0, 0, 6, 5, 0, 0, 0, 0, 0, 0x2f, 0, 6, 0, 0, 0, 1, 2];
    stream.extend(verifier.to_le_bytes());
    stream.extend([0x0a, 0, 0, 0]);
    compound(&[("Workbook", &stream)])
}

fn built() -> Vec<u8> {
    codes("a long but harmless text")
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("xlm-macro-sheet", "a.xls", || macro_workbook(0, None, &[alert()]), plain_workbook),
        case(
            "xlm-auto-run",
            "a.xls",
            || macro_workbook(0, AUTO_OPEN, &[alert()]),
            // The built-in name of a print area.
            || macro_workbook(0, Some(6), &[alert()]),
        ),
        case(
            "xlm-hidden-auto-run",
            "a.xls",
            || macro_workbook(2, AUTO_OPEN, &[alert()]),
            || macro_workbook(0, AUTO_OPEN, &[alert()]),
        ),
        case(
            "protected-workbook",
            "a.xls",
            // The check value of XOR obfuscation with Excel's own password, and of another.
            || protected(0x9a0a),
            || protected(0x1234),
        ),
        case(
            "xlm-execute",
            "a.xlsm",
            || {
                package(&[
                    ("xl/workbook.xml", b"<workbook/>"),
                    (
                        "xl/macrosheets/sheet1.xml",
                        b"<xm:macrosheet><c><f>EXEC(\"calc.exe\")</f></c></xm:macrosheet>",
                    ),
                ])
            },
            // A function of its own library, as add-ins register them, and text that looks like one.
            || {
                package(&[
                    ("xl/workbook.xml", b"<workbook/>"),
                    ("xl/macrosheets/sheet1.xml", b"<xm:macrosheet><c><f>REGISTER(\"ANALYS32.XLL\",\"fEdate\",\"RRR\",\"EDATE\")</f><v>EXEC(1)</v></c></xm:macrosheet>"),
                ])
            },
        ),
        case(
            "xlm-obfuscated",
            "a.xls",
            || macro_workbook(0, AUTO_OPEN, &[built()]),
            // Not run by itself.
            || macro_workbook(0, None, &[built()]),
        ),
        case(
            "sheet-command",
            "a.slk",
            || b"ID;PWXL;N;E\nC;Y1;X1;K0;Ecmd|'/c calc'!A0\nE\n".to_vec(),
            || b"ID;PWXL;N;E\nC;Y1;X1;K0;ESUM(R[-2]C:R[-1]C)\nC;Y2;X1;K\"a|b!\"\nE\n".to_vec(),
        ),
        case(
            "web-query",
            "a.iqy",
            || b"WEB\r\n1\r\nhttp://example.com/rates\r\n\r\nSelection=1\r\n".to_vec(),
            || {
                b"WEB\r\n1\r\nhttps://company.sharepoint.com/_vti_bin/owssvr.dll?List=1\r\n"
                    .to_vec()
            },
        ),
    ]
}
