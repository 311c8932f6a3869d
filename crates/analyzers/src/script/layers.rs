//! The sources in an artifact: itself, the scripts in a page, the layers decoded out of them. Each is
//! folded, searched, and judged by the rules.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use palisade_model::ProblemKind;

use crate::Examination;

use super::decode::{self, Steps};
use super::features::{self, Feature, Hit};
use super::fold::{self, Counts, Decoded, MIN_LAYER};
use super::kinds::*;
use super::language::{self, Language};
use super::rules;
use super::value::from_codes;
use super::view::View;
use super::{batch, packer, powershell, shell, webshell};

/// Sources that one artifact may hold, layers and all.
const MAX_SOURCES: usize = 256;
/// Layers in layers that are decoded.
const MAX_DEPTH: usize = 12;
/// Bytes of all sources together.
const MAX_TOTAL: usize = 128 << 20;
/// Layers that are handed out.
const MAX_CHILDREN: usize = 24;
/// Bytes of a layer that are searched for addresses.
const MAX_OBSERVED: usize = 4 << 20;
/// Characters of a feature in an explanation.
const SHOWN: usize = 40;

/// Text in a language.
pub(super) struct Source<'a> {
    pub(super) language: Language,
    pub(super) text: Cow<'a, [u8]>,
    /// Where it begins in the artifact, when it stands there as it is.
    pub(super) offset: Option<usize>,
    /// Layers above it that had to be decoded.
    pub(super) depth: usize,
    /// What was done to get it.
    pub(super) steps: Steps,
    /// Whether something runs it.
    pub(super) runs: bool,
}

impl<'a> Source<'a> {
    /// A source that stands in the artifact.
    pub(super) fn plain(language: Language, text: Cow<'a, [u8]>, offset: Option<usize>) -> Self {
        Self { language, text, offset, depth: 0, steps: Steps::default(), runs: true }
    }
}

/// What was seen over all sources.
pub(super) struct Layers<'e, 'x, 'a> {
    pub(super) exam: &'e mut Examination<'x>,
    waiting: Vec<Source<'a>>,
    known: HashSet<u64>,
    sources: usize,
    total: usize,
    children: usize,
    deepest: usize,
    /// Features seen in any source.
    pub(super) seen: Vec<Feature>,
    counts: Counts,
    /// The longest run of encoded data in a string, in bytes.
    pub(super) largest_data: usize,
}

impl<'e, 'x, 'a> Layers<'e, 'x, 'a> {
    pub(super) fn new(exam: &'e mut Examination<'x>) -> Self {
        Self {
            exam,
            waiting: Vec::new(),
            known: HashSet::new(),
            sources: 0,
            total: 0,
            children: 0,
            deepest: 0,
            seen: Vec::new(),
            counts: Counts::default(),
            largest_data: 0,
        }
    }

    /// Adds a source, unless it was seen.
    pub(super) fn add(&mut self, source: Source<'a>) {
        let mut hasher = DefaultHasher::new();
        (source.text.as_ref(), source.language).hash(&mut hasher);
        if !self.known.insert(hasher.finish()) {
            return;
        }
        self.total = self.total.saturating_add(source.text.len());
        if self.sources >= MAX_SOURCES || self.total > MAX_TOTAL {
            self.exam.problem(ProblemKind::TooLarge, "more layers than are decoded");
            return;
        }
        self.sources += 1;
        self.waiting.push(source);
    }

    /// Reads all sources, and those that come out of them.
    pub(super) fn run(&mut self) {
        while let Some(source) = self.waiting.pop() {
            if self.exam.should_stop() {
                return;
            }
            self.read(&source);
        }
        if self.deepest > 0 {
            self.exam.property("decoded-layers", self.deepest.to_string());
        }
        self.measure();
    }

    /// Whether a feature was seen anywhere.
    pub(super) fn has(&self, feature: Feature) -> bool {
        self.seen.contains(&feature)
    }

    fn see(&mut self, feature: Feature) {
        if !self.seen.contains(&feature) {
            self.seen.push(feature);
        }
    }

