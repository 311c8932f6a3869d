// Web pages and images that a browser runs: smuggling, protocol handlers,
// credential theft.

rule html_smuggles_archive : html smuggling {
  meta:
    description = "Page that assembles an archive, disk image or program from text and downloads it by itself"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027.006"
    reference = "https://attack.mitre.org/techniques/T1027/006/"
  strings:
    $page = /<(html|script|body|svg|!doctype html)/ nocase
    $blob = /new\s{1,4}(Blob|File)\s{0,4}\(/
    $save1 = "createObjectURL"
    $save2 = "msSaveOrOpenBlob"
    $click1 = ".click("
    $click2 = "dispatchEvent("
    $decode1 = "atob("
    $decode2 = "Uint8Array"
    // Base64 of the first bytes: ZIP, MZ with the usual header, RAR, 7z, ISO
    // padding, compound file, shortcut.
    $payload = /["'`](UEsDB[BA]|TVqQAAM|UmFyIRo|N3q8ryc|AAAAAAAAAAAAAAAAAAAAAAAA|0M8R4KGx|TAAAAAEUAg)[A-Za-z0-9+\/]{16}/
  condition:
    filesize < 32MB and $page in (0..2048) and $payload and $blob and
    any of ($save*) and any of ($click*) and any of ($decode*)
}

rule html_protocol_handler_diagnostics : html cve_2022_30190 {
  meta:
    description = "Page that sends the browser to the support diagnostic tool with parameters (CVE-2022-30190)"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1203"
    reference = "https://nvd.nist.gov/vuln/detail/CVE-2022-30190"
  strings:
    $handler = /location(\.href)?\s{0,4}=\s{0,4}["'`]ms-msdt:/ nocase
    $parameter1 = "PCWDiagnostic" nocase
    $parameter2 = "IT_BrowseForFile" nocase
  condition:
    filesize < 4MB and $handler and any of ($parameter*)
}

rule html_protocol_handler_remote_search : html webdav {
  meta:
    description = "Page or link that opens a file search on a remote share"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://learn.microsoft.com/windows/win32/search/getting-started-with-parameter-value-arguments"
  strings:
    $search = /\bsearch(-ms)?:(query|displayname|crumb)=[^"'<>\r\n]{0,300}location(:|%3A)(\\\\|%5c%5c|\/\/)[a-z0-9.@-]{3}/ nocase
  condition:
    filesize < 4MB and $search
}

rule html_application_starts_interpreter : html hta {
  meta:
    description = "HTML application that starts a command interpreter"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1218.005"
    reference = "https://attack.mitre.org/techniques/T1218/005/"
  strings:
    $application = "<hta:application" ascii wide nocase
    $start1 = "WScript.Shell" ascii wide nocase
    $start2 = "Shell.Application" ascii wide nocase
    $start3 = "Win32_Process" ascii wide nocase
    $program = /\b(powershell|cmd|wscript|cscript|bitsadmin|certutil|rundll32|regsvr32)(\.exe)?["']?[ \t]{1,4}["']?[-\/a-z]/ ascii wide nocase
  condition:
    filesize < 8MB and $application and any of ($start*) and $program
}

rule html_sends_password_to_bot : html phishing {
  meta:
    description = "Page that asks for a password and sends it through a chat bot's interface"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1056.003"
    reference = "https://attack.mitre.org/techniques/T1598/003/"
  strings:
    $page = /<(html|script|body|form|!doctype html)/ nocase
    $password = /type\s{0,4}=\s{0,4}["']?password/ nocase
    $bot1 = "api.telegram.org/bot" nocase
    $bot2 = "discord.com/api/webhooks/" nocase
  condition:
    filesize < 8MB and $page in (0..4096) and $password and any of ($bot*)
}

rule html_image_runs_decoded_script : html svg phishing {
  meta:
    description = "SVG image with a script that decodes text and then evaluates it or leaves the page"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027.006"
    reference = "https://attack.mitre.org/techniques/T1027/006/"
  strings:
    $svg = "<svg" nocase
    $html = "<html" nocase
    $script = "<script" nocase
    $decode = /\b(atob|decodeURIComponent|unescape)\s{0,4}\(/
    $run1 = /\beval\s{0,4}\(/
    $run2 = /\bnew\s{1,4}Function\s{0,4}\(/
    $run3 = /\blocation(\.href)?\s{0,4}=[^=]/
    $run4 = /\blocation\.(assign|replace)\s{0,4}\(/
  condition:
    filesize < 4MB and $svg in (0..2048) and not $html in (0..2048) and
    $script and $decode and any of ($run*)
}
