//! Walks every object of a document, wherever it stands, and hands each to those who judge it.

use std::collections::{HashMap, HashSet};

use palisade_formats::document::pdf::object::Object;
use palisade_formats::document::pdf::scan::{Found, Scanner};
use palisade_formats::document::pdf::{Document, Origin, Raw, Security, packed};
use palisade_model::ProblemKind;

use super::actions::{self, Action};
use super::lures::Lures;
use super::{kinds, names, scripts, structure};
use crate::{Examination, packed_file};

/// Bytes that come out of the object streams of a document.
const MAX_PACKED_BYTES: usize = 64 << 20;
/// Bytes of one script or form.
const MAX_SCRIPT_BYTES: usize = 4 << 20;
/// Streams of one document that are remembered.
const MAX_STREAMS: usize = 500_000;
/// Actions of one document.
const MAX_ACTIONS: usize = 50_000;
/// Names and strings that are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// What the objects say, gathered in one pass.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) actions: Vec<Action>,
    /// Objects that are done when the document is opened or a page is shown.
    pub(super) automatic: HashSet<u32>,
    /// Actions that follow others: from, to.
    pub(super) next: HashMap<u32, Vec<u32>>,
    /// Scripts: as text, or by the object that holds them; with the action's object.
    pub(super) scripts: Vec<(Script, bool, u32)>,
    /// String objects, in case a script entry names one.
    strings: HashMap<u32, Raw>,
    /// Parts of an XML form.
    xfa: Vec<u32>,
    /// Attached files: name, stream.
    files: Vec<(Raw, Option<u32>)>,
    /// Every other stream that says it is an attached file.
    pub(super) lures: Lures,
    pub(super) signatures: Vec<usize>,
    pub(super) media: bool,
    /// Actions that were seen outside of object streams, and in them.
    pub(super) plain: bool,
    pub(super) packed: bool,
    information: Option<u32>,
    dictionaries: HashMap<u32, (Origin, Object)>,
    pub(super) lengths_lie: usize,
}

/// A script entry.
pub(super) enum Script {
    Text(Raw),
    Reference(u32),
}

/// Looks at a document.
pub(super) fn examine(examination: &mut Examination<'_>) {
    let input = examination.bytes();
    let mut gathered = Gathered::default();
    let mut security = Security::default();
    let mut streams: Vec<Found> = Vec::new();
    let mut scanner = Scanner::new(input);
    let mut count = 0u32;
    for found in scanner.by_ref() {
        count = count.saturating_add(1);
        if count.is_multiple_of(1024) && examination.should_stop() {
            break;
        }
        security.see(found.number, &found.value);
        let origin = Origin { number: found.number, generation: found.generation, packed: false };
        gathered.see(&found.value, origin);
        if let Some(range) = &found.stream {
            structure::stream(examination, &found.value, range, &mut gathered);
            if streams.len() < MAX_STREAMS {
                streams.push(found);
            }
        }
    }
    if scanner.gave_up() {
        examination.problem(ProblemKind::Corrupt, "too broken to be read in good time");
    }
    security.trailers(input);
    let mut passwords = vec![String::new()];
    passwords.extend_from_slice(examination.passwords());
    let cipher = security.cipher(&passwords);
    let closed = security.is_encrypted() && cipher.is_none();
    if closed {
        let standard = security
            .dictionary()
            .and_then(|dictionary| dictionary.get(b"Filter"))
            .is_none_or(|filter| filter.is_name(b"Standard"));
        let (kind, said) = if standard {
            (&kinds::ENCRYPTED, "The document is encrypted, and no known password opens it")
        } else {
            (&kinds::UNKNOWN_HANDLER, "The document is encrypted by an unusual security handler")
        };
        examination.find(kind, said);
        examination.problem(ProblemKind::EncryptedDocument, "streams and strings were not read");
    }
    let document = Document { input, cipher };
    if !closed {
        object_streams(examination, &document, &streams, &mut gathered);
    }
    names::in_file(examination, input);
    structure::file(examination, input, &gathered);
    if closed {
        // Kinds of actions are names, which are not encrypted; their strings are.
        gathered.forget_strings();
    }
    conclude(examination, &document, &streams, gathered);
}

fn object_streams(
    examination: &mut Examination<'_>,
    document: &Document<'_>,
    streams: &[Found],
    gathered: &mut Gathered,
) {
    let mut left = MAX_PACKED_BYTES;
    for found in streams {
        if !found.value.get(b"Type").is_some_and(|kind| kind.is_name(b"ObjStm")) {
            continue;
        }
        if left == 0 {
            examination.problem(ProblemKind::TooLarge, "more object streams than are read");
            return;
        }
        if examination.should_stop() {
            return;
        }
        let bytes = document.decode(found, left).bytes;
        left = left.saturating_sub(bytes.len());
        names::in_file(examination, &bytes);
        packed(&found.value, &bytes, |number, value| {
            gathered.see(&value, Origin { number, generation: 0, packed: true });
        });
    }
}

