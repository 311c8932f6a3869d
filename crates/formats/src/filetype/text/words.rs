//! Which language text is written in, by the weight of its words.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::Type;
use super::super::tables::named;
use super::vocabulary::VOCABULARY;

/// Bytes that are read for words.
const LOOK: usize = 16 << 10;
/// Longest word of the vocabulary.
const MAX_WORD: usize = 24;
/// A word counts this often at most, so that no single one decides.
const MAX_REPEATS: u8 = 3;
/// Weight from which a language is believed.
const ENOUGH: u32 = 7;

/// The languages of the vocabulary, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    PowerShell,
    VbScript,
    JavaScript,
    Python,
    Batch,
    Php,
    Perl,
    Ruby,
    Shell,
    Lua,
    Tcl,
    AutoIt,
    AppleScript,
    R,
    Make,
    Dockerfile,
    C,
    Cpp,
    CSharp,
    Java,
    Go,
    Rust,
    Sql,
    Tex,
    Bibtex,
    Troff,
    Css,
    Markdown,
    Yaml,
    Po,
    Lisp,
    Asm,
    Fortran,
    Pascal,
    Haskell,
    Erlang,
    Hdl,
    Vim,
    CMake,
}

/// How many languages there are.
const LANGUAGES: usize = Language::CMake as usize + 1;

/// The type of each language, in the order of [`Language`].
const TYPES: [&Type; LANGUAGES] = [
    named("powershell"),
    named("vbscript"),
    named("javascript"),
    named("python"),
    named("batch"),
    named("php"),
    named("perl"),
    named("ruby"),
    named("shell"),
    named("lua"),
    named("tcl"),
    named("autoit"),
    named("applescript"),
    named("rscript"),
    named("make"),
    named("dockerfile"),
    named("c"),
    named("cpp"),
    named("csharp"),
    named("java"),
    named("go"),
    named("rust"),
    named("sql"),
    named("tex"),
    named("bibtex"),
    named("troff"),
    named("css"),
    named("markdown"),
    named("yaml"),
    named("po"),
    named("lisp"),
    named("asm"),
    named("fortran"),
    named("pascal"),
    named("haskell"),
    named("erlang"),
    named("vhdl"),
    named("vim"),
    named("cmake"),
];

/// Where a word must stand to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Anywhere.
    Any,
    /// First on its line.
    First,
}

struct Word {
    language: Language,
    weight: u8,
    place: Place,
    number: usize,
}

struct Dictionary {
    words: HashMap<&'static [u8], Vec<Word>>,
    count: usize,
}

/// Derived from the constant vocabulary: a table, not state.
static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(|| {
    let mut words: HashMap<&'static [u8], Vec<Word>> = HashMap::new();
    let mut count = 0;
    for (language, place, weight, list) in VOCABULARY {
        for word in list.split(' ') {
            let entry = Word { language: *language, weight: *weight, place: *place, number: count };
            words.entry(word.as_bytes()).or_default().push(entry);
            count += 1;
        }
    }
    Dictionary { words, count }
});

/// The language with the most weight, when it has enough and the next one has clearly less.
pub(super) fn classify(text: &[u8]) -> Option<&'static Type> {
    let dictionary = &*DICTIONARY;
    let mut scores = [0u32; LANGUAGES];
    let mut seen = vec![0u8; dictionary.count];
    let mut lower = [0u8; MAX_WORD];
    let text = &text[..text.len().min(LOOK)];
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let mut first = true;
        let mut rest = line.trim_ascii_start();
        while !rest.is_empty() {
            let length = word_length(rest);
            if (1..=MAX_WORD).contains(&length) {
                let word = &mut lower[..length];
                word.copy_from_slice(&rest[..length]);
                word.make_ascii_lowercase();
                for entry in dictionary.words.get(&*word).into_iter().flatten() {
                    let placed = first || entry.place == Place::Any;
                    if placed && seen[entry.number] < MAX_REPEATS {
                        seen[entry.number] += 1;
                        scores[entry.language as usize] += u32::from(entry.weight);
                    }
                }
                if let Some(dash) = memchr::memchr(b'-', word)
                    && dash > 0
                    && is_cmdlet(word, dash)
                {
                    scores[Language::PowerShell as usize] += 3;
                }
            }
            first = false;
            rest = rest[length.max(1)..].trim_ascii_start();
        }
    }
    // C++ is C and more: its words only count on top.
    if scores[Language::Cpp as usize] > 3 {
        scores[Language::Cpp as usize] += scores[Language::C as usize];
        scores[Language::C as usize] = 0;
    }
    let (best, score) = scores.iter().enumerate().max_by_key(|(_, score)| **score)?;
    let second = scores.iter().enumerate().filter(|(at, _)| *at != best).map(|(_, s)| *s).max()?;
    // Long text collects words by accident: the bar rises with its length, to three times itself.
    let bar = ENOUGH + (text.len() / 1024).min(14) as u32;
    (*score >= bar && *score * 3 > second * 4).then(|| TYPES[best])
}

/// PowerShell's approved verbs before a dash.
fn is_cmdlet(word: &[u8], dash: usize) -> bool {
    const VERBS: [&[u8]; 26] = [
        b"get",
        b"set",
        b"new",
        b"invoke",
        b"write",
        b"start",
        b"stop",
        b"add",
        b"remove",
        b"import",
        b"export",
        b"convertto",
        b"convertfrom",
        b"out",
        b"select",
        b"where",
        b"foreach",
        b"test",
        b"join",
        b"split",
        b"copy",
        b"move",
        b"expand",
        b"register",
        b"enable",
        b"disable",
    ];
    const NOUNS: [&[u8]; 24] = [
        b"object",
        b"item",
        b"childitem",
        b"content",
        b"process",
        b"service",
        b"host",
        b"output",
        b"error",
        b"expression",
        b"webrequest",
        b"restmethod",
        b"path",
        b"location",
        b"variable",
        b"module",
        b"command",
        b"csv",
        b"json",
        b"string",
        b"itemproperty",
        b"scheduledtask",
        b"archive",
        b"null",
    ];
    VERBS.contains(&&word[..dash]) && NOUNS.contains(&&word[dash + 1..])
}

/// Bytes of the word at the start of `text`: letters, digits and dashes, with a sigil before or a
/// colon behind, or a run of operators.
fn word_length(text: &[u8]) -> usize {
    let letters = |from: usize| {
        text[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count()
    };
    match text[0] {
        b'$' | b'@' | b'#' | b'%' | b'\\' | b'.' | b':' | b'(' | b'<' => {
            let sigils =
                1 + usize::from(matches!(text.get(1), Some(b'$' | b'?' | b'%' | b'\\' | b'=')));
            let sigils = sigils.min(text.len());
            sigils + letters(sigils)
        }
        b'=' | b'!' | b'|' | b'&' | b'`' | b'>' => text
            .iter()
            .take_while(|byte| matches!(byte, b'=' | b'!' | b'|' | b'&' | b'`' | b'>' | b'~'))
            .count(),
        byte if byte >= 0x80 => text.iter().take_while(|byte| **byte >= 0x80).count(),
        _ => {
            let length = letters(0);
            // Labels and keys: `public:`, `color:`.
            length + usize::from(length > 0 && text.get(length) == Some(&b':'))
        }
    }
}
