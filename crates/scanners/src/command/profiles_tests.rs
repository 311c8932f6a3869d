//! Every profile against output as its source has it. Names are those that the scanners give the EICAR
//! test file and others; no file is needed.

use palisade_jail::Layers;
use palisade_jail::command::{CommandEnd, How};

use super::config::CommandConfig;
use super::definitions::VersionReading;
use super::reading::Reading;
use crate::answer::Meaning::{self, Clean, Encrypted, Failed, Infected, NotScanned, Suspicious};
use crate::profiles;

fn config(profile: &str) -> CommandConfig {
    toml::from_str(&format!("profile = \"{profile}\"")).unwrap()
}

fn end(code: i32, stdout: &str) -> CommandEnd {
    CommandEnd {
        how: How::Exited(code),
        stdout: stdout.into(),
        stderr: Vec::new(),
        layers: Layers::default(),
    }
}

#[test]
fn every_profile_can_be_used() {
    for name in profiles::names() {
        let config = config(name);
        config.check().unwrap_or_else(|why| panic!("{name}: {why}"));
        Reading::new(&config).unwrap_or_else(|why| panic!("{name}: {why}"));
        if let Some(version) = &config.version {
            VersionReading::new(version).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        // An exit code that nobody knows, and no output at all.
        let reading = Reading::new(&config).unwrap();
        assert_eq!(reading.read(&end(99, ""), "x").meaning, Failed, "{name}");
        let known = RECORDED.iter().any(|(profile, ..)| *profile == name);
        assert!(known, "{name} has no recorded output");
    }
}

/// Profile, exit code, output, what it means, the threat.
type Recorded = (&'static str, i32, &'static str, Meaning, &'static str);

const RECORDED: &[Recorded] = &[
    ("avast", 0, "/s/a.bin\t[OK]\n", Clean, ""),
    ("avast", 1, "/s/a.bin\tEICAR Test-NOT virus!!!\n", Infected, "EICAR Test-NOT virus!!!"),
    ("avast", 0, "/s/a.bin\t[OK]\n/s/a.bin|>b\t[Archive is password protected]\n", Encrypted, ""),
    ("avast", 0, "", Failed, ""),
    ("avast", 2, "", Failed, ""),
    ("bitdefender", 0, "Plugins loaded.\n\n/s/a.bin  ok\n\nInfected files: 0\n", Clean, ""),
    (
        "bitdefender",
        1,
        "/s/a.bin  infected: Trojan.GenericKD.3048400\n",
        Infected,
        "Trojan.GenericKD.3048400",
    ),
    ("bitdefender", 254, "", Failed, ""),
    ("bitdefender", 0, "Loading plugins, please wait\n", Failed, ""),
    ("clamdscan", 1, "/s/a.bin: Win.Test.EICAR_HDB-1 FOUND\n", Infected, "Win.Test.EICAR_HDB-1"),
    ("clamdscan", 0, "fd[10]: OK\n", Clean, ""),
    ("clamdscan", 2, "", Failed, ""),
    ("clamscan", 0, "/s/a.bin: OK\n", Clean, ""),
    ("clamscan", 0, "/s/a.bin: Empty file\n", Clean, ""),
    ("clamscan", 1, "/s/a.bin: Win.Test.EICAR_HDB-1 FOUND\n", Infected, "Win.Test.EICAR_HDB-1"),
    ("clamscan", 1, "/s/a.bin: Heuristics.Encrypted.Zip FOUND\n", Encrypted, ""),
    ("clamscan", 1, "/s/a.bin: Heuristics.Limits.Exceeded.MaxFileSize FOUND\n", NotScanned, ""),
    ("clamscan", 1, "/s/a.bin: PUA.Win.Tool.X-1 FOUND\n", Suspicious, "PUA.Win.Tool.X-1"),
    ("clamscan", 2, "", Failed, ""),
    ("clamscan", 0, "", Failed, ""),
    (
        "comodo",
        0,
        "-----== Scan Start ==-----\n/s/virut ---> Found Virus, Malware Name is Packed.Win32.MUPX.Gen\n-----== Scan End ==-----\n",
        Infected,
        "Packed.Win32.MUPX.Gen",
    ),
    ("comodo", 0, "-----== Scan Start ==-----\n/s/a ---> Not Virus\n", Clean, ""),
    ("comodo", 0, "-----== Scan Start ==-----\n-----== Scan End ==-----\n", Failed, ""),
    (
        "drweb",
        0,
        "/eicar - infected with EICAR Test File (NOT a Virus!)\nScanned objects: 1, scan errors: 0, threats found: 1, threats neutralized: 0.\n",
        Infected,
        "EICAR Test File (NOT a Virus!)",
    ),
    (
        "drweb",
        0,
        "Scanned objects: 1, scan errors: 0, threats found: 0, threats neutralized: 0.\n",
        Clean,
        "",
    ),
    (
        "drweb",
        0,
        "Scanned objects: 1, scan errors: 1, threats found: 0, threats neutralized: 0.\n",
        Failed,
        "",
    ),
    ("drweb", 23, "", Failed, ""),
    (
        "eset-cls",
        50,
        "name=\"/s/Wauchos.exe\", result=\"Win32/TrojanDownloader.Wauchos.A trojan\", action=\"retained\", info=\"\"\n",
        Infected,
        "Win32/TrojanDownloader.Wauchos.A",
    ),
    (
        "eset-cls",
        50,
        "name=\"/s/a\", result=\"a variant of Win32/Tool.B potentially unwanted application\", action=\"retained\", info=\"\"\n",
        Suspicious,
        "Win32/Tool.B",
    ),
    ("eset-cls", 0, "Scan started at:   Tue Jan  1 01:32:57 2019\n", Clean, ""),
    ("eset-cls", 10, "", NotScanned, ""),
    ("eset-cls", 50, "", Failed, ""),
    ("eset-odscan", 0, "", Clean, ""),
    ("eset-odscan", 50, "", Infected, ""),
    ("eset-odscan", 10, "", NotScanned, ""),
    ("eset-odscan", 100, "", Failed, ""),
    (
        "fsecure-fsav",
        3,
        "Sality: Infected: Win32.Sality.M [Aquarius]\n",
        Infected,
        "Win32.Sality.M",
    ),
    (
        "fsecure-fsav",
        4,
        "loadmoney: Riskware: Gen:Application.LoadMoney.1 (6, 1, 1) [Aquarius]\n",
        Suspicious,
        "Gen:Application.LoadMoney.1",
    ),
    ("fsecure-fsav", 0, "1 file scanned\n", Clean, ""),
    ("fsecure-fsav", 9, "", Failed, ""),
    (
        "kaspersky-kesl",
        0,
        "Scanned objects                     : 1\nTotal detected objects              : 1\nScan errors                         : 0\nSkipped                             : 0\n",
        Infected,
        "",
    ),
    (
        "kaspersky-kesl",
        0,
        "Scanned objects                     : 1\nTotal detected objects              : 0\nScan errors                         : 0\nPassword-protected objects          : 0\nSkipped                             : 0\n",
        Clean,
        "",
    ),
    (
        "kaspersky-kesl",
        0,
        "Scanned objects                     : 1\nTotal detected objects              : 0\nPassword-protected objects          : 1\n",
        Encrypted,
        "",
    ),
    (
        "kaspersky-kesl",
        0,
        "Scanned objects                     : 0\nTotal detected objects              : 0\n",
        NotScanned,
        "",
    ),
    ("kaspersky-kesl", 64, "", Failed, ""),
    (
        "mdatp",
        0,
        "Scan has finished\n        1 file(s) scanned\n        0 threat(s) detected\n",
        Clean,
        "",
    ),
    (
        "mdatp",
        0,
        "Scan has finished\n        1 file(s) scanned\n        1 threat(s) detected\n",
        Infected,
        "",
    ),
    // As recorded of one that was given an EICAR archive and had no licence.
    (
        "mdatp",
        0,
        "ATTENTION: No license found. Contact your administrator for help.\nScan has finished\n        1 file(s) scanned\n        0 threat(s) detected\n",
        Failed,
        "",
    ),
    ("mdatp", 0, "        0 file(s) scanned\n        0 threat(s) detected\n", NotScanned, ""),
    (
        "sophos-savscan",
        24,
        ">>> Virus 'EICAR-AV-Test' found in file /s/a.bin\n",
        Infected,
        "EICAR-AV-Test",
    ),
    ("sophos-savscan", 0, "", Clean, ""),
    ("sophos-savscan", 16, "", Encrypted, ""),
    (
        "sophos-spl",
        24,
        "[12:00:00] Detected \"/s/a.bin\" is infected with EICAR-AV-Test\n",
        Infected,
        "EICAR-AV-Test",
    ),
    ("sophos-spl", 0, "", Clean, ""),
    ("sophos-spl", 16, "", Encrypted, ""),
    ("sophos-spl", 8, "", Failed, ""),
    (
        "trellix-uvscan",
        13,
        "/malware ... Found the RDN/Generic.tfr trojan !!!\n",
        Infected,
        "RDN/Generic.tfr",
    ),
    (
        "trellix-uvscan",
        13,
        "/s/b/a.js ... Found trojan or variant JS/HideLink.A !!!\n",
        Infected,
        "JS/HideLink.A",
    ),
    (
        "trellix-uvscan",
        13,
        "/s/c ... Found potentially unwanted program Adware-HotBar.d.\n",
        Suspicious,
        "Adware-HotBar.d",
    ),
    ("trellix-uvscan", 0, "Time: 00:00.00\n", Clean, ""),
    ("trellix-uvscan", 8, "", Failed, ""),
    ("yara", 0, "Test_Marker /tmp/artifact.bin\n", Infected, "Test_Marker"),
    ("yara", 0, "", Clean, ""),
    ("yara", 1, "", Failed, ""),
];

#[test]
fn recorded_output_means_what_it_says() {
    for (profile, code, output, meaning, threat) in RECORDED {
        let reading = Reading::new(&config(profile)).unwrap();
        let answer = reading.read(&end(*code, output), "x");
        assert_eq!(answer.meaning, *meaning, "{profile}: {output}");
        assert_eq!(answer.threat.as_deref().unwrap_or_default(), *threat, "{profile}: {output}");
    }
}

#[test]
fn recorded_versions_are_read() {
    let december = 1_545_350_400_000; // 2018-12-21T00:00:00Z
    let cases: [(&str, &str, &str, u64); 6] = [
        (
            "clamscan",
            "ClamAV 1.4.3/27452/Sun Nov 10 12:00:00 2024\n",
            "ClamAV 1.4.3/27452/Sun Nov 10 12:00:00 2024",
            1_731_240_000_000,
        ),
        ("clamscan", "ClamAV 1.4.6\n", "ClamAV 1.4.6", 0),
        (
            "fsecure-fsav",
            "F-Secure Linux Security version 11.10 build 68\n\nDatabase version: 2018-12-21_08\n",
            "11.10/08/2018-12-21",
            december,
        ),
        (
            "trellix-uvscan",
            "AV Engine version: 5600.1067 for Linux64.\nDat set version: 9118 created Dec 21 2018\n",
            "5600.1067/9118/Dec 21 2018",
            december,
        ),
        (
            "drweb",
            "Core engine version: 7.00.47.04280\nVirus database timestamp: 2018-Dec-21 00:00:00\nVirus database fingerprint: D2EF\n",
            "7.00.47.04280/D2EF/2018-Dec-21 00:00:00",
            december,
        ),
        (
            "sophos-savscan",
            "Engine version            : 3.74.2\nVirus data version        : 5.55\nPlatform                  : Linux/AMD64\nReleased                  : 21 December 2018\n",
            "3.74.2/5.55/21 December 2018",
            december,
        ),
    ];
    for (profile, output, version, time) in cases {
        let config = config(profile);
        let reading = VersionReading::new(config.version.as_ref().unwrap()).unwrap();
        let read = reading.read(&end(0, output)).unwrap_or_else(|| panic!("{profile}"));
        assert_eq!((read.version.as_str(), read.time.0), (version, time), "{profile}");
    }
}
