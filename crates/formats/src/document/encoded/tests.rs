use super::{unpack, unpack_binhex};
use crate::document::samples;
use crate::document::test_support::{collect, survives};

#[test]
fn an_executable_in_base64_is_a_child() {
    let program = samples::pe_overlay(b"");
    let encoded = samples::base64(&program);
    let quoted = encoded.replace("\r\n", "\" & _\r\n    \"");
    for text in [
        encoded.clone(),
        encoded.replace("\r\n", ""),
        format!("Dim s\r\ns = \"{quoted}\"\r\n"),
        format!("some words before {encoded} and after"),
    ] {
        let found = collect(unpack, text.as_bytes());
        assert_eq!(found.children.len(), 1, "{}", &text[..60]);
        assert_eq!(found.children[0].1, program);
    }
    let wide: Vec<u8> = encoded.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(collect(unpack, &wide).children[0].1, program);
    assert_eq!(collect(unpack, &samples::html_data_uri(&program)).children[0].1, program);
}

#[test]
fn what_is_not_worth_a_child_is_none() {
    let text = samples::base64(&b"only words, many of them; ".repeat(20));
    let noise: Vec<u8> = (0..600u32).map(|at| (at * at / 3) as u8).collect();
    let noise = samples::base64(&noise);
    let short = samples::base64(b"MZ\x90\0");
    for near_miss in
        [text, noise, short, "A".repeat(5_000), "word ".repeat(900), "-".repeat(90) + "\n"]
    {
        assert!(collect(unpack, near_miss.as_bytes()).children.is_empty(), "{}", &near_miss[..4]);
    }
}

#[test]
fn blocks_in_text_are_children() {
    let text = b"Dear all,\nbegin with this:\nbegin 644 a.txt\n%:&5L;&\\\n`\nend\nbye\n\
=ybegin line=128 size=3 name=b.bin\r\n\x2a=}\x2c\r\n=yend size=3\r\n";
    let found = collect(unpack, text);
    assert_eq!(found.names(), ["a.txt", "b.bin"]);
    assert_eq!(found.body("a.txt"), b"hello");
    assert_eq!(found.problems, []);
}

#[test]
fn binhex_gives_both_forks() {
    // Written by hand after RFC 1741: name `a`, data `hi`, no resource fork.
    let raw = b"\x01a\0TEXTttxt\0\0\0\0\0\x02\0\0\0\0\0\0hi\0\0\0\0";
    const DIGITS: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
    let mut text = b"(This file must be converted with BinHex 4.0)\n\n:".to_vec();
    for chunk in raw.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]);
        }
    }
    text.push(b':');
    let found = collect(unpack_binhex, &text);
    assert_eq!(found.names(), ["a"]);
    assert_eq!(found.body("a"), b"hi");
    survives(unpack_binhex, &text);
}

#[test]
fn hostile_bytes_survive() {
    survives(unpack, samples::base64(&samples::pe_overlay(b"")).as_bytes());
    survives(unpack, b"begin 644 a\n%:&5L;&\\\n`\nend\n=ybegin size=1 name=x\na\n=yend\n");
    // Many starts without an end: reading stays linear.
    collect(unpack, &b"begin 644 a\n".repeat(50_000));
    collect(unpack, &b"(This file must be converted with BinHex 4.0)\n:".repeat(5_000));
}
