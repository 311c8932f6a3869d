// Extortion: ransom notes, and the commands that take recovery away.

rule extortion_note : extortion ransomware {
  meta:
    description = "Short text with the phrases of a ransom note"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1486"
    reference = "https://attack.mitre.org/techniques/T1486/"
  strings:
    $taken1 = /\b(your|all) (important )?(files|documents|data|network|servers)[^.\r\n]{0,60} (have been|has been|were|was|are|is) (encrypted|locked)/ ascii wide nocase
    $taken2 = /\bwe (have )?(encrypted|stolen|downloaded|exfiltrated) (all )?(of )?your (files|data|documents|network)/ ascii wide nocase
    $pay1 = /\b(decryptor|decryption (key|tool|software)|private key)\b/ ascii wide nocase
    $pay2 = /\b(bitcoins?|btc|monero|xmr|ransom)\b/ ascii wide nocase
    $reach1 = ".onion" ascii wide nocase
    $reach2 = "tor browser" ascii wide nocase
    $reach3 = /\btox( chat| id|:)/ ascii wide nocase
    $reach4 = /@(protonmail\.com|proton\.me|tutanota\.com|tuta\.io|onionmail\.org|cock\.li|airmail\.cc)/ ascii wide nocase
    $threat1 = /\b(do not|don't|dont) (try to |attempt to )?(rename|modify|decrypt|recover|delete|restore|turn off|shut ?down)/ ascii wide nocase
    $threat2 = /\b(permanent(ly)?|irreversibl[ey]) (data )?(loss|lost|damage|deleted|destroyed)/ ascii wide nocase
    $threat3 = /\b(will|to) (publish|leak|sell|be (published|leaked|sold))/ ascii wide nocase
    $threat4 = /\bfree (test )?(decryption|decrypt)|\bdecrypt[^.\r\n]{0,30} for free/ ascii wide nocase
  condition:
    filesize < 64KB and uint16be(0) != 0x4D5A and
    any of ($taken*) and any of ($pay*) and any of ($reach*) and any of ($threat*)
}

rule extortion_removes_recovery : extortion ransomware {
  meta:
    description = "Program or script with two or more of the commands that take away backups and recovery"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1490"
    reference = "https://attack.mitre.org/techniques/T1490/"
  strings:
    $shadow1 = /vssadmin(\.exe)?["']?[ \t]{1,4}delete[ \t]{1,4}shadows/ ascii wide nocase
    $shadow2 = /wmic(\.exe)?["']?[ \t]{1,4}shadowcopy[ \t]{1,4}delete/ ascii wide nocase
    $shadow3 = /vssadmin(\.exe)?["']?[ \t]{1,4}resize[ \t]{1,4}shadowstorage[^\r\n]{0,80}maxsize=401MB/ ascii wide nocase
    $backup = /wbadmin(\.exe)?["']?[ \t]{1,4}delete[ \t]{1,4}(catalog|systemstatebackup|backup)/ ascii wide nocase
    $repair1 = /bcdedit(\.exe)?["']?[ \t][^\r\n]{0,60}recoveryenabled[ \t]{1,4}no\b/ ascii wide nocase
    $repair2 = /bcdedit(\.exe)?["']?[ \t][^\r\n]{0,60}bootstatuspolicy[ \t]{1,4}ignoreallfailures/ ascii wide nocase
  condition:
    filesize < 16MB and 2 of them
}