impl Gathered {
    /// Notes what a value says, at any depth.
    fn see(&mut self, value: &Object, origin: Origin) {
        if let Object::Text(text) = value {
            if self.strings.len() < MAX_REMEMBERED {
                self.strings.insert(origin.number, (origin, text.clone()));
            }
            return;
        }
        value.each_dictionary(|dictionary| self.dictionary(dictionary, origin));
    }

    fn dictionary(&mut self, value: &Object, origin: Origin) {
        for key in [&b"OpenAction"[..], b"AA"] {
            if let Some(action) = value.get(key) {
                self.automatic(action, key == b"AA", origin);
            }
        }
        // The name tree of scripts that run when the document is opened (12.6.4.16).
        if let Some(tree @ (Object::Reference(..) | Object::Dictionary(_))) =
            value.get(b"JavaScript")
        {
            self.automatic(tree, false, origin);
        }
        // Kids and entries of such trees.
        for key in [&b"Kids"[..], b"Names", b"Next"] {
            self.follow(value.get(key), origin);
        }
        if self.actions.len() < MAX_ACTIONS
            && let Some(action) = Action::read(value, origin)
        {
            if matches!(
                action.kind.as_slice(),
                b"JavaScript" | b"Launch" | b"SubmitForm" | b"ImportData"
            ) {
                *(if origin.packed { &mut self.packed } else { &mut self.plain }) = true;
            }
            self.actions.push(action);
        }
        let script = match value.get(b"JS") {
            Some(Object::Text(text)) => Some(Script::Text((origin, text.clone()))),
            Some(Object::Reference(number, _)) => Some(Script::Reference(*number)),
            _ => None,
        };
        if let Some(script) = script
            && self.scripts.len() < MAX_ACTIONS
        {
            self.scripts.push((script, false, origin.number));
        }
        match value.get(b"XFA") {
            Some(Object::Reference(number, _)) => self.xfa.push(*number),
            Some(Object::Array(items)) => {
                let streams = items.iter().filter_map(|item| match item {
                    Object::Reference(number, _) => Some(*number),
                    _ => None,
                });
                self.xfa.extend(streams.take(100));
            }
            _ => {}
        }
        self.file(value, origin);
        self.lures.see(value, origin);
        if let Some(Object::Array(range)) = value.get(b"ByteRange")
            && let [.., start, length] = range.as_slice()
        {
            let end = start
                .number()
                .zip(length.number())
                .map(|(start, length)| start.saturating_add(length));
            self.signatures.extend(end.and_then(|end| usize::try_from(end).ok()));
        }
        let kind = value.get(b"Subtype");
        self.media |= kind.is_some_and(|kind| {
            [&b"RichMedia"[..], b"3D", b"Screen", b"Movie"].iter().any(|media| kind.is_name(media))
        });
        if let Some(Object::Reference(number, _)) = value.get(b"Info") {
            self.information = Some(*number);
        }
        let describes =
            [&b"Producer"[..], b"Creator", b"Author"].iter().any(|key| value.get(key).is_some());
        if describes && self.dictionaries.len() < 64 {
            self.dictionaries.insert(origin.number, (origin, value.clone()));
        }
    }

    /// An entry that names an action, a dictionary of them by trigger, or a tree of names.
    fn automatic(&mut self, action: &Object, triggers: bool, origin: Origin) {
        match action {
            Object::Reference(number, _) => {
                self.automatic.insert(*number);
            }
            Object::Dictionary(pairs) if triggers => {
                // Keystroke, format, validate and calculate are of forms; mouse and focus are the
                // reader's doing. Open, close, page visible, and the document's are not.
                for (trigger, value) in pairs {
                    let by_itself = matches!(
                        trigger.as_slice(),
                        b"O" | b"C"
                            | b"PO"
                            | b"PC"
                            | b"PV"
                            | b"PI"
                            | b"WC"
                            | b"WS"
                            | b"DS"
                            | b"WP"
                            | b"DP"
                    );
                    if !by_itself {
                        continue;
                    }
                    // A field's `C` is "calculate": a field has it beside a format or alone; a page
                    // beside `O`. Those of fields are left to their scripts.
                    match value {
                        Object::Reference(number, _) => {
                            self.automatic.insert(*number);
                        }
                        Object::Dictionary(_) if trigger != b"C" => {
                            self.automatic.insert(origin.number);
                        }
                        _ => {}
                    }
                }
            }
            Object::Dictionary(_) => {
                self.automatic.insert(origin.number);
            }
            _ => {}
        }
    }

