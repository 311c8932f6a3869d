//! Conditions as they are written.

use crate::source::Position;

/// A condition or a part of one.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// A macro by name.
    Macro(String, Position),
    Check(Box<Check>),
}

/// A comparison.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) subject: Subject,
    pub(crate) operator: Operator,
    /// How many of several values the operator must hold for.
    pub(crate) modifier: Option<Modifier>,
    pub(crate) operator_at: Position,
    pub(crate) operand: Operand,
}

/// What is compared: a field, perhaps through transformers.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) field: String,
    pub(crate) argument: Option<String>,
    /// The innermost first.
    pub(crate) transforms: Vec<Transform>,
    pub(crate) at: Position,
}

/// What it is compared with.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// Of `exists`.
    None,
    Word(Word),
    List(Vec<Word>),
    /// `val(…)`, or a transformer on the right.
    Subject(Subject),
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// In quotes: never the name of a list.
    pub(crate) quoted: bool,
    pub(crate) at: Position,
}

/// What is done with a value before it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transform {
    Upper,
    Lower,
    /// Decodes Base64; a value that is none does not compare.
    Base64,
    /// What follows the last slash.
    Basename,
    /// Bytes of text, values of a list.
    Length,
    /// Several values as one text, with this between them.
    Join(Box<str>),
}

impl Transform {
    /// The one that takes two arguments.
    pub(crate) const JOIN: &'static str = "join";

    /// Those that take a field and nothing else.
    pub(crate) const ALL: [(&'static str, Transform); 5] = [
        ("toupper", Transform::Upper),
        ("tolower", Transform::Lower),
        ("b64", Transform::Base64),
        ("basename", Transform::Basename),
        ("len", Transform::Length),
    ];
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    Exists,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Contains,
    IContains,
    BContains,
    StartsWith,
    BStartsWith,
    EndsWith,
    Glob,
    IGlob,
    Regex,
    In,
    Intersects,
    Pmatch,
}

/// What makes an operator on text one on a list: `endswith anyof (a, b)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Modifier {
    /// It holds for exactly one.
    One,
    /// It holds for one at least.
    Any,
    /// It holds for all.
    All,
}

impl Modifier {
    pub(crate) const ALL: [(&'static str, Modifier); 3] =
        [("oneof", Modifier::One), ("anyof", Modifier::Any), ("allof", Modifier::All)];
}

/// What may stand on the right of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Nothing,
    Number,
    Text,
    List,
}

/// An operator's spelling.
pub(crate) struct Spelling {
    pub(crate) text: &'static str,
    pub(crate) operator: Operator,
    pub(crate) right: Right,
    /// White space must follow, since a value without quotes may.
    pub(crate) word: bool,
}

const fn spell(text: &'static str, operator: Operator, right: Right, word: bool) -> Spelling {
    Spelling { text, operator, right, word }
}

/// In the order in which they are tried: `<=` before `<`, `intersects` before `in`.
pub(crate) const SPELLINGS: [Spelling; 20] = [
    spell("exists", Operator::Exists, Right::Nothing, false),
    spell("<=", Operator::LessEqual, Right::Number, false),
    spell("<", Operator::Less, Right::Number, false),
    spell(">=", Operator::GreaterEqual, Right::Number, false),
    spell(">", Operator::Greater, Right::Number, false),
    spell("==", Operator::Equal, Right::Text, false),
    spell("=", Operator::Equal, Right::Text, false),
    spell("!=", Operator::NotEqual, Right::Text, false),
    spell("glob", Operator::Glob, Right::Text, true),
    spell("iglob", Operator::IGlob, Right::Text, true),
    spell("contains", Operator::Contains, Right::Text, true),
    spell("icontains", Operator::IContains, Right::Text, true),
    spell("bcontains", Operator::BContains, Right::Text, true),
    spell("startswith", Operator::StartsWith, Right::Text, true),
    spell("bstartswith", Operator::BStartsWith, Right::Text, true),
    spell("endswith", Operator::EndsWith, Right::Text, true),
    spell("regex", Operator::Regex, Right::Text, true),
    spell("intersects", Operator::Intersects, Right::List, false),
    spell("in", Operator::In, Right::List, false),
    spell("pmatch", Operator::Pmatch, Right::List, false),
];

impl Operator {
    /// The operator that an exception names.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        SPELLINGS.iter().find(|spelling| spelling.text == name).map(|spelling| spelling.operator)
    }

    /// The operator that an exception names, perhaps with a modifier.
    pub(crate) fn with_modifier(text: &str) -> Option<(Self, Option<Modifier>)> {
        let mut words = text.split_whitespace();
        let operator = Self::from_name(words.next()?)?;
        let Some(word) = words.next() else { return Some((operator, None)) };
        let (_, modifier) = Modifier::ALL.into_iter().find(|(name, _)| *name == word)?;
        (operator.on_text() && words.next().is_none()).then_some((operator, Some(modifier)))
    }

    /// Whether it takes one text, and with a modifier several.
    fn on_text(self) -> bool {
        let mut spellings = SPELLINGS.iter().filter(|spelling| spelling.operator == self);
        spellings.any(|spelling| spelling.right == Right::Text)
    }

    pub(crate) fn name(self) -> &'static str {
        let mut spellings = SPELLINGS.iter().filter(|spelling| spelling.operator == self);
        // Both `==` and `=` are equality; the short one is what people write.
        spellings.next_back().map_or("", |spelling| spelling.text)
    }

    pub(crate) fn takes_list(self) -> bool {
        matches!(self, Operator::In | Operator::Intersects | Operator::Pmatch)
    }
}
