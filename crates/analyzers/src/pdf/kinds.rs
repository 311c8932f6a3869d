//! Every finding of the analyser.

use palisade_model::Severity::{Info, Suspicious};

use crate::kind::kinds;

kinds! {
    // Scripts.
    JAVASCRIPT = "javascript", Info, ["T1059.007"], ["script"],
        "The document holds JavaScript. Forms that compute do.";
    JAVASCRIPT_AUTO_RUN = "javascript-auto-run", Info, ["T1059.007", "T1204.002"], ["script"],
        "JavaScript runs when the document is opened or a page is shown. Forms prepare themselves this way.";
    JAVASCRIPT_EXPLOIT = "javascript-exploit", Suspicious, ["T1203"], ["script", "exploit"],
        "JavaScript calls a function of Adobe Reader in the way that its exploits do: Collab.getIcon, Collab.collectEmailInfo, media.newPlayer, printSeps, a format of huge width (CVE-2008-2992, CVE-2009-0927, CVE-2009-4324).";
    JAVASCRIPT_HEAP_SPRAY = "javascript-heap-spray", Suspicious, ["T1203"], ["script", "exploit"],
        "JavaScript fills memory with bytes written as %u escapes. Only exploits need that.";
    JAVASCRIPT_OBFUSCATED = "javascript-obfuscated", Suspicious, ["T1027", "T1059.007"], ["script", "obfuscation"],
        "JavaScript that runs by itself decodes text and evaluates it.";
    JAVASCRIPT_DROPS_FILE = "javascript-drops-file", Suspicious, ["T1204.002"], ["script", "execution"],
        "JavaScript exports an attached file and opens it (exportDataObject with nLaunch).";
    JAVASCRIPT_NETWORK = "javascript-network", Info, ["T1071.001"], ["script", "network"],
        "JavaScript opens addresses or sends data: launchURL, getURL, submitForm, SOAP, mail.";
    // Actions.
    OPEN_ACTION = "open-action", Info, ["T1204.002"], [],
        "Something is done when the document is opened besides showing a page.";
    LAUNCH_PROGRAM = "launch-program", Suspicious, ["T1204.002", "T1059"], ["execution"],
        "A launch action starts a program, script or command. Readers ask first; nobody should say yes.";
    LAUNCH_FILE = "launch-file", Info, ["T1204.002"], ["execution"],
        "A launch action opens another file. CD-ROM menus of the nineties did this.";
    ESCAPED_NAME = "escaped-names", Suspicious, ["T1027"], ["obfuscation"],
        "A name that makes something happen (JavaScript, OpenAction, Launch, …) is written with escapes in it. No writer does this; it is for scanners.";
    OPENS_ADDRESS = "opens-address-by-itself", Suspicious, ["T1204.001", "T1566.002"], ["network"],
        "The document opens a web address as soon as it is opened, without a click.";
    SUBMITS_BY_ITSELF = "submits-by-itself", Suspicious, ["T1020", "T1598"], ["network"],
        "The document sends a form to an address as soon as it is opened.";
    SUBMIT_FORM = "submit-form", Info, ["T1598"], ["network"],
        "A form is sent to an address when a button is pressed.";
    IMPORT_DATA = "import-data", Info, ["T1005"], ["file"],
        "An action fills the form from a file.";
    GO_TO_OTHER = "goes-to-other-document", Info, ["T1204.002"], [],
        "An action opens another document, outside of this one or embedded in it. Sets of manuals do this.";
    SHARE_LINK = "share-link", Info, ["T1187"], ["network"],
        "An action opens something on a file share by name, as in companies.";
    SHARE_BY_ITSELF = "share-by-itself", Suspicious, ["T1187"], ["network", "credentials"],
        "The document opens something on a file share as soon as it is opened, or on a share at a public address: the reader's password hash goes there.";
    DANGEROUS_LINK = "dangerous-link", Suspicious, ["T1202", "T1218"], ["execution"],
        "A link uses a protocol that runs script or starts a tool of Windows with parameters.";
    LARGE_LINK = "page-is-a-link", Info, ["T1566.002"], ["lure"],
        "A document of one or two pages has a link that covers most of a page. Advertisements do this.";
    LURE_LINK = "lure-link", Suspicious, ["T1566.002", "T1204.001"], ["lure", "network"],
        "A document of one or two pages has a link over most of a page that leads to a program, or to a host without a name.";
    // Content.
    EMBEDDED_FILE = "embedded-file", Info, ["T1027.009"], [],
        "Files are attached. Invoices carry their data this way.";
    EMBEDDED_EXECUTABLE = "embedded-executable", Suspicious, ["T1027.009", "T1204.002"], ["execution"],
        "A program, script or shortcut is attached.";
    EMBEDDED_DISGUISED = "embedded-disguised", Suspicious, ["T1036.007"], ["evasion"],
        "An attached file pretends by its name to be a document.";
    XFA_FORM = "xfa-form", Info, [], ["script"],
        "The document holds a form in XML (XFA). Authorities use these.";
    XFA_SCRIPT = "xfa-script", Info, ["T1059.007"], ["script"],
        "The XML form holds scripts that run when it is opened.";
    RICH_MEDIA = "rich-media", Info, ["T1203"], [],
        "The document holds Flash, video or three-dimensional content.";
    // Structure.
    PACKED_ACTION = "action-in-object-stream", Info, ["T1027"], ["obfuscation"],
        "Scripts or launch actions stand only in compressed object streams. Many writers compress all objects.";
    FILTER_CHAIN = "filter-chain", Suspicious, ["T1027"], ["obfuscation"],
        "A stream is encoded four times or more, or several times as text. Writers compress once and encode once.";
    JBIG2_WRAPPED = "jbig2-behind-text", Info, ["T1203", "T1027"], ["exploit"],
        "A JBIG2 picture is encoded as text first, as exploits of its decoder were.";
    ENCRYPTED = "encrypted-document", Info, ["T1027.013"], ["evasion"],
        "The document is encrypted, and no password that is known opens it.";
    UNKNOWN_HANDLER = "unknown-security-handler", Info, ["T1027.013"], ["evasion"],
        "The document is encrypted for a security handler other than the standard one. Rights management uses others.";
    LATE_HEADER = "late-header", Info, ["T1036"], ["evasion"],
        "The document begins behind other bytes. Some mail gateways and web servers add these.";
    DATA_AFTER_END = "data-after-end", Info, ["T1027.009"], ["evasion"],
        "Bytes stand behind the end of the document.";
    BROKEN_TABLE = "broken-table", Info, ["T1027"], ["evasion"],
        "The cross-reference table is missing or does not stand where the file says. Readers repair this.";
    LENGTH_LIES = "stream-length-lies", Info, ["T1027"], ["evasion"],
        "Streams have other lengths than they say. Editing by hand does this, and so do attempts to confuse scanners.";
    CHANGED_AFTER_SIGNATURE = "changed-after-signature", Info, ["T1565.001"], ["evasion"],
        "The document was changed after it was signed. Further signatures and filled forms do this too.";
}