    /// References from one object to those that follow it.
    fn follow(&mut self, value: Option<&Object>, origin: Origin) {
        let Some(value) = value else { return };
        if self.next.len() >= MAX_REMEMBERED {
            return;
        }
        let items = match value {
            Object::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        let found = items.iter().filter_map(|item| match item {
            Object::Reference(number, _) => Some(*number),
            _ => None,
        });
        self.next.entry(origin.number).or_default().extend(found.take(1_000));
    }

    fn file(&mut self, value: &Object, origin: Origin) {
        let Some(Object::Dictionary(files)) = value.get(b"EF") else { return };
        let name = [&b"UF"[..], b"F", b"Unix", b"DOS", b"Mac"]
            .iter()
            .find_map(|key| value.get(key)?.text())
            .unwrap_or_default();
        let stream = files.iter().find_map(|(_, file)| match file {
            Object::Reference(number, _) => Some(*number),
            _ => None,
        });
        if self.files.len() < 10_000 {
            self.files.push(((origin, name.to_vec()), stream));
        }
    }

    fn forget_strings(&mut self) {
        self.scripts.clear();
        self.files.clear();
        self.dictionaries.clear();
        for action in &mut self.actions {
            action.forget();
        }
        self.lures = Lures::default();
    }

    /// Everything that follows from what is done by itself.
    fn close_over_next(&mut self) {
        let mut open: Vec<u32> = self.automatic.iter().copied().collect();
        while let Some(number) = open.pop() {
            for next in self.next.get(&number).into_iter().flatten() {
                if self.automatic.insert(*next) {
                    open.push(*next);
                }
            }
        }
    }
}

fn conclude(
    examination: &mut Examination<'_>,
    document: &Document<'_>,
    streams: &[Found],
    mut gathered: Gathered,
) {
    gathered.close_over_next();
    let by_number: HashMap<u32, &Found> =
        streams.iter().map(|found| (found.number, found)).collect();
    let information = gathered.information.and_then(|number| gathered.dictionaries.get(&number));
    if let Some((origin, dictionary)) = information.or(gathered.dictionaries.values().next()) {
        structure::information(examination, document, *origin, dictionary);
    }
    for (name, stream) in &gathered.files {
        let name = document.string(name);
        let found = stream.and_then(|number| by_number.get(&number));
        let bytes = found.map(|found| document.decode(found, 64 << 10).bytes).unwrap_or_default();
        attached(examination, &name, &bytes);
    }
    if gathered.media {
        examination
            .find(&kinds::RICH_MEDIA, "The document holds media or three-dimensional content");
    }
    if gathered.packed && !gathered.plain {
        examination.find(
            &kinds::PACKED_ACTION,
            "Scripts or actions stand only in compressed object streams",
        );
    }
    for (script, _, action) in &gathered.scripts {
        if examination.should_stop() {
            return;
        }
        let automatic = gathered.automatic.contains(action);
        let text = match script {
            Script::Text(raw) => document.string(raw),
            Script::Reference(number) => {
                match (by_number.get(number), gathered.strings.get(number)) {
                    (Some(found), _) => {
                        let bytes = document.decode(found, MAX_SCRIPT_BYTES).bytes;
                        palisade_formats::document::pdf::text(&bytes)
                    }
                    (None, Some(raw)) => document.string(raw),
                    (None, None) => continue,
                }
            }
        };
        scripts::judge(examination, &text, automatic, *action);
    }
    xfa(examination, document, &by_number, &gathered.xfa);
    actions::judge(examination, document, &gathered);
    gathered.lures.judge(examination, document);
}

fn attached(examination: &mut Examination<'_>, name: &str, bytes: &[u8]) {
    let file = packed_file::judge(name, bytes);
    let said = format!("The file {} is attached, {}", file.name, file.description);
    examination.find(&kinds::EMBEDDED_FILE, &said).quoting("name", name.as_bytes());
    if file.runs {
        examination.find(&kinds::EMBEDDED_EXECUTABLE, said).quoting("name", name.as_bytes());
    }
    if file.disguised {
        examination
            .find(&kinds::EMBEDDED_DISGUISED, format!("An attached file is named {:?}", file.name))
            .quoting("name", name.as_bytes());
    }
}

fn xfa(
    examination: &mut Examination<'_>,
    document: &Document<'_>,
    by_number: &HashMap<u32, &Found>,
    parts: &[u32],
) {
    if parts.is_empty() {
        return;
    }
    examination.find(&kinds::XFA_FORM, "The document holds a form in XML");
    let mut left = 4 * MAX_SCRIPT_BYTES;
    for number in parts.iter().take(100) {
        if examination.should_stop() || left == 0 {
            return;
        }
        let Some(found) = by_number.get(number) else { continue };
        let bytes = document.decode(found, MAX_SCRIPT_BYTES.min(left)).bytes;
        left = left.saturating_sub(bytes.len());
        super::xml::form(examination, &bytes);
    }
}