    fn read(&mut self, source: &Source<'a>) {
        let text: &[u8] = &source.text;
        let (view, decoded, lists, keys, tricks, shellcode) = match source.language {
            Language::Batch => {
                let (view, picked) = batch::view(text);
                (view, Vec::new(), Vec::new(), Vec::new(), picked, false)
            }
            Language::Shell => {
                let shell = shell::read(text);
                (shell.view, shell.decoded, Vec::new(), Vec::new(), shell.tricks, false)
            }
            Language::Plain => {
                let mut view = View::default();
                view.mark_place(0);
                view.even(text);
                (view, Vec::new(), Vec::new(), Vec::new(), 0, false)
            }
            language => {
                let folded = fold::fold(text, language);
                self.counts.words += folded.counts.words;
                self.counts.odd_words += folded.counts.odd_words;
                self.counts.joins += folded.counts.joins;
                self.counts.codes += folded.counts.codes;
                (folded.view, folded.decoded, folded.lists, folded.keys, 0, folded.shellcode)
            }
        };
        self.counts.codes += tricks;
        let hits = features::search(&view.text, source.language.bit());
        for hit in &hits {
            self.see(hit.feature);
        }
        self.judge(source, &view, &hits, shellcode);
        if source.depth > 0 {
            self.observe(source);
        }
        for item in decoded {
            // The decoder itself was folded away.
            if item.steps.is_decoding() {
                self.see(Feature::UrlParts);
                self.see(Feature::FromData);
                self.see(Feature::Decodes);
            }
            self.follow(source, item);
        }
        for (command, offset) in powershell::encoded_commands(&view.text) {
            let place = source.offset.map(|base| base + view.source_of(offset));
            let noted = self.exam.find(&ENCODED_COMMAND, "a PowerShell command is given in base64");
            if let Some(place) = place {
                noted.at("encoded command", place, 64);
            }
            let item = Decoded {
                bytes: command,
                steps: Steps::BASE64.and(Steps::UTF16),
                runs_as: Some(Language::PowerShell),
                offset,
            };
            self.follow(source, item);
        }
        self.keyed(source, &lists, &keys);
        if source.language == Language::JavaScript {
            self.unpack(source);
        }
    }

    /// Notes the findings of a source.
    fn judge(&mut self, source: &Source<'_>, view: &View, hits: &[Hit], shellcode: bool) {
        for found in rules::matches(&view.text, hits, source.language.bit()) {
            let words: Vec<String> = found.hits.iter().map(|hit| quote(&view.text, hit)).collect();
            self.note(source, found.rule.kind, found.rule.what, &words, view, found.hits.first());
            let grave = [
                DOWNLOAD_AND_RUN,
                REVERSE_SHELL,
                AMSI_BYPASS,
                DEFENDER_TAMPERING,
                PROCESS_INJECTION,
            ]
            .iter()
            .any(|kind| kind.id == found.rule.kind.id);
            if grave
                && is_hidden(source)
                && source.language.bit() & (language::WINDOWS | language::SH) != 0
            {
                let what = format!("{}, hidden by {}", found.rule.what, source.steps.describe());
                self.note(source, &OBFUSCATED_DROPPER, &what, &words, view, None);
            }
        }
        if rules::discovery(hits) >= 6 {
            let words: Vec<String> = hits
                .iter()
                .filter(|hit| hit.feature == Feature::Discovery)
                .take(6)
                .map(|hit| quote(&view.text, hit))
                .collect();
            self.note(
                source,
                &DISCOVERY_BURST,
                "many questions about the machine",
                &words,
                view,
                None,
            );
        }
        let has = |feature| hits.iter().any(|hit| hit.feature == feature);
        if shellcode && has(Feature::Alloc) && has(Feature::RunCode) {
            self.note(source, &SHELLCODE_LOADER, "machine code and what runs it", &[], view, None);
        }
        if source.language == Language::Php
            && let Some((what, place)) = webshell::find(&view.text, hits)
        {
            let start = place;
            let end = (place + SHOWN).min(view.text.len());
            let hit = Hit { feature: Feature::SinkPhp, pattern: 0, start, end };
            self.note(source, &WEB_SHELL, what, &[quote(&view.text, &hit)], view, Some(&hit));
        }
    }

