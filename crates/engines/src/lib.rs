//! The engines: one folder each, and one line of wiring in [`loaders`].
//!
//! An engine that parses bytes is a [`palisade_ports::Analyzer`] and runs in the jail; what makes it
//! there is its [`palisade_jail::Loaded`]. [`JailedEngine`] is its outside. An engine that needs no
//! bytes ([`reputation`]) is a [`palisade_ports::Engine`] by itself.
//!
//! How to add one: `docs/adding-an-engine.md`.

mod jailed;

pub mod analyzers;
pub mod filetype;
pub mod reputation;
pub mod unpack;
pub mod yara;

use palisade_jail::{Loaded, Loader};
use palisade_model::EngineName;

pub use jailed::{JailedEngine, memory_file};

/// Makes an engine inside the jail from its settings and definitions.
pub type Load = fn(&serde_json::Value, &[&[u8]]) -> Result<Box<dyn Loaded>, String>;

/// The engines of the jail, by name.
#[derive(Clone)]
pub struct Loaders(Vec<(&'static str, Load)>);

/// The wiring: every built-in engine of the jail.
pub fn loaders() -> Loaders {
    Loaders(vec![
        (filetype::NAME, filetype::load),
        (unpack::NAME, unpack::load),
        (yara::NAME, yara::load),
    ])
}

impl Loaders {
    /// With one more engine, or another one in place of the one of this name: for tests and for
    /// programs that embed Palisade.
    pub fn with(mut self, name: &'static str, load: Load) -> Self {
        self.0.insert(0, (name, load));
        self
    }
}

impl Loader for Loaders {
    fn load(
        &self,
        engine: &EngineName,
        settings: &serde_json::Value,
        definitions: &[&[u8]],
    ) -> Result<Box<dyn Loaded>, String> {
        if let Some((_, load)) = self.0.iter().find(|(name, _)| *name == engine.as_str()) {
            return load(settings, definitions);
        }
        match analyzers::find(engine.as_str()) {
            Some(analyzer) => analyzers::load(analyzer, definitions),
            None => Err(format!("there is no engine named {engine}")),
        }
    }
}

/// A built-in engine's name. The names are constants of this crate, and a test parses each.
pub fn engine_name(name: &'static str) -> EngineName {
    name.parse().unwrap_or_else(|_| unreachable!("{name} is not an engine name"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn built_in_names_are_engine_names() {
        for (name, _) in super::loaders().0 {
            assert_eq!(super::engine_name(name).as_str(), name);
        }
        assert_eq!(super::engine_name(super::reputation::NAME).as_str(), "reputation");
        for name in super::analyzers::names() {
            assert_eq!(super::engine_name(name).as_str(), name);
        }
    }
}
