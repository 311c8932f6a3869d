//! PDF: what happens when a document is opened or clicked, what is in it, and how it is hidden.
//!
//! Attached files and scripts are children of the document already (`unpack` hands them out).

mod actions;
mod document;
mod kinds;
mod lures;
mod names;
mod scripts;
mod structure;
mod xml;

use crate::{Examination, StaticAnalyzer};

/// The analyser of PDF documents.
pub const ANALYZER: StaticAnalyzer = StaticAnalyzer {
    name: "pdf",
    description: "Scripts, actions, attachments and hidden structure in PDF documents",
    types: &["pdf", "fdf", "xfdf", "xdp"],
    kinds: kinds::ALL,
    gives_children: false,
    examine,
};

fn examine(examination: &mut Examination<'_>) {
    match examination.type_id() {
        "xfdf" | "xdp" => xml::examine(examination),
        _ => document::examine(examination),
    }
}
