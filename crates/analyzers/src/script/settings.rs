//! Files of settings that name what is run or fetched: link files, setup information, build projects,
//! registry scripts, units, package descriptions.

use std::borrow::Cow;

use crate::Examination;
use crate::markup::entities;

use super::features::Feature;
use super::kinds::*;
use super::language::Language;
use super::layers::{Layers, Source};
use super::shortcut::remote_host;

/// Lines that are read.
const MAX_LINES: usize = 200_000;
/// Bytes of a package description that are searched for hooks.
const MAX_PACKAGE: usize = 1 << 20;

/// Reads settings of the examination's type.
pub(super) fn examine(exam: &mut Examination<'_>, text: &[u8], offset: Option<usize>) {
    match exam.type_id() {
        "json" => return package(exam, text),
        "internet_shortcut" | "scf" => link_file(exam, text),
        "library_ms" | "search_ms" => library(exam, text),
        "iqy" => exam.observe_text(text, "query"),
        _ => {}
    }
    let type_id = exam.type_id();
    if matches!(type_id, "internet_shortcut" | "scf" | "library_ms" | "search_ms" | "iqy") {
        return;
    }
    let mut layers = Layers::new(exam);
    let source = match type_id {
        "registry" => Source::plain(Language::Plain, Cow::Owned(registry(text)), None),
        "desktop_entry" | "systemd_unit" => {
            Source::plain(Language::Shell, Cow::Owned(commands(text)), None)
        }
        "settingcontent" | "msbuild" => {
            Source::plain(Language::Plain, entities(text).into_owned().into(), None)
        }
        _ => Source::plain(Language::Plain, Cow::Borrowed(text), offset),
    };
    let commands = source.text.to_ascii_lowercase();
    layers.add(source);
    layers.run();
    judge(&mut layers, type_id, &commands);
}

fn judge(layers: &mut Layers<'_, '_, '_>, type_id: &str, text: &[u8]) {
    let says = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    let has = |layers: &Layers<'_, '_, '_>, feature| layers.has(feature);
    let what = match type_id {
        "inf" => {
            let runs = says("runpresetupcommands")
                || says("runpostsetupcommands")
                || says("unregisterocxs")
                || says("registerocxs");
            let what = has(layers, Feature::Interpreter)
                || has(layers, Feature::Proxy)
                || says("scrobj.dll");
            (runs && what).then_some("setup information that runs an interpreter")
        }
        "msbuild" => {
            let inline = says("codetaskfactory") && (says("<code") || says("<task"));
            let does = has(layers, Feature::Alloc)
                || has(layers, Feature::RunCode)
                || says("dllimport")
                || says("process.start")
                || has(layers, Feature::Decodes)
                || has(layers, Feature::FetchPs);
            let command = says("<exec ")
                && (has(layers, Feature::FetchPs)
                    || has(layers, Feature::Hidden)
                    || has(layers, Feature::Proxy));
            if inline && does {
                Some("a build project with code that starts programs or machine code")
            } else {
                command.then_some("a build project that fetches or hides a command")
            }
        }
        "settingcontent" => has(layers, Feature::Interpreter)
            .then_some("a settings link that starts an interpreter"),
        "desktop_entry" | "systemd_unit" => {
            let place = ["/tmp/", "/dev/shm/", "/var/tmp/"].iter().any(|place| {
                text.split(|byte| *byte == b'\n').any(|line| line.starts_with(place.as_bytes()))
            });
            let fetches = (has(layers, Feature::FetchUnix) || has(layers, Feature::DevTcp))
                && (has(layers, Feature::PipeShell)
                    || has(layers, Feature::ShellI)
                    || has(layers, Feature::ChmodX));
            let decodes = says("base64 -d") && has(layers, Feature::PipeShell);
            if place {
                Some("it runs a program out of a temporary folder")
            } else {
                (fetches || decodes).then_some("it fetches or decodes a command and runs it")
            }
        }
        _ => None,
    };
    if let Some(what) = what {
        layers.exam.find(&COMMAND_IN_SETTINGS, what);
    }
}

/// `name=value` lines.
fn lines(text: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    text.split(|byte| *byte == b'\n').take(MAX_LINES).filter_map(|line| {
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    })
}

/// `.url` and `.scf` files.
fn link_file(exam: &mut Examination<'_>, text: &[u8]) {
    exam.observe_text(text, "link");
    for (name, value) in lines(text) {
        let lower = value.to_ascii_lowercase();
        match name.as_str() {
            "url" | "command" => {
                let share = lower.starts_with("file:") || lower.starts_with("\\\\");
                if share && let Some(host) = remote_host(&value) {
                    exam.find(&SHORTCUT_REMOTE, format!("the link opens a file on {host}"))
                        .quoting("target", value.as_bytes());
                }
            }
            "iconfile" | "workingdirectory" => {
                let share = lower.starts_with("file:") || lower.starts_with("\\\\");
                if share && let Some(host) = remote_host(&value) {
                    exam.find(
                        &SHORTCUT_REMOTE,
                        format!("its picture or folder lies on {host}: showing it signs on there"),
                    )
                    .quoting("path", value.as_bytes());
                }
            }
            _ => {}
        }
    }
}

