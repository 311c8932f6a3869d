//! From text to a condition: a recursive descent with a bound on its depth.
//!
//! ```text
//! or        = and ("or" and)*            after the word: white space or "("
//! and       = not ("and" not)*
//! not       = ("not" blank)* ("not(" or ")" | check)
//! check     = "(" or ")" | subject condition | macro
//! subject   = field | transformer "(" subject ")"
//! condition = "exists" | operator (value | list | "val(" field ")" | transformer "(" subject ")")
//!           | text-operator ("oneof" | "anyof" | "allof") list
//! ```

use crate::ast::{
    Check, Expr, Modifier, Operand, Operator, Right, SPELLINGS, Subject, Transform, Word,
};
use crate::lexer::Lexer;
use crate::problem::{Code, Fault};
use crate::text::Text;

/// Parses a whole condition.
pub(crate) fn parse(text: &Text, depth: usize) -> Result<Expr, Fault> {
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0, limit: depth };
    parser.lexer.blank();
    if parser.lexer.at_end() {
        return Err(parser.lexer.fault("the condition is empty"));
    }
    let expr = parser.or()?;
    parser.lexer.blank();
    if !parser.lexer.at_end() {
        let next = parser.lexer.next_word();
        return Err(parser.lexer.fault(format!("expected `and`, `or` or the end, found {next}")));
    }
    Ok(expr)
}

/// Parses a field with its argument and transformers, and nothing else.
pub(crate) fn parse_subject(text: &Text, depth: usize) -> Result<Subject, Fault> {
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0, limit: depth };
    parser.lexer.blank();
    let subject = parser.subject()?;
    parser.lexer.blank();
    match (subject, parser.lexer.at_end()) {
        (Some(subject), true) => Ok(subject),
        (Some(_), false) | (None, _) => Err(parser.lexer.fault("expected a field")),
    }
}

/// Parses a list in parentheses, and nothing else.
pub(crate) fn parse_list(text: &Text) -> Result<Vec<Word>, Fault> {
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0, limit: 1 };
    if !parser.lexer.take("(") {
        return Err(parser.lexer.fault("expected `(`"));
    }
    let words = parser.list()?;
    parser.lexer.blank();
    if parser.lexer.at_end() { Ok(words) } else { Err(parser.lexer.fault("expected the end")) }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    depth: usize,
    limit: usize,
}

