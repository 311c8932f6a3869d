// Windows executables: section names and imported names, read by offset.
//
// The walk over the section table needs no string search and stops at the
// header's own 16-bit count; an offset past the end is undefined, so false.

rule executable_packed_upx : executable packer {
  meta:
    description = "Windows executable packed with UPX"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027.002"
    reference = "https://attack.mitre.org/techniques/T1027/002/"
  condition:
    uint16be(0) == 0x4D5A and
    with header = uint32(0x3C) : (
      uint32be(header) == 0x50450000 and
      with table = header + 24 + uint16(header + 20) : (
        for any i in (0 .. uint16(header + 6) - 1) : (
          uint32be(table + 40 * i) == 0x55505830 or  // UPX0
          uint32be(table + 40 * i) == 0x55505831     // UPX1
        )
      )
    )
}

rule executable_packed_protector : executable packer {
  meta:
    description = "Windows executable with the section names of a packer or protector"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1027.002"
    reference = "https://attack.mitre.org/techniques/T1027/002/"
  condition:
    uint16be(0) == 0x4D5A and
    with header = uint32(0x3C) : (
      uint32be(header) == 0x50450000 and
      with table = header + 24 + uint16(header + 20) : (
        for any i in (0 .. uint16(header + 6) - 1) : (
          with low = uint32be(table + 40 * i), high = uint32be(table + 40 * i + 4) : (
            (low == 0x2E617370 and high == 0x61636B00) or                          // .aspack
            (low == 0x4D505245 and (high == 0x53533100 or high == 0x53533200)) or  // MPRESS1, MPRESS2
            (low == 0x2E766D70 and (high == 0x30000000 or high == 0x31000000)) or  // .vmp0, .vmp1
            (low == 0x2E746865 and high == 0x6D696461) or                          // .themida
            (low == 0x2E77696E and high == 0x6C696365) or                          // .winlice
            (low == 0x2E656E69 and (high == 0x676D6131 or high == 0x676D6132)) or  // .enigma1, .enigma2
            (low == 0x2E706574 and high == 0x69746500) or                          // .petite
            (low == 0x2E6E7370 and (high == 0x30000000 or high == 0x31000000))     // .nsp0, .nsp1
          )
        )
      )
    )
}

rule executable_injects_into_process : executable injection {
  meta:
    description = "Small Windows executable that imports what is needed to run code in another process"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1055"
    reference = "https://attack.mitre.org/techniques/T1055/"
  strings:
    $allocate = "VirtualAllocEx" fullword
    $write = "WriteProcessMemory" fullword
    $run1 = "CreateRemoteThread" fullword
    $run2 = "QueueUserAPC" fullword
    $run3 = "NtCreateThreadEx" fullword
    $hollow1 = "NtUnmapViewOfSection" fullword
    $hollow2 = "ZwUnmapViewOfSection" fullword
    $hollow3 = "SetThreadContext" fullword
    // A debugger has all of the above; it waits for its events.
    $debugger = "WaitForDebugEvent" fullword
  condition:
    uint16be(0) == 0x4D5A and uint32be(uint32(0x3C)) == 0x50450000 and filesize < 1MB and
    $allocate and $write and not $debugger and
    (any of ($run*) or ($hollow3 and any of ($hollow1, $hollow2)))
}

rule executable_reads_credential_process : executable credentials {
  meta:
    description = "Windows executable that names the credential process and writes process dumps"
    severity = "suspicious"
    author = "Palisade"
    attack = "T1003.001"
    reference = "https://attack.mitre.org/techniques/T1003/001/"
  strings:
    $target = "lsass" ascii wide nocase
    $dump = "MiniDumpWriteDump" ascii wide
    $right = "SeDebugPrivilege" ascii wide
  condition:
    uint16be(0) == 0x4D5A and uint32be(uint32(0x3C)) == 0x50450000 and filesize < 4MB and all of them
}
