//! Excel 4 macros: sheets whose formulas act. The formulas are read, not run.

pub(super) mod biff;
pub(super) mod package;
mod tokens;

use super::kinds;
use crate::Examination;

/// Bytes of the listing that is handed out and searched.
const MAX_LISTING: usize = 4 << 20;
/// Characters by code from which it is a habit.
const MANY_CODES: usize = 20;

/// Functions of Windows that macros call to download, start programs or run code, and the libraries
/// that no macro has another use for.
const DANGEROUS: &[&str] = &[
    "URLMON",
    "URLDOWNLOADTOFILE",
    "SHELLEXECUTE",
    "WINEXEC",
    "CREATEPROCESS",
    "VIRTUALALLOC",
    "WRITEPROCESSMEMORY",
    "CREATETHREAD",
    "RTLCOPYMEMORY",
    "RTLMOVEMEMORY",
    "QUEUEUSERAPC",
    "NTTESTALERT",
    "INSENG",
    "DOWNLOADFILE",
    "WININET",
    "SHELL32",
    "DLLREGISTERSERVER",
    "REGSVR32",
    "RUNDLL32",
    "MSHTA",
    "POWERSHELL",
    "ZIPFLDR",
    "WMIC",
];

/// What is known of the macro sheets of a workbook.
#[derive(Default)]
pub(super) struct Sheet {
    /// Names that Excel runs by itself.
    pub(super) auto_run: Vec<String>,
    listing: String,
    formulas: usize,
    codes: usize,
    execute: Vec<String>,
    calls: Vec<String>,
    builds: bool,
}

impl Sheet {
    /// Adds a formula as text: `EXEC("calc.exe")`.
    pub(super) fn formula(&mut self, text: &str) {
        self.formulas += 1;
        let upper = text.to_ascii_uppercase();
        if self.listing.len() < MAX_LISTING {
            self.listing.push('=');
            self.listing.push_str(text);
            self.listing.push('\n');
        }
        let calls = |name: &str| call(&upper, name);
        self.codes += upper.matches("CHAR(").count();
        self.builds |= calls("FORMULA") || calls("FORMULA.FILL") || calls("FORMULA.ARRAY");
        let keep = |list: &mut Vec<String>| {
            if list.len() < 16 {
                list.push(text.chars().take(200).collect());
            }
        };
        if calls("EXEC") {
            keep(&mut self.execute);
        }
        if calls("CALL") || calls("REGISTER") || calls("REGISTER.ID") {
            if DANGEROUS.iter().any(|name| upper.contains(name)) {
                keep(&mut self.execute);
            } else {
                keep(&mut self.calls);
            }
        }
    }

    /// Notes what the sheets together show, and hands out their listing.
    pub(super) fn conclude(self, examination: &mut Examination<'_>, place: &str, hidden: bool) {
        if self.formulas == 0 {
            return;
        }
        examination.find(
            &kinds::XLM_SHEET,
            format!("{place} has {} formulas of an Excel 4 macro", self.formulas),
        );
        let runs = !self.auto_run.is_empty();
        let names = self.auto_run.join(", ");
        if runs {
            examination
                .find(&kinds::XLM_AUTO_RUN, format!("The name {names} starts an Excel 4 macro"));
            if hidden {
                examination
                    .find(&kinds::XLM_HIDDEN, format!("{place} is hidden and starts with {names}"));
            }
        }
        for formula in &self.execute {
            examination
                .find(&kinds::XLM_EXECUTE, format!("An Excel 4 macro starts code: {formula}"))
                .quoting(place, formula.as_bytes());
        }
        // Text built from codes, in a macro that enters formulas or calls what it computes.
        if runs && self.codes >= MANY_CODES && (self.builds || !self.calls.is_empty()) {
            examination.find(
                &kinds::XLM_OBFUSCATED,
                format!(
                    "{place} builds text from {} character codes and starts with {names}",
                    self.codes
                ),
            );
        }
        examination.observe_text(self.listing.as_bytes(), "Excel 4 macro");
        examination.child("excel4-macros.txt", self.listing.as_bytes());
    }
}

/// Whether `name(` stands in a formula as a whole name.
fn call(upper: &str, name: &str) -> bool {
    memchr::memmem::find_iter(upper.as_bytes(), name.as_bytes()).any(|at| {
        let before = at.checked_sub(1).and_then(|at| upper.as_bytes().get(at));
        let whole = before.is_none_or(|byte| {
            !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'"'))
        });
        whole && upper.as_bytes().get(at + name.len()) == Some(&b'(')
    })
}
