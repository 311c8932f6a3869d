//! What macro code can do, by the names it calls and the strings it spells.

use super::lexer::{Spelt, Word, spell, words};

/// What was seen of one capability: the words for it, each once.
pub(crate) type Signs = Vec<String>;

/// Capabilities of the modules of a document together: macros call each other.
#[derive(Default)]
pub(crate) struct Capabilities {
    pub(crate) auto_run: Signs,
    pub(crate) execute: Signs,
    pub(crate) download: Signs,
    pub(crate) writes: Signs,
    pub(crate) memory: Signs,
    pub(crate) memory_write: Signs,
    pub(crate) memory_run: Signs,
    pub(crate) persistence: Signs,
    pub(crate) replication: Signs,
    pub(crate) tampering: Signs,
    pub(crate) evasion: Signs,
    pub(crate) hidden_data: Signs,
    /// Calls whose target is a string that the code computes.
    pub(crate) indirect: Signs,
    /// How strings are hidden.
    pub(crate) obfuscation: Signs,
    /// Every string that was spelt by more than a literal, and literals with an address.
    pub(crate) strings: Vec<String>,
}

/// Signs kept of one capability.
const MAX_SIGNS: usize = 16;
/// Characters by code in one document from which it is a habit.
const MANY_CODES: usize = 20;
/// Concatenations of constants from which it is a habit, if most literals are short.
const MANY_JOINTS: usize = 60;

/// Procedures that Office, LibreOffice and the controls call by themselves.
const AUTO_RUN: &[&str] = &[
    "autoexec",
    "autoopen",
    "autoclose",
    "autonew",
    "autoexit",
    "auto_open",
    "auto_close",
    "auto_exec",
    "auto_activate",
    "document_open",
    "document_close",
    "document_new",
    "documentopen",
    "documentbeforeclose",
    "document_beforeclose",
    "document_contentcontrolonenter",
    "workbook_open",
    "workbook_activate",
    "workbook_beforeclose",
    "workbook_close",
    "workbook_deactivate",
    "workbook_addininstall",
    "workbook_windowactivate",
    "workbookopen",
    "worksheet_activate",
    "worksheet_calculate",
    "workbook_sheetactivate",
    "presentation_open",
    "presentationopen",
    "slideshow_onnext",
    "onslideshowpagechange",
    "slideshowbegin",
    "app_presentationopen",
    "document_documentopened",
    "project_open",
    "application_startup",
    "app_documentopen",
    "app_workbookopen",
    "ondocumentopen",
];

/// Events of ActiveX controls that fire when the page is drawn or the mouse passes over it, without
/// a click: the part of the name behind the last underscore.
const DRAWN_EVENTS: &[&str] = &[
    "painted",
    "painting",
    "layout",
    "mousehover",
    "mouseenter",
    "mousemove",
    "beforenavigate2",
    "documentcomplete",
    "downloadbegin",
    "downloadcomplete",
    "navigatecomplete2",
    "navigateerror",
    "onquit",
    "progresschange",
    "propertychange",
    "statustextchange",
    "titlechange",
    "windowstatechange",
    "filedownload",
    "commandstatechange",
    "resize",
    "beforescriptexecute",
    "connected",
    "onconnecting",
    "gotfocus",
];

type Rule = (fn(&mut Capabilities) -> &mut Signs, &'static [&'static str]);

