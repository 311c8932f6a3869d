// Office documents: macros, fields, relationships, embedded objects.
//
// Most of these look at what the unpack engine takes out of a document (a
// macro module's source, a `.rels` part, `document.xml`), because inside the
// container the same bytes are compressed. Each guard names the part meant.

rule office_macro_autorun_starts_program : office macro {
  meta:
    description = "Macro source that runs when the document opens and starts a program"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://attack.mitre.org/techniques/T1059/005/"
  strings:
    $module = "Attribute VB_" ascii wide
    $auto = /\bSub\s{1,4}(Auto_?(Open|Exec|Close)|(Document|Workbook)_?(Open|Close|BeforeClose|Activate))\b/ ascii wide nocase
    $start1 = "WScript.Shell" ascii wide nocase
    $start2 = "Shell.Application" ascii wide nocase
    $start3 = "ShellExecute" ascii wide nocase
    $start4 = "Win32_Process" ascii wide nocase
    $start5 = /([=:\n]|\bThen)[ \t]{0,40}(Call[ \t]{1,4})?Shell[ \t]{0,2}[( ]/ ascii wide nocase
  condition:
    filesize < 4MB and $module and $auto and any of ($start*)
}

rule office_macro_autorun_hidden_command : office macro {
  meta:
    description = "Macro source that runs when the document opens and calls PowerShell hidden with an encoded command"
    severity = "malicious"
    author = "Palisade"
    attack = "T1059.001"
    reference = "https://attack.mitre.org/techniques/T1059/001/"
  strings:
    $module = "Attribute VB_" ascii wide
    $auto = /\bSub\s{1,4}(Auto_?(Open|Exec|Close)|(Document|Workbook)_?(Open|Close|BeforeClose|Activate))\b/ ascii wide nocase
    // One line: a hidden window and an encoded command, in either order.
    $line1 = /powershell[^\r\n]{0,120}[ \t][-\/]w[a-z]{0,10}[ \t]{1,4}(hidden|1)\b[^\r\n]{0,120}[ \t][-\/]e(nc|c|ncodedcommand)?[ \t]{1,4}["']{0,2}[A-Za-z0-9+\/]{32}/ ascii wide nocase
    $line2 = /powershell[^\r\n]{0,120}[ \t][-\/]e(nc|c|ncodedcommand)?[ \t]{1,4}["']{0,2}[A-Za-z0-9+\/]{32}[^\r\n]{0,2000}[ \t][-\/]w[a-z]{0,10}[ \t]{1,4}(hidden|1)\b/ ascii wide nocase
  condition:
    filesize < 4MB and $module and $auto and any of ($line*)
}

rule office_macro_identifiers_autorun_starts_program : office macro {
  meta:
    description = "Compound file whose VBA identifier table names an auto-run procedure beside calls that download and start a program"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://learn.microsoft.com/openspecs/office_file_formats/ms-ovba/"
  strings:
    // The source is compressed, but the performance cache of the
    // _VBA_PROJECT stream holds the identifiers as plain text.
    $project = "_VBA_PROJECT" wide
    $auto1 = "AutoOpen" nocase fullword
    $auto2 = "Auto_Open" nocase fullword
    $auto3 = "Document_Open" nocase fullword
    $auto4 = "Workbook_Open" nocase fullword
    $get1 = "URLDownloadToFile" nocase
    $get2 = "MSXML2.XMLHTTP" nocase
    $get3 = "SaveToFile" nocase fullword
    $start1 = "ShellExecute" nocase
    $start2 = "WScript.Shell" nocase
    $start3 = "Shell" fullword
  condition:
    uint32be(0) == 0xD0CF11E0 and filesize < 32MB and
    $project and any of ($auto*) and any of ($get*) and any of ($start*)
}

rule office_macrosheet_starts_program : office macro xlm {
  meta:
    description = "Excel 4.0 macro sheet with a formula that starts a program or calls into a system library"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.005"
    reference = "https://attack.mitre.org/techniques/T1059/005/"
  strings:
    $sheet = "macrosheet"
    $namespace = "schemas.microsoft.com/office/excel/2006/main"
    $call1 = /<f[^>]{0,40}>[^<]{0,80}\b(EXEC|REGISTER)\(/ nocase
    $call2 = /<f[^>]{0,40}>[^<]{0,80}\bCALL\([^<]{0,8}(urlmon|kernel32|shell32)/ nocase
  condition:
    filesize < 16MB and $sheet in (0..4096) and $namespace in (0..4096) and any of ($call*)
}

rule office_remote_template : office relationship {
  meta:
    description = "Relationship that loads the document's template from a remote address"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1221"
    reference = "https://attack.mitre.org/techniques/T1221/"
  strings:
    $rels = "/package/2006/relationships"
    $remote1 = /\/attachedTemplate["'][^>]{0,300}\sTarget\s{0,4}=\s{0,4}["'](https?:|ftp:|\\\\|file:\/\/[a-z0-9])/ nocase
    $remote2 = /\sTarget\s{0,4}=\s{0,4}["'](https?:|ftp:|\\\\|file:\/\/[a-z0-9])[^>]{0,1000}\/attachedTemplate["']/ nocase
  condition:
    filesize < 1MB and $rels in (0..1024) and any of ($remote*)
}

rule office_remote_object : office relationship {
  meta:
    description = "Relationship that loads an embedded object or frame from a web address"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1221"
    reference = "https://attack.mitre.org/techniques/T1221/"
  strings:
    $rels = "/package/2006/relationships"
    $remote1 = /\/(oleObject|frame)["'][^>]{0,300}\sTarget\s{0,4}=\s{0,4}["']https?:/ nocase
    $remote2 = /\sTarget\s{0,4}=\s{0,4}["']https?:[^>]{0,1000}\/(oleObject|frame)["']/ nocase
  condition:
    filesize < 1MB and $rels in (0..1024) and any of ($remote*)
}

rule office_remote_object_mhtml : office relationship cve_2021_40444 {
  meta:
    description = "Relationship that loads an embedded object through the mhtml handler (CVE-2021-40444)"
    severity = "malicious"
    author = "Palisade"
    attack = "T1203"
    reference = "https://nvd.nist.gov/vuln/detail/CVE-2021-40444"
  strings:
    $rels = "/package/2006/relationships"
    $remote1 = /\/oleObject["'][^>]{0,300}\sTarget\s{0,4}=\s{0,4}["']mhtml:https?:/ nocase
    $remote2 = /\sTarget\s{0,4}=\s{0,4}["']mhtml:https?:[^>]{0,1000}\/oleObject["']/ nocase
  condition:
    filesize < 1MB and $rels in (0..1024) and any of ($remote*)
}

rule office_dde_field_starts_program : office dde {
  meta:
    description = "Document field that starts a command interpreter through Dynamic Data Exchange"
    severity = "malicious"
    author = "Palisade"
    attack = "T1559.002"
    reference = "https://attack.mitre.org/techniques/T1559/002/"
  strings:
    $namespace = "wordprocessingml"
    $run = /<w:instrText[^>]{0,64}>[^<]{0,32}\bDDE(AUTO)?\s[^<]{0,120}\b(cmd|powershell|mshta|wscript|cscript|rundll32|regsvr32)(\.exe)?\b/ nocase
    $simple = /<w:fldSimple\s[^>]{0,32}\bDDE(AUTO)?\s[^>]{0,120}\b(cmd|powershell|mshta|wscript|cscript|rundll32|regsvr32)(\.exe)?\b/ nocase
  condition:
    filesize < 32MB and $namespace in (0..4096) and any of ($run, $simple)
}

rule office_formula_starts_program : office dde csv {
  meta:
    description = "Spreadsheet text with a formula that starts a command interpreter when it is opened"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1559.002"
    reference = "https://owasp.org/www-community/attacks/CSV_Injection"
  strings:
    // A cell begins at a line start or after a separator; SYLK writes ;E.
    $cell = /[\r\n,;"\t]E?[=+@-][^\r\n|]{0,32}\b(cmd|powershell|mshta|rundll32|regsvr32)(\.exe)?\|'[^'\r\n]{0,400}'!/ nocase
    $first = /[=+@-](cmd|powershell|mshta|rundll32|regsvr32)(\.exe)?\|'[^'\r\n]{0,400}'!/ nocase
  condition:
    filesize < 4MB and ($cell or $first at 0)
}

rule office_onenote_embeds_program : office onenote {
  meta:
    description = "OneNote section with an embedded script, shortcut or executable"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://learn.microsoft.com/openspecs/office_file_formats/ms-onestore/"
  strings:
    // FileDataStoreObject: header GUID, 20 bytes of lengths, then the file.
    $program = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] (4D 5A | 4C 00 00 00 01 14 02 00) }
    $script = /\xE7\x16\xE3\xBD\x65\x26\x11\x45\xA4\xC4\x8D\x4D\x0B\x7A\x9E\xAC[\x00-\xFF]{20}\s{0,16}(@echo|<job|<hta:|<html|<script|powershell|on error resume)/ nocase
  condition:
    uint32be(0) == 0xE4525C7B and uint32be(4) == 0x8CD8A74D and filesize < 64MB and any of them
}

rule office_rtf_equation_object : office rtf cve_2017_11882 {
  meta:
    description = "RTF with an embedded Equation Editor object"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1203"
    reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-11882"
  strings:
    $object = "\\objdata" nocase
    $class = /\\objclass\s{0,4}Equation\./ nocase
    $name = "4571756174696f6e2e3" nocase                  // "Equation.2", ".3"
    $clsid = "02ce020000000000c000000000000046" nocase    // {0002CE02-0000-…}
  condition:
    uint32be(0) == 0x7B5C7274 and filesize < 32MB and $object and any of ($class, $name, $clsid)
}

rule office_rtf_equation_object_disguised : office rtf cve_2017_11882 {
  meta:
    description = "RTF with a damaged header and an Equation Editor object that is loaded without a click"
    severity = "malicious"
    author = "Palisade"
    attack = "T1203"
    reference = "https://nvd.nist.gov/vuln/detail/CVE-2017-11882"
  strings:
    $object = "\\objdata" nocase
    $update = "\\objupdate" nocase
    $name = "4571756174696f6e2e3" nocase
    $clsid = "02ce020000000000c000000000000046" nocase
  condition:
    // Word opens anything that begins "{\rt"; every writer puts "{\rtf".
    uint32be(0) == 0x7B5C7274 and uint8(4) != 0x66 and filesize < 32MB and
    $object and $update and any of ($name, $clsid)
}

rule office_rtf_remote_template : office rtf {
  meta:
    description = "RTF that loads its template from a remote address"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1221"
    reference = "https://attack.mitre.org/techniques/T1221/"
  strings:
    $template = /\{\s{0,4}\\\*\s{0,4}\\template\s{1,4}(https?:|ftp:|\\\\\\\\[a-z0-9])/ nocase
  condition:
    uint32be(0) == 0x7B5C7274 and filesize < 32MB and $template
}
