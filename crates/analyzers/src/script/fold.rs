//! Constant folding: strings are joined, character codes and decoders of literals evaluated, constant
//! variables put in their places. One pass with a stack; nothing is run.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::decode::{self, Steps};
use super::functions;
use super::language::{Language, Lexis};
use super::lexer::{Lexer, Token};
use super::operators;
use super::sinks;
use super::value::Value;
use super::view::View;

/// Pieces of one statement that are kept; beyond them they are let go as they are.
const MAX_STACK: usize = 200_000;
/// Variables that are followed in one source.
const MAX_VARIABLES: usize = 4_096;
/// Bytes of variables put in their places, in one source.
const MAX_REPLACED: usize = 8 << 20;
/// Bytes of values that folding one source may copy: nested calls copy again at each level.
const MAX_WORK: usize = 24 << 20;
/// Shortest decoded value that is a layer, in bytes.
pub(super) const MIN_LAYER: usize = 16;
/// Shortest base64 or hexadecimal string that is tried without a decoder in sight.
const MIN_BLOB: usize = 24;
/// Lists of numbers that are kept for a key.
const MAX_LISTS: usize = 32;
/// Shortest of them.
const MIN_LIST: usize = 16;
/// Values that one source may decode.
const MAX_DECODED: usize = 256;

/// A value that came out of decoding, or is handed to something that runs it.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    pub(super) steps: Steps,
    /// The language that it is run in, when something runs it.
    pub(super) runs_as: Option<Language>,
    pub(super) offset: usize,
}

/// What folding made of a source.
#[derive(Default)]
pub(super) struct Folded {
    pub(super) view: View,
    pub(super) decoded: Vec<Decoded>,
    /// Lists of numbers that may be encoded text.
    pub(super) lists: Vec<(Vec<i64>, usize)>,
    /// Numbers from 1 to 255 that stand alone: keys, maybe.
    pub(super) keys: Vec<u8>,
    /// Strings joined, character codes used, words, words of hexadecimal digits.
    pub(super) counts: Counts,
    /// Whether bytes begin as position-independent machine code does.
    pub(super) shellcode: bool,
}

/// What tells how hard a source is to read.
#[derive(Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) words: usize,
    pub(super) odd_words: usize,
    pub(super) joins: usize,
    pub(super) codes: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Item<'a> {
    Word(Cow<'a, [u8]>),
    Known(Value<'a>),
    /// A type in brackets (PowerShell).
    Cast(Vec<u8>),
    Mark(u8),
}

impl<'a> Item<'a> {
    pub(super) fn known(&self) -> Option<&Value<'a>> {
        if let Self::Known(value) = self { Some(value) } else { None }
    }

    pub(super) fn is_mark(&self, mark: u8) -> bool {
        matches!(self, Self::Mark(other) if *other == mark)
    }

    fn is_operand(&self) -> bool {
        match self {
            Self::Word(word) => !operators::is_operator(word),
            Self::Known(_) => true,
            Self::Mark(mark) => matches!(mark, b')' | b']'),
            Self::Cast(_) => false,
        }
    }
}

/// Folds a source.
pub(super) fn fold(source: &[u8], language: Language) -> Folded {
    let mut folder = Folder {
        language,
        lexis: language.lexis(),
        stack: Vec::new(),
        opens: Vec::new(),
        variables: HashMap::new(),
        replaced: 0,
        work: 0,
        moved: None,
        built: HashSet::new(),
        out: Folded::default(),
    };
    let mut lexer = Lexer::new(source, language);
    let mut next = lexer.next();
    while let Some((token, offset)) = next {
        next = lexer.next();
        folder.take(token, offset, next.as_ref().map(|(token, _)| token));
    }
    folder.end_statement();
    folder.end();
    folder.out
}

struct Folder<'a> {
    language: Language,
    lexis: Lexis,
    stack: Vec<(Item<'a>, usize)>,
    /// Places of open brackets on the stack.
    opens: Vec<usize>,
    variables: HashMap<Vec<u8>, Value<'a>>,
    replaced: usize,
    /// Bytes of values that were copied.
    work: usize,
    /// Bytes of the variable that this statement adds to: only what is added is shown.
    moved: Option<usize>,
    /// Variables that were put together in several statements; shown whole at the end.
    built: HashSet<Vec<u8>>,
    out: Folded,
}