/// Names that are called or declared.
const NAMES: &[Rule] = &[
    (
        |found| &mut found.execute,
        &[
            "shell",
            "shellexecute",
            "shellexecutea",
            "shellexecutew",
            "shellexecuteexa",
            "winexec",
            "createprocess",
            "createprocessa",
            "createprocessw",
            "macscript",
            "applescripttask",
            "shellandwait",
            "followhyperlink",
        ],
    ),
    (
        |found| &mut found.download,
        &[
            "urldownloadtofile",
            "urldownloadtofilea",
            "urldownloadtofilew",
            "urldownloadtocachefile",
            "urldownloadtocachefilea",
            "internetopenurl",
            "internetopenurla",
            "internetreadfile",
            "httpsendrequesta",
            "urlopenblockingstreama",
            "winhttprequest",
            "xmlhttp",
            "xmlhttp60",
            "serverxmlhttp60",
        ],
    ),
    (
        |found| &mut found.writes,
        &["savetofile", "createtextfile", "put", "opentextfile", "_lcreat"],
    ),
    (
        |found| &mut found.memory,
        &[
            "virtualalloc",
            "virtualallocex",
            "heapcreate",
            "heapalloc",
            "ntallocatevirtualmemory",
            "zwallocatevirtualmemory",
            "virtualprotect",
            "virtualprotectex",
            "mapviewoffile",
            "ntmapviewofsection",
            "virtualalloc2",
            "mmap",
            "mprotect",
        ],
    ),
    (
        |found| &mut found.memory_write,
        &[
            "rtlmovememory",
            "copymemory",
            "writeprocessmemory",
            "ntwritevirtualmemory",
            "zwwritevirtualmemory",
            "rtlcopymemory",
            "memcpy",
            "movememory",
            "rtlfillmemory",
            "memmove",
        ],
    ),
    (
        |found| &mut found.memory_run,
        &[
            "createthread",
            "createremotethread",
            "createremotethreadex",
            "rtlcreateuserthread",
            "ntcreatethreadex",
            "queueuserapc",
            "setthreadcontext",
            "resumethread",
            "callwindowproca",
            "callwindowprocw",
            "enumwindows",
            "enumchildwindows",
            "enumsystemlocalesa",
            "enumsystemlocalesw",
            "enumsystemlanguagegroupsa",
            "enumsystemlanguagegroupsw",
            "enumdateformatsa",
            "enumdateformatsw",
            "enumtimeformatsw",
            "enumuilanguagesa",
            "enumresourcetypesa",
            "enumdesktopsw",
            "enumfontsw",
            "graystringa",
            "settimer",
            "createtimerqueuetimer",
            "dispcallfunc",
            "certenumsystemstore",
            "imagegetdigeststream",
            "flsalloc",
            "waitforsingleobject",
            "pthread_create",
        ],
    ),
    (
        |found| &mut found.replication,
        &[
            "addfromstring",
            "insertlines",
            "addfromfile",
            "macrocopy",
            "organizercopy",
            "replaceline",
        ],
    ),
    (|found| &mut found.tampering, &["virusprotection", "accessvbom", "vbawarnings"]),
    (|found| &mut found.evasion, &["recentfiles", "mouseavailable", "isdebuggerpresent"]),
    (
        |found| &mut found.hidden_data,
        &[
            "controltiptext",
            "builtindocumentproperties",
            "customdocumentproperties",
            "tag",
            "alternativetext",
        ],
    ),
];

