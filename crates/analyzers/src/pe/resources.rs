use std::collections::BTreeSet;

use palisade_formats::filetype::{self, Category};

use super::{Program, kinds};
use crate::Examination;
use crate::program::entropy;

/// Resource types that hold what the program likes: RT_RCDATA; named types do as well.
const RT_RCDATA: u32 = 10;
/// RT_MANIFEST.
const RT_MANIFEST: u32 = 24;
/// Bytes of a resource whose entropy is worth a word.
const MIN_ENCRYPTED: usize = 32 << 10;
/// Bits per byte of encrypted data.
const ENCRYPTED: f64 = 7.97;
/// Resources that are looked into.
const MAX_LOOKED: usize = 512;
/// Bytes of a manifest.
const MAX_MANIFEST: usize = 64 << 10;

/// Notes what the resources hold.
pub(super) fn look(program: &Program<'_>, examination: &mut Examination<'_>) {
    let mut languages = BTreeSet::new();
    for resource in program.resources.iter().take(MAX_LOOKED) {
        if examination.should_stop() {
            return;
        }
        if resource.language != 0 {
            languages.insert(resource.language);
        }
        if resource.kind.is(RT_MANIFEST) {
            manifest(resource.bytes, examination);
            continue;
        }
        let own = matches!(resource.kind, palisade_formats::program::pe::ResourceId::Name(_));
        if !own && !resource.kind.is(RT_RCDATA) {
            continue;
        }
        let detected = filetype::detect(resource.bytes).ty;
        let label = format!("{}/{}", resource.kind, resource.name);
        if detected.category == Category::Executable && resource.bytes.len() > 512 {
            examination
                .find(
                    &kinds::EXECUTABLE_IN_RESOURCES,
                    format!(
                        "resource {label:?} is a program ({}, {} bytes)",
                        detected.id,
                        resource.bytes.len()
                    ),
                )
                .at("resource", resource.offset, resource.bytes.len());
        } else if resource.bytes.len() >= MIN_ENCRYPTED && detected.id == "binary" {
            let bits = entropy(resource.bytes);
            if bits > ENCRYPTED {
                examination
                    .find(
                        &kinds::ENCRYPTED_RESOURCE,
                        format!(
                            "resource {label:?} of {} bytes looks random and is of no known type",
                            resource.bytes.len()
                        ),
                    )
                    .at("resource", resource.offset, resource.bytes.len());
            }
        }
    }
    if !languages.is_empty() {
        let list: Vec<String> = languages.iter().map(|id| format!("{id:#06x}")).collect();
        examination.property("resource-languages", list.join(" "));
    }
}

/// The rights that the program asks for.
fn manifest(bytes: &[u8], examination: &mut Examination<'_>) {
    let text =
        String::from_utf8_lossy(bytes.get(..bytes.len().min(MAX_MANIFEST)).unwrap_or_default());
    for level in ["requireAdministrator", "highestAvailable", "asInvoker"] {
        if text.contains(level) {
            examination.property("execution-level", level);
            break;
        }
    }
    if text.contains("<autoElevate>true") || text.contains("autoElevate>true<") {
        examination.find(
            &kinds::ASKS_TO_ELEVATE,
            "its manifest asks for administrator rights without a question to the user",
        );
    }
}