impl<'a> Folder<'a> {
    fn take(&mut self, token: Token<'a>, offset: usize, next: Option<&Token<'a>>) {
        if self.stack.len() >= MAX_STACK {
            self.flush();
        }
        match token {
            Token::Word(word) => self.word(word, offset, next),
            Token::Text(_, true) if self.stack.is_empty() && self.language == Language::Python => {
                // A text of many lines that nobody takes is documentation.
            }
            Token::Text(bytes, _) => self.value(Value::Text(bytes, Steps::default()), offset, next),
            Token::Number(number) => {
                if let Ok(key) = u8::try_from(number)
                    && key > 0
                    && self.out.keys.len() < 64
                    && !self.out.keys.contains(&key)
                {
                    self.out.keys.push(key);
                }
                self.value(Value::Number(number), offset, next);
            }
            Token::Mark(mark @ (b'(' | b'[')) => {
                self.opens.push(self.stack.len());
                self.stack.push((Item::Mark(mark), offset));
            }
            Token::Mark(b')') => self.close_call(offset, next),
            Token::Mark(b']') => self.close_index(offset, next),
            Token::Mark(b';') => {
                self.end_statement();
                self.out.view.mark(b';', offset);
            }
            Token::Mark(mark @ (b'{' | b'}')) => {
                self.end_statement();
                self.out.view.mark(mark, offset);
            }
            Token::Mark(b',') if self.opens.is_empty() => {
                // `var a = "x", b = "y"`; the operands of PowerShell's `-f` go on.
                if self.assign() && self.language != Language::PowerShell {
                    self.flush();
                }
                self.stack.push((Item::Mark(b','), offset));
            }
            Token::Mark(mark) => self.stack.push((Item::Mark(mark), offset)),
            Token::Line => self.line(next),
        }
    }

    fn line(&mut self, next: Option<&Token<'a>>) {
        let ends = match self.language {
            Language::Php | Language::Perl | Language::Managed => false,
            Language::JavaScript => {
                let continued = matches!(self.stack.last(), Some((Item::Mark(mark), _)) if *mark != b')' && *mark != b']');
                let goes_on =
                    matches!(next, Some(Token::Mark(b'+' | b'.' | b'?' | b':' | b',' | b')')))
                        || matches!(next, Some(Token::Word(word)) if word.first() == Some(&b'.'));
                self.opens.is_empty() && !continued && !goes_on
            }
            Language::VbScript => {
                let continued = matches!(self.stack.last(), Some((Item::Word(word), _)) if word.as_ref() == b"_");
                if continued {
                    self.stack.pop();
                }
                !continued
            }
            _ => {
                let continued = matches!(
                    self.stack.last(),
                    Some((Item::Mark(b'+' | b'\\' | b'|' | b',' | b'='), _))
                );
                self.opens.is_empty() && !continued
            }
        };
        if ends {
            self.end_statement();
            self.out.view.line();
        }
    }

    fn word(&mut self, word: Cow<'a, [u8]>, offset: usize, next: Option<&Token<'a>>) {
        self.out.counts.words += 1;
        self.out.counts.odd_words += usize::from(is_odd(&word));
        // Prefixes of strings: b"…", r"…", f"…".
        let prefix = self.language == Language::Python
            && word.len() <= 2
            && matches!(next, Some(Token::Text(..)))
            && word.iter().all(|byte| b"bBrRuUfF".contains(byte));
        if prefix {
            return;
        }
        // PHP calls the function that a variable names.
        if self.language == Language::Php
            && matches!(next, Some(Token::Mark(b'(')))
            && let Some(Value::Text(name, _)) = self.variables.get(word.as_ref())
            && !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        {
            let name = name.clone();
            self.stack.push((Item::Word(name), offset));
            return;
        }
        if !self.stack.is_empty()
            && let Some(value) = self.variable(&word)
        {
            self.value(value, offset, next);
            return;
        }
        self.stack.push((Item::Word(word), offset));
    }

    fn key(&self, word: &[u8]) -> Vec<u8> {
        match self.language {
            Language::VbScript | Language::PowerShell => word.to_ascii_lowercase(),
            _ => word.to_vec(),
        }
    }