/// Parts of strings, in lower case.
const STRINGS: &[Rule] = &[
    (
        |found| &mut found.execute,
        &[
            "wscript.shell",
            "shell.application",
            "winmgmts:",
            "win32_process",
            "powershell",
            "pwsh",
            "cmd /",
            "cmd.exe",
            "%comspec%",
            "mshta",
            "rundll32",
            "regsvr32",
            "wscript.exe",
            "cscript",
            "schedule.service",
            "mmc20.application",
            "wbemscripting.swbemlocator",
            "installutil",
            "msbuild.exe",
            "shellbrowserwindow",
            "wmic ",
            "/bin/sh",
            "/bin/bash",
            "osascript",
            "72c24dd5-d70a-438b-8a42-98424b88afb8",
            "13709620-c279-11ce-a49e-444553540000",
            "c08afd90-f2a1-11d1-8455-00a0c91f3880",
            "f935dc22-1cf0-11d0-adb9-00c04fd58a0b",
            "9ba05972-f6a8-11cf-a442-00a0c90a8f39",
            "scriptcontrol",
            "forfiles",
            "pcalua",
        ],
    ),
    (
        |found| &mut found.download,
        &[
            "xmlhttp",
            "winhttp.winhttprequest",
            "internetexplorer.application",
            "bitsadmin",
            "downloadfile",
            "downloadstring",
            "net.webclient",
            "invoke-webrequest",
            "certutil",
            "88d96a0a-f192-11d4-a65f-0040963251e5",
            "2087c2f4-2cef-4953-a8ab-66779b670495",
            "0002df01-0000-0000-c000-000000000046",
            "curl ",
            "wget ",
        ],
    ),
    (|found| &mut found.writes, &["adodb.stream"]),
    (
        |found| &mut found.persistence,
        &[
            "currentversion\\run",
            "\\start menu\\programs\\startup",
            "schtasks",
            "schedule.service",
            "\\microsoft\\word\\startup",
            "\\xlstart",
            "currentversion\\winlogon",
        ],
    ),
    (
        |found| &mut found.tampering,
        &["accessvbom", "vbawarnings", "disableallactivex", "set-mppreference", "amsienable"],
    ),
    (
        |found| &mut found.evasion,
        &[
            "vmware",
            "virtualbox",
            "vbox",
            "sandboxie",
            "wireshark",
            "procmon",
            "ollydbg",
            "qemu",
            "win32_bios",
            "win32_computersystem",
        ],
    ),
];

impl Capabilities {
    /// Adds what the source of one module shows.
    pub(crate) fn add(&mut self, source: &str) {
        let words = words(source);
        let spelt = spell(&words);
        self.names(&words);
        self.strings(&spelt);
        self.hiding(&words, &spelt);
    }

    fn names(&mut self, words: &[Word]) {
        let mut open_binary = false;
        for (at, word) in words.iter().enumerate() {
            let Word::Name(name) = word else { continue };
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            let after = words.get(at + 1);
            if matches!(before, Some(Word::Name(keyword)) if keyword == "sub" || keyword == "function")
            {
                self.procedure(name);
                // A procedure that is called like a function of Windows is not that function.
                let declared = at >= 2
                    && matches!(words.get(at - 2), Some(Word::Name(word)) if word == "declare" || word == "ptrsafe");
                if !declared {
                    continue;
                }
            }
            match name.as_str() {
                // `Shell x` and `Shell(x)`, not `x.Shell = 1` or a variable.
                "shell" if !called(after) => continue,
                // `Put #1`, not a method.
                "put" if after != Some(&Word::Mark(b'#')) || !open_binary => continue,
                "binary" => open_binary = true,
                // `.Tag` only when it is read from something.
                "tag" if before != Some(&Word::Mark(b'.')) => continue,
                "mmap"
                | "mprotect"
                | "memcpy"
                | "memmove"
                | "settimer"
                | "enumwindows"
                | "waitforsingleobject"
                | "enumchildwindows"
                    if !matches!(before, Some(Word::Name(word)) if word == "function" || word == "sub") =>
                {
                    continue;
                }
                "createobject" | "getobject" | "callbyname" => self.call(words, at, name),
                _ => {}
            }
            self.by(NAMES, |known| known == name);
        }
    }

    /// A call that takes the name of what it makes or calls: a literal, or something computed.
    fn call(&mut self, words: &[Word], at: usize, name: &str) {
        let mut argument = words.get(at + 1..).unwrap_or_default().iter();
        let mut first = argument.next();
        if first == Some(&Word::Mark(b'(')) {
            first = argument.next();
        }
        let second = argument.next();
        let constant = matches!(first, Some(Word::Text(_)))
            && !matches!(second, Some(Word::Mark(b'&' | b'+')));
        let simple = name == "callbyname";
        if !constant || simple {
            add(&mut self.indirect, name);
        }
    }

