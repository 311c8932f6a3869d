// Shortcuts: Windows shell links ([MS-SHLLINK]) and internet shortcuts.
//
// A shell link begins with its header size (0x4C) and its class id
// 00021401-…; its strings are UTF-16 or the system's code page.

rule shortcut_hidden_download : shortcut powershell {
  meta:
    description = "Shortcut that calls PowerShell in a hidden window to fetch and evaluate text"
    severity = "malicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://attack.mitre.org/techniques/T1204/002/"
  strings:
    $program = "powershell" ascii wide nocase
    $hidden = /[-\/]w[a-z]{0,10}[ \t]{1,8}["']?(hidden|1)\b/ ascii wide nocase
    $fetch1 = "DownloadString" ascii wide nocase
    $fetch2 = "Invoke-WebRequest" ascii wide nocase
    $fetch3 = "Invoke-RestMethod" ascii wide nocase
    $fetch4 = /\b(iwr|irm|curl)[ \t]{1,4}[^ \t]{0,40}http/ ascii wide nocase
    $evaluate1 = "Invoke-Expression" ascii wide nocase
    $evaluate2 = /[|;&( "']iex[ (|;"']/ ascii wide nocase
  condition:
    uint32(0) == 0x4C and uint32(4) == 0x00021401 and filesize < 8MB and
    $program and $hidden and any of ($fetch*) and any of ($evaluate*)
}

rule shortcut_starts_interpreter : shortcut {
  meta:
    description = "Shortcut that gives a script interpreter a web address, an encoded command or a script in its arguments"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://learn.microsoft.com/openspecs/windows_protocols/ms-shllink/"
  strings:
    $program1 = "powershell" ascii wide nocase
    $program2 = "mshta" ascii wide nocase
    $program3 = "wscript" ascii wide nocase
    $program4 = "cscript" ascii wide nocase
    $program5 = "regsvr32" ascii wide nocase
    $program6 = "certutil" ascii wide nocase
    $program7 = "cmd.exe" ascii wide nocase
    $argument1 = /https?:\/\/[a-z0-9]/ ascii wide nocase
    $argument2 = /[-\/]e(nc|c|ncodedcommand)?[ \t]{1,8}["']?[A-Za-z0-9+\/]{32}/ ascii wide nocase
    $argument3 = "FromBase64String" ascii wide nocase
    $argument4 = /\b(javascript|vbscript):/ ascii wide nocase
    $argument5 = "findstr" ascii wide nocase
  condition:
    uint32(0) == 0x4C and uint32(4) == 0x00021401 and filesize < 8MB and
    any of ($program*) and any of ($argument*)
}

rule shortcut_carries_file : shortcut dropper {
  meta:
    description = "Shortcut with a program, document, archive or page inside"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027.009"
    reference = "https://attack.mitre.org/techniques/T1027/009/"
  strings:
    $program = "This program cannot be run in DOS mode"
    $pdf = "%PDF-1."
    $compound = { D0 CF 11 E0 A1 B1 1A E1 }
    $zip = { 50 4B 03 04 (0A | 14) 00 }
    $cabinet = { 4D 53 43 46 00 00 00 00 }
    $page1 = "<script" nocase
    $page2 = "<hta:application" nocase
  condition:
    uint32(0) == 0x4C and uint32(4) == 0x00021401 and filesize < 64MB and any of them
}

rule shortcut_internet_starts_remote_program : shortcut webdav {
  meta:
    description = "Internet shortcut that opens a script or program on a remote share"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.001"
    reference = "https://attack.mitre.org/techniques/T1204/001/"
  strings:
    $head = "[InternetShortcut]" ascii wide nocase
    $target = /URL\s{0,4}=\s{0,4}(file:)?[\/\\]{2,5}[a-z0-9][a-z0-9.-]{1,80}(@[a-z0-9]{1,8}){0,2}[\/\\][^\r\n]{0,300}\.(js|jse|vbs|vbe|wsf|hta|exe|scr|lnk|bat|cmd|cpl|msi|url)\b/ ascii wide nocase
  condition:
    filesize < 64KB and $head in (0..512) and $target
}
