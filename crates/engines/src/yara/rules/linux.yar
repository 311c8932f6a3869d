// Linux hosts: staying, hiding, mining.

rule linux_startup_file_downloads : linux persistence {
  meta:
    description = "Script that writes a download or a network shell into a start-up file"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1546.004"
    reference = "https://attack.mitre.org/techniques/T1546/004/"
  strings:
    $append = /\becho[ \t][^\r\n]{0,400}(\b(curl|wget)[ \t][^\r\n]{0,200}\||\/dev\/tcp\/|base64[ \t]{1,4}(-d|--decode))[^\r\n]{0,200}>>[ \t]{0,4}["']?(~|\$\{?HOME\}?|\/root|\/home\/[^\/\s]{1,40}|\/etc)\/(\.bashrc|\.bash_profile|\.profile|\.zshrc|profile|bash\.bashrc|rc\.local)\b/
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and $append
}

rule linux_cron_downloads : linux persistence cron {
  meta:
    description = "Scheduled line that pipes a download into a shell every few minutes"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1053.003"
    reference = "https://attack.mitre.org/techniques/T1053/003/"
  strings:
    $line = /(\*|\*\/[0-9]{1,2}) \* \* \* \*[ \t][^\r\n]{0,80}\b(curl|wget)[ \t][^\r\n]{0,300}\|[ \t]{0,4}(\/bin\/)?(ba|da)?sh\b/
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and $line
}

rule linux_preload_persistence : linux persistence {
  meta:
    description = "Script that puts its own library into every process through the loader's preload file"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1574.006"
    reference = "https://attack.mitre.org/techniques/T1574/006/"
  strings:
    $write = /\becho[ \t]{1,4}["']?\/[^\r\n]{1,120}\.so[^\r\n]{0,20}>{1,2}[ \t]{0,4}["']?\/etc\/ld\.so\.preload/
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and $write
}

rule linux_clears_the_way : linux evasion {
  meta:
    description = "Script that removes cloud agents, firewalls and rival miners before it fetches something"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1562.001"
    reference = "https://attack.mitre.org/techniques/T1562/001/"
  strings:
    $fetch1 = "curl "
    $fetch2 = "wget "
    $clear1 = "iptables -F"
    $clear2 = "ufw disable"
    $clear3 = "setenforce 0"
    $clear4 = /chattr[ \t]{1,4}-[ia]{1,3}[ \t]{1,4}\/(etc\/ld\.so\.preload|var\/spool\/cron|tmp|root\/\.ssh)/
    $clear5 = /\bpkill[ \t]{1,4}-f[ \t]{1,4}["']?(xmrig|kdevtmpfsi|kinsing|minerd|cryptonight)/
    $clear6 = "aliyun-service"
    $clear7 = "cloudmonitor"
    $clear8 = /rm[ \t]{1,4}-rf[ \t]{1,4}\/var\/log\/syslog/
    $clear9 = "kernel.nmi_watchdog=0"
  condition:
    filesize < 1MB and uint32be(0) != 0x7F454C46 and any of ($fetch*) and 3 of ($clear*)
}

rule linux_miner_configuration : linux miner {
  meta:
    description = "Configuration or command line of a crypto miner with its pool"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1496.001"
    reference = "https://attack.mitre.org/techniques/T1496/001/"
  strings:
    $pool = /stratum2?\+(tcp|ssl|tls|tcps):\/\/[a-z0-9\[][a-z0-9.:\]-]{3,80}:[0-9]{2,5}/ nocase
    $option1 = "donate-level"
    $option2 = /"(randomx|cryptonight|cpu-affinity|nicehash|rig-id)"\s{0,4}:/
    $option3 = /\brx\/(0|wow|arq)\b/
    $option4 = /[ \t](-u|--user|--userpass|-O|--coin|--algo|-a)[ =]["']?[A-Za-z0-9.\/:@-]{4}/
    $option5 = /"(user|pass|url|algo|coin)"\s{0,4}:\s{0,4}"/
  condition:
    filesize < 1MB and uint16be(0) != 0x4D5A and uint32be(0) != 0x7F454C46 and $pool and any of ($option*)
}
