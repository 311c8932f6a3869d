//! Classes of objects (COM), and which of them documents have no honest use for.

/// How much a class says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Documents have no use for it; exploits do.
    Exploit,
    /// The old equation editor.
    Equation,
    /// A common control: ordinary as a form control, not in rich text.
    Control,
    /// A moniker for an address: of links.
    UrlMoniker,
}

/// A class.
pub(super) struct Class {
    /// As registries write it, in upper case.
    pub(super) id: &'static str,
    /// ProgID or usual name.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) weight: Weight,
}

const fn class(id: &'static str, name: &'static str, weight: Weight) -> Class {
    Class { id, name, weight }
}

/// Class ids from the registry of Windows and Office; which exploits use them is from oletools'
/// list (P. Lagadec, `oletools/common/clsid.py`) and the advisories named.
const CLASSES: &[Class] = &[
    class("0002CE02-0000-0000-C000-000000000046", "Equation.3", Weight::Equation),
    class("0002CE03-0000-0000-C000-000000000046", "Equation.DSMT4", Weight::Equation),
    // CVE-2012-0158, CVE-2012-1856.
    class("BDD1F04B-858B-11D1-B16A-00C0F0283628", "MSComctlLib.ListViewCtrl.2", Weight::Control),
    class("996BF5E0-8044-4650-ADEB-0B013914E99C", "MSComctlLib.ListViewCtrl.2", Weight::Control),
    class("C74190B6-8589-11D1-B16A-00C0F0283628", "MSComctlLib.TreeCtrl.2", Weight::Control),
    class("9181DC5F-E07D-418A-ACA6-8EEA1ECB8E9E", "MSComctlLib.TreeCtrl.2", Weight::Control),
    class("1EFB6596-857C-11D1-B16A-00C0F0283628", "MSComctlLib.TabStrip.2", Weight::Control),
    class("24B224E0-9545-4A2F-ABD5-86AA8A849385", "MSComctlLib.TabStrip.2", Weight::Control),
    class("66833FE6-8583-11D1-B16A-00C0F0283628", "MSComctlLib.Toolbar.2", Weight::Control),
    class("7DC6F291-BF55-4E50-B619-EF672D9DCC58", "MSComctlLib.Toolbar.2", Weight::Control),
    class("DD9DA666-8594-11D1-B16A-00C0F0283628", "MSComctlLib.ImageComboCtl.2", Weight::Control),
    // Used to load a module without address randomisation, or with a planted library.
    class("05741520-C4EB-440A-AC3F-9643BBC9F847", "otkloadr.WRLoader.1", Weight::Exploit),
    class("A08A033D-1A75-4AB6-A166-EAD02F547959", "otkloadr.WRAssembly.1", Weight::Exploit),
    class("3018609E-CDBC-47E8-A255-809D46BAA319", "SSCE DropTable listener", Weight::Exploit),
    class("23CE100B-1390-49D6-BA00-F17D3AEE149C", "UmOutlookAddin.UmEvmCtrl", Weight::Exploit),
    class("14CE31DC-ABC2-484C-B061-CF3416AED8FF", "WUAEXT loader", Weight::Exploit),
    class("394C052E-B830-11D0-9A86-00C04FD8DBF7", "ELSEXT loader", Weight::Exploit),
    class("33BD73C2-7BB4-48F4-8DBC-82B8B313AE16", "osf.SandboxManager", Weight::Exploit),
    class("44F9A03B-A3EC-4F3B-9364-08E0007F21DF", "Control.TaskSymbol", Weight::Exploit),
    class("0E59F1D5-1FBE-11D0-8FF2-00A0D10038BC", "MSScriptControl.ScriptControl", Weight::Exploit),
    class("EAB22AC3-30C1-11CF-A7EB-0000C05BAE0B", "Shell.Explorer.1", Weight::Exploit),
    class("8856F961-340A-11D0-A96B-00C04FD705A2", "Shell.Explorer.2", Weight::Exploit),
    class("25336920-03F9-11CF-8FD0-00AA00686F13", "htmlfile", Weight::Exploit),
    class("3050F4D8-98B5-11CF-BB82-00AA00BDCE0B", "HTML application", Weight::Exploit),
    class("06290BD2-48AA-11D2-8432-006008C3FBFC", "scriptlet context moniker", Weight::Exploit),
    class("06290BD3-48AA-11D2-8432-006008C3FBFC", "script moniker", Weight::Exploit),
    class("ECABB0C7-7F19-11D2-978E-0000F8757E2A", "SOAP moniker", Weight::Exploit),
    class("ECABAFC6-7F19-11D2-978E-0000F8757E2A", "new moniker", Weight::Exploit),
    class("00000309-0000-0000-C000-000000000046", "composite moniker", Weight::Exploit),
    class("0000031A-0000-0000-C000-000000000046", "class moniker", Weight::Exploit),
    class("72C24DD5-D70A-438B-8A42-98424B88AFB8", "WScript.Shell", Weight::Exploit),
    class("13709620-C279-11CE-A49E-444553540000", "Shell.Application", Weight::Exploit),
    class("79EAC9E0-BAF9-11CE-8C82-00AA004BA90B", "URL moniker", Weight::UrlMoniker),
];

/// The class with these sixteen bytes as they stand in a file: its first three fields are
/// little-endian (\[MS-DTYP\] 2.3.4.2).
pub(super) fn by_bytes(id: &[u8; 16]) -> Option<&'static Class> {
    let text = text(id);
    CLASSES.iter().find(|class| class.id == text)
}

/// The class with this id, with or without braces.
pub(super) fn by_text(id: &str) -> Option<&'static Class> {
    let id = id.trim_matches(['{', '}', ' ']).to_ascii_uppercase();
    CLASSES.iter().find(|class| class.id == id)
}

/// The class that a rich text or OLE1 object names by its ProgID.
pub(super) fn by_name(name: &str) -> Option<&'static Class> {
    let name = name.to_ascii_lowercase();
    if name.starts_with("equation.") {
        return CLASSES.first();
    }
    CLASSES
        .iter()
        .find(|class| class.name.eq_ignore_ascii_case(&name) && class.weight != Weight::UrlMoniker)
        .or_else(|| name.starts_with("mscomctllib.").then(|| &CLASSES[2]))
}

/// An id as registries write it.
pub(super) fn text(id: &[u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, tail @ ..] = *id;
    let [i, j, rest @ ..] = tail;
    let rest: String = rest.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{d:02X}{c:02X}{b:02X}{a:02X}-{f:02X}{e:02X}-{h:02X}{g:02X}-{i:02X}{j:02X}-{rest}")
}

/// An id as it stands in a file.
#[cfg(any(test, feature = "samples"))]
pub(crate) fn bytes(id: &str) -> [u8; 16] {
    let digits: Vec<u8> =
        id.bytes().filter_map(palisade_formats::document::decode::hex::digit).collect();
    let raw: Vec<u8> =
        digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    order.map(|at| raw.get(at).copied().unwrap_or(0))
}
