//! Parsed expressions (\[MS-XLS\] 2.5.198, \[MS-XLSB\] 2.5.97): tokens in reverse Polish notation, written
//! out as formulas. References are written as `R1C1`, which is enough to read what a macro does.

use palisade_formats::bytes::Cursor;

/// Tokens of one formula.
const MAX_TOKENS: usize = 8_192;
/// Bytes of a formula as text.
const MAX_TEXT: usize = 32 << 10;

/// Which file a formula is from: sizes of operands differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// BIFF5 and earlier: text of one byte a letter.
    Narrow,
    /// BIFF8.
    Wide,
    /// BIFF12, of xlsb.
    Binary,
}

/// Functions that matter here (\[MS-XLS\] 2.5.198.17, Ftab): number, name, fixed number of arguments.
const FUNCTIONS: &[(u16, &str, usize)] = &[
    (1, "IF", 3),
    (2, "ISNA", 1),
    (3, "ISERROR", 1),
    (4, "SUM", 1),
    (24, "FIXED", 1),
    (31, "MID", 3),
    (32, "LEN", 1),
    (48, "TEXT", 2),
    (53, "GOTO", 1),
    (54, "HALT", 1),
    (55, "RETURN", 1),
    (61, "MIRR", 3),
    (74, "NOW", 0),
    (84, "ERROR", 1),
    (88, "SET.NAME", 2),
    (90, "INITIATE", 2),
    (96, "SELECTION", 0),
    (108, "SET.VALUE", 2),
    (110, "EXEC", 1),
    (111, "CHAR", 1),
    (112, "LOWER", 1),
    (113, "UPPER", 1),
    (115, "LEFT", 1),
    (116, "RIGHT", 1),
    (119, "REPLACE", 4),
    (120, "SUBSTITUTE", 3),
    (121, "CODE", 1),
    (124, "FIND", 2),
    (132, "FOPEN", 1),
    (133, "FCLOSE", 1),
    (134, "FSIZE", 1),
    (135, "FREADLN", 1),
    (136, "FREAD", 2),
    (137, "FWRITELN", 2),
    (138, "FWRITE", 2),
    (148, "INDIRECT", 1),
    (149, "REGISTER", 1),
    (150, "CALL", 1),
    (162, "CLEAN", 1),
    (172, "WHILE", 1),
    (174, "NEXT", 0),
    (185, "GET.CELL", 2),
    (186, "GET.WORKSPACE", 1),
    (187, "GET.WINDOW", 1),
    (188, "GET.DOCUMENT", 1),
    (201, "UNREGISTER", 1),
    (267, "REGISTER.ID", 2),
    (336, "CONCATENATE", 1),
];
/// Commands (Cetab).
const COMMANDS: &[(u16, &str)] = &[
    (0x01, "OPEN"),
    (0x04, "CLOSE"),
    (0x05, "SAVE.AS"),
    (0x06, "FILE.DELETE"),
    (0x11, "RUN"),
    (0x60, "FORMULA"),
    (0x61, "FORMULA.FILL"),
    (0x62, "FORMULA.ARRAY"),
    (0x6d, "SELECT"),
    (0x6e, "DELETE.NAME"),
    (0x76, "ALERT"),
    (0x77, "NEW"),
];

/// Writes a parsed expression out. What cannot be read ends it.
pub(super) fn text(rgce: &[u8], layout: Layout) -> String {
    let mut stack: Vec<String> = Vec::new();
    let mut cursor = Cursor::new(rgce);
    for _ in 0..MAX_TOKENS {
        let Some(token) = cursor.u8() else { break };
        if step(token, &mut cursor, layout, &mut stack).is_none() {
            break;
        }
        if stack.len() > 1_000 {
            break;
        }
    }
    let mut out = stack.join(" ");
    out.truncate(out.floor_char_boundary(out.len().min(MAX_TEXT)));
    out
}

