//! Forms in XML: XFA inside a document, data packages and form data beside one.

use memchr::memmem;

use super::{kinds, scripts};
use crate::Examination;
use crate::xml::{Token, Tokens, decode, utf8};

/// Bytes of script of one form.
const MAX_SCRIPT: usize = 1 << 20;

/// Looks at a data package or form data.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let bytes = examination.bytes();
    if memmem::find(bytes, b"<template").is_some()
        || memmem::find(bytes, b"<xfa:template").is_some()
    {
        examination.find(&kinds::XFA_FORM, "The file holds a form in XML");
    }
    form(examination, bytes);
}

/// Looks at a part of a form: `<event activity="initialize"><script>…`.
pub(super) fn form(examination: &mut Examination<'_>, part: &[u8]) {
    let utf8 = utf8(part);
    let mut in_script = false;
    let mut activity = String::new();
    let mut script = String::new();
    for (at, token) in Tokens::new(&utf8).enumerate() {
        if at % 4096 == 0 && examination.should_stop() {
            return;
        }
        match token {
            Token::Open(element) => match element.local() {
                b"event" => activity = element.attribute(b"activity").unwrap_or_default(),
                b"script" => in_script = true,
                b"submit" | b"f" => {
                    let target =
                        element.attribute(b"target").or_else(|| element.attribute(b"href"));
                    if let Some(target) = target.filter(|target| !target.is_empty()) {
                        examination.observe_text(target.as_bytes(), "form");
                    }
                }
                _ => {}
            },
            Token::Text(text) if in_script && script.len() < MAX_SCRIPT => {
                script.push_str(&decode(text))
            }
            Token::Text(_) => {}
            Token::Close(b"script") => {
                in_script = false;
                judge(examination, &script, &activity);
                script.clear();
            }
            Token::Close(_) => {}
        }
    }
    // A script that is never closed.
    judge(examination, &script, &activity);
}

fn judge(examination: &mut Examination<'_>, script: &str, activity: &str) {
    if script.trim().is_empty() {
        return;
    }
    let by_itself = matches!(
        activity,
        "initialize" | "docReady" | "ready" | "layout" | "preOpen" | "indexChange"
    );
    if by_itself {
        examination
            .find(&kinds::XFA_SCRIPT, format!("A script of the form runs on {activity}"))
            .quoting(activity, script.as_bytes());
    }
    examination.observe_text(script.as_bytes(), "form script");
    scripts::words(examination, script, "the form", by_itself);
}