    fn note(
        &mut self,
        source: &Source<'_>,
        kind: &crate::FindingKind,
        what: &str,
        words: &[String],
        view: &View,
        first: Option<&Hit>,
    ) {
        let mut text = what.to_owned();
        if !words.is_empty() {
            text.push_str(": ");
            text.push_str(&words.join(" … "));
        }
        if source.depth > 0 {
            text.push_str(&format!(
                " (in decoded {}, by {})",
                source.language.name(),
                source.steps.describe()
            ));
        }
        let noted = self.exam.find(kind, text);
        match (first, source.offset) {
            (Some(hit), Some(base)) => {
                noted.at(what, base + view.source_of(hit.start), 64);
            }
            (Some(hit), None) => {
                let place = view.text.get(hit.start..).unwrap_or_default();
                noted.quoting(what, place.get(..place.len().min(64)).unwrap_or_default());
            }
            (None, _) => {}
        }
    }

    /// Goes on with something that was decoded, or that is run.
    fn follow(&mut self, parent: &Source<'_>, item: Decoded) {
        let Decoded { mut bytes, mut steps, runs_as, offset } = item;
        if parent.depth >= MAX_DEPTH {
            self.exam.problem(ProblemKind::TooDeep, "layers nested too deep");
            return;
        }
        // A stream in a stream, a few times.
        for _ in 0..4 {
            let raw = self.has(Feature::Iex) && runs_as.is_none();
            let Some(inflated) = decode::inflate(&bytes, false).or_else(|| {
                (raw && !decode::is_text(&bytes)).then(|| decode::inflate(&bytes, true)).flatten()
            }) else {
                break;
            };
            bytes = inflated;
            steps = steps.and(Steps::INFLATED);
        }
        if let Some(wide) = decode::utf16(&bytes) {
            bytes = wide;
            steps = steps.and(Steps::UTF16);
        }
        let decoding = steps.is_decoding();
        if decoding && let Some(id) = decode::program(&bytes) {
            let what = format!("a program ({id}, {} bytes) in {}", bytes.len(), steps.describe());
            let noted = self.exam.find(&EMBEDDED_PROGRAM, what);
            noted.quoting("its beginning", bytes.get(..16).unwrap_or_default());
            self.child(&bytes, "bin");
            return;
        }
        if !decode::is_text(&bytes) {
            return;
        }
        let inherited = match runs_as {
            Some(Language::Plain) | None => Language::of_layer(&bytes, parent.language),
            Some(language) => language,
        };
        let depth = parent.depth + usize::from(decoding);
        let layer = Source {
            language: command_language(inherited, &bytes),
            offset: None,
            depth,
            steps: steps.and(parent.steps),
            runs: runs_as.is_some(),
            text: Cow::Owned(bytes),
        };
        if decoding {
            self.layer(parent, &layer, offset);
        }
        self.add(layer);
    }

    /// Notes a decoded layer, and hands it out when it is code.
    fn layer(&mut self, parent: &Source<'_>, layer: &Source<'_>, offset: usize) {
        if layer.text.len() < MIN_LAYER {
            return;
        }
        let code = layer.runs
            || Language::of_type(palisade_formats::filetype::detect(&layer.text).ty.id).is_some()
            || !features::search(&layer.text, layer.language.bit()).is_empty();
        if !code {
            return;
        }
        self.deepest = self.deepest.max(layer.depth);
        let extension = layer.language.extension();
        self.child(&layer.text, extension);
        if layer.runs && is_hidden(layer) {
            let what = format!(
                "{} is decoded ({}) and run",
                layer.language.name(),
                layer.steps.describe()
            );
            let noted = self.exam.find(&OBFUSCATED_EXECUTION, what);
            match parent.offset {
                Some(base) => noted.at("decoded here", base + offset, 64),
                None => noted.quoting("decoded", &layer.text),
            };
        }
    }

    fn child(&mut self, bytes: &[u8], extension: &str) {
        if self.children < MAX_CHILDREN {
            self.children += 1;
            let name = format!("layer-{}.{extension}", self.children);
            self.exam.child(&name, bytes);
        }
    }

    fn observe(&mut self, source: &Source<'_>) {
        let text = source.text.get(..source.text.len().min(MAX_OBSERVED)).unwrap_or_default();
        self.exam.observe_text(text, "decoded layer");
    }

