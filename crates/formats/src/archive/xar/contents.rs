//! The table of contents: only as much XML as it uses.

/// Elements inside each other, at most.
const MAX_DEPTH: usize = 64;
/// Longest path that is put together from folder names.
const MAX_PATH: usize = 4_096;

/// A file or folder.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Offset in the heap and bytes there.
    pub(super) place: Option<(u64, u64)>,
    /// Bytes when unpacked.
    pub(super) size: Option<u64>,
    pub(super) encoding: String,
    pub(super) is_file: bool,
    offset: Option<u64>,
    length: Option<u64>,
}

/// Reads at most `bound` entries; the flag says whether the text was well-formed as far as it
/// matters here.
pub(super) fn parse(table: &[u8], bound: usize) -> (Vec<Entry>, bool) {
    let text = String::from_utf8_lossy(table);
    let mut done = Vec::new();
    let mut files: Vec<Entry> = Vec::new();
    let mut path: Vec<&str> = Vec::new();
    let mut rest = &*text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        let Some((tag, behind)) = tag.split_once('>') else { return (done, false) };
        rest = behind;
        let tag = &tag[1..];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            if path.pop() != Some(name.trim()) {
                return (done, false);
            }
            match files.last_mut() {
                Some(_) if name.trim() == "file" => {
                    let entry = files.pop().unwrap_or_default();
                    if done.len() >= bound {
                        return (done, false);
                    }
                    done.push(finish(entry, &files));
                }
                Some(file) => value(file, path.last().copied(), name.trim(), before),
                None => {}
            }
            continue;
        }
        let (tag, is_empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        if name == "encoding"
            && path.last() == Some(&"data")
            && let Some(file) = files.last_mut()
        {
            file.encoding = attribute(attributes, "style").unwrap_or_default().to_owned();
        }
        if is_empty {
            continue;
        }
        if path.len() >= MAX_DEPTH {
            return (done, false);
        }
        path.push(name);
        if name == "file" {
            files.push(Entry::default());
        }
    }
    (done, path.is_empty())
}

/// Stores an element's text where it belongs.
fn value(file: &mut Entry, parent: Option<&str>, name: &str, text: &str) {
    let text = text.trim();
    match (parent, name) {
        (Some("file"), "name") => file.name = unescape(text),
        (Some("file"), "type") => file.is_file = text == "file",
        (Some("data"), "offset") => file.offset = text.parse().ok(),
        (Some("data"), "length") => file.length = text.parse().ok(),
        (Some("data"), "size") => file.size = text.parse().ok(),
        _ => {}
    }
}

/// With the path of the folders around it.
fn finish(mut entry: Entry, folders: &[Entry]) -> Entry {
    entry.place = entry.offset.zip(entry.length);
    let length: usize = folders.iter().map(|folder| folder.name.len() + 1).sum();
    if !folders.is_empty() && length < MAX_PATH {
        let mut path: String = folders.iter().flat_map(|folder| [&*folder.name, "/"]).collect();
        path.push_str(&entry.name);
        entry.name = path;
    }
    entry
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let value = attributes.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split_once(quote).map(|(value, _)| value)
}

fn unescape(text: &str) -> String {
    // The ampersand last, or it would make new ones.
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}
