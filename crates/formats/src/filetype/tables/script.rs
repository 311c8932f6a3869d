use super::super::Category;
use super::{Entry, Signature};

const fn script(
    id: &'static str,
    description: &'static str,
    mime: &'static str,
    extensions: &'static [&'static str],
    signatures: &'static [Signature],
) -> Entry {
    Entry::new(Category::Script, id, description, mime, extensions, signatures)
}

/// Source text that something interprets. Most are found by the text rules, not by signature.
#[rustfmt::skip] // One row a line: a table is read down its columns.
pub(super) static TYPES: &[Entry] = &[
    script("shell", "Shell script", "text/x-shellscript", &["sh", "bash", "zsh", "ksh", "dash", "csh", "fish", "command", "ebuild"], &[]),
    script("python", "Python script", "text/x-python", &["py", "pyw", "pyi", "wsgi"], &[]),
    script("perl", "Perl script", "text/x-perl", &["pl", "pm", "t", "cgi"], &[]),
    script("ruby", "Ruby script", "text/x-ruby", &["rb", "rake", "gemspec", "ru"], &[]),
    script("php", "PHP script", "text/x-php", &["php", "phtml", "php3", "php5", "phar", "inc"], &[]),
    script("javascript", "JavaScript", "text/javascript", &["js", "mjs", "cjs", "jsx", "ts", "tsx"], &[]),
    script("vbscript", "VBScript or Visual Basic", "text/vbscript", &["vbs", "vb", "bas", "cls", "frm", "asp"], &[]),
    script("powershell", "PowerShell script", "text/x-powershell", &["ps1", "psm1", "psd1", "ps1xml"], &[]),
    script("batch", "Windows batch file", "text/x-msdos-batch", &["bat", "cmd"], &[]),
    script("lua", "Lua script", "text/x-lua", &["lua"], &[]),
    script("tcl", "Tcl script", "text/x-tcl", &["tcl", "tk", "exp"], &[]),
    script("awk", "Awk script", "text/x-awk", &["awk"], &[]),
    script("sed", "Sed script", "text/x-sed", &["sed"], &[]),
    script("rscript", "R script", "text/x-r", &["r"], &[]),
    script("make", "Makefile", "text/x-makefile", &["mk", "mak", "make"], &[]),
    script("applescript", "AppleScript", "text/x-applescript", &["applescript", "scpt"], &[]),
    script("applescript_compiled", "Compiled AppleScript", "application/x-applescript", &["scpt", "scptd"], &[&[(0, b"FasdUAS ")]]),
    script("autoit", "AutoIt script", "text/x-autoit", &["au3"], &[]),
    script("hta", "HTML application", "application/hta", &["hta"], &[]),
    script("wsf", "Windows script file", "application/x-ms-wsf", &["wsf"], &[]),
    script("sct", "Windows script component", "text/scriptlet", &["sct", "wsc"], &[]),
    script("jsp", "Java server page", "text/x-jsp", &["jsp", "jspx"], &[]),
    script("asp", "Active server page", "text/x-asp", &["asp", "aspx", "ashx", "asmx", "ascx"], &[]),
    script("inf", "Windows setup information", "application/x-setupscript", &["inf"], &[]),
    script("desktop_entry", "Desktop entry", "application/x-desktop", &["desktop"], &[]),
    script("internet_shortcut", "Internet shortcut", "application/x-mswinurl", &["url", "website"], &[]),
    script("scf", "Windows Explorer command", "application/x-ms-scf", &["scf"], &[]),
    script("iqy", "Excel web query", "text/x-ms-iqy", &["iqy"], &[]),
    script("slk", "Symbolic link spreadsheet", "application/x-sylk", &["slk", "sylk"], &[&[(0, b"ID;P")]]),
    script("registry", "Registry script", "text/x-ms-regedit", &["reg"], &[&[(0, b"Windows Registry Editor Version 5")], &[(0, b"REGEDIT4")]]),
    script("systemd_unit", "Systemd unit", "text/x-systemd-unit", &["service", "timer", "socket", "target", "mount", "path", "slice"], &[]),
    script("shebang", "Script with an interpreter line", "text/x-script", &[], &[]),
    script("msbuild", "MSBuild project", "text/x-msbuild", &["csproj", "vbproj", "vcxproj", "proj", "targets", "props"], &[]),
    script("postscript", "PostScript", "application/postscript", &["ps", "eps", "ai"], &[&[(0, b"%!PS")], &[(0, b"\x04%!PS")], &[(0, b"%!Adobe-PS")]]),
    script("postscript_dos", "PostScript with preview", "application/postscript", &["eps"], &[&[(0, b"\xc5\xd0\xd3\xc6")]]),
    script("vba_source", "VBA module source", "text/x-vba", &["bas", "cls", "frm"], &[]),
    script("dockerfile", "Dockerfile", "text/x-dockerfile", &["dockerfile"], &[]),
    script("settingcontent", "Windows settings shortcut", "application/x-ms-settingcontent", &["settingcontent-ms"], &[]),
    script("library_ms", "Windows library description", "application/windows-library+xml", &["library-ms"], &[]),
    script("search_ms", "Windows saved search", "application/windows-search-connector+xml", &["search-ms", "searchconnector-ms"], &[]),
    script("rdp", "Remote desktop connection", "application/x-rdp", &["rdp"], &[]),
    script("jnlp", "Java web start", "application/x-java-jnlp-file", &["jnlp"], &[]),
];