fn step(token: u8, cursor: &mut Cursor<'_>, layout: Layout, stack: &mut Vec<String>) -> Option<()> {
    const OPERATORS: [&str; 15] =
        ["+", "-", "*", "/", "^", "&", "<", "<=", "=", ">=", ">", "<>", " ", ",", ":"];
    let binary = layout == Layout::Binary;
    // Classes of reference, value and array have the same operands.
    let kind = if token >= 0x40 { token & 0x1f | 0x20 } else { token };
    match kind {
        0x01 | 0x02 => cursor.skip(4)?,
        0x03..=0x11 => {
            let right = stack.pop()?;
            let left = stack.pop()?;
            let operator = OPERATORS.get(usize::from(kind - 3))?;
            push(stack, format!("{left}{operator}{right}"));
        }
        0x12..=0x14 => {}
        0x15 => {
            let inner = stack.pop()?;
            push(stack, format!("({inner})"));
        }
        0x16 => push(stack, String::new()),
        0x17 => {
            let text = string(cursor, layout)?;
            push(stack, format!("\"{text}\""));
        }
        0x18 => cursor.skip(5)?,
        0x19 => {
            let kind = cursor.u8()?;
            let data = usize::from(cursor.u16_le()?);
            match kind {
                // A jump table (choose).
                0x04 => cursor.skip((data + 1).checked_mul(2)?)?,
                // The usual way of SUM.
                0x10 => {
                    let inner = stack.pop()?;
                    push(stack, format!("SUM({inner})"));
                }
                _ => {}
            }
        }
        0x1c => {
            cursor.skip(1)?;
            push(stack, "#ERR".to_owned());
        }
        0x1d => {
            let value = if cursor.u8()? == 0 { "FALSE" } else { "TRUE" };
            push(stack, value.to_owned());
        }
        0x1e => {
            let value = cursor.u16_le()?;
            push(stack, value.to_string());
        }
        0x1f => {
            let value = f64::from_bits(cursor.u64_le()?);
            push(stack, value.to_string());
        }
        0x20 => {
            cursor.skip(if binary { 14 } else { 7 })?;
            push(stack, "{}".to_owned());
        }
        0x21 => {
            let id = cursor.u16_le()?;
            let (name, count) = function(id);
            call(stack, &name, count);
        }
        0x22 => {
            let count = usize::from(cursor.u8()? & 0x7f);
            let id = cursor.u16_le()?;
            call_variable(stack, id, count);
        }
        0x23 => {
            let name = if layout == Layout::Narrow {
                let name = cursor.u16_le()?;
                cursor.skip(12)?;
                u32::from(name)
            } else {
                cursor.u32_le()?
            };
            push(stack, format!("name{name}"));
        }
        0x24 | 0x2c | 0x2a => reference(cursor, layout, 0, stack)?,
        0x25 | 0x2d | 0x2b => area(cursor, layout, 0, stack)?,
        0x26..=0x28 => cursor.skip(6)?,
        0x29 => cursor.skip(2)?,
        0x39 => {
            cursor.skip(if layout == Layout::Narrow { 24 } else { 6 })?;
            push(stack, "external".to_owned());
        }
        0x3a | 0x3c => reference(cursor, layout, 2, stack)?,
        0x3b | 0x3d => area(cursor, layout, 2, stack)?,
        _ => return None,
    }
    Some(())
}

fn push(stack: &mut Vec<String>, mut text: String) {
    text.truncate(text.floor_char_boundary(text.len().min(MAX_TEXT)));
    stack.push(text);
}

fn string(cursor: &mut Cursor<'_>, layout: Layout) -> Option<String> {
    let (length, wide) = match layout {
        Layout::Binary => (usize::from(cursor.u16_le()?), true),
        Layout::Wide => {
            let length = usize::from(cursor.u8()?);
            (length, cursor.u8()? & 1 != 0)
        }
        Layout::Narrow => (usize::from(cursor.u8()?), false),
    };
    letters(cursor, length, wide)
}