    /// The value of a variable that was set to a constant before.
    fn variable(&mut self, word: &[u8]) -> Option<Value<'a>> {
        if self.language == Language::PowerShell
            && let Some(known) = operators::automatic(&word.to_ascii_lowercase())
        {
            return Some(Value::Text(Cow::Borrowed(known), Steps::default()));
        }
        if self.variables.is_empty() {
            return None;
        }
        let key = self.key(word);
        // `x = x + "…"`: the value moves, or a script of many such lines would be copied for each.
        let itself = match self.stack.as_slice() {
            [.., (Item::Word(target), _), (Item::Mark(b'='), _)] => self.key(target) == key,
            _ => false,
        };
        if itself {
            let value = self.variables.remove(&key);
            self.moved = value.as_ref().map(Value::size);
            return value;
        }
        let value = self.variables.get(&key)?;
        self.replaced = self.replaced.saturating_add(value.size());
        (self.replaced <= MAX_REPLACED).then(|| value.clone())
    }

    /// Pushes a known value: a cast before it is done, then it is joined with what it is added to.
    fn value(&mut self, value: Value<'a>, offset: usize, next: Option<&Token<'a>>) {
        let mut value = value;
        let mut offset = offset;
        while let Some((Item::Cast(name), place)) = self.stack.last() {
            let Some(cast) = operators::cast(name, &value) else { break };
            if name.starts_with(b"char") {
                self.out.counts.codes += 1;
            }
            (value, offset) = (cast, *place);
            self.stack.pop();
        }
        // Strings side by side are one in Python.
        if self.language == Language::Python
            && let (Value::Text(more, how), Some((Item::Known(Value::Text(text, steps)), _))) =
                (&value, self.stack.last_mut())
        {
            if text.len() < MAX_REPLACED {
                text.to_mut().extend_from_slice(more);
            }
            *steps = steps.and(*how).and(Steps::JOINED);
            return;
        }
        self.stack.push((Item::Known(value), offset));
        self.join(next);
    }

    /// Joins the two values at the top of the stack.
    fn join(&mut self, next: Option<&Token<'a>>) {
        let binds = match next {
            Some(Token::Word(word)) => {
                matches!(word.first(), Some(b'.')) || word.starts_with(b"->")
            }
            Some(Token::Mark(b'[' | b'*' | b'/' | b'%')) => true,
            Some(Token::Mark(b'^')) => true,
            _ => false,
        };
        if binds {
            return;
        }
        loop {
            let [.., (Item::Known(_), _), (Item::Mark(operator), _), (Item::Known(_), _)] =
                self.stack.as_slice()
            else {
                return;
            };
            let operator = *operator;
            let Some((Item::Known(right), _)) = self.stack.pop() else { return };
            let mark = self.stack.pop();
            let before = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
            let loose = before.is_none_or(|(item, _)| {
                !matches!(item, Item::Mark(b'*' | b'/' | b'-' | b'%' | b'.' | b'^'))
            });
            let Some((Item::Known(left), place)) = self.stack.pop() else { return };
            let joins = self.lexis.concat.contains(&operator);
            match operators::binary(operator, joins, loose, left, right) {
                Ok(value) => {
                    self.out.counts.joins += 1;
                    self.stack.push((Item::Known(value), place));
                }
                Err((left, right)) => {
                    self.stack.push((Item::Known(left), place));
                    self.stack.extend(mark);
                    self.stack.push((Item::Known(right), place));
                    return;
                }
            }
        }
    }

    /// The values from `from` on; `None` when they are not all known in form, or when the source has
    /// had its share of copies.
    fn arguments(&mut self, from: usize) -> Option<Vec<Value<'a>>> {
        if self.work > MAX_WORK {
            return None;
        }
        let values = between_commas(self.stack.get(from..).unwrap_or_default())?;
        self.work += values.iter().map(Value::size).sum::<usize>();
        Some(values)
    }

    /// The last open bracket, if it is of this kind.
    fn opened(&mut self, mark: u8) -> Option<usize> {
        let open = self.opens.pop()?;
        self.stack.get(open).is_some_and(|(item, _)| item.is_mark(mark)).then_some(open)
    }

    fn close_call(&mut self, offset: usize, next: Option<&Token<'a>>) {
        let Some(open) = self.opened(b'(') else {
            self.stack.push((Item::Mark(b')'), offset));
            return;
        };
        operators::finish(&mut self.stack, open + 1);
        let args = self.arguments(open + 1);
        let name = match open.checked_sub(1).and_then(|at| self.stack.get(at)) {
            Some((Item::Word(word), _)) if !operators::is_operator(word) => Some(word.clone()),
            _ => None,
        };
        let Some(args) = args else {
            self.stack.push((Item::Mark(b')'), offset));
            return;
        };
        match name {
            None => {
                let group = match (
                    args.as_slice(),
                    open.checked_sub(1).and_then(|at| self.stack.get(at)),
                ) {
                    (_, Some((Item::Mark(b')' | b']'), _) | (Item::Known(_), _))) => None,
                    ([value], _) if *value != Value::Unknown => Some(value.clone()),
                    (values, _) if values.len() > 1 => functions::row(values),
                    _ => None,
                };
                match group {
                    Some(value) => {
                        let place = self.stack.get(open).map_or(offset, |(_, place)| *place);
                        self.stack.truncate(open);
                        self.keep_list(&value, place);
                        // `@( … )` and `$( … )`
                        if matches!(self.stack.last(), Some((Item::Mark(b'@' | b'$'), _))) {
                            self.stack.pop();
                        }
                        self.value(value, place, next);
                    }
                    None => self.stack.push((Item::Mark(b')'), offset)),
                }
            }
            Some(name) => self.call(&name, open, args, offset, next),
        }
    }

    fn call(
        &mut self,
        name: &[u8],
        open: usize,
        args: Vec<Value<'a>>,
        offset: usize,
        next: Option<&Token<'a>>,
    ) {
        let is_method = matches!(name.first(), Some(b'.' | b'-')) || name.starts_with(b"::");
        let receiver = is_method
            .then(|| open.checked_sub(2).and_then(|at| self.stack.get(at)))
            .flatten()
            .and_then(|(item, _)| item.known());
        let has_receiver = receiver.is_some();
        self.work += receiver.map_or(0, Value::size);
        let spent = self.work > MAX_WORK;
        let mut result =
            if spent { None } else { functions::call(name, receiver, &args, self.language) };
        let mut taken = if has_receiver { 2 } else { 1 };
        if result.is_none()
            && !spent
            && let Some(dot) = memchr::memchr(b'.', name).filter(|dot| *dot > 0)
        {
            // A method of a variable: `data.split("")`.
            let object = self.key(name.get(..dot).unwrap_or_default());
            if let Some(value) = self.variables.get(&object)
                && value.size() < MAX_REPLACED / 64
            {
                self.work += value.size();
                let method = name.get(dot..).unwrap_or_default();
                result = functions::call(method, Some(value), &args, self.language);
                taken = 1;
            }
        }
        if let Some(value) = result {
            let place = self.stack.get(open - 1).map_or(offset, |(_, place)| *place);
            for arg in &args {
                self.keep_list(arg, place);
            }
            if let Value::Text(_, steps) = &value
                && steps.has(Steps::CODES)
            {
                self.out.counts.codes += 1;
            }
            self.stack.truncate(open - taken);
            // The class of a static method: `[Convert]::`, and its `new`.
            while matches!(self.stack.last(), Some((Item::Cast(_), _))) && name.starts_with(b"::") {
                self.stack.pop();
            }
            self.value(value, place, next);
            return;
        }
        if let Some(runs_as) = sinks::of_call(name, self.language)
            && let Some(bytes) = args.iter().find_map(|arg| match arg {
                Value::Text(bytes, steps) => Some((bytes, *steps)),
                _ => None,
            })
        {
            let (bytes, steps) = (bytes.0.to_vec(), bytes.1);
            self.decoded(bytes, steps, Some(runs_as), offset);
        }
        self.stack.push((Item::Mark(b')'), offset));
    }

    fn close_index(&mut self, offset: usize, next: Option<&Token<'a>>) {
        let Some(open) = self.opened(b'[') else {
            self.stack.push((Item::Mark(b']'), offset));
            return;
        };
        let place = self.stack.get(open).map_or(offset, |(_, place)| *place);
        let before = open.checked_sub(1).and_then(|at| self.stack.get(at)).map(|(item, _)| item);
        let inner = self.stack.get(open + 1..).unwrap_or_default();
        let indexes = before.is_some_and(Item::is_operand);
        let powershell = self.language == Language::PowerShell;
        // `[char]`, and `[]` in `[char[]]`.
        if powershell && inner.is_empty() {
            self.stack.truncate(open);
            return;
        }
        if powershell
            && !indexes
            && let [(Item::Word(name), _)] = inner
        {
            let name = name.to_ascii_lowercase();
            self.stack.truncate(open);
            self.stack.push((Item::Cast(name), place));
            return;
        }
        if let Some(Item::Known(value)) = before
            && let Some(result) = operators::index(value, inner)
        {
            self.stack.truncate(open - 1);
            self.value(result, place, next);
            return;
        }
        if self.language == Language::JavaScript
            && indexes
            && let [(Item::Known(Value::Text(name, _)), _)] = inner
            && !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
        {
            // `window["eval"]` is `window.eval`.
            let mut path = match before {
                Some(Item::Word(word)) => word.to_vec(),
                _ => Vec::new(),
            };
            let joins = !path.is_empty();
            path.push(b'.');
            path.extend_from_slice(name);
            self.stack.truncate(open - usize::from(joins));
            self.stack.push((Item::Word(Cow::Owned(path)), place));
            return;
        }
        if !indexes
            && !powershell
            && let Some(list) = self.arguments(open + 1).as_deref().and_then(functions::row)
        {
            self.stack.truncate(open);
            self.keep_list(&list, place);
            self.value(list, place, next);
            return;
        }
        self.stack.push((Item::Mark(b']'), offset));
    }

    /// Keeps numbers in a row: they may be text under a key.
    fn keep_list(&mut self, value: &Value<'a>, offset: usize) {
        if let Value::Numbers(numbers) = value
            && numbers.len() >= MIN_LIST
            && self.out.lists.len() < MAX_LISTS
            && numbers.iter().all(|number| (-255..0x1_0000).contains(number))
        {
            let head: Vec<u8> =
                numbers.iter().take(8).map(|number| (number & 0xff) as u8).collect();
            self.out.shellcode |= is_shellcode(&head);
            self.out.lists.push((numbers.clone(), offset));
        }
    }

    /// Remembers what a variable is set to; whether the statement was such a one.
    fn assign(&mut self) -> bool {
        let skip = self
            .stack
            .iter()
            .take(4)
            .take_while(|(item, _)| match item {
                Item::Word(word) => DECLARE.contains(&word.to_ascii_lowercase().as_slice()),
                Item::Cast(_) | Item::Mark(b',') => true,
                _ => false,
            })
            .count();
        let (name, value, adds) = match self.stack.get(skip..).unwrap_or_default() {
            [(Item::Word(name), _), (Item::Mark(b'='), _), (Item::Known(value), _)] => {
                (name, value, false)
            }
            [
                (Item::Word(name), _),
                (Item::Mark(b'+' | b'.' | b'&'), _),
                (Item::Mark(b'='), _),
                (Item::Known(value), _),
            ] => (name, value, true),
            _ => return false,
        };
        let key = self.key(name);
        let value = value.clone();
        if adds && let Some(Value::Text(text, steps)) = self.variables.get_mut(&key) {
            if let Value::Text(more, how) = value
                && text.len() < MAX_REPLACED
            {
                text.to_mut().extend_from_slice(&more);
                *steps = steps.and(how).and(Steps::JOINED);
            }
        } else if self.variables.len() < MAX_VARIABLES || self.variables.contains_key(&key) {
            self.variables.insert(key, value);
        }
        true
    }

    fn end_statement(&mut self) {
        operators::finish(&mut self.stack, 0);
        self.assign();
        if let Some((place, runs_as)) = sinks::of_statement(&self.stack, self.language)
            && let Some((Item::Known(Value::Text(bytes, steps)), offset)) = self.stack.get(place)
        {
            let (bytes, steps, offset) = (bytes.to_vec(), *steps, *offset);
            self.decoded(bytes, steps, Some(runs_as), offset);
        }
        self.flush();
    }

    /// Shows the variables that were put together.
    fn end(&mut self) {
        let mut names: Vec<Vec<u8>> = std::mem::take(&mut self.built).into_iter().collect();
        names.sort_unstable();
        for name in names {
            if let Some(value) = self.variables.remove(&name) {
                self.out.view.line();
                self.show(value, 0);
            }
        }
    }

    /// Lets the statement go into the view.
    fn flush(&mut self) {
        self.opens.clear();
        self.moved = None;
        for (item, offset) in std::mem::take(&mut self.stack) {
            match item {
                Item::Word(word) => self.out.view.word(&word, offset),
                Item::Cast(name) => {
                    self.out.view.mark(b'[', offset);
                    self.out.view.word(&name, offset);
                    self.out.view.mark(b']', offset);
                }
                Item::Mark(mark) => self.out.view.mark(mark, offset),
                Item::Known(value) => self.show(value, offset),
            }
        }
    }

    fn show(&mut self, value: Value<'a>, offset: usize) {
        match value {
            Value::Text(bytes, steps) => {
                self.out.shellcode |= is_shellcode(&bytes);
                self.out.view.string(&bytes, offset);
                if steps.is_decoding() && bytes.len() >= MIN_LAYER {
                    self.decoded(bytes.into_owned(), steps, None, offset);
                } else if let Some(runs_as) = sinks::of_text(&bytes) {
                    self.decoded(bytes.into_owned(), steps, Some(runs_as), offset);
                } else if decode::looks_base64(&bytes, MIN_BLOB) {
                    self.blob(decode::from_base64(&bytes), steps.and(Steps::BASE64), offset);
                } else if decode::looks_hex(&bytes, MIN_BLOB) {
                    self.blob(decode::from_hex(&bytes), steps.and(Steps::HEX), offset);
                }
            }
            Value::Chars(bytes, steps) => self.show(Value::text(bytes, steps), offset),
            Value::Number(number) => self.out.view.word(number.to_string().as_bytes(), offset),
            Value::Numbers(numbers) => {
                for number in numbers.iter().take(16) {
                    self.out.view.word(number.to_string().as_bytes(), offset);
                    self.out.view.mark(b',', offset);
                }
            }
            Value::List(values) => {
                for value in values {
                    self.show(value, offset);
                    self.out.view.mark(b',', offset);
                }
            }
            Value::Unknown => {}
        }
    }

    /// Bytes that were tried for a decoder that is not in sight: kept when they mean something.
    fn blob(&mut self, bytes: Vec<u8>, steps: Steps, offset: usize) {
        let compressed =
            matches!(bytes.as_slice(), [0x1f, 0x8b, 8, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]);
        self.out.shellcode |= is_shellcode(&bytes);
        if decode::is_text(&bytes)
            || compressed
            || bytes.starts_with(b"MZ")
            || decode::utf16(&bytes).is_some()
        {
            self.decoded(bytes, steps, None, offset);
        }
    }

    fn decoded(&mut self, bytes: Vec<u8>, steps: Steps, runs_as: Option<Language>, offset: usize) {
        if self.out.decoded.len() < MAX_DECODED && bytes.len() >= 8 {
            self.out.decoded.push(Decoded { bytes, steps, runs_as, offset });
        }
    }
}

