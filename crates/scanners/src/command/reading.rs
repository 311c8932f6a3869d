//! What a command's exit code and output mean. Both are hostile input: a file in an archive may have
//! any name, and scanners print it. So a line can make an answer graver, never lighter.

use std::collections::BTreeMap;

use palisade_jail::command::{CommandEnd, How};
use palisade_model::{Finding, Severity};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::config::CommandConfig;
use super::structured;
use crate::answer::{Answer, Meaning, UNNAMED};
use crate::text;

/// Patterns of one scanner.
const MAX_PATTERNS: usize = 64;

/// Bytes of a pattern, compiled.
const REGEX_BYTES: usize = 1 << 20;

/// Bytes of one line that patterns see.
const LINE_BYTES: usize = 4 << 10;

/// Findings of one answer.
pub(super) const MAX_FINDINGS: usize = 64;

/// What an exit code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitMeaning {
    /// Nothing found.
    Clean,
    /// A threat.
    Infected,
    /// Something suspicious.
    Suspicious,
    /// Encrypted.
    Encrypted,
    /// Left out.
    NotScanned,
    /// Not done in its own time.
    TimedOut,
    /// It broke.
    Failed,
    /// The output says; nothing that can be read there is a failure.
    Output,
}

impl ExitMeaning {
    fn known(self) -> Option<Meaning> {
        Some(match self {
            Self::Clean => Meaning::Clean,
            Self::Infected => Meaning::Infected,
            Self::Suspicious => Meaning::Suspicious,
            Self::Encrypted => Meaning::Encrypted,
            Self::NotScanned => Meaning::NotScanned,
            Self::TimedOut => Meaning::TimedOut,
            Self::Failed => Meaning::Failed,
            Self::Output => return None,
        })
    }
}

/// Where a pattern looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output and standard error.
    #[default]
    Both,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What lines of the output mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternForm {
    /// A regular expression on one line, with the groups `threat` and `file` where it has them.
    pub regex: String,
    /// What a line means that it fits; `clean` too.
    pub means: Meaning,
    /// Where it looks. Default `both`.
    #[serde(default)]
    pub stream: Stream,
}

/// What a JSON value means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonForm {
    /// JSON pointer (RFC 6901) to the verdict: a string, a number or a truth value.
    pub verdict: String,
    /// What its values mean, as text; any other value means `failed`.
    pub verdicts: BTreeMap<String, Meaning>,
    /// JSON pointer to the name of the threat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<String>,
}

struct Pattern {
    regex: Regex,
    means: Meaning,
    stream: Stream,
}

/// How one scanner is read.
pub(super) struct Reading {
    exit_codes: BTreeMap<i32, ExitMeaning>,
    patterns: Vec<Pattern>,
    json: Option<JsonForm>,
    sarif: bool,
}

/// Compiles a regular expression of the settings.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| format!("`{text}` is no regular expression: {error}"))
}

impl Reading {
    pub(super) fn new(config: &CommandConfig) -> Result<Self, String> {
        if config.patterns.len() > MAX_PATTERNS {
            return Err(format!("more than {MAX_PATTERNS} patterns"));
        }
        let mut exit_codes = BTreeMap::new();
        for (code, meaning) in &config.exit_codes {
            let number: u8 = code.parse().map_err(|_| format!("`{code}` is no exit code"))?;
            exit_codes.insert(i32::from(number), *meaning);
        }
        let structured = config.json.is_some() || config.sarif;
        if exit_codes.is_empty() {
            return Err("`exit_codes` is missing: nothing could be clean".to_owned());
        }
        let by_output = exit_codes.values().any(|meaning| *meaning == ExitMeaning::Output);
        if by_output && config.patterns.is_empty() && !structured {
            return Err("an exit code means `output`, and nothing reads the output".to_owned());
        }
        let patterns = config.patterns.iter().map(|form| {
            let regex = regex(&form.regex)?;
            Ok(Pattern { regex, means: form.means, stream: form.stream })
        });
        Ok(Self {
            exit_codes,
            patterns: patterns.collect::<Result<_, String>>()?,
            json: config.json.clone(),
            sarif: config.sarif,
        })
    }