    fn procedure(&mut self, name: &str) {
        let event = name.rsplit_once('_').map(|(_, event)| event);
        let drawn = event.is_some_and(|event| DRAWN_EVENTS.contains(&event))
            && !name.starts_with("userform_");
        if AUTO_RUN.contains(&name) || drawn {
            add(&mut self.auto_run, name);
        }
    }

    fn strings(&mut self, spelt: &Spelt) {
        for text in &spelt.strings {
            let lower = text.to_lowercase();
            // A library or alias in a declaration is a name.
            self.by(NAMES, |known| known.len() > 6 && lower == known);
            self.by(STRINGS, |known| lower.contains(known));
            if lower.len() >= 8 && self.strings.len() < 20_000 {
                self.strings.push(text.clone());
            }
        }
    }

    fn by(&mut self, rules: &[Rule], holds: impl Fn(&str) -> bool) {
        for (field, known) in rules {
            for known in *known {
                if holds(known) {
                    add(field(self), known.trim_end());
                }
            }
        }
    }

    fn hiding(&mut self, words: &[Word], spelt: &Spelt) {
        if spelt.codes >= MANY_CODES {
            add(&mut self.obfuscation, "text from character codes");
        }
        let short = spelt.strings.iter().filter(|text| text.len() <= 8).count();
        if spelt.joints >= MANY_JOINTS && short * 2 > spelt.strings.len() {
            add(&mut self.obfuscation, "text in small pieces");
        }
        if spelt.reversals > 0 {
            add(&mut self.obfuscation, "text turned around");
        }
        if spelt.strings.iter().any(|text| encoded(text)) {
            add(&mut self.obfuscation, "long encoded text");
        }
        let has = |wanted: &str| {
            words.iter().any(|word| matches!(word, Word::Name(name) if name == wanted))
        };
        if has("xor") && has("mid") && (has("asc") || has("chr") || has("chrw")) {
            add(&mut self.obfuscation, "text decoded with Xor");
        } else if has("chr") && has("val") && has("mid") {
            add(&mut self.obfuscation, "text decoded from digits");
        }
        // `Array(72, 101, …)`: a run of small numbers.
        let bytes = |word: &&Word| matches!(word, Word::Number(0..=255) | Word::Mark(b',' | b'-'));
        let longest = words
            .chunk_by(|one, other| bytes(&one) && bytes(&other))
            .map(<[Word]>::len)
            .max()
            .unwrap_or(0);
        if longest >= 200 {
            add(&mut self.obfuscation, "data as a list of numbers");
        }
        if has("nodetypedvalue") && spelt.strings.iter().any(|text| text == "bin.base64") {
            add(&mut self.obfuscation, "Base64 decoded by an XML node");
        }
        if has("variables") && has("activedocument") {
            add(&mut self.hidden_data, "document variables");
        }
    }

    /// Whether the parts of running code in memory are all there.
    pub(crate) fn injects(&self) -> bool {
        !self.memory.is_empty() && !self.memory_write.is_empty() && !self.memory_run.is_empty()
    }
}

/// `Shell` is called when an argument follows it.
fn called(after: Option<&Word>) -> bool {
    matches!(after, Some(Word::Mark(b'(' | b'"') | Word::Text(_) | Word::Name(_)))
        && !matches!(after, Some(Word::Name(word)) if matches!(word.as_str(), "as" | "then" | "to" | "and" | "or" | "is"))
}

/// Long text of the letters of Base64 or of hexadecimal digits, without blanks.
fn encoded(text: &str) -> bool {
    text.len() >= 200
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().collect::<std::collections::BTreeSet<u8>>().len() >= 10
}

fn add(signs: &mut Signs, sign: &str) {
    if signs.len() < MAX_SIGNS && !signs.iter().any(|known| known == sign) {
        signs.push(sign.to_owned());
    }
}
