//! The languages, and how their text is cut into tokens.

/// A language of scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    JavaScript,
    VbScript,
    PowerShell,
    Batch,
    Shell,
    Python,
    Php,
    Perl,
    Ruby,
    /// Java, C# and their server pages.
    Managed,
    /// Settings and markup that name commands; no strings, no comments.
    Plain,
}

/// A set of languages, for the tables.
pub(crate) type Languages = u16;

pub(crate) const JS: Languages = 1;
pub(crate) const VB: Languages = 1 << 1;
pub(crate) const PS: Languages = 1 << 2;
pub(crate) const BAT: Languages = 1 << 3;
pub(crate) const SH: Languages = 1 << 4;
pub(crate) const PY: Languages = 1 << 5;
pub(crate) const PHP: Languages = 1 << 6;
pub(crate) const PERL: Languages = 1 << 7;
pub(crate) const RUBY: Languages = 1 << 8;
pub(crate) const MANAGED: Languages = 1 << 9;
pub(crate) const PLAIN: Languages = 1 << 10;
/// Those that Windows runs by a double click or from a shell.
pub(crate) const WINDOWS: Languages = JS | VB | PS | BAT | PLAIN;
/// All of them.
pub(crate) const ANY: Languages = (1 << 11) - 1;

impl Language {
    /// As a set.
    pub(crate) fn bit(self) -> Languages {
        1 << self as u16
    }

    /// The extension of a decoded layer.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::JavaScript => "js",
            Self::VbScript => "vbs",
            Self::PowerShell => "ps1",
            Self::Batch => "bat",
            Self::Shell => "sh",
            Self::Python => "py",
            Self::Php => "php",
            Self::Perl => "pl",
            Self::Ruby => "rb",
            Self::Managed | Self::Plain => "txt",
        }
    }

    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "JavaScript",
            Self::VbScript => "VBScript",
            Self::PowerShell => "PowerShell",
            Self::Batch => "batch",
            Self::Shell => "shell",
            Self::Python => "Python",
            Self::Php => "PHP",
            Self::Perl => "Perl",
            Self::Ruby => "Ruby",
            Self::Managed => "server page",
            Self::Plain => "text",
        }
    }

    /// By a type id of the detector.
    pub(crate) fn of_type(type_id: &str) -> Option<Self> {
        Some(match type_id {
            "javascript" => Self::JavaScript,
            "vbscript" | "vba_source" => Self::VbScript,
            "powershell" => Self::PowerShell,
            "batch" => Self::Batch,
            "shell" => Self::Shell,
            "python" => Self::Python,
            "php" => Self::Php,
            "perl" => Self::Perl,
            "ruby" => Self::Ruby,
            "jsp" | "csharp" | "java" => Self::Managed,
            _ => return None,
        })
    }

    /// By a file name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "js" | "jse" | "mjs" | "cjs" => Self::JavaScript,
            "vbs" | "vbe" | "vb" | "bas" | "cls" | "vba" => Self::VbScript,
            "ps1" | "psm1" | "psd1" => Self::PowerShell,
            "bat" | "cmd" => Self::Batch,
            "sh" | "bash" | "zsh" | "ksh" | "command" => Self::Shell,
            "py" | "pyw" => Self::Python,
            "php" | "phtml" | "php5" | "phar" => Self::Php,
            "pl" | "pm" | "cgi" => Self::Perl,
            "rb" => Self::Ruby,
            "jsp" | "jspx" => Self::Managed,
            _ => return None,
        })
    }

    /// By the content of decoded text, else what its parent is written in.
    pub(crate) fn of_layer(text: &[u8], parent: Self) -> Self {
        let found = palisade_formats::filetype::detect(text).ty.id;
        Self::of_type(found).unwrap_or(parent)
    }

    pub(super) fn lexis(self) -> Lexis {
        let base = Lexis {
            line_comments: &[],
            block_comment: None,
            quotes: b"\"'",
            escape: Some(b'\\'),
            doubled: false,
            triple: false,
            regex: false,
            multi_line: false,
            sigils: b"_",
            dotted: true,
            concat: b"+",
        };
        match self {
            Self::JavaScript => Lexis {
                line_comments: &[b"//", b"<!--"],
                block_comment: Some((b"/*", b"*/")),
                quotes: b"\"'`",
                regex: true,
                sigils: b"_$\\",
                ..base
            },
            Self::VbScript => Lexis {
                line_comments: &[b"'"],
                quotes: b"\"",
                escape: None,
                doubled: true,
                concat: b"&+",
                ..base
            },
            Self::PowerShell => Lexis {
                line_comments: &[b"#"],
                block_comment: Some((b"<#", b"#>")),
                escape: Some(b'`'),
                doubled: true,
                multi_line: true,
                sigils: b"_$-`:?",
                ..base
            },
            Self::Python => Lexis { line_comments: &[b"#"], triple: true, ..base },
            Self::Php => Lexis {
                line_comments: &[b"//", b"#"],
                block_comment: Some((b"/*", b"*/")),
                multi_line: true,
                sigils: b"_$\\",
                dotted: false,
                concat: b".",
                ..base
            },
            Self::Perl => Lexis {
                line_comments: &[b"#"],
                sigils: b"_$@",
                dotted: false,
                concat: b".",
                ..base
            },
            Self::Ruby => Lexis { line_comments: &[b"#"], sigils: b"_$@", ..base },
            Self::Managed => {
                Lexis { line_comments: &[b"//"], block_comment: Some((b"/*", b"*/")), ..base }
            }
            Self::Batch | Self::Shell | Self::Plain => Lexis { quotes: b"", escape: None, ..base },
        }
    }
}

/// What a tokenizer must know of a language.
pub(super) struct Lexis {
    pub(super) line_comments: &'static [&'static [u8]],
    pub(super) block_comment: Option<(&'static [u8], &'static [u8])>,
    /// Bytes that open and close a string.
    pub(super) quotes: &'static [u8],
    /// The byte that escapes inside strings.
    pub(super) escape: Option<u8>,
    /// A doubled quote inside a string is one.
    pub(super) doubled: bool,
    /// Three quotes open a text of many lines.
    pub(super) triple: bool,
    /// A slash may open a regular expression.
    pub(super) regex: bool,
    /// A string may go over lines.
    pub(super) multi_line: bool,
    /// Bytes of words besides letters and digits.
    pub(super) sigils: &'static [u8],
    /// A dot joins words.
    pub(super) dotted: bool,
    /// Operators that join strings.
    pub(super) concat: &'static [u8],
}