/// `library-ms` and `searchConnector-ms` files: the places that they show.
fn library(exam: &mut Examination<'_>, text: &[u8]) {
    exam.observe_text(text, "location");
    let decoded = entities(text);
    for name in [&b"<url>"[..], b"<iconReference>"] {
        for at in memchr::memmem::find_iter(&decoded, name).take(64) {
            let rest = decoded.get(at + name.len()..).unwrap_or_default();
            let end = memchr::memchr(b'<', rest.get(..rest.len().min(2_048)).unwrap_or_default())
                .unwrap_or(0);
            let value = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
            if let Some(host) = remote_host(&value) {
                exam.find(&SHORTCUT_REMOTE, format!("it shows files that lie on {host}"))
                    .quoting("location", value.as_bytes());
            }
        }
    }
}

/// A registry script as the commands that would do the same: key and value on one line.
fn registry(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut key: Vec<u8> = Vec::new();
    for line in text.split(|byte| *byte == b'\n').take(MAX_LINES) {
        let line = line.trim_ascii();
        if line.starts_with(b"[") {
            key = line
                .iter()
                .copied()
                .filter(|byte| !matches!(byte, b'[' | b']'))
                .take(1_024)
                .collect();
        } else if memchr::memchr(b'=', line).is_some() {
            out.extend_from_slice(b"reg add ");
            out.extend_from_slice(&key);
            out.push(b' ');
            // Backslashes and quotes are doubled in values.
            let mut bytes = line.iter().peekable();
            while let Some(byte) = bytes.next() {
                if *byte == b'\\' {
                    bytes.next_if(|next| matches!(next, b'\\' | b'"'));
                }
                out.push(*byte);
            }
            out.push(b'\n');
        }
    }
    out
}

/// What desktop entries and units run, one command a line.
fn commands(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in lines(text) {
        if name == "exec" || name.starts_with("exec") || name == "tryexec" {
            // A unit's prefixes (systemd.service(5)).
            out.extend_from_slice(value.trim_start_matches(['-', '@', '+', '!', ':']).as_bytes());
            out.push(b'\n');
        }
    }
    out
}

/// Scripts of an npm package that run at installation (npm docs, scripts, life cycle).
fn package(exam: &mut Examination<'_>, text: &[u8]) {
    let text = text.get(..text.len().min(MAX_PACKAGE)).unwrap_or_default();
    if memchr::memmem::find(text, b"\"scripts\"").is_none() {
        return;
    }
    let mut hooks: Vec<u8> = Vec::new();
    for name in [
        &b"\"preinstall\""[..],
        b"\"install\"",
        b"\"postinstall\"",
        b"\"prepare\"",
        b"\"preuninstall\"",
    ] {
        for at in memchr::memmem::find_iter(text, name).take(4) {
            let rest = text.get(at + name.len()..).unwrap_or_default().trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b":") else { continue };
            let rest = rest.trim_ascii_start();
            let Some(body) = rest.strip_prefix(b"\"") else { continue };
            let mut end = 0;
            while let Some(byte) = body.get(end) {
                match byte {
                    b'\\' => end += 2,
                    b'"' => break,
                    _ => end += 1,
                }
            }
            let value = body.get(..end.min(body.len())).unwrap_or_default();
            hooks.extend(super::escapes::backslash(value, false));
            hooks.push(b'\n');
        }
    }
    if hooks.is_empty() {
        return;
    }
    exam.property("install-hook", String::from_utf8_lossy(&hooks).trim().to_owned());
    exam.observe_text(&hooks, "install hook");
    let shown = hooks.clone();
    let evaluates = memchr::memmem::find(&hooks, b"node -e").is_some();
    let mut layers = Layers::new(exam);
    layers.add(Source::plain(Language::Shell, Cow::Owned(hooks.clone()), None));
    if evaluates {
        layers.add(Source::plain(Language::JavaScript, Cow::Owned(hooks), None));
    }
    layers.run();
    let fetches = layers.has(Feature::FetchUnix)
        || layers.has(Feature::FetchPs)
        || layers.has(Feature::FetchJs);
    let runs = layers.has(Feature::PipeShell)
        || layers.has(Feature::ChmodX)
        || layers.has(Feature::Iex)
        || layers.has(Feature::IpUrl)
        || layers.has(Feature::Hidden)
        || (evaluates && layers.has(Feature::EvalJs));
    let sends = layers.has(Feature::ChatSend)
        || (layers.has(Feature::PostOut)
            && (layers.has(Feature::EnvRead) || layers.has(Feature::Discovery)));
    if (fetches && runs) || sends || layers.exam.has(&REVERSE_SHELL) {
        let what = "a script that runs at installation fetches and runs something, or sends out";
        layers.exam.find(&INSTALL_HOOK, what).quoting("hook", &shown);
    }
}

/// `setup.py` that does more than build.
pub(super) fn setup_script(layers: &mut Layers<'_, '_, '_>) {
    if !layers.has(Feature::InstallHook) {
        return;
    }
    let sends = layers.has(Feature::ChatSend)
        || (layers.has(Feature::PostOut)
            && layers.has(Feature::EnvRead)
            && layers.has(Feature::FetchPy));
    let runs = layers.exam.has(&DOWNLOAD_AND_RUN)
        || layers.exam.has(&OBFUSCATED_EXECUTION)
        || layers.exam.has(&REVERSE_SHELL)
        || (layers.has(Feature::EvalPy)
            && layers.has(Feature::PowerShell)
            && (layers.has(Feature::Hidden) || layers.exam.has(&ENCODED_COMMAND)));
    if sends || runs {
        layers.exam.find(
            &INSTALL_HOOK,
            "the code that runs at installation fetches and runs, or sends out",
        );
    }
}
