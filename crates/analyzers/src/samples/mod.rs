//! Harmless samples, one for each finding, beside a near miss that must not show it.

mod build;
mod elf;
mod link;
mod mail;
mod office;
mod pdf;
mod pe;
mod programs;
mod script;
mod scripts;

/// A sample of one finding.
#[derive(Clone, Copy)]
pub struct Case {
    /// The analyser.
    pub analyzer: &'static str,
    /// The finding's id.
    pub finding: &'static str,
    /// The file name to examine it under.
    pub name: &'static str,
    /// Shows the finding.
    pub sample: fn() -> Vec<u8>,
    /// Looks like it, and does not.
    pub near_miss: fn() -> Vec<u8>,
}

/// The settings that the samples are made for: they trust one authority of theirs.
pub fn settings() -> crate::AnalyzerSettings {
    crate::AnalyzerSettings { roots: vec![pe::root()] }
}

/// Every case, of every analyser.
pub fn cases() -> Vec<Case> {
    let mut cases = [elf::cases(), pe::cases()].concat();
    cases.extend(office::cases());
    cases.extend(pdf::cases());
    cases.extend(script::cases());
    cases.extend(mail::cases());
    cases
}