    /// Lists of numbers as text: as they are, and under each number that stands alone in the source.
    fn keyed(&mut self, source: &Source<'_>, lists: &[(Vec<i64>, usize)], keys: &[u8]) {
        for (list, offset) in lists {
            let plain = from_codes(list).filter(|bytes| means_something(bytes));
            let found = plain.map(|bytes| (bytes, Steps::CODES)).or_else(|| {
                keys.iter().find_map(|key| {
                    let key = i64::from(*key);
                    let tries: [fn(i64, i64) -> i64; 3] =
                        [|code, key| code ^ key, |code, key| code - key, |code, key| code + key];
                    tries.iter().find_map(|turn| {
                        let probe: Vec<i64> =
                            list.iter().take(32).map(|code| turn(*code, key)).collect();
                        from_codes(&probe).filter(|bytes| decode::is_text(bytes))?;
                        let codes: Vec<i64> = list.iter().map(|code| turn(*code, key)).collect();
                        from_codes(&codes)
                            .filter(|bytes| means_something(bytes))
                            .map(|bytes| (bytes, Steps::CODES.and(Steps::KEYED)))
                    })
                })
            });
            if let Some((bytes, steps)) = found {
                let item = Decoded { bytes, steps, runs_as: None, offset: *offset };
                self.follow(source, item);
            }
        }
    }

    /// Packers and alphabets of JavaScript.
    fn unpack(&mut self, source: &Source<'_>) {
        if let Some(bytes) = packer::dean_edwards(&source.text) {
            self.exam.property("packer", "Dean Edwards");
            let runs_as = Some(Language::JavaScript);
            self.follow(source, Decoded { bytes, steps: Steps::PACKED, runs_as, offset: 0 });
        }
        if let Some(name) = packer::esoteric(&source.text) {
            let noted = self.exam.find(&ESOTERIC_ALPHABET, format!("JavaScript written in {name}"));
            noted.quoting("its beginning", &source.text);
        }
    }

    /// Says how hard the source is to read.
    fn measure(&mut self) {
        let Counts { words, odd_words, joins, codes } = self.counts;
        let mut signs = Vec::new();
        if odd_words >= 30 && odd_words * 10 > words {
            signs.push(format!("{odd_words} names of digits or look-alike letters"));
        }
        if codes >= 20 {
            signs.push(format!("{codes} strings given as codes or cut out of others"));
        }
        if joins >= 200 && joins * 4 > words {
            signs.push(format!("{joins} strings in pieces"));
        }
        if !signs.is_empty() {
            self.exam.find(&OBFUSCATED, signs.join(", "));
        }
    }
}

/// Whether what was done to get a source serves to hide it: more than base64 and compression for
/// transport, or a layer in a layer.
fn is_hidden(source: &Source<'_>) -> bool {
    let hard = Steps::CODES
        .and(Steps::HEX)
        .and(Steps::REVERSED)
        .and(Steps::REPLACED)
        .and(Steps::ROTATED)
        .and(Steps::KEYED);
    source.depth > 1 || source.depth > 0 && source.steps.has(hard)
}

/// A command that names its interpreter is in that one's language.
fn command_language(language: Language, text: &[u8]) -> Language {
    if language != Language::Shell {
        return language;
    }
    // Scripts of every system call commands; those of Windows name its programs.
    let head = text.get(..text.len().min(256)).unwrap_or_default().to_ascii_lowercase();
    let windows =
        [&b"powershell"[..], b"cmd.exe", b"cmd /c", b"rundll32", b"mshta", b"%temp%", b".exe"];
    if windows.iter().any(|word| memchr::memmem::find(&head, word).is_some()) {
        Language::Batch
    } else {
        Language::Shell
    }
}

/// Text that holds something of the table.
fn means_something(bytes: &[u8]) -> bool {
    decode::is_text(bytes) && !features::search(bytes, language::ANY).is_empty()
}

fn quote(view: &[u8], hit: &Hit) -> String {
    let end = hit.end.min(hit.start + SHOWN);
    let text = view.get(hit.start..end).unwrap_or_default();
    format!("`{}`", String::from_utf8_lossy(text).trim().escape_debug())
}