    /// What it says: the gravest of its exit code and the lines of its output.
    pub(super) fn read(&self, end: &CommandEnd, scanner: &str) -> Answer {
        let exit = match end.how {
            How::Exited(code) => match self.exit_codes.get(&code) {
                Some(meaning) => meaning.known().map(Answer::new),
                None => Some(Answer::failed(format!("it ended with exit code {code}"))),
            },
            How::Signalled(signal) => Some(Answer::failed(format!("it died by signal {signal}"))),
            How::TimedOut => Some(Answer::new(Meaning::TimedOut)),
            How::TooMuchOutput => Some(Answer::failed("it wrote more than it may")),
        };
        let output = if self.sarif {
            Some(structured::sarif(&end.stdout, scanner))
        } else if let Some(json) = &self.json {
            Some(structured::json(&end.stdout, json))
        } else {
            self.lines(end, scanner)
        };
        let said = match (exit, output) {
            (Some(exit), Some(output)) if output.meaning >= exit.meaning => output,
            (Some(exit), _) => exit,
            (None, Some(output)) => output,
            (None, None) => Answer::failed("nothing in its output can be read"),
        };
        with_reason(said, end)
    }

    /// Each line means what the first pattern says that fits it.
    fn lines(&self, end: &CommandEnd, scanner: &str) -> Option<Answer> {
        let mut gravest: Option<Answer> = None;
        let mut findings: Vec<Finding> = Vec::new();
        for (bytes, stream) in [(&end.stdout, Stream::Stdout), (&end.stderr, Stream::Stderr)] {
            for line in bytes.split(|&byte| byte == b'\n' || byte == b'\r') {
                let line = line.get(..line.len().min(LINE_BYTES)).unwrap_or_default();
                let line = String::from_utf8_lossy(line);
                let Some(answer) = self.line(&line, stream) else { continue };
                if let Some(finding) = answer.finding(scanner)
                    && findings.len() < MAX_FINDINGS
                    && !findings.contains(&finding)
                {
                    findings.push(finding);
                }
                let answer = answer.answer;
                if gravest.as_ref().is_none_or(|known| answer.meaning > known.meaning) {
                    gravest = Some(answer);
                }
            }
        }
        gravest.map(|answer| Answer { findings, ..answer })
    }

    fn line(&self, line: &str, stream: Stream) -> Option<Line> {
        self.patterns.iter().find_map(|pattern| {
            if pattern.stream != Stream::Both && pattern.stream != stream {
                return None;
            }
            let groups = pattern.regex.captures(line)?;
            let group = |name: &str| groups.name(name).map(|found| found.as_str().to_owned());
            Some(Line {
                answer: Answer {
                    meaning: pattern.means,
                    threat: group("threat"),
                    reason: text::line(line, text::LINE_BYTES),
                    ..Answer::default()
                },
                file: group("file"),
            })
        })
    }
}

/// A line that was understood.
struct Line {
    answer: Answer,
    file: Option<String>,
}

impl Line {
    fn finding(&self, scanner: &str) -> Option<Finding> {
        let severity = match self.answer.meaning {
            Meaning::Infected => Severity::Malicious,
            Meaning::Suspicious => Severity::Suspicious,
            _ => return None,
        };
        let threat = self.answer.threat.as_deref().and_then(text::threat);
        let threat = threat.unwrap_or_else(|| UNNAMED.to_owned());
        // The path is ours; what a scanner adds to it is the member of an archive.
        let member = self.file.as_deref().map(|file| text::line(file, 200)).unwrap_or_default();
        let place = if member.is_empty() { String::new() } else { format!(" in {member}") };
        Some(Finding {
            id: "detection".to_owned(),
            severity,
            explanation: format!("{scanner} knows it as {threat}{place}"),
            ..Finding::default()
        })
    }
}

