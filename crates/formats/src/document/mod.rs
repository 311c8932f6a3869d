//! Mail, office documents, PDF, RTF, encoded text, self-extracting executables: files that happen
//! to hold others. One folder per format.

pub mod decode;
pub mod eml;
mod encoded;
mod mapi;
mod mbox;
pub mod msg;
pub mod ole;
mod onenote;
pub mod pdf;
mod program;
pub mod rtf;
#[cfg(any(test, feature = "samples"))]
#[doc(hidden)]
pub mod samples;
#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;
mod tnef;

use crate::unpack::Unpacker;

/// Every unpacker of this room.
pub const UNPACKERS: &[Unpacker] = &[
    Unpacker { types: TEXTS, run: encoded::unpack },
    Unpacker { types: &["eml", "mhtml", "emlx"], run: eml::unpack },
    Unpacker { types: &["mbox"], run: mbox::unpack },
    Unpacker { types: &["msg"], run: msg::unpack },
    Unpacker { types: &["tnef"], run: tnef::unpack },
    Unpacker { types: &["onenote"], run: onenote::unpack },
    Unpacker {
        types: &["ole", "doc", "xls", "ppt", "pub", "vsd", "mpp", "hwp", "works"],
        run: ole::unpack,
    },
    Unpacker { types: &["msi", "msp", "mst"], run: ole::unpack_installer },
    Unpacker { types: &["ooxml_encrypted"], run: ole::unpack_encrypted },
    Unpacker { types: &["pdf", "fdf"], run: pdf::unpack },
    Unpacker {
        types: &["pe", "pe_dll", "pe_driver", "pe_dotnet", "pe_efi"],
        run: program::unpack_pe,
    },
    Unpacker { types: &["elf", "elf_so"], run: program::unpack_elf },
    Unpacker { types: &["iscab"], run: program::unpack_installshield },
    Unpacker { types: &["rtf"], run: rtf::unpack },
    Unpacker { types: &["binhex"], run: encoded::unpack_binhex },
];

/// Types of text that may carry encoded files.
const TEXTS: &[&str] = &[
    "txt",
    "txt_utf8",
    "txt_utf16le",
    "txt_utf16be",
    "txt_latin1",
    "base64",
    "uuencode",
    "yenc",
    "html",
    "xhtml",
    "hta",
    "xml",
    "svg",
    "xslt",
    "json",
    "ndjson",
    "ipynb",
    "yaml",
    "toml",
    "ini",
    "csv",
    "tsv",
    "css",
    "markdown",
    "wsf",
    "sct",
    "javascript",
    "vbscript",
    "vba_source",
    "powershell",
    "batch",
    "shell",
    "python",
    "perl",
    "ruby",
    "php",
    "lua",
    "tcl",
    "awk",
    "jsp",
    "asp",
    "autoit",
    "applescript",
    "shebang",
    "shar",
    "sql",
    "c",
    "cpp",
    "csharp",
    "java",
    "go",
    "rust",
    "plist",
    "word_xml",
    "excel_xml",
    "flat_opc",
    "fodt",
    "xdp",
    "xfdf",
    "fb2",
    "msbuild",
    "registry",
    "rss",
    "atom",
    "soap",
    "postscript",
    "vcf",
    "ics",
    "ldif",
    "pem",
    "docbook",
    "opml",
    "rdf",
    "mathml",
    "drawio",
    "windows_manifest",
    "inf",
    "desktop_entry",
    "vim",
    "cmake",
    "make",
    "dockerfile",
    "rscript",
    "lisp",
    "http_response",
];
