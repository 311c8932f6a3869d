use std::borrow::Cow;
use std::collections::HashSet;

use palisade_formats::program::pe::{Imports, Symbol, ordinals};

/// Names of the native functions that a program uses.
pub(super) struct Names<'a> {
    known: HashSet<Cow<'a, [u8]>>,
}

impl<'a> Names<'a> {
    /// Of everything imported by name, or by an ordinal whose name is known.
    pub(super) fn of(imports: &Imports<'a>) -> Self {
        let known = imports
            .libraries
            .iter()
            .flat_map(|library| {
                let lower = library.name.to_ascii_lowercase();
                library.functions.iter().filter_map(move |function| match function.symbol {
                    Symbol::Name(name) => Some(name),
                    Symbol::Ordinal(number) => {
                        ordinals::name(&lower, number).map(|name| name.as_bytes())
                    }
                })
            })
            .map(Cow::Borrowed)
            .collect();
        Self { known }
    }

    /// Adds a function that is used in another way.
    pub(super) fn add(&mut self, name: &[u8]) {
        self.known.insert(Cow::Owned(name.to_vec()));
    }

    /// Whether a function is used, in its plain, ANSI or wide form; of the kernel's functions the `Nt`
    /// form stands for the `Zw` form too.
    pub(super) fn has(&self, name: &str) -> bool {
        let is_known = |name: &str| {
            self.known.contains(name.as_bytes())
                || ["A", "W"]
                    .iter()
                    .any(|suffix| self.known.contains([name, suffix].concat().as_bytes()))
        };
        is_known(name)
            || name.strip_prefix("Nt").is_some_and(|rest| is_known(&["Zw", rest].concat()))
    }

    /// Whether all of them are used.
    pub(super) fn has_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.has(name))
    }

    /// The first of them that is used.
    pub(super) fn any<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().find(|name| self.has(name)).copied()
    }
}