/// A failure is told with the last line that it wrote to standard error, when nothing better is known.
fn with_reason(mut answer: Answer, end: &CommandEnd) -> Answer {
    if answer.meaning < Meaning::Suspicious && answer.meaning != Meaning::Clean {
        let error = String::from_utf8_lossy(&end.stderr);
        let last = error.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let last = text::line(last, 200);
        if !last.is_empty() && !answer.reason.contains(&last) {
            let colon = if answer.reason.is_empty() { "" } else { ": " };
            answer.reason = format!("{}{colon}{last}", answer.reason);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use palisade_jail::Layers;

    use super::*;

    fn end(code: i32, stdout: &str, stderr: &str) -> CommandEnd {
        CommandEnd {
            how: How::Exited(code),
            stdout: stdout.into(),
            stderr: stderr.into(),
            layers: Layers::default(),
        }
    }

    fn reading(toml: &str) -> Reading {
        Reading::new(&toml::from_str(&format!("program = \"/s\"\n{toml}")).unwrap()).unwrap()
    }

    const TOML: &str = r#"
        exit_codes = { 0 = "clean", 1 = "output", 3 = "infected" }
        patterns = [
            { regex = ': Encrypted\.\w+ FOUND$', means = "encrypted" },
            { regex = '^(?<file>.*): (?<threat>\S+) FOUND$', means = "infected" },
            { regex = '^warning', means = "suspicious", stream = "stderr" },
        ]
    "#;

    #[test]
    fn the_gravest_of_code_and_lines_counts() {
        let reading = reading(TOML);
        let said = |code, stdout: &str, stderr: &str| {
            reading.read(&end(code, stdout, stderr), "x").meaning
        };
        assert_eq!(said(0, "", ""), Meaning::Clean);
        assert_eq!(said(1, "/a: Bad.Thing FOUND\n", ""), Meaning::Infected);
        assert_eq!(said(1, "/a: Encrypted.Zip FOUND\n", ""), Meaning::Encrypted);
        assert_eq!(said(1, "/a: Encrypted.Zip FOUND\n/a: Bad FOUND", ""), Meaning::Infected);
        // A code that says clean beside a line that does not.
        assert_eq!(said(0, "/a: Bad FOUND\n", ""), Meaning::Infected);
        assert_eq!(said(0, "warning", "warning: odd"), Meaning::Suspicious);
        // A code alone.
        assert_eq!(said(3, "", ""), Meaning::Infected);
        // Nothing that can be read, and a code that nobody named.
        assert_eq!(said(1, "whatever", ""), Meaning::Failed);
        assert_eq!(said(77, "", ""), Meaning::Failed);
        assert_eq!(said(77, "/a: Bad FOUND", ""), Meaning::Infected);
    }

    #[test]
    fn a_failure_says_why() {
        let answer = reading(TOML).read(&end(2, "", "x\nno license\n\n"), "x");
        assert_eq!(answer.reason, "it ended with exit code 2: no license");
    }

    #[test]
    fn threats_and_members_are_told_once() {
        let out = "/tmp/artifact.bin!a.exe: Bad.A FOUND\n".repeat(500) + "/tmp/b: Bad.B FOUND\n";
        let answer = reading(TOML).read(&end(1, &out, ""), "x");
        assert_eq!(answer.threat.as_deref(), Some("Bad.A"));
        assert_eq!(answer.findings.len(), 2);
        let explained = "x knows it as Bad.A in /tmp/artifact.bin!a.exe";
        assert_eq!(answer.findings[0].explanation, explained);
    }

    #[test]
    fn bytes_that_are_no_text_and_long_lines_are_read() {
        let reading = reading(TOML);
        let mut out = vec![0xff; 3 << 20];
        out.extend_from_slice(b"\n\xff\xfe: Bad.Thing FOUND\n");
        let end = CommandEnd { stdout: out, ..end(1, "", "") };
        assert_eq!(reading.read(&end, "x").threat.as_deref(), Some("Bad.Thing"));
    }

    #[test]
    fn settings_that_read_nothing_are_refused() {
        let wrong = |toml: &str| {
            let config = toml::from_str(&format!("program = \"/s\"\n{toml}")).unwrap();
            Reading::new(&config).err().unwrap()
        };
        assert!(wrong("").contains("exit_codes"));
        assert!(wrong("exit_codes = { 0 = \"output\" }").contains("nothing reads the output"));
        assert!(wrong("exit_codes = { 900 = \"clean\" }").contains("900"));
        let bad = "exit_codes = { 0 = \"clean\" }\npatterns = [{ regex = '(', means = \"clean\" }]";
        assert!(wrong(bad).contains("no regular expression"));
    }
}
