//! Windows programs, libraries and drivers, managed ones included.

mod behaviour;
mod capabilities;
mod driver;
mod exports;
mod headers;
mod imports;
mod kinds;
mod managed;
mod names;
mod packing;
mod provenance;
mod resources;
mod signature;
mod telling;

use palisade_formats::program::pe::{Exports, Image, Imports, Resource, VersionInfo};
use palisade_model::ProblemKind;

use self::names::Names;
use self::packing::Packing;
use self::signature::Signature;
use crate::program::{Marks, look_at_marks, note_similarity, observe_strings};
use crate::{Examination, StaticAnalyzer};

/// The analyser of Windows executables.
pub(crate) const ANALYZER: StaticAnalyzer = StaticAnalyzer {
    name: "pe",
    description: "Headers, imports, signature, packing and telling texts of Windows programs, libraries and drivers",
    types: &["pe", "pe_dll", "pe_driver", "pe_dotnet", "pe_efi"],
    kinds: kinds::ALL,
    gives_children: false,
    examine,
};

/// What every part of the analyser looks at.
struct Program<'a> {
    image: Image<'a>,
    imports: Imports<'a>,
    exports: Option<Exports<'a>>,
    resources: Vec<Resource<'a>>,
    version: Option<VersionInfo>,
    /// The imported functions, and those that managed code calls.
    names: Names<'a>,
    marks: Marks,
    signature: Signature,
    packing: Packing,
    is_managed: bool,
}

impl Program<'_> {
    /// Whether nobody's intact signature is on it.
    fn is_unsigned(&self) -> bool {
        matches!(self.signature, Signature::None | Signature::Bad)
    }

    fn length(&self) -> usize {
        self.image.data().len()
    }
}

fn examine(examination: &mut Examination<'_>) {
    let Some(image) = Image::read(examination.bytes()) else {
        examination.problem(ProblemKind::Corrupt, "the PE headers are not whole");
        return;
    };
    let imports = image.imports();
    let exports = image.exports();
    let resources = image.resources();
    let version = image.version_info();
    let mut names = Names::of(&imports);
    let marks = Marks::search(examination);
    provenance::note_header(&image, examination);
    let is_managed = managed::look(&image, &mut names, examination);
    let signature = signature::look(&image, examination);
    headers::look(&image, examination);
    let packing = packing::look(&image, &imports, is_managed, examination);
    let program = Program {
        image,
        imports,
        exports,
        resources,
        version,
        names,
        marks,
        signature,
        packing,
        is_managed,
    };
    imports::look(&program, examination);
    exports::look(&program, examination);
    resources::look(&program, examination);
    capabilities::look(&program, examination);
    behaviour::look(&program, examination);
    driver::look(&program, examination);
    look_at_marks(examination, &program.marks, telling::RULES);
    provenance::look(&program, examination);
    for section in program.image.sections.iter().filter(|section| !section.is_executable()) {
        let bytes = program.image.section_bytes(section);
        observe_strings(examination, bytes, &section.name());
    }
    // Managed code keeps its texts beside its code; packed programs have no other place.
    if program.image.sections.iter().all(|section| section.is_executable()) || program.is_managed {
        observe_strings(examination, examination.bytes(), "program");
    }
    note_similarity(examination);
}