/// Words that come before the name of a new variable.
const DECLARE: [&[u8]; 12] = [
    b"var", b"let", b"const", b"dim", b"set", b"my", b"our", b"local", b"static", b"string",
    b"public", b"private",
];

/// Values between commas; `None` when something else stands between them.
fn between_commas<'a>(items: &[(Item<'a>, usize)]) -> Option<Vec<Value<'a>>> {
    let mut values = Vec::new();
    let mut wanted = true;
    for (item, _) in items {
        match item {
            Item::Mark(b',') if !wanted => wanted = true,
            Item::Known(value) if wanted => {
                values.push(value.clone());
                wanted = false;
            }
            Item::Word(_) if wanted => {
                values.push(Value::Unknown);
                wanted = false;
            }
            // `cast` before a value that was not known.
            Item::Cast(_) if wanted => {}
            _ => return None,
        }
    }
    Some(values)
}

/// The first instructions of position-independent code as loaders have it: `cld`, then a call over the
/// code or an aligned stack (Stephen Fewer's block_api stubs).
fn is_shellcode(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xfc, 0xe8]) || bytes.starts_with(&[0xfc, 0x48, 0x83, 0xe4])
}

/// A word that no person writes: `_0x3fa2b1`, `lIlIIlIl`, `OO0O0OO`.
fn is_odd(word: &[u8]) -> bool {
    if let Some(rest) = word.strip_prefix(b"_0x") {
        return rest.len() >= 3 && rest.iter().all(u8::is_ascii_hexdigit);
    }
    word.len() >= 7
        && (word.iter().all(|byte| matches!(byte, b'I' | b'l' | b'1' | b'i' | b'|'))
            || word.iter().all(|byte| matches!(byte, b'O' | b'0' | b'o' | b'Q')))
}
