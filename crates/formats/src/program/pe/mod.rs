//! Windows executables (Microsoft, "PE Format"): headers, sections and the tables behind them.

mod debug;
mod exports;
mod image;
mod imports;
pub mod ordinals;
mod resources;
mod rich;
mod version;

pub use debug::{DebugEntry, TlsDirectory};
pub use exports::{Export, Exports};
pub use image::{Directory, Image, MAX_SECTIONS, Section, directory};
pub use imports::{Function, Imports, Library, Symbol};
pub use resources::{Resource, ResourceId};
pub use rich::{Rich, RichEntry};
pub use version::VersionInfo;
