//! Every finding of the analyser.

use palisade_model::Severity::{Info, Malicious, Suspicious};

use crate::kind::kinds;

kinds! {
    // Macros: VBA and OpenDocument Basic.
    MACROS = "macros", Info, ["T1059.005"], ["macro"],
        "The document holds macro code. Many company templates and workbooks do.";
    MACRO_AUTO_RUN = "macro-auto-run", Info, ["T1204.002"], ["macro"],
        "A macro runs by itself when the document is opened, closed or looked at. Common in honest workbooks too.";
    MACRO_EXECUTE = "macro-execute", Info, ["T1059"], ["macro", "execution"],
        "A macro starts programs or commands (Shell, WScript.Shell, WMI, ShellExecute).";
    MACRO_DOWNLOAD = "macro-download", Info, ["T1105"], ["macro", "network"],
        "A macro fetches files or pages over the network.";
    MACRO_WRITES_FILE = "macro-writes-file", Info, ["T1105"], ["macro", "file"],
        "A macro writes files. Export macros do this.";
    MACRO_AUTO_RUN_EXECUTE = "macro-auto-run-execute", Suspicious, ["T1204.002", "T1059"], ["macro", "execution"],
        "A macro that runs by itself starts programs or commands. Honest documents rarely start programs without being asked.";
    MACRO_AUTO_RUN_DOWNLOAD = "macro-auto-run-download", Suspicious, ["T1204.002", "T1105"], ["macro", "network"],
        "A macro that runs by itself downloads, and can start programs or write files.";
    MACRO_INJECTION = "macro-injection", Suspicious, ["T1055", "T1106"], ["macro", "injection"],
        "A macro declares the Windows functions that together place code in memory and run it. Macros have no honest use for that combination.";
    MACRO_OBFUSCATED = "macro-obfuscated", Info, ["T1027"], ["macro", "obfuscation"],
        "The macro code hides its strings: built from character codes, reversed, or decoded. Commercial code protectors do this as well.";
    MACRO_AUTO_RUN_OBFUSCATED = "macro-auto-run-obfuscated", Suspicious, ["T1204.002", "T1027"], ["macro", "obfuscation"],
        "A macro that runs by itself hides its strings and creates objects or calls functions by names that it computes.";
    MACRO_HIDDEN_DATA = "macro-hidden-data", Info, ["T1027.009"], ["macro", "obfuscation"],
        "Macro code reads data from places where nobody looks: control tags and captions, document variables and properties.";
    MACRO_PERSISTENCE = "macro-persistence", Suspicious, ["T1547.001", "T1053.005", "T1137"], ["macro", "persistence"],
        "A macro that runs by itself writes a start-up entry: a Run key, a start-up folder, a scheduled task.";
    MACRO_REPLICATION = "macro-replication", Suspicious, ["T1137.001", "T1080"], ["macro", "replication"],
        "A macro that runs by itself copies code into other documents or the global template, as macro viruses do. Developer add-ins change code too, but on request.";
    MACRO_TAMPERS_SECURITY = "macro-tampers-security", Suspicious, ["T1562.001", "T1112"], ["macro", "evasion"],
        "A macro weakens macro security: VBAWarnings, AccessVBOM, virus protection.";
    MACRO_EVASION = "macro-evasion", Info, ["T1497.001"], ["macro", "evasion"],
        "A macro looks for signs of a virtual machine or an analyst, such as names of tools or the number of recent files.";
    MACRO_STOMPED = "macro-stomped", Suspicious, ["T1564.007"], ["macro", "evasion"],
        "Compiled macro code is there whose source is missing or different: the code that runs is not the code that is shown. Office writes both together.";
    MACRO_HIDDEN_MODULE = "macro-hidden-module", Suspicious, ["T1564.007"], ["macro", "evasion"],
        "A module with code is left out of the project's list, so that the editor does not show it.";
    // Excel 4 macros.
    XLM_SHEET = "xlm-macro-sheet", Info, ["T1059"], ["macro", "xlm"],
        "The workbook has an Excel 4 macro sheet. Add-ins of the nineties and a few of today have one.";
    XLM_AUTO_RUN = "xlm-auto-run", Info, ["T1204.002"], ["macro", "xlm"],
        "A defined name starts an Excel 4 macro when the workbook is opened or closed.";
    XLM_HIDDEN = "xlm-hidden-auto-run", Suspicious, ["T1564.003", "T1204.002"], ["macro", "xlm"],
        "An Excel 4 macro sheet that is hidden from the user runs by itself.";
    XLM_EXECUTE = "xlm-execute", Suspicious, ["T1059", "T1106", "T1218"], ["macro", "xlm", "execution"],
        "An Excel 4 macro starts a program (EXEC) or calls a Windows function of download, execution or memory (CALL, REGISTER).";
    XLM_OBFUSCATED = "xlm-obfuscated", Suspicious, ["T1027"], ["macro", "xlm", "obfuscation"],
        "An Excel 4 macro that runs by itself builds formulas or text from character codes.";
    // What comes from elsewhere.
    DDE_COMMAND = "dde-command", Suspicious, ["T1559.002"], ["execution"],
        "A dynamic data exchange field, link or formula names a program to start instead of an Office application.";
    DDE_LINK = "dde-link", Info, ["T1559.002"], ["execution"],
        "A dynamic data exchange link to another application. Old business documents link to workbooks this way.";
    REMOTE_TEMPLATE = "remote-template", Suspicious, ["T1221"], ["network"],
        "The document's template is fetched from a web address when it is opened. Templates of SharePoint and Office hosts are only noted.";
    TEMPLATE_LINK = "template-link", Info, ["T1221"], ["network"],
        "The document's template lies on a file share or an Office host, as in companies.";
    REMOTE_OBJECT = "remote-object", Suspicious, ["T1221", "T1203"], ["network"],
        "An object, frame or part of the document is fetched from a web address as a page or by a moniker when the document is opened (CVE-2017-0199, CVE-2022-30190).";
    OBJECT_LINK = "object-link", Info, ["T1221"], ["network"],
        "A part of the document is linked to a file or address outside it.";
    MHTML_EXPLOIT = "mhtml-exploit", Malicious, ["T1203", "T1221"], ["network", "exploit"],
        "An object link that chains the mhtml and x-usc protocols: the form of CVE-2021-40444, which no program writes.";
    REMOTE_IMAGE = "remote-image", Info, ["T1598.003"], ["network"],
        "A picture is fetched from a web address when the document is opened, which tells its server who reads it. Copied web pages have these.";
    SHARE_LINK = "share-link", Info, ["T1187"], ["network"],
        "Something is loaded from a file share by name, as in companies.";
    SHARE_ON_INTERNET = "share-on-internet", Suspicious, ["T1187"], ["network", "credentials"],
        "Something is loaded from a file share at a public address or over WebDAV when the document is opened: the reader's password hash goes there.";
    DANGEROUS_PROTOCOL = "dangerous-protocol", Suspicious, ["T1202", "T1218"], ["execution"],
        "A link uses a protocol that starts a Windows tool with parameters (ms-msdt, search-ms, ms-officecmd, script).";
    FIELD_INCLUDE = "field-include", Info, ["T1221"], ["network"],
        "A field (INCLUDETEXT, INCLUDEPICTURE, LINK) takes content from an address outside the document.";
    // Objects.
    EMBEDDED_EXECUTABLE = "embedded-executable", Suspicious, ["T1204.002", "T1027.009"], ["execution"],
        "A program, script or shortcut is packed into the document to be double-clicked.";
    EMBEDDED_DISGUISED = "embedded-disguised", Suspicious, ["T1036.007"], ["evasion"],
        "A packed file pretends by its name to be a document: a double extension, a run of blanks, or text that is turned around.";
    EQUATION_OBJECT = "equation-object", Info, ["T1203"], ["exploit"],
        "An object of the old equation editor. Honest documents before 2018 have these.";
    EQUATION_EXPLOIT = "equation-exploit", Malicious, ["T1203"], ["exploit"],
        "An equation whose font name or matrix is longer than the equation editor's buffer (CVE-2017-11882, CVE-2018-0802). Font names have at most 31 characters.";
    EXPLOIT_CLASS = "exploit-class", Suspicious, ["T1203"], ["exploit"],
        "An object of a class that documents have no use for but exploits do: scriptlets, script and URL monikers, HTML documents, browser windows.";
    ACTIVEX = "activex-control", Info, ["T1559.001"], ["execution"],
        "The document holds ActiveX controls. Forms have buttons and lists of this kind.";
    CONTROL_EXPLOIT = "rtf-control", Suspicious, ["T1203"], ["exploit"],
        "A rich text document embeds a common control (ListView, TreeView, Toolbar, TabStrip), as the exploits of CVE-2012-0158 and CVE-2012-1856 do. No word processor offers this.";
    RTF_OBJECT = "rtf-object", Info, ["T1027.009"], [],
        "A rich text document holds objects. WordPad and Word write these for pasted tables and files.";
    RTF_OBFUSCATED = "rtf-obfuscated", Suspicious, ["T1027"], ["obfuscation"],
        "An object's data are strewn with control words or groups, or given as both digits and binary, or stand behind a mutilated header. Writers never do this; readers tolerate it.";
    RTF_AUTO_UPDATE = "rtf-auto-update", Info, ["T1204.002"], [],
        "An object is loaded as soon as the document is opened (\\objupdate).";
    RTF_AUTO_LINK = "rtf-auto-link", Suspicious, ["T1221", "T1203"], ["network"],
        "A linked object with an address of the web is updated when the document is opened.";
    // Presentation, notes, ribbons.
    RUN_PROGRAM_ACTION = "run-program-action", Suspicious, ["T1204.002"], ["execution"],
        "A click on, or the mouse over, a shape starts a program.";
    HOVER_LINK = "hover-link", Info, ["T1204.001"], ["network"],
        "A link is followed when the mouse passes over a shape.";
    RIBBON_CALLBACK = "ribbon-callback", Info, ["T1204.002"], ["macro"],
        "The ribbon of the document calls a macro when it is loaded, without any of the usual names.";
    EVENT_SCRIPT = "odf-event-script", Info, ["T1204.002"], ["macro"],
        "An OpenDocument file binds a script to an event such as opening.";
    ODF_SCRIPT_ESCAPE = "odf-script-escape", Suspicious, ["T1203", "T1059"], ["execution", "exploit"],
        "An event of an OpenDocument file calls a script outside of it by path (CVE-2018-16858, CVE-2019-9848).";
    NOTE_LURE = "note-lure", Suspicious, ["T1204.002"], ["lure"],
        "A OneNote page tells the reader to double-click, and a program or script lies on it.";
    LURE_TEXT = "lure-text", Info, ["T1204.002"], ["lure"],
        "The text asks the reader to enable content or editing.";
    LURE_WITH_MACROS = "lure-with-macros", Suspicious, ["T1204.002"], ["lure", "macro"],
        "The text asks the reader to enable content, and a macro that runs by itself waits for that.";
    // The file itself.
    DEFAULT_PASSWORD = "default-password", Suspicious, ["T1027.013"], ["evasion"],
        "Encrypted with the password that Excel tries by itself: encryption that keeps out scanners and nobody else. Excel itself writes binary workbooks so, never packages.";
    PROTECTED_WORKBOOK = "protected-workbook", Info, ["T1027.013"], ["evasion"],
        "A binary workbook encrypted with Excel's own password, as Excel does when its structure is protected. Malware uses this to keep out scanners.";
    ENCRYPTED = "encrypted-document", Info, ["T1027.013"], ["evasion"],
        "The document is encrypted; what is in it was not read.";
    PACKAGE_DISAGREES = "package-disagrees", Suspicious, ["T1027", "T1036"], ["evasion"],
        "The zip package of the document lists other members than it holds, or names them differently: programs disagree on what is in it.";
    MACROS_IN_PLAIN_DOCUMENT = "macros-in-plain-document", Info, ["T1036"], ["macro"],
        "A macro project lies in a document whose declared type has no macros. Word ignores it, unless the document is converted.";
    SHEET_COMMAND = "sheet-command", Suspicious, ["T1559.002", "T1059"], ["execution"],
        "A cell of a text spreadsheet (CSV, SYLK) holds a formula that starts a program.";
    WEB_QUERY = "web-query", Info, ["T1105"], ["network"],
        "A web query: Excel fetches the address when the file is opened. Lists of SharePoint, which are exported this way, are not noted.";
}