/// `length` letters of one byte or two each.
pub(super) fn letters(cursor: &mut Cursor<'_>, length: usize, wide: bool) -> Option<String> {
    let bytes = cursor.take(if wide { length.checked_mul(2)? } else { length })?;
    Some(if wide {
        super::super::wide(bytes)
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    })
}

fn reference(
    cursor: &mut Cursor<'_>,
    layout: Layout,
    sheet: usize,
    stack: &mut Vec<String>,
) -> Option<()> {
    let sheet = if layout == Layout::Narrow && sheet > 0 { 14 } else { sheet };
    cursor.skip(sheet)?;
    let (row, column) = match layout {
        Layout::Binary => (cursor.u32_le()?, cursor.u16_le()? & 0x3fff),
        Layout::Wide => (u32::from(cursor.u16_le()?), cursor.u16_le()? & 0x3fff),
        Layout::Narrow => (u32::from(cursor.u16_le()? & 0x3fff), u16::from(cursor.u8()?)),
    };
    push(stack, format!("R{}C{}", row.saturating_add(1), u32::from(column) + 1));
    Some(())
}

fn area(
    cursor: &mut Cursor<'_>,
    layout: Layout,
    sheet: usize,
    stack: &mut Vec<String>,
) -> Option<()> {
    let (sheet, size) = match layout {
        Layout::Binary => (sheet, 12),
        Layout::Wide => (sheet, 8),
        Layout::Narrow => (if sheet > 0 { 14 } else { 0 }, 6),
    };
    cursor.skip(sheet + size)?;
    push(stack, "range".to_owned());
    Some(())
}

fn function(id: u16) -> (String, usize) {
    FUNCTIONS
        .iter()
        .find(|(known, ..)| *known == id)
        .map_or_else(|| (format!("F{id}"), 1), |(_, name, count)| ((*name).to_owned(), *count))
}

fn call(stack: &mut Vec<String>, name: &str, count: usize) {
    let from = stack.len().saturating_sub(count);
    let arguments = stack.split_off(from).join(",");
    push(stack, format!("{name}({arguments})"));
}

fn call_variable(stack: &mut Vec<String>, id: u16, count: usize) {
    // Bit 15: a command rather than a function.
    if id & 0x8000 != 0 {
        let number = id & 0x7fff;
        let known = COMMANDS.iter().find(|(known, _)| *known == number);
        let name = known.map_or_else(|| format!("C{number}"), |(_, name)| (*name).to_owned());
        return call(stack, &name, count);
    }
    // 255: a macro or function of the user, whose name is the first argument.
    let name = if id == 255 { "RUN".to_owned() } else { function(id).0 };
    call(stack, &name, count);
}

#[cfg(test)]
mod tests {
    use super::{Layout, text};

    #[test]
    fn formulas_are_written_out() {
        let exec = b"\x17\x04\0calc\x41\x6e\0";
        assert_eq!(text(exec, Layout::Wide), "EXEC(\"calc\")");
        let sum = b"\x1e\x01\0\x1e\x02\0\x03\x15\x41\x6f\0";
        assert_eq!(text(sum, Layout::Wide), "CHAR((1+2))");
        let wide = b"\x17\x02\0o\0k\0\x42\x01\x60\x80";
        assert_eq!(text(wide, Layout::Binary), "FORMULA(\"ok\")");
        let cell = b"\x44\x04\0\x01\0\x24\0\0\0\0\x08";
        assert_eq!(text(cell, Layout::Wide), "R5C2&R1C1");
    }

    #[test]
    fn broken_formulas_end() {
        assert_eq!(text(b"\x03", Layout::Wide), "");
        assert_eq!(text(b"\x1e\x01\0\x17\xff\0a", Layout::Wide), "1");
        assert_eq!(text(b"\xff\xff", Layout::Binary), "");
    }
}
