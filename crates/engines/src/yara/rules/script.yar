// Scripts and command lines that fetch and run something.
//
// The guards keep executables, archives and very large files out: in those the
// same words are data (and children of archives are scanned by themselves).

rule script_powershell_encoded_command : script powershell {
  meta:
    description = "PowerShell called with a long encoded command"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.001"
    reference = "https://attack.mitre.org/techniques/T1027/010/"
  strings:
    // The parameter may be cut to any unique beginning.
    $call = /\b(powershell|pwsh)(\.exe)?\b[^\r\n]{0,80}[ \t][-\/]e(c|nc|nco|ncod|ncode|ncoded|ncodedc[a-z]{0,6})?[ \t]{1,8}["']{0,2}[A-Za-z0-9+\/]{64}/ ascii wide nocase
  condition:
    filesize < 1MB and uint16be(0) != 0x4D5A and uint32be(0) != 0x7F454C46 and $call
}

rule script_powershell_hidden_download : script powershell {
  meta:
    description = "PowerShell called in a hidden window to fetch and evaluate text"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.001"
    reference = "https://attack.mitre.org/techniques/T1059/001/"
  strings:
    $call = /\b(powershell|pwsh)(\.exe)?\b[^\r\n]{0,80}[ \t][-\/]w[a-z]{0,10}[ \t]{1,8}["']?(hidden|1)\b[^\r\n]{0,200}\b(DownloadString|DownloadFile|DownloadData|Invoke-WebRequest|Invoke-RestMethod|Start-BitsTransfer|iwr|irm)\b/ ascii wide nocase
  condition:
    filesize < 1MB and uint16be(0) != 0x4D5A and uint32be(0) != 0x7F454C46 and $call
}

rule script_powershell_disables_protection : script powershell evasion {
  meta:
    description = "PowerShell that switches off malware protection and then fetches or decodes something"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1562.001"
    reference = "https://attack.mitre.org/techniques/T1562/001/"
  strings:
    $disable1 = /\bSet-MpPreference\b[^\r\n]{0,80}-Disable[a-z]{4,40}[ \t:]{1,4}(\$true|1)/ ascii wide nocase
    $disable2 = /\bAdd-MpPreference\b[^\r\n]{0,80}-ExclusionPath\b/ ascii wide nocase
    $disable3 = "amsiInitFailed" ascii wide nocase
    $fetch1 = "DownloadString" ascii wide nocase
    $fetch2 = "DownloadFile" ascii wide nocase
    $fetch3 = "FromBase64String" ascii wide nocase
    $fetch4 = "Invoke-WebRequest" ascii wide nocase
  condition:
    filesize < 1MB and uint16be(0) != 0x4D5A and uint32be(0) != 0x7F454C46 and
    any of ($disable*) and any of ($fetch*)
}

rule script_system_tool_runs_remote_code : script lolbin {
  meta:
    description = "Command line that has a system tool fetch or run remote code"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1218"
    reference = "https://attack.mitre.org/techniques/T1218/"
  strings:
    $mshta = /\bmshta(\.exe)?["']?[ \t]{1,8}["']?(https?:\/\/|javascript:|vbscript:)/ ascii wide nocase
    $certutil = /\bcertutil(\.exe)?["']?[ \t][^\r\n]{0,80}[-\/]urlcache[ \t][^\r\n]{0,80}https?:\/\// ascii wide nocase
    $regsvr32 = /\bregsvr32(\.exe)?["']?[ \t][^\r\n]{0,80}\/i:["']?https?:\/\/[^\r\n]{0,300}scrobj/ ascii wide nocase
    $bitsadmin = /\bbitsadmin(\.exe)?["']?[ \t][^\r\n]{0,40}\/transfer[ \t][^\r\n]{0,120}https?:\/\/[^\r\n]{0,300}\.(exe|dll|scr|hta|vbs|js|ps1)\b/ ascii wide nocase
    $rundll32 = /\brundll32(\.exe)?["']?[ \t]{1,8}["']?javascript:/ ascii wide nocase
    $msiexec = /\bmsiexec(\.exe)?["']?[ \t][^\r\n]{0,40}[-\/]q[bn]?[ \t][^\r\n]{0,40}[-\/]i[ \t]{1,4}["']?https?:\/\/\d{1,3}\.\d/ ascii wide nocase
  condition:
    filesize < 1MB and uint16be(0) != 0x4D5A and uint32be(0) != 0x7F454C46 and any of them
}

rule script_host_drops_and_runs : script wsh {
  meta:
    description = "Script-host script that fetches a file, saves it and starts it"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.005"
    reference = "https://attack.mitre.org/techniques/T1105/"
  strings:
    $fetch1 = "MSXML2.XMLHTTP" ascii wide nocase
    $fetch2 = "MSXML2.ServerXMLHTTP" ascii wide nocase
    $fetch3 = "WinHttp.WinHttpRequest" ascii wide nocase
    $fetch4 = "Microsoft.XMLHTTP" ascii wide nocase
    $stream = "ADODB.Stream" ascii wide nocase
    $save = "SaveToFile" ascii wide nocase
    $start1 = "WScript.Shell" ascii wide nocase
    $start2 = "Shell.Application" ascii wide nocase
    $start3 = "Win32_Process" ascii wide nocase
  condition:
    filesize < 1MB and uint16be(0) != 0x4D5A and uint32be(0) != 0xD0CF11E0 and
    $stream and $save and any of ($fetch*) and any of ($start*)
}

rule script_shell_hidden_download : script shell {
  meta:
    description = "Shell line that fetches into a hidden file of a world-writable folder and makes it run"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1105"
    reference = "https://attack.mitre.org/techniques/T1564/001/"
  strings:
    $fetch = /\b(curl|wget)[ \t][^\r\n]{0,200}\/(tmp|var\/tmp|dev\/shm)\/\.[A-Za-z0-9_-]/
    $run1 = /\bchmod[ \t]{1,4}(-R[ \t]{1,4})?([0-7]?[1357][0-7]{2}|[augo]{0,4}\+[rw]{0,2}x)[ \t]{1,4}["']?\/(tmp|var\/tmp|dev\/shm)\/\.[A-Za-z0-9_-]/
    $run2 = /\b(sh|bash|nohup|setsid|perl|python3?)[ \t]{1,4}["']?\/(tmp|var\/tmp|dev\/shm)\/\.[A-Za-z0-9_-]/
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and $fetch and any of ($run*)
}

rule script_shell_decodes_into_shell : script shell {
  meta:
    description = "Shell line that decodes literal text and pipes it into a shell"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1140"
    reference = "https://attack.mitre.org/techniques/T1140/"
  strings:
    $pipe = /[A-Za-z0-9+\/=]{32}["']?[ \t]{0,4}\|[ \t]{0,4}(\/usr)?(\/bin\/)?base64[ \t]{1,4}(-d|-D|--decode)[ \t]{0,4}\|[ \t]{0,4}(sudo[ \t]{1,4})?(\/bin\/)?(ba|z|da)?sh\b/
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and $pipe
}

rule script_shell_to_network : script shell backdoor {
  meta:
    description = "Interactive shell with its input and output on a network connection"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.004"
    reference = "https://attack.mitre.org/techniques/T1059/004/"
  strings:
    $device = /\b(ba|z|k)?sh[ \t]{1,4}-i[ \t]{0,4}[0-9]?[>&<]{1,3}[ \t]{0,4}\/dev\/(tcp|udp)\/[A-Za-z0-9.$-]{2,80}\/[0-9$]/
    $pipe = /\bmkfifo[ \t][^\r\n]{1,120}\bsh[ \t]{1,4}-i[ \t][^\r\n]{0,60}\|[ \t]{0,4}(nc|ncat|netcat|telnet|openssl)[ \t]/
    $python = /\bos\.dup2\s{0,4}\([a-z]{1,12}\.fileno\(\)[^\r\n]{1,300}(pty\.spawn|subprocess\.(call|run|Popen)|os\.system)\s{0,4}\([^\r\n]{0,8}["']\/bin\/(ba)?sh/
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and any of them
}

rule script_package_install_hook_downloads : script supply_chain npm {
  meta:
    description = "Package manifest whose install hook pipes a download into an interpreter"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1195.002"
    reference = "https://attack.mitre.org/techniques/T1195/002/"
  strings:
    $hook = /"(pre|post)?install"\s{0,8}:\s{0,8}"[^"\r\n]{0,120}\b(curl|wget)[ \t][^"\r\n]{0,300}(\||&&|;)[ \t]{0,4}(sudo[ \t]{1,4})?(ba|z)?(sh|node|python3?)\b/
  condition:
    filesize < 1MB and $hook
}

rule script_python_runs_decoded_download : script python supply_chain {
  meta:
    description = "Python that evaluates text straight from the network or from a packed literal"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1059.006"
    reference = "https://attack.mitre.org/techniques/T1059/006/"
  strings:
    $network = /\b(exec|eval)\s{0,4}\(\s{0,4}(compile\s{0,4}\(\s{0,4})?[A-Za-z0-9_.()"'\s]{0,40}(urlopen|requests\.get)\s{0,4}\(\s{0,4}f?["']https?:\/\/[^"'\r\n]{1,300}["'][^\r\n]{0,40}\)\s{0,4}\.(read|text|content)/
    $packed = /\bexec\s{0,4}\(\s{0,4}(__import__\(["'](zlib|base64|marshal)["']\)|zlib|marshal|base64)\.[a-z0-9]{4,12}\s{0,4}\(\s{0,4}(__import__\(["'](zlib|base64)["']\)|zlib|base64)\.[a-z0-9]{4,12}\s{0,4}\(\s{0,4}b?["'][A-Za-z0-9+\/=]{64}/
  condition:
    filesize < 4MB and uint32be(0) != 0x7F454C46 and any of them
}
