// The anti-malware test file that every scanner agrees to detect.

rule test_file_eicar : test {
  meta:
    description = "The EICAR anti-malware test file"
    severity = "malicious"
    author = "Palisade"
    attack = "T1204.002"
    reference = "https://www.eicar.org/download-anti-malware-testfile/"
  strings:
    // In three parts, so that this file is not itself a test file.
    $start = "X5O!P%@AP[4\\PZX54(P^)7CC)7}"
    $name = "$EICAR-STANDARD-ANTIVIRUS-"
    $end = "TEST-FILE!$H+H*"
  condition:
    // EICAR's definition: 68 characters at the start, then at most 60 bytes of
    // blank space (space, tab, LF, CR, ctrl-Z).
    filesize >= 68 and filesize <= 128 and
    $start at 0 and $name at 27 and $end at 53 and
    for all i in (68 .. 127) : (
      i >= filesize or uint8(i) == 0x20 or uint8(i) == 0x09 or
      uint8(i) == 0x0A or uint8(i) == 0x0D or uint8(i) == 0x1A
    )
}
