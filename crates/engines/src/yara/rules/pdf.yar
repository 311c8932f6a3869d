// PDF: actions that run by themselves.
//
// A reader accepts the header anywhere in the first 1024 bytes (ISO 32000-1,
// annex H.3), hence the loop. Actions inside compressed object streams are
// seen when the unpack engine hands those streams over as children.

rule pdf_launch_program : pdf launch {
  meta:
    description = "PDF with a launch action that names a command interpreter"
    severity = "malicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://attack.mitre.org/techniques/T1204/002/"
  strings:
    // Both in one action, in either order.
    $action1 = /\/S\s{0,8}\/Launch\b[^()]{0,60}\/F\s{0,8}\(([^()\r\n]{0,60}[\/\\])?(cmd|powershell|pwsh|mshta|wscript|cscript|rundll32|regsvr32)(\.exe)?\s{0,4}\)/ nocase
    $action2 = /\/F\s{0,8}\(([^()\r\n]{0,60}[\/\\])?(cmd|powershell|pwsh|mshta|wscript|cscript|rundll32|regsvr32)(\.exe)?\s{0,4}\)[^>]{0,80}\/S\s{0,8}\/Launch\b/ nocase
  condition:
    filesize < 32MB and
    for any i in (0..1023) : (uint32be(i) == 0x25504446) and
    any of ($action*)
}

rule pdf_opens_with_launch : pdf launch {
  meta:
    description = "PDF that launches another file when it is opened"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://attack.mitre.org/techniques/T1204/002/"
  strings:
    $open1 = /\/OpenAction\b/
    $open2 = /\/AA\s{0,4}(<<|\d)/
    $launch = /\/S\s{0,8}\/Launch\b/
  condition:
    filesize < 32MB and
    for any i in (0..1023) : (uint32be(i) == 0x25504446) and
    $launch and any of ($open*)
}

rule pdf_opens_with_javascript : pdf javascript {
  meta:
    description = "PDF whose open action is JavaScript that decodes or evaluates text"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.007"
    reference = "https://attack.mitre.org/techniques/T1059/007/"
  strings:
    $open = /\/OpenAction\b/
    $javascript = /\/S\s{0,8}\/JavaScript\b/
    $decode1 = "unescape("
    $decode2 = /\beval\s{0,4}\(/
    $decode3 = "String.fromCharCode"
    $decode4 = "app.launchURL"
    $decode5 = "this.submitForm"
  condition:
    filesize < 32MB and
    for any i in (0..1023) : (uint32be(i) == 0x25504446) and
    $open and $javascript and any of ($decode*)
}

rule pdf_exports_and_opens_attachment : pdf javascript dropper {
  meta:
    description = "PDF whose script saves an attachment and opens it"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://attack.mitre.org/techniques/T1027/006/"
  strings:
    $attachment = "/EmbeddedFile"
    $export = /exportDataObject\s{0,4}\([^()]{0,100}nLaunch["']?\s{0,4}:\s{0,4}[12]/ nocase
  condition:
    filesize < 32MB and
    for any i in (0..1023) : (uint32be(i) == 0x25504446) and
    $attachment and $export
}

rule pdf_disguised_action_name : pdf obfuscation {
  meta:
    description = "PDF that writes the name of an action with escaped letters"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027"
    reference = "https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf"
  strings:
    // Section 7.3.5 asks for escapes only outside the regular characters: no
    // writer escapes a letter. Each branch is a plain beginning and the first
    // escaped letter; the long beginnings keep chance matches in compressed
    // data away.
    $javascript = /\/(#4A(a|#61)(v|#76)|J#61(v|#76)|Ja#76(a|#61)|Jav#61|Java#53|JavaS#63|JavaSc#72|JavaScr#69|JavaScri#70|JavaScrip#74)/ nocase
    $open = /\/(#4F(p|#70)(e|#65)|O#70(e|#65)|Op#65(n|#6E)|Ope#6E|Open#41|OpenA#63|OpenAc#74|OpenAct#69|OpenActi#6F|OpenActio#6E)/ nocase
    $launch = /\/(#4C(a|#61)(u|#75)|L#61(u|#75)|La#75(n|#6E)|Lau#6E|Laun#63|Launc#68)/ nocase
  condition:
    filesize < 32MB and
    for any i in (0..1023) : (uint32be(i) == 0x25504446) and
    any of them
}