impl Parser<'_> {
    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.limit {
            let message = format!("more than {} levels of nesting", self.limit);
            return Err(Fault::new(Code::Limit, self.lexer.position(), message));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Expr, Fault> {
        self.deeper()?;
        let mut parts = vec![self.and()?];
        self.lexer.blank();
        while self.lexer.take("or") {
            parts.push(self.after("or", Parser::and)?);
            self.lexer.blank();
        }
        self.depth -= 1;
        Ok(one_or(parts, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, Fault> {
        self.lexer.blank();
        let mut parts = vec![self.not()?];
        self.lexer.blank();
        while self.lexer.take("and") {
            parts.push(self.after("and", Parser::not)?);
            self.lexer.blank();
        }
        Ok(one_or(parts, Expr::And))
    }

    /// What follows `and` or `or`: white space and a part, or a part in parentheses.
    fn after(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Result<Expr, Fault>,
    ) -> Result<Expr, Fault> {
        if self.lexer.blank() {
            return part(self);
        }
        if self.lexer.take("(") {
            return self.closed();
        }
        Err(self.lexer.fault(format!("expected white space or `(` after `{word}`")))
    }

    fn not(&mut self) -> Result<Expr, Fault> {
        self.lexer.blank();
        let mut negated = false;
        while self.lexer.take_word("not") {
            negated = !negated;
        }
        let expr = if self.lexer.take("not(") {
            negated = !negated;
            self.closed()?
        } else {
            self.check()?
        };
        Ok(if negated { Expr::Not(Box::new(expr)) } else { expr })
    }

    /// The rest of a part after its opening parenthesis.
    fn closed(&mut self) -> Result<Expr, Fault> {
        let expr = self.or()?;
        self.lexer.blank();
        self.close()?;
        Ok(expr)
    }

    fn close(&mut self) -> Result<(), Fault> {
        if self.lexer.take(")") {
            return Ok(());
        }
        let next = self.lexer.next_word();
        Err(self.lexer.fault(format!("expected `)`, found {next}")))
    }

    fn check(&mut self) -> Result<Expr, Fault> {
        self.lexer.blank();
        if self.lexer.take("(") {
            return self.closed();
        }
        if let Some(subject) = self.subject()? {
            return self.condition(subject);
        }
        let at = self.lexer.position();
        if let Some(name) = self.lexer.identifier() {
            return Ok(Expr::Macro(name.to_owned(), at));
        }
        let next = self.lexer.next_word();
        Err(self.lexer.fault(format!("expected a field, a macro or `(`, found {next}")))
    }

    fn subject(&mut self) -> Result<Option<Subject>, Fault> {
        let at = self.lexer.position();
        if let Some(name) = self.lexer.field_name() {
            let field = name.to_owned();
            let mut argument = None;
            if self.lexer.take("[") {
                argument = match self.lexer.quoted()? {
                    Some(text) => Some(text),
                    None => self.lexer.bare_argument().map(str::to_owned),
                };
                if argument.is_none() {
                    return Err(self.lexer.fault("expected the argument of the field"));
                }
                if !self.lexer.take("]") {
                    return Err(self.lexer.fault("expected `]` after the field's argument"));
                }
            }
            return Ok(Some(Subject { field, argument, transforms: Vec::new(), at }));
        }
        self.transformed()
    }

    /// A transformer with what it works on.
    fn transformed(&mut self) -> Result<Option<Subject>, Fault> {
        if self.lexer.take("join(") {
            return self.joined().map(Some);
        }
        let Some(transform) = self.transform() else { return Ok(None) };
        self.inside(transform).map(Some)
    }

    fn transform(&mut self) -> Option<Transform> {
        Transform::ALL
            .iter()
            .find(|(name, _)| self.lexer.take(&format!("{name}(")))
            .map(|(_, transform)| transform.clone())
    }

    /// What a transformer works on, after its opening parenthesis.
    fn inside(&mut self, transform: Transform) -> Result<Subject, Fault> {
        self.deeper()?;
        self.lexer.blank();
        let Some(mut subject) = self.subject()? else {
            return Err(self.lexer.fault("expected a field or a transformer of one"));
        };
        subject.transforms.push(transform);
        self.lexer.blank();
        self.close()?;
        self.depth -= 1;
        Ok(subject)
    }

    /// What `join` works on, after its opening parenthesis: a field of several values and what to put
    /// between them, in either order.
    fn joined(&mut self) -> Result<Subject, Fault> {
        self.deeper()?;
        let (mut separator, mut subject) = (None, None);
        for place in 0..2 {
            self.lexer.blank();
            if place == 1 {
                if !self.lexer.take(",") {
                    return Err(self.lexer.fault("expected `,`: join takes a field and a text"));
                }
                self.lexer.blank();
            }
            match self.lexer.quoted()? {
                Some(text) => separator = Some(text),
                None => subject = self.subject()?,
            }
        }
        let (Some(separator), Some(mut subject)) = (separator, subject) else {
            return Err(self.lexer.fault("join takes a field and a text in quotes"));
        };
        subject.transforms.push(Transform::Join(separator.into()));
        self.lexer.blank();
        self.close()?;
        self.depth -= 1;
        Ok(subject)
    }

    fn condition(&mut self, subject: Subject) -> Result<Expr, Fault> {
        self.lexer.blank();
        let operator_at = self.lexer.position();
        let Some((operator, right)) = self.operator() else {
            let next = self.lexer.next_word();
            return Err(self.lexer.fault(format!("expected an operator, found {next}")));
        };
        let modifier = if right == Right::Text { self.modifier() } else { None };
        let operand = match right {
            Right::Nothing => Operand::None,
            Right::Text if modifier.is_some() => Operand::List(self.list()?),
            Right::Number | Right::Text | Right::List => self.operand(right)?,
        };
        Ok(Expr::Check(Box::new(Check { subject, operator, modifier, operator_at, operand })))
    }

    /// A modifier and the parenthesis of its list. Without one, the word is a value.
    fn modifier(&mut self) -> Option<Modifier> {
        self.lexer.blank();
        Modifier::ALL
            .into_iter()
            .find(|(name, _)| self.lexer.take_opening(name))
            .map(|(_, modifier)| modifier)
    }

    fn operator(&mut self) -> Option<(Operator, Right)> {
        SPELLINGS
            .iter()
            .find(|spelling| {
                if spelling.word {
                    self.lexer.take_word(spelling.text)
                } else {
                    self.lexer.take(spelling.text)
                }
            })
            .map(|spelling| (spelling.operator, spelling.right))
    }

    fn operand(&mut self, right: Right) -> Result<Operand, Fault> {
        self.lexer.blank();
        if self.lexer.take("val(") {
            self.lexer.blank();
            let Some(subject) = self.subject()? else {
                return Err(self.lexer.fault("expected a field in `val(…)`"));
            };
            self.lexer.blank();
            self.close()?;
            return Ok(Operand::Subject(subject));
        }
        if right == Right::List && self.lexer.take("(") {
            return self.list().map(Operand::List);
        }
        if let Some(subject) = self.transformed()? {
            return Ok(Operand::Subject(subject));
        }
        let at = self.lexer.position();
        let (word, expected) = match right {
            Right::Number => (self.lexer.number().map(str::to_owned), "a number"),
            Right::List => (self.lexer.bare().map(str::to_owned), "a list"),
            Right::Text | Right::Nothing => return self.word().map(Operand::Word),
        };
        match word {
            Some(text) => Ok(Operand::Word(Word { text, quoted: false, at })),
            None => {
                let next = self.lexer.next_word();
                Err(self.lexer.fault(format!("expected {expected}, found {next}")))
            }
        }
    }

    /// The words of a list, after its opening parenthesis.
    fn list(&mut self) -> Result<Vec<Word>, Fault> {
        let mut words = Vec::new();
        self.lexer.blank();
        if self.lexer.take(")") {
            return Ok(words);
        }
        loop {
            self.lexer.blank();
            words.push(self.word()?);
            self.lexer.blank();
            if !self.lexer.take(",") {
                break;
            }
        }
        self.close()?;
        Ok(words)
    }

    fn word(&mut self) -> Result<Word, Fault> {
        let at = self.lexer.position();
        if let Some(text) = self.lexer.quoted()? {
            return Ok(Word { text, quoted: true, at });
        }
        if let Some(text) = self.lexer.bare() {
            return Ok(Word { text: text.to_owned(), quoted: false, at });
        }
        let next = self.lexer.next_word();
        Err(self.lexer.fault(format!("expected a value, found {next}")))
    }
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
