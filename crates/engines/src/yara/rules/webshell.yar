// Pages that run what a request tells them to.

rule webshell_php_evaluates_request : webshell php {
  meta:
    description = "PHP that evaluates a request parameter or runs it as a command"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $open = /<\?(php|=)?\s/ nocase
    $call = /\b(eval|assert|system|passthru|shell_exec|exec|popen|proc_open|pcntl_exec|create_function)\s{0,4}\(\s{0,4}@?((base64_decode|gzinflate|gzuncompress|str_rot13|urldecode|stripslashes|hex2bin|trim)\s{0,4}\(\s{0,4}@?){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\s{0,4}[\[{]/ nocase
    $dynamic = /\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]\r\n]{1,40}\]\s{0,4}\(\s{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[/ nocase
  condition:
    filesize < 2MB and uint16be(0) != 0x4D5A and $open and any of ($call, $dynamic)
}

rule webshell_php_only_evaluates_request : webshell php {
  meta:
    description = "PHP file that does nothing but evaluate a request parameter"
    severity = "malicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $whole = /<\?(php|=)?\s{1,8}@?(eval|assert|system|passthru|shell_exec)\s{0,4}\(\s{0,4}@?((base64_decode|gzinflate|str_rot13|stripslashes)\s{0,4}\(\s{0,4}@?){0,2}\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]\r\n]{1,40}\]/ nocase
  condition:
    // A lesson or a test has more around it; 200 bytes leave room for none.
    filesize < 200 and $whole in (0..16)
}

rule webshell_php_in_image : webshell php polyglot {
  meta:
    description = "Image that carries PHP which evaluates a request or a decoded text"
    severity = "malicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1036/008/"
  strings:
    $open = "<?php" nocase
    $call = /\b(eval|assert|system|passthru|shell_exec|exec|popen)\s{0,4}\(\s{0,4}@?((base64_decode|gzinflate|gzuncompress|str_rot13|stripslashes)\s{0,4}\(\s{0,4}@?){0,3}(\$_(GET|POST|REQUEST|COOKIE)|["'][A-Za-z0-9+\/=]{32})/ nocase
  condition:
    filesize < 32MB and
    (uint32be(0) == 0x47494638 or uint32be(0) == 0x89504E47 or uint16be(0) == 0xFFD8) and
    $open and $call
}

rule webshell_php_packed : webshell php obfuscation {
  meta:
    description = "PHP that evaluates a packed literal"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $open = /<\?(php|=)?\s/ nocase
    $call = /\b(eval|assert)\s{0,4}\(\s{0,4}(["']\?>["']\s{0,4}\.\s{0,4})?((gzinflate|gzuncompress|gzdecode|str_rot13|strrev|convert_uudecode|hex2bin)\s{0,4}\(\s{0,4}){1,4}(base64_decode\s{0,4}\(\s{0,4})?["'][A-Za-z0-9+\/=]{64}/ nocase
  condition:
    filesize < 4MB and $open and $call
}

rule webshell_jsp_runs_request_directly : webshell jsp {
  meta:
    description = "JSP that hands a request parameter to the operating system"
    severity = "malicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $call = /<%[^%]{0,400}(getRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec|new\s{1,4}ProcessBuilder)\s{0,4}\(\s{0,4}(new\s{1,4}String\s{0,4}\[\s{0,4}\]\s{0,4}\{[^}]{0,80})?request\s{0,4}\.\s{0,4}getParameter\s{0,4}\(/
  condition:
    // A page this small is no application: it is the call and its frame.
    filesize < 1KB and $call
}

rule webshell_jsp_runs_request : webshell jsp {
  meta:
    description = "JSP that starts a process or defines a class and reads request parameters"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $page = /<%(@\s{0,4}page|!|\s)/
    $request = /\brequest\s{0,4}\.\s{0,4}(getParameter|getHeader|getReader|getInputStream)\s{0,4}\(/
    $run1 = /getRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec\s{0,4}\(/
    $run2 = /new\s{1,4}(java\.lang\.)?ProcessBuilder\s{0,4}\(/
    $run3 = /\bdefineClass\s{0,4}\(/
  condition:
    filesize < 512KB and $page in (0..4096) and $request and any of ($run*)
}

rule webshell_asp_evaluates_request : webshell asp aspx {
  meta:
    description = "ASP page that does nothing but evaluate a request parameter"
    severity = "malicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $classic = /<%\s{0,8}@?(eval|execute|executeglobal)\s{0,4}\(?\s{0,4}request\s{0,4}(\.(form|querystring|item)\s{0,4})?[(\[]/ nocase
    $dotnet = /<%[^%]{0,200}%>\s{0,8}<%\s{0,8}eval\s{0,4}\(\s{0,4}Request\s{0,4}(\.\s{0,4}(Item|Form|QueryString)\s{0,4})?\[[^\]\r\n]{1,40}\]\s{0,4},\s{0,4}["']unsafe["']/ nocase
  condition:
    filesize < 1KB and any of them
}

rule webshell_aspx_runs_request : webshell aspx {
  meta:
    description = "ASP.NET page that starts a command interpreter and reads request parameters"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1505.003"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
  strings:
    $page = /<%@\s{0,4}(Page|WebHandler|WebService)\s/ nocase
    $request = /\bRequest\s{0,4}(\.\s{0,4}(Item|Form|QueryString|Params|Headers|Cookies)\s{0,4})?[\[(]/
    $start1 = "ProcessStartInfo"
    $start2 = "Process.Start("
    $start3 = "WScript.Shell" nocase
    $program = /["'@](c:\\{1,2}windows\\{1,2}system32\\{1,2})?(cmd|powershell)(\.exe)?["' ]/ nocase
    $load = /Assembly\s{0,4}\.\s{0,4}Load\s{0,4}\(\s{0,4}(Convert\.FromBase64String|Request|[A-Za-z]{1,20}\.(Decrypt|TransformFinalBlock))/
  condition:
    filesize < 512KB and $page in (0..2048) and $request and
    ($load or (any of ($start*) and $program))
}
