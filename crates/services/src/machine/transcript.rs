use std::collections::BTreeMap;
use std::time::Duration;

/// What a virtual machine said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// Its serial console: the kernel's words.
    pub console: String,
    /// The script's standard output, without what it framed.
    pub output: String,
    /// What the script gave by `emit NAME FILE`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How the script ended; `None` when the machine did not come so far.
    pub exit: Option<i32>,
    /// From its start to its end.
    pub took: Duration,
}

impl Transcript {
    /// Takes the frames out of what came. A frame that is cut short has what is there.
    pub(super) fn parse(console: &[u8], bytes: &[u8], took: Duration) -> Self {
        let mut transcript = Self {
            console: String::from_utf8_lossy(console).into_owned(),
            output: String::new(),
            files: BTreeMap::new(),
            exit: None,
            took,
        };
        let mut text = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            let Some(frame) = line.strip_prefix(b"\x1e") else {
                text.extend_from_slice(line);
                continue;
            };
            // The line before was ended for the frame.
            if text.last() == Some(&b'\n') {
                text.pop();
            }
            let frame = String::from_utf8_lossy(frame);
            let words: Vec<&str> = frame.split_whitespace().collect();
            match words[..] {
                ["file", name, length] => {
                    let length = length.parse().unwrap_or(0).min(rest.len());
                    let (content, after) = rest.split_at(length);
                    transcript.files.insert(name.to_owned(), content.to_owned());
                    rest = after;
                }
                ["exit", code] => transcript.exit = code.parse().ok(),
                _ => text.extend_from_slice(line),
            }
        }
        transcript.output = String::from_utf8_lossy(&text).into_owned();
        transcript
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_from_text_by_their_length() {
        let bytes = b"hello\n\n\x1efile a.json 11\n{}\n\x1eexit 5\nx\nmore\n\n\x1eexit 3\n";
        let transcript = Transcript::parse(b"kernel\xff", bytes, Duration::ZERO);
        assert_eq!(transcript.files["a.json"], b"{}\n\x1eexit 5\n");
        assert_eq!(transcript.output, "hello\nx\nmore\n");
        assert_eq!(transcript.exit, Some(3));
        assert_eq!(transcript.console, "kernel\u{fffd}");
    }

    #[test]
    fn a_machine_that_died_leaves_what_it_said() {
        let transcript = Transcript::parse(b"", b"one\n\n\x1efile big 900\npart", Duration::ZERO);
        assert_eq!(transcript.files["big"], b"part");
        assert_eq!((transcript.output.as_str(), transcript.exit), ("one\n", None));
    }
}
