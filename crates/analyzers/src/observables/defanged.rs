//! Forms that keep an address from being followed, or that escape it: undone before the scan.

use std::borrow::Cow;

use memchr::memmem;

/// What is replaced by what. The first list needs a letter or digit on both sides, so that a regular
/// expression's `[.]` stays one.
const BETWEEN: [(&[u8], &[u8]); 9] = [
    (b"[.]", b"."),
    (b"(.)", b"."),
    (b"{.}", b"."),
    (b"[dot]", b"."),
    (b"(dot)", b"."),
    (b"[@]", b"@"),
    (b"[at]", b"@"),
    (b"(at)", b"@"),
    (b"[-]", b"-"),
];
const ANYWHERE: [(&[u8], &[u8]); 11] = [
    (b"[:]//", b"://"),
    (b"[://]", b"://"),
    (b":[//]", b"://"),
    (b"[:]\\\\", b"://"),
    (b"hxxp", b"http"),
    (b"hXXp", b"http"),
    (b"HXXP", b"http"),
    (b"h**p", b"http"),
    (b"fxp://", b"ftp://"),
    (b"\\/", b"/"),
    (b"&amp;", b"&"),
];

/// The text with its addresses as they would be followed.
pub(super) fn undo(text: &[u8]) -> Cow<'_, [u8]> {
    let any = BETWEEN.iter().chain(&ANYWHERE).any(|(form, _)| memmem::find(text, form).is_some());
    if !any {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        if matches!(byte, b'[' | b'(' | b'{' | b':' | b'h' | b'H' | b'f' | b'\\' | b'&')
            && let Some((form, plain)) = form_at(rest, out.last().copied())
        {
            out.extend_from_slice(plain);
            rest = rest.get(form.len()..).unwrap_or_default();
        } else {
            out.push(byte);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    Cow::Owned(out)
}

fn form_at(rest: &[u8], before: Option<u8>) -> Option<(&'static [u8], &'static [u8])> {
    let word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let between = BETWEEN.into_iter().find(|(form, _)| {
        rest.starts_with(form) && word(before.as_ref()) && word(rest.get(form.len()))
    });
    between.or_else(|| ANYWHERE.into_iter().find(|(form, _)| rest.starts_with(form)))
}
